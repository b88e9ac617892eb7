//! Keyed look-up values of phones: the vault's own blind index, and the hash shared with one business.
//!
//! Both are HMAC-SHA-256. The space of phone numbers is small enough to try, so neither is worth anything without its
//! key, and neither leaves the vault: the log keeps no hash of a phone (compliance D2, design L4).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use aws_lc_rs::hmac;
use ledger_core::ids::{BusinessId, MemberId};

use crate::keys::Secret;
use crate::phone::Phone;

/// Length of an HMAC-SHA-256 value, in bytes.
pub const HASH_BYTES: usize = 32;

/// Blind index of a phone or of an address in this installation. Equal values mean equal phones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlindIndex([u8; HASH_BYTES]);

impl BlindIndex {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindIndex(***)")
    }
}

/// Makes [`BlindIndex`] values with the installation's key.
pub struct BlindIndexer {
    key: hmac::Key,
}

impl BlindIndexer {
    /// An indexer with the secret [`crate::keys::SecretName::BlindIndex`].
    pub fn new(key: &Secret) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()) }
    }

    /// Index of a phone.
    pub fn phone(&self, phone: &Phone) -> BlindIndex {
        self.tagged(b"phone\0", phone.expose().as_bytes())
    }

    /// Index of a client's network address, for the sending limits. Never equal to that of a phone.
    pub fn address(&self, address: IpAddr) -> BlindIndex {
        self.tagged(b"address\0", network_of(address).to_string().as_bytes())
    }

    /// Index of the tries of coupon codes at a business.
    pub(crate) fn tries_at(&self, business: BusinessId) -> BlindIndex {
        self.tagged(b"tries at\0", business.as_uuid().as_bytes())
    }

    /// Index of a member's tries there.
    pub(crate) fn tries_of(&self, business: BusinessId, member: MemberId) -> BlindIndex {
        let both = [*business.as_uuid().as_bytes(), *member.as_uuid().as_bytes()].concat();
        self.tagged(b"tries of\0", &both)
    }

    /// Index of a login of staff.
    pub(crate) fn login(&self, login: &str) -> BlindIndex {
        self.tagged(b"login\0", login.as_bytes())
    }

    /// Index of the wrong tries of a login, from wherever.
    pub(crate) fn tries_to_sign_in(&self, login: &str) -> BlindIndex {
        self.tagged(b"tries to sign in\0", login.as_bytes())
    }

    /// Index of the wrong tries of a login from one source.
    pub(crate) fn tries_to_sign_in_from(&self, login: &str, address: Option<IpAddr>) -> BlindIndex {
        self.tagged(b"tries to sign in from\0", &[login.as_bytes(), b"\0", &source_of(address)].concat())
    }

    /// Index of a source's entries of one kind, about one of staff or about nobody who is known, in the log of what concerns
    /// security.
    pub(crate) fn entries_of(
        &self,
        kind: &str,
        subject: Option<uuid::Uuid>,
        address: Option<IpAddr>,
    ) -> BlindIndex {
        let subject = subject.unwrap_or_default();
        self.tagged(
            b"entries of\0",
            &[kind.as_bytes(), b"\0", subject.as_bytes(), &source_of(address)].concat(),
        )
    }

    /// Keyed hash of a recovery code of one of staff.
    pub(crate) fn recovery_code(&self, staff: uuid::Uuid, code: &str) -> BlindIndex {
        self.tagged(b"recovery code\0", &[staff.as_bytes(), code.as_bytes()].concat())
    }

    fn tagged(&self, tag: &[u8], value: &[u8]) -> BlindIndex {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(tag);
        context.update(value);
        BlindIndex(to_array(context.sign().as_ref()))
    }
}

/// Where somebody calls from. Of IPv6 the first 64 bits: whoever has one address there has all of them.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        canonical @ IpAddr::V4(_) => canonical,
    }
}

/// Where somebody guesses from, as part of an index; nothing for nobody's. Of IPv6 the first 48 bits: that much one customer of a
/// provider gets, and has 65,536 networks in it, each good for tries of its own otherwise.
fn source_of(address: Option<IpAddr>) -> Vec<u8> {
    let Some(address) = address else { return Vec::new() };
    let site: IpAddr = match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 80 << 80).into(),
        canonical @ IpAddr::V4(_) => canonical,
    };
    site.to_string().into_bytes()
}

