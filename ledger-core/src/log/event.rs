//! Every fact the log knows, by name and version. Design L6.
//!
//! A fact is written under its name and the newest version of its shape. What was written under an older version is
//! lifted by [`upcast`] step by step, so that the domain knows only the newest. `tests/golden-events/` keeps one file
//! for every version ever written, and a test reads them all.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::business::event as business;
use crate::business::event::BusinessEvent;
use crate::chain::event as chain;
use crate::chain::event::ChainEvent;
use crate::member::event as member;
use crate::member::event::{MemberEvent, RightsEvent};
use crate::offer::event as offer;
use crate::offer::event::OfferEvent;
use crate::policy::event as policy;
use crate::policy::event::PolicyEvent;

/// The kind of thing a stream is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StreamType {
    /// One member.
    Member,
    /// One partner business.
    Business,
    /// The policies; one stream.
    Policy,
    /// One chain of cross-promotion.
    Chain,
    /// One offer of a business.
    Offer,
}

impl StreamType {
    /// The name in the log's column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Business => "business",
            Self::Policy => "policy",
            Self::Chain => "chain",
            Self::Offer => "offer",
        }
    }
}

/// A row this program cannot read: never skipped (design J4).
#[derive(Debug, thiserror::Error)]
pub enum UnknownEvent {
    /// No such type.
    #[error("no event type `{0}`")]
    Type(String),
    /// A version this program does not know.
    #[error("event type `{event_type}` has no version {version} here")]
    Version {
        /// The type.
        event_type: String,
        /// The version found.
        version: i16,
    },
    /// The payload does not fit its type.
    #[error("the payload is not a `{event_type}`")]
    Payload {
        /// The type.
        event_type: String,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
}

// Behind a semicolon: facts that are one variant of another group's, with a name of their own on the log.
macro_rules! event_catalogue {
    (
        $($group:ident($inner:ident, $module:ident) { $($name:ident = $version:literal,)* })*
        $(; $outer:ident($outer_inner:ident) $part:ident($part_inner:ident, $part_module:ident) {
            $($part_name:ident = $part_version:literal,)*
        })*
    ) => {
        /// A fact on the log, in its newest shape.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(clippy::large_enum_variant, reason = "nearly all facts are a member's: a box would be an allocation for each")]
        pub enum Event {
            $(
                #[doc = concat!("A fact on a ", stringify!($module), " stream.")]
                $group($inner),
            )*
        }

        impl Event {
            /// Every event type with its newest schema version.
            pub const CATALOGUE: &'static [(&'static str, i16)] = &[
                $($((stringify!($name), $version),)*)*
                $($((stringify!($part_name), $part_version),)*)*
            ];

            /// The kind of stream that facts of this type are on; `None` for no type of this catalogue.
            #[must_use]
            pub fn stream_of(event_type: &str) -> Option<StreamType> {
                match event_type {
                    $($(stringify!($name) => Some(StreamType::$group),)*)*
                    $($(stringify!($part_name) => Some(StreamType::$outer),)*)*
                    _ => None,
                }
            }

            /// The name of the fact.
            #[must_use]
            pub const fn event_type(&self) -> &'static str {
                match self {
                    $($(Self::$group($inner::$name(_)) => stringify!($name),)*)*
                    $($(Self::$outer($outer_inner::$part($part_inner::$part_name(_))) => stringify!($part_name),)*)*
                }
            }

            /// The newest version of its shape: what is written.
            #[must_use]
            pub const fn schema_version(&self) -> i16 {
                match self {
                    $($(Self::$group($inner::$name(_)) => $version,)*)*
                    $($(Self::$outer($outer_inner::$part($part_inner::$part_name(_))) => $part_version,)*)*
                }
            }

            /// The fact as JSON.
            ///
            /// # Errors
            /// Never for the facts of this catalogue; a driver's error type keeps the door open.
            pub fn payload(&self) -> Result<Value, serde_json::Error> {
                match self {
                    $($(Self::$group($inner::$name(fact)) => serde_json::to_value(fact),)*)*
                    $($(Self::$outer($outer_inner::$part($part_inner::$part_name(fact))) => serde_json::to_value(fact),)*)*
                }
            }

