//! One newtype per kind of thing that has an identity, so that a member's id cannot stand where a business's belongs.
//!
//! Ids are made at the edge (or derived, [`LotId::of`]) and come in as values.

mod keys;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use keys::{NaturalKey, NotAKey, SourceKey, revisions_of};

/// A text that is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID")]
pub struct NotAnId;

macro_rules! id_types {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with this value.
            #[must_use]
            pub const fn from_uuid(value: Uuid) -> Self {
                Self(value)
            }

            /// The value as a bare UUID, for a driver's parameter.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::parse_str(text).map(Self).map_err(|_| NotAnId)
            }
        }
    )*};
}

id_types! {
    /// A member of the programme. Random, says nothing about the person.
    MemberId;
    /// A partner business.
    BusinessId;
    /// A recorded purchase; `transaction_id` on the wire.
    PurchaseId;
    /// A lot of bonuses: what one accrual gave from one funder. Rule B5.
    LotId;
    /// A reservation of bonuses for a purchase; `redemption_id` on the wire. Rule R1.
    RedemptionId;
    /// Money given back for a purchase; `refund_id` on the wire. Rule F1.
    RefundId;
    /// A gift or a manual adjustment. Rule B10.
    GrantId;
    /// A coupon. Rule C1.
    CouponId;
    /// A chain of cross-promotion. Rule X1.
    ChainId;
    /// An offer of a business.
    OfferId;
    /// What somebody said in words, such as why an admin did something: names a text in the vault, since a free text may
    /// name a person.
    ReasonId;
    /// A document that waits for an admin's word. Rules T3, D5.
    QuarantineId;
    /// An act of destruction of somebody's personal data: its number.
    ActId;
    /// A demand of a member about her data (`compliance.md` S2).
    SubjectRequestId;
    /// What proves a consent: the confirming code request that was answered (`compliance.md` C3).
    EvidenceId;
    /// The session in which somebody who was signed in decided on a consent (`compliance.md` C3).
    SessionId;
    /// One event on the log (UUID version 7).
    EventId;
    /// Everything that one request of the outside world led to.
    CorrelationId;
    /// The log itself; changes only by an explicit repair. Design L9.
    LogId;
}

impl LotId {
    /// The lot that `purchase` made for the funder named `funder`; the same for every replay.
    #[must_use]
    pub fn of(purchase: PurchaseId, funder: &str) -> Self {
        Self(Uuid::new_v5(&purchase.0, funder.as_bytes()))
    }

    /// The lot of a gift or an adjustment; the same for every replay.
    #[must_use]
    pub fn of_grant(grant: GrantId) -> Self {
        Self(Uuid::new_v5(&grant.0, b"lot"))
    }

    /// The lot of the bonuses that a coupon gave with `purchase`: no slug has such a name. Rule C1.
    #[must_use]
    pub fn of_coupon(purchase: PurchaseId) -> Self {
        Self::of(purchase, COUPON)
    }

    /// The lot of the cross bonus that `purchase` brought after `trigger`. Rule B9.
    #[must_use]
    pub fn of_cross_bonus(purchase: PurchaseId, trigger: PurchaseId) -> Self {
        Self::of(purchase, &format!("{CROSS_BONUS}:{}", trigger.0))
    }

    /// The lot that stands for what `refund` returned of lots past their life. Rule F4.
    #[must_use]
    pub fn returned_by(refund: RefundId) -> Self {
        Self(Uuid::new_v5(&refund.0, b"returned"))
    }
}

/// What stands for a funder in the name of a coupon's lot.
const COUPON: &str = "/coupon";

/// The same for a cross bonus.
const CROSS_BONUS: &str = "/cross-bonus";

impl LotId {
    /// The lot of the bonuses that a revision of `purchase` gives anew for its coupon. Rule D3.
    #[must_use]
    pub fn of_coupon_revision(purchase: PurchaseId, revision: u32) -> Self {
        Self::of_revision(purchase, COUPON, revision)
    }

    /// The lot of what a revision of `purchase` adds to its cross bonus. Rules B9, D3.
    #[must_use]
    pub fn of_cross_bonus_revision(purchase: PurchaseId, revision: u32) -> Self {
        Self::of_revision(purchase, CROSS_BONUS, revision)
    }

    /// The lot that a revision of `purchase` made for the funder named `funder`. Rule D3.
    #[must_use]
    pub fn of_revision(purchase: PurchaseId, funder: &str, revision: u32) -> Self {
        Self::of(purchase, &format!("{funder}:{revision}"))
    }
}

impl CouponId {
    /// The vault's text that describes the coupon.
    #[must_use]
    pub fn description(&self) -> ReasonId {
        ReasonId(Uuid::new_v5(&self.0, b"description"))
    }

    /// The vault's text that says what a coupon of type gift gives.
    #[must_use]
    pub fn gift(&self) -> ReasonId {
        ReasonId(Uuid::new_v5(&self.0, b"gift"))
    }
}

impl ReasonId {
    /// The same text, as the other account keeps it of two that were made one or parted: each may be forgotten without the other.
    #[must_use]
    pub fn of_other(&self) -> Self {
        Self(Uuid::new_v5(&self.0, b"other account"))
    }
}