/// A phone as a partner names it: HMAC-SHA-256 of the E.164 text under the key shared with that business.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PhoneHash([u8; HASH_BYTES]);

impl PhoneHash {
    /// Reads the wire form, 64 lower-case hexadecimal digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let mut hash = [0u8; HASH_BYTES];
        (lower && hex::decode_to_slice(text, &mut hash).is_ok()).then_some(Self(hash))
    }

    /// The wire form.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PhoneHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneHash(***)")
    }
}

/// The key shared with one business for `phone_hash`: 32 random bytes, handed over as 64 hexadecimal digits.
/// The HMAC key is the 32 bytes, not their text.
pub struct PhoneKey {
    secret: Secret,
    key: hmac::Key,
}

impl PhoneKey {
    pub(crate) fn new(secret: Secret) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        Self { secret, key }
    }

    /// The key as the business gets it, once.
    pub fn expose_hex(&self) -> String {
        hex::encode(self.secret.expose())
    }

    /// The hash the business will send for this phone.
    pub fn hash(&self, phone: &Phone) -> PhoneHash {
        PhoneHash(to_array(hmac::sign(&self.key, phone.expose().as_bytes()).as_ref()))
    }
}

impl fmt::Debug for PhoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneKey(***)")
    }
}

/// SHA-256 values are 32 bytes long by definition.
pub(crate) fn to_array(bytes: &[u8]) -> [u8; HASH_BYTES] {
    let mut array = [0u8; HASH_BYTES];
    array.copy_from_slice(bytes);
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexer(key: u8) -> BlindIndexer {
        BlindIndexer::new(&Secret::new(vec![key; 32]))
    }

    #[test]
    fn one_phone_in_two_forms_has_one_index_and_another_key_gives_another() {
        let (one, same) = (Phone::parse("8 900 123-45-67").unwrap(), Phone::parse("+79001234567").unwrap());
        assert_eq!(indexer(1).phone(&one), indexer(1).phone(&same));
        assert_ne!(indexer(1).phone(&one), indexer(2).phone(&one));
        assert_ne!(indexer(1).phone(&one), indexer(1).phone(&Phone::parse("+79001234568").unwrap()));
    }

    #[test]
    fn an_address_has_one_index_in_both_families() {
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(indexer(1).address("192.0.2.1".parse().unwrap()), indexer(1).address(mapped));
    }

    #[test]
    fn a_source_is_an_address_or_what_one_customer_has_of_ipv6() {
        let tries = |address: &str| indexer(1).tries_to_sign_in_from("anna", address.parse().ok());
        assert_eq!(tries("192.0.2.1"), tries("::ffff:192.0.2.1"));
        assert_ne!(tries("192.0.2.1"), tries("192.0.2.2"));
        assert_eq!(tries("2001:db8:0:1::1"), tries("2001:db8:0:1:ffff::2"));
        assert_eq!(tries("2001:db8:0:1::1"), tries("2001:db8:0:ffff::1"));
        assert_ne!(tries("2001:db8:0:1::1"), tries("2001:db8:1:1::1"));
        let network = |address: &str| network_of(address.parse().unwrap());
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"), "other limits count 64 bits");
        assert_ne!(tries("192.0.2.1"), indexer(1).tries_to_sign_in_from("vera", "192.0.2.1".parse().ok()));
    }

    /// Computed with `openssl dgst -sha256 -mac HMAC -macopt hexkey:0b0b…0b`.
    #[test]
    fn a_partner_computes_the_same_hash() {
        let key = PhoneKey::new(Secret::new(vec![0x0b; 32]));
        let hash = key.hash(&Phone::parse("+79001234567").unwrap()).to_hex();
        assert_eq!(hash, "9ec1af6902b99fa1f8c5e0177d88a56221301f8cc70cdd2f13704473d2f4c1f9");
        assert_eq!(key.expose_hex(), "0b".repeat(32));
        assert_eq!(PhoneHash::parse(&hash).unwrap().to_hex(), hash);
    }

    #[test]
    fn only_64_lower_case_digits_are_a_hash() {
        for bad in
            ["", "ab", &"g".repeat(64), &"A".repeat(64), &"a".repeat(63), &"a".repeat(66), &"я".repeat(32)]
        {
            assert_eq!(PhoneHash::parse(bad), None, "{bad:?}");
        }
    }
}