            /// Reads a fact written under `event_type` and `version`.
            ///
            /// # Errors
            /// [`UnknownEvent`] for a type or version not known here, or a payload that does not fit.
            pub fn decode(event_type: &str, version: i16, payload: &Value) -> Result<Self, UnknownEvent> {
                let lifted = upcast(event_type, version, payload)?;
                let payload = lifted.as_ref().unwrap_or(payload);
                match event_type {
                    $($(stringify!($name) => $module::$name::deserialize(payload)
                        .map(|fact| Self::$group($inner::$name(fact))),)*)*
                    $($(stringify!($part_name) => $part_module::$part_name::deserialize(payload)
                        .map(|fact| Self::$outer($outer_inner::$part($part_inner::$part_name(fact)))),)*)*
                    other => return Err(UnknownEvent::Type(other.to_owned())),
                }
                .map_err(|source| UnknownEvent::Payload { event_type: event_type.to_owned(), source })
            }

            /// The JSON Schema of every event type's newest version, by type.
            #[cfg(feature = "schema")]
            #[must_use]
            pub fn schemas() -> Vec<(&'static str, i16, schemars::Schema)> {
                vec![
                    $($((stringify!($name), $version, schemars::schema_for!($module::$name)),)*)*
                    $($((stringify!($part_name), $part_version, schemars::schema_for!($part_module::$part_name)),)*)*
                ]
            }
        }

        $($(
            impl From<$module::$name> for Event {
                fn from(fact: $module::$name) -> Self {
                    Self::$group($inner::$name(fact))
                }
            }
        )*)*

        $($(
            impl From<$part_module::$part_name> for Event {
                fn from(fact: $part_module::$part_name) -> Self {
                    Self::$outer($outer_inner::$part($part_inner::$part_name(fact)))
                }
            }
        )*)*
    };
}

event_catalogue! {
    Member(MemberEvent, member) {
        MemberRegistered = 1,
        MembershipBackdated = 1,
        ConsentGranted = 1,
        ConsentWithdrawn = 1,
        PurchaseRecorded = 1,
        PurchaseQuarantined = 1,
        QuarantineApplied = 1,
        QuarantineDropped = 1,
        PurchaseAmended = 1,
        PurchaseTakenOver = 1,
        BonusAccrued = 1,
        BonusMatured = 1,
        BonusExpired = 1,
        BonusesHeld = 1,
        HoldReleased = 1,
        BonusesRedeemed = 1,
        PurchaseRefunded = 1,
        BonusReturned = 1,
        BonusTakenBack = 1,
        DebtIncurred = 1,
        DebtRepaid = 1,
        WaitingRefundDropped = 1,
        StatusChanged = 1,
        StatusDowngradeScheduled = 1,
        StatusDowngradeCancelled = 1,
        InnerCircleInvited = 1,
        InnerCircleInvitationWithdrawn = 1,
        TopSpendersEntered = 1,
        TopSpendersLeft = 1,
        PremiumStarted = 1,
        PremiumRenewed = 1,
        PremiumCancelled = 1,
        PremiumLapsed = 1,
        MemberBlocked = 1,
        MemberUnblocked = 1,
        PhoneChanged = 1,
        BonusGifted = 1,
        BonusAdjusted = 1,
        BonusWithdrawn = 1,
        CouponIssued = 1,
        CouponActivated = 1,
        CouponRedeemed = 1,
        CouponReckoned = 1,
        CouponExpired = 1,
        CouponRevoked = 1,
        ChainTriggered = 1,
        ChainConverted = 1,
        CrossBonusAccrued = 1,
        AccountMerged = 1,
        AccountTakenIn = 1,
        AccountParted = 1,
        AccountRestored = 1,
        DebtWrittenOff = 1,
        MemberErased = 1,
    }
    Business(BusinessEvent, business) {
        BusinessRegistered = 1,
        BusinessRenamed = 1,
        BusinessTermsChanged = 1,
        BusinessMultiplierSet = 1,
        BusinessMultiplierEnded = 1,
        RefundWaiting = 1,
        WaitingRefundsClosed = 1,
    }
    Policy(PolicyEvent, policy) {
        PolicyPublished = 1,
    }
    Chain(ChainEvent, chain) {
        ChainDrafted = 1,
        ChainRevised = 1,
        ChainSubmitted = 1,
        ChainConsented = 1,
        ChainApproved = 1,
        ChainRejected = 1,
        ChainActivated = 1,
        ChainPaused = 1,
        ChainEnded = 1,
        ChainRewardIssued = 1,
    }
    Offer(OfferEvent, offer) {
        OfferDrafted = 1,
        OfferSubmitted = 1,
        OfferApproved = 1,
        OfferRejected = 1,
        OfferCommented = 1,
        OfferPublished = 1,
        OfferEnded = 1,
        OfferCouponIssued = 1,
    }
    ; Member(MemberEvent) Rights(RightsEvent, member) {
        ProcessingBlocked = 1,
        ProcessingUnblocked = 1,
        SubjectRequestReceived = 1,
        SubjectRequestExtended = 1,
        SubjectRequestAnswered = 1,
    }
}

