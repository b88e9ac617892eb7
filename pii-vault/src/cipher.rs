//! Sealing of personal data: AES-256-GCM under a member's own key, bound to the member and the field.
//!
//! Why it is right:
//! 1. Associated data is the member's id (16 bytes, so nothing can shift) and the field's name: a value opens neither in
//!    another member's row nor in another field of the same row, and any changed bit is refused.
//! 2. Nonces are random and new for every sealing; a data key seals a handful of short fields over its life, far from
//!    the 2^32 values after which random nonces become a worry.
//! 3. The stored form starts with a version byte, so a later cipher can live beside this one.
//!
//! Form: `01 | nonce (12) | ciphertext | tag (16)`.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use ledger_core::ids::MemberId;

use crate::keys::{KeyError, Secret};
use crate::random;

const VERSION: u8 = 1;

/// A field of a member's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Phone in E.164.
    Phone,
    /// First name.
    FirstName,
    /// Last name.
    LastName,
    /// E-mail address.
    Email,
    /// Date of birth.
    BirthDate,
    /// City.
    City,
    /// Why staff did something to her account; kept beside the profile.
    Reason,
    /// The code of a coupon; kept beside the profile.
    CouponCode,
    /// What a partner says in words about what is no member's.
    Words,
}

impl Field {
    /// Those of the profile, in the order of storage.
    pub const ALL: [Self; 6] =
        [Self::Phone, Self::FirstName, Self::LastName, Self::Email, Self::BirthDate, Self::City];

    /// Those of the profile and those beside it: whatever the access log names.
    pub const EVERY: [Self; 9] = [
        Self::Phone,
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::BirthDate,
        Self::City,
        Self::Reason,
        Self::CouponCode,
        Self::Words,
    ];

    /// Name in storage, in the access log and in the associated data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Email => "email",
            Self::BirthDate => "birth_date",
            Self::City => "city",
            Self::Reason => "reason",
            Self::CouponCode => "coupon_code",
            Self::Words => "words",
        }
    }

    /// The field of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A sealed value does not open: damaged, swapped, or sealed with another key.
#[derive(Debug, PartialEq, Eq)]
pub struct DoesNotOpen;

/// A member's own data key, ready for use.
pub struct MemberCipher {
    member: MemberId,
    key: [u8; 32],
}

impl MemberCipher {
    /// A cipher with a fresh random key, and that key to be wrapped and stored.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn generate(member: MemberId) -> Result<(Self, Secret), KeyError> {
        let key: [u8; 32] = random::bytes()?;
        Ok((Self { member, key }, Secret::new(key.to_vec())))
    }

    /// A cipher with the unwrapped key of this member.
    ///
    /// # Errors
    /// [`KeyError::NotOurs`] if it is not 32 bytes long.
    pub fn new(member: MemberId, key: &Secret) -> Result<Self, KeyError> {
        let key = key.expose().try_into().map_err(|_| KeyError::NotOurs)?;
        Ok(Self { member, key })
    }

    /// Seals a value for one field.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn seal(&self, field: Field, plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        seal(&self.key, &self.bound(field), plain)
    }

    /// Opens the value of one field.
    ///
    /// # Errors
    /// [`DoesNotOpen`] for anything but what [`MemberCipher::seal`] gave for this member, field and key.
    pub fn open(&self, field: Field, sealed: &[u8]) -> Result<Vec<u8>, DoesNotOpen> {
        open(&self.key, &self.bound(field), sealed)
    }

    fn bound(&self, field: Field) -> Vec<u8> {
        [self.member.as_uuid().as_bytes().as_slice(), field.as_str().as_bytes()].concat()
    }
}

/// What binds a wrapped data key to its member.
pub(crate) fn member_key_context(member: MemberId) -> Vec<u8> {
    [b"member-key\0".as_slice(), member.as_uuid().as_bytes()].concat()
}

/// AES-256-GCM with a fresh nonce over `plain`, bound to `associated`.
pub(crate) fn seal(key: &[u8; 32], associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| KeyError::NoRandomness)?;
    let mut body = plain.to_vec();
    let nonce = cipher
        .seal_in_place_append_tag(Aad::from(associated), &mut body)
        .map_err(|_| KeyError::NoRandomness)?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + body.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(nonce.as_ref());
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

/// Opens what [`seal`] made with the same key and associated data.
pub(crate) fn open(key: &[u8; 32], associated: &[u8], sealed: &[u8]) -> Result<Vec<u8>, DoesNotOpen> {
    let (&version, rest) = sealed.split_first().ok_or(DoesNotOpen)?;
    let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(DoesNotOpen)?;
    if version != VERSION {
        return Err(DoesNotOpen);
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen)?;
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| DoesNotOpen)?;
    let mut body = body.to_vec();
    let plain = cipher.open_in_place(nonce, Aad::from(associated), &mut body).map_err(|_| DoesNotOpen)?;
    Ok(plain.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn cipher_of(number: u128) -> MemberCipher {
        MemberCipher::generate(MemberId::from_uuid(Uuid::from_u128(number))).unwrap().0
    }

    #[test]
    fn a_value_opens_with_its_own_key_member_and_field() {
        let cipher = cipher_of(1);
        let sealed = cipher.seal(Field::City, "Казань".as_bytes()).unwrap();
        assert_eq!(cipher.open(Field::City, &sealed), Ok("Казань".as_bytes().to_vec()));
        assert!(!sealed.windows(4).any(|part| "Казань".as_bytes().starts_with(part)));
    }

    #[test]
    fn ten_thousand_foreign_keys_open_nothing() {
        let sealed = cipher_of(1).seal(Field::Phone, b"+79000000000").unwrap();
        let member = MemberId::from_uuid(Uuid::from_u128(1));
        for _ in 0..10_000 {
            let foreign = MemberCipher::generate(member).unwrap().0;
            assert_eq!(foreign.open(Field::Phone, &sealed), Err(DoesNotOpen));
        }
    }

    #[test]
    fn the_same_key_under_another_member_opens_nothing() {
        let (anna, key) = MemberCipher::generate(MemberId::from_uuid(Uuid::from_u128(1))).unwrap();
        let vera = MemberCipher::new(MemberId::from_uuid(Uuid::from_u128(2)), &key).unwrap();
        let sealed = anna.seal(Field::Email, b"a@example.org").unwrap();
        assert_eq!(vera.open(Field::Email, &sealed), Err(DoesNotOpen));
    }

    #[test]
    fn a_value_does_not_move_to_another_field() {
        let cipher = cipher_of(1);
        for sealed_as in Field::ALL {
            let sealed = cipher.seal(sealed_as, b"x").unwrap();
            for opened_as in Field::ALL {
                assert_eq!(cipher.open(opened_as, &sealed).is_ok(), sealed_as == opened_as);
            }
        }
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let cipher = cipher_of(1);
        let sealed = cipher.seal(Field::FirstName, b"Anna").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(cipher.open(Field::FirstName, &changed), Err(DoesNotOpen), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(cipher.open(Field::FirstName, &sealed[..length]), Err(DoesNotOpen), "cut to {length}");
        }
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let cipher = cipher_of(1);
        assert_ne!(cipher.seal(Field::City, b"x").unwrap(), cipher.seal(Field::City, b"x").unwrap());
    }

    #[test]
    fn stored_names_of_fields_read_back() {
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.as_str()), Some(field));
        }
        assert_eq!(Field::from_name("passport"), None);
    }
}