impl RedemptionId {
    /// What a revision of `purchase` takes again of what came back is held by, in the append that captures it. Rule D3.
    #[must_use]
    pub fn of_revision(purchase: PurchaseId, revision: u32) -> Self {
        Self(Uuid::new_v5(&purchase.0, format!("taken again:{revision}").as_bytes()))
    }
}

impl RefundId {
    /// What a revision of `purchase` gives back and takes back is named by. Rule D3.
    #[must_use]
    pub fn of_revision(purchase: PurchaseId, revision: u32) -> Self {
        Self(Uuid::new_v5(&purchase.0, &revision.to_be_bytes()))
    }
}

/// Ids derived from the 32-byte key of the command that makes the thing, so that the key can be found by the id: its first
/// bytes are the key's (a UUID version 8).
macro_rules! keyed_types {
    ($($name:ident,)*) => {$(
        impl $name {
            /// The id of what the command with this key makes; the same for every repeat.
            #[must_use]
            pub fn of_key(key: &[u8; 32]) -> Self {
                let mut bytes = [0_u8; 16];
                for (byte, of_key) in bytes.iter_mut().zip(key) {
                    *byte = *of_key;
                }
                Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
            }
        }
    )*};
}

keyed_types! { PurchaseId, RedemptionId, RefundId, CouponId, ChainId, OfferId, SubjectRequestId, }

/// How many first bytes of a key its id has unchanged.
const KEPT_BYTES: usize = 6;

/// The keys, from the first to the last, among which the one of a derived id is.
#[must_use]
pub fn keys_of(id: Uuid) -> ([u8; 32], [u8; 32]) {
    let (mut first, mut last) = ([0_u8; 32], [u8::MAX; 32]);
    for ((low, high), byte) in first.iter_mut().zip(&mut last).zip(id.as_bytes()).take(KEPT_BYTES) {
        (*low, *high) = (*byte, *byte);
    }
    (first, last)
}

/// A business's short name in addresses, account names and consents: `[a-z0-9-]`, 2 to 40 characters, starting and
/// ending with a letter or digit. `coalition` is reserved: it names the coalition as a funder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$")))]
pub struct Slug(std::sync::Arc<str>);

/// A text that cannot be a [`Slug`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 2 to 40 characters of a-z, 0-9 and inner hyphens, and not `coalition`")]
pub struct NotASlug;

impl Slug {
    /// The slug as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = NotASlug;

    fn from_str(text: &str) -> Result<Self, NotASlug> {
        let shape = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let long_enough = (2..=40).contains(&text.len());
        let edges = !text.starts_with('-') && !text.ends_with('-');
        if long_enough && edges && text.bytes().all(shape) && text != "coalition" {
            Ok(Self(text.into()))
        } else {
            Err(NotASlug)
        }
    }
}

impl TryFrom<String> for Slug {
    type Error = NotASlug;

    fn try_from(text: String) -> Result<Self, NotASlug> {
        text.parse()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0.as_ref().to_owned()
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_short_lower_case_and_never_the_coalition() {
        assert_eq!("steam-center".parse::<Slug>().expect("a slug").as_str(), "steam-center");
        for wrong in ["", "a", "-ab", "ab-", "Mindal", "минд", "a b", "coalition", &"x".repeat(41)] {
            assert_eq!(wrong.parse::<Slug>(), Err(NotASlug), "{wrong}");
        }
    }

    #[test]
    fn an_id_leads_back_to_its_key() {
        let key: [u8; 32] = std::array::from_fn(|place| u8::try_from(place * 7 + 3).expect("small"));
        let id = PurchaseId::of_key(&key);
        let (first, last) = keys_of(id.as_uuid());
        assert!(first <= key && key <= last);
        assert_eq!(id.as_uuid().get_version_num(), 8);
        let mut other = key;
        other[15] ^= 1;
        assert_ne!(PurchaseId::of_key(&other), id);
        other = key;
        other[5] ^= 1;
        assert!(!(first..=last).contains(&other));
    }

    #[test]
    fn rule_d2_the_revisions_of_a_document_are_found_by_its_key() {
        let key =
            NaturalKey::from_bytes(std::array::from_fn(|place| u8::try_from(place * 7 + 3).expect("small")));
        let (first, last) = revisions_of(key.as_bytes());
        assert!(first <= *key.as_bytes() && *key.as_bytes() <= last);
        for revision in [1, 2, 255, 256, 0x0102_0304, u32::MAX] {
            let own = key.of_revision(revision);
            assert!(first <= own && own <= last && own != *key.as_bytes());
            assert_eq!(PurchaseId::of_key(&own), PurchaseId::of_key(key.as_bytes()));
        }
        assert_ne!(key.of_revision(2), key.of_revision(3));
    }

    #[test]
    fn a_lot_is_named_by_purchase_and_funder() {
        let purchase = PurchaseId::from_uuid(Uuid::from_u128(7));
        assert_eq!(LotId::of(purchase, "mindal"), LotId::of(purchase, "mindal"));
        assert_ne!(LotId::of(purchase, "mindal"), LotId::of(purchase, "coalition"));
    }
}