impl Event {
    /// The kind of stream the fact belongs to.
    #[must_use]
    pub const fn stream_type(&self) -> StreamType {
        match self {
            Self::Member(_) => StreamType::Member,
            Self::Business(_) => StreamType::Business,
            Self::Policy(_) => StreamType::Policy,
            Self::Chain(_) => StreamType::Chain,
            Self::Offer(_) => StreamType::Offer,
        }
    }
}

/// One step of lifting: the payload of a version as the next version would have written it.
type Step = fn(&Value) -> Value;

/// The step from (type, version) to the next version. A new version of a type adds its line here, and a golden file.
fn step(event_type: &str, version: i16) -> Option<Step> {
    let known: &[(&str, i16, Step)] = &[];
    known.iter().find(|(name, from, _)| *name == event_type && *from == version).map(|(_, _, step)| *step)
}

/// The payload lifted to the newest version; `None` when it already is.
fn upcast(event_type: &str, version: i16, payload: &Value) -> Result<Option<Value>, UnknownEvent> {
    let newest = Event::CATALOGUE
        .iter()
        .find(|(name, _)| *name == event_type)
        .map(|(_, version)| *version)
        .ok_or_else(|| UnknownEvent::Type(event_type.to_owned()))?;
    lift(event_type, version, newest, payload, step)
}

fn lift(
    event_type: &str,
    version: i16,
    newest: i16,
    payload: &Value,
    step: impl Fn(&str, i16) -> Option<Step>,
) -> Result<Option<Value>, UnknownEvent> {
    let unknown = || UnknownEvent::Version { event_type: event_type.to_owned(), version };
    if version < 1 || version > newest {
        return Err(unknown());
    }
    let mut lifted = None;
    for from in version..newest {
        let next = step(event_type, from).ok_or_else(unknown)?;
        lifted = Some(next(lifted.as_ref().unwrap_or(payload)));
    }
    Ok(lifted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rename(payload: &Value) -> Value {
        json!({ "roubles": payload["amount"] })
    }

    fn wrap(payload: &Value) -> Value {
        json!({ "bill": payload })
    }

    fn steps(event_type: &str, version: i16) -> Option<Step> {
        match (event_type, version) {
            ("Example", 1) => Some(rename),
            ("Example", 2) => Some(wrap),
            _ => None,
        }
    }

    #[test]
    fn design_l6_an_old_version_is_lifted_step_by_step() {
        let lifted = lift("Example", 1, 3, &json!({ "amount": "1.00" }), steps).expect("known");
        assert_eq!(lifted, Some(json!({ "bill": { "roubles": "1.00" } })));
        assert_eq!(lift("Example", 3, 3, &json!({}), steps).expect("known"), None);
    }

    #[test]
    fn design_l6_a_version_of_the_future_or_without_a_step_is_an_error() {
        for (event_type, version) in [("Example", 4), ("Example", 0), ("Other", 1)] {
            let answer = lift(event_type, version, 3, &json!({}), steps);
            assert!(matches!(answer, Err(UnknownEvent::Version { .. })), "{event_type} {version}");
        }
        assert!(matches!(Event::decode("Nothing", 1, &json!({})), Err(UnknownEvent::Type(_))));
    }
}
