//! Facts about one chain. Rules X1, X2, X5.

use serde::{Deserialize, Serialize};

use super::definition::Definition;
use crate::ids::{BusinessId, ChainId, CouponId, PurchaseId, ReasonId};
use crate::money::Roubles;
use crate::time::Timestamp;

/// A fact on a chain's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is documented on the struct it holds")]
pub enum ChainEvent {
    ChainDrafted(ChainDrafted),
    ChainRevised(ChainRevised),
    ChainSubmitted(ChainSubmitted),
    ChainConsented(ChainConsented),
    ChainApproved(ChainApproved),
    ChainRejected(ChainRejected),
    ChainActivated(ChainActivated),
    ChainPaused(ChainPaused),
    ChainEnded(ChainEnded),
    ChainRewardIssued(ChainRewardIssued),
}

impl ChainEvent {
    /// The chain.
    #[must_use]
    pub const fn chain_id(&self) -> ChainId {
        match self {
            Self::ChainDrafted(fact) => fact.chain_id,
            Self::ChainRevised(fact) => fact.chain_id,
            Self::ChainSubmitted(fact) => fact.chain_id,
            Self::ChainConsented(fact) => fact.chain_id,
            Self::ChainApproved(fact) => fact.chain_id,
            Self::ChainRejected(fact) => fact.chain_id,
            Self::ChainActivated(fact) => fact.chain_id,
            Self::ChainPaused(fact) => fact.chain_id,
            Self::ChainEnded(fact) => fact.chain_id,
            Self::ChainRewardIssued(fact) => fact.chain_id,
        }
    }
}

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident { $($fields:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The chain.
            pub chain_id: ChainId,
            /// Which version of it.
            pub version: u32,
            $($fields)*
        }
    )*};
}

facts! {
    /// Somebody drew up a chain: its version 1, as a draft.
    ChainDrafted {
        /// What it is.
        pub definition: Box<Definition>,
    }
    /// Somebody changed it: a new version, as a draft. One that runs goes on until this one does.
    ChainRevised {
        /// What it is now, all of it.
        pub definition: Box<Definition>,
    }
    /// It waits for the owners' consent and an admin's word.
    ChainSubmitted {}
    /// The owner of a business in it consents.
    ChainConsented {
        /// Whose.
        pub business_id: BusinessId,
    }
    /// An admin approved it.
    ChainApproved {}
    /// An admin rejected it.
    ChainRejected {
        /// Why, in the vault.
        pub reason_id: ReasonId,
    }
    /// From now on purchases trigger its steps; the version that ran before ends.
    ChainActivated {
        /// From when.
        pub at: Timestamp,
    }
    /// Purchases trigger nothing until it is activated again.
    ChainPaused {
        /// From when.
        pub at: Timestamp,
    }
    /// It is over, whatever version of it ran or was to run.
    ChainEnded {
        /// From when.
        pub at: Timestamp,
    }
    /// A purchase triggered a step, and its reward was given; a cross bonus with the purchase that followed (Rule B9). The
    /// newest of these facts says all that the ones before it came to, so that nobody has to read a million of them. Rules
    /// X3, X5.
    ChainRewardIssued {
        /// The step's place in the version, from 0.
        pub step: u32,
        /// The purchase that triggered it.
        pub purchase_id: PurchaseId,
        /// The coupon; none for a cross bonus.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        pub coupon_id: Option<CouponId>,
        /// What of the budget it takes.
        pub cost: Roubles,
        /// How many rewards the chain has given with this one, by all its versions.
        pub issued: u32,
        /// What all of them take of the budget.
        pub committed: Roubles,
    }
}
