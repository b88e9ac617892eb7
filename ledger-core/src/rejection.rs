//! Refusals: what a rule answers to a command it does not allow. Rule Z.
//!
//! A refusal is not a failure: it is expected, writes nothing and carries the facts. The variants stand in the order in
//! which decisions check: form, existence, state, limits.

use std::collections::BTreeMap;

use crate::chain::ChainState;
use crate::ids::Slug;
use crate::member::status::Status;
use crate::money::{Bonuses, Roubles};
use crate::offer::OfferState;
use crate::time::Timestamp;

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Parameters that a policy cannot have.
    #[error("the policy has parameters that cannot be")]
    PolicyParameters {
        /// What is wrong, by name.
        wrong: BTreeMap<String, String>,
    },
    /// What a chain cannot be. Rule X1.
    #[error("the chain is not well formed")]
    ChainDefinition {
        /// What is wrong, by the place of the field.
        wrong: BTreeMap<String, String>,
    },
    /// What an offer cannot be.
    #[error("the offer is not well formed")]
    OfferDefinition {
        /// What is wrong, by the place of the field.
        wrong: BTreeMap<String, String>,
    },
    /// No such member.
    #[error("there is no such member")]
    MemberNotFound,
    /// She was forgotten. Told to who knew her.
    #[error("the member is gone")]
    MemberErased,
    /// No such business.
    #[error("there is no such business")]
    BusinessNotFound,
    /// The log has no policy yet.
    #[error("the log has no policy")]
    PolicyMissing,
    /// No such hold. Rule R4.
    #[error("there is no such redemption")]
    HoldNotFound,
    /// No such purchase, or another business's.
    #[error("there is no such purchase")]
    PurchaseNotFound,
    /// No coupon of hers, here, with this code, that is good now: which of these, nobody is told. Rule C2.
    #[error("the coupon code is not valid")]
    CouponNotValid,
    /// No such chain, or one in which this business has no part.
    #[error("there is no such chain")]
    ChainNotFound,
    /// No such offer, or another business's.
    #[error("there is no such offer")]
    OfferNotFound,
    /// The same key was used for another command. Rule D2, design L4.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// What was paid partly in bonuses, or with a coupon, stays the member's who paid. Rule D3.
    #[error("a purchase paid partly in bonuses or with a coupon cannot become another member's")]
    MemberChangeWithRedemption,
    /// The document was taken out of quarantine, one way or the other. Rule T3.
    #[error("the document was applied or dropped before")]
    QuarantineClosed,
    /// The chain is not where this can be asked of it. Rule X2.
    #[error("a chain that is {} does not allow this", state.as_str())]
    ChainState {
        /// Where its newest version stands.
        state: ChainState,
    },
    /// The consent is to a version that is not the newest. Rule X2.
    #[error("the chain was changed: its newest version is {newest}")]
    ChainVersion {
        /// The newest version.
        newest: u32,
    },
    /// The offer is not where this can be asked of it.
    #[error("an offer that is {} does not allow this", state.as_str())]
    OfferState {
        /// Where its newest version stands.
        state: OfferState,
    },
    /// What was looked at is a version that is not the newest.
    #[error("the offer was changed: its newest version is {newest}")]
    OfferVersion {
        /// The newest version.
        newest: u32,
    },
    /// The coupon was used, has expired or was revoked. Rule C2.
    #[error("the coupon can no longer be used")]
    CouponClosed,
    /// The hold was captured or cancelled. Rule R4.
    #[error("the redemption is closed")]
    HoldAlreadyClosed,
    /// The hold was not captured in time. Rules R1, R4.
    #[error("the redemption is past its time")]
    HoldLapsed,
    /// The hold was made for another business. Rule R4.
    #[error("the redemption is of another business")]
    WrongBusiness,
    /// The demand was answered, or is none of hers. `compliance.md` S2.
    #[error("the request is not open")]
    RequestClosed,
    /// A demand to be forgotten is fulfilled by forgetting her.
    #[error("the request is fulfilled by the erasure itself")]
    RequestNotDone,
    /// The member exists already.
    #[error("the member is registered already")]
    MemberExists,
    /// The short name is taken.
    #[error("another business has this slug")]
    SlugTaken,
    /// It cannot go on without this consent: taking part without `personal_data` (leaving is another call), a document of a
    /// business that she does not let report (any more).
    #[error(
        "this needs the member's consent; personal_data is withdrawn by leaving the programme, not on its own"
    )]
    ConsentRequired,
    /// An owner of a business in it has not consented to the chain. Rule X2.
    #[error("not every owner has consented to the chain")]
    ChainConsentMissing {
        /// Whose business.
        of: Vec<Slug>,
    },
    /// Her data are kept and not used while something is looked into. `compliance.md` S5.
    #[error("the member's data are not processed for now")]
    ProcessingBlocked,
    /// She is blocked. Rule R4.
    #[error("the member is blocked")]
    MemberBlocked,
    /// Her phone changed a short while ago: bonuses cannot be reserved yet.
    #[error("the member's phone has changed; bonuses can be spent again from {until}")]
    IdentityCooldown {
        /// The first moment at which they can.
        until: Timestamp,
    },
    /// It is too early for the coupon. Rule C3.
    #[error("the coupon is not valid yet")]
    CouponNotYetValid {
        /// From when it is.
        valid_from: Timestamp,
    },
    /// The bill is too small for the coupon. Rule C3.
    #[error("the bill is smaller than the coupon asks for")]
    CouponMinBill {
        /// The smallest.
        min_bill: Roubles,
    },
    /// She is a customer already. Rule C3.
    #[error("the coupon is for new customers")]
    CouponNewCustomersOnly,
    /// She has another status. Rule C3.
    #[error("the coupon is for members of another status")]
    CouponStatusRequired {
        /// Which would do.
        statuses: Vec<Status>,
    },
    /// The purchase is paid in bonuses, too. Rule C3.
    #[error("the coupon cannot be used together with bonuses")]
    CouponNotWithBonuses,
    /// The law does not allow more time, it was given already, or the term is over. `compliance.md` S2.
    #[error("the term of the request, {due_at}, cannot be made longer")]
    RequestNotExtendable {
        /// The last moment as it stands.
        due_at: Timestamp,
    },
    /// Too many of her demands wait for their answers.
    #[error("too many requests of the member are open")]
    TooManyOpenRequests,
    /// Too many of her coupons for one business wait to be used.
    #[error("the member has too many coupons of this business")]
    TooManyCoupons,
    /// A business is part of too many chains.
    #[error("a business of the chain is part of too many chains")]
    TooManyChains,
    /// A business has too many offers.
    #[error("the business has too many offers")]
    TooManyOffers,
    /// There are too many comments on an offer.
    #[error("the offer has too many comments")]
    TooManyComments,
    /// Two accounts cannot become one, or two again, now.
    #[error("the accounts cannot be merged or parted: {}", because.as_str())]
    MergeNotPossible {
        /// Why.
        because: MergeObstacle,
    },
    /// More than she has available. Rules R4, Z.
    #[error("there are not enough bonuses available")]
    InsufficientBonuses {
        /// What she has available.
        available: Bonuses,
        /// What was asked for.
        asked: Bonuses,
    },
    /// Part of the period is paid for already. Rule S4.
    #[error("part of the period is paid for already")]
    PremiumOverlaps {
        /// The first moment paid for before.
        from: Timestamp,
        /// The first moment after it.
        to: Timestamp,
    },
    /// There is no Premium to cancel. Rule S4.
    #[error("there is no Premium subscription to cancel")]
    PremiumNotActive,
    /// A purchase of the future. Rule T3.
    #[error("the purchase is more than {limit_minutes} minutes in the future")]
    OccurredInFuture {
        /// When it is said to have happened.
        occurred_at: Timestamp,
        /// Now.
        now: Timestamp,
        /// What is tolerated.
        limit_minutes: u32,
    },
    /// A policy that would begin in the past. Rule P2.
    #[error("a policy cannot begin in the past")]
    PolicyInThePast {
        /// When it would begin.
        effective_from: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// A period that would begin in the past.
    #[error("a period cannot begin in the past")]
    PeriodInThePast {
        /// When it would begin.
        from: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// A period that ends before it begins.
    #[error("the period ends before it begins")]
    PeriodReversed,
    /// An offer whose dates are over cannot be published.
    #[error("the dates of the offer are over")]
    OfferOver {
        /// The first moment after them.
        to: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// More than the share of the bill that may be paid in bonuses, or less than the least. Rules R2, R4.
    #[error("of this bill, {minimum} to {limit} may be paid in bonuses")]
    OverRedeemLimit {
        /// What was asked for.
        asked: Bonuses,
        /// The most.
        limit: Bonuses,
        /// The least.
        minimum: Roubles,
    },
    /// More than is left of the purchase. Rule F1.
    #[error("the refund is more than what is left of the purchase")]
    RefundExceedsPurchase {
        /// What was asked for.
        asked: Roubles,
        /// What is left.
        left: Roubles,
    },
    /// Too many refunds of a business wait for purchases that do not come. Rule D4.
    #[error("too many refunds wait for their purchases")]
    TooManyWaiting,
    /// A sum beyond what an amount holds.
    #[error("the amount is beyond what the ledger holds")]
    AmountOutOfRange,
}

/// Why two accounts cannot become one, or two again; in the order in which it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeObstacle {
    /// They are one and the same.
    SameAccount,
    /// One of them became one with another.
    AlreadyMerged,
    /// The one that goes has taken in others.
    HasAbsorbed,
    /// The one that goes is blocked, or the data of either are not used for now.
    Blocked,
    /// They are not one.
    NotMerged,
    /// Bonuses are held.
    OpenHold,
    /// A document waits for an admin.
    WaitingDocument,
    /// There is a debt.
    Debt,
    /// Premium is paid for on both.
    BothPremium,
    /// A demand of the one that goes waits for its answer.
    OpenRequest,
    /// The one that goes cannot spend yet: its phone changed a short while ago.
    Cooldown,
    /// The one that goes has too long a history to move.
    LongHistory,
}

impl MergeObstacle {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SameAccount => "same_account",
            Self::AlreadyMerged => "already_merged",
            Self::HasAbsorbed => "has_absorbed",
            Self::Blocked => "blocked",
            Self::NotMerged => "not_merged",
            Self::OpenHold => "open_hold",
            Self::WaitingDocument => "waiting_document",
            Self::Debt => "debt",
            Self::BothPremium => "both_premium",
            Self::OpenRequest => "open_request",
            Self::Cooldown => "cooldown",
            Self::LongHistory => "long_history",
        }
    }
}

macro_rules! codes {
    ($($rejection:pat => $code:literal,)*) => {
        impl Rejection {
            /// Every code.
            pub const CODES: &'static [&'static str] = &[$($code,)*];

            /// The stable code on the wire. Rule Z.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $($rejection => $code,)* }
            }
        }
    };
}

codes! {
    Self::PolicyParameters { .. } => "VALIDATION_ERROR",
    Self::ChainDefinition { .. } => "VALIDATION_ERROR",
    Self::OfferDefinition { .. } => "VALIDATION_ERROR",
    Self::MemberNotFound => "MEMBER_NOT_FOUND",
    Self::MemberErased => "GONE",
    Self::BusinessNotFound => "BUSINESS_NOT_FOUND",
    Self::PolicyMissing => "POLICY_MISSING",
    Self::HoldNotFound => "HOLD_NOT_FOUND",
    Self::PurchaseNotFound => "NOT_FOUND",
    Self::ChainNotFound => "NOT_FOUND",
    Self::ChainState { .. } => "CHAIN_STATE",
    Self::ChainVersion { .. } => "CHAIN_VERSION",
    Self::ChainConsentMissing { .. } => "CHAIN_CONSENT_MISSING",
    Self::TooManyChains => "TOO_MANY_CHAINS",
    Self::OfferNotFound => "NOT_FOUND",
    Self::OfferState { .. } => "OFFER_STATE",
    Self::OfferVersion { .. } => "OFFER_VERSION",
    Self::OfferOver { .. } => "OFFER_OVER",
    Self::TooManyOffers => "TOO_MANY_OFFERS",
    Self::TooManyComments => "TOO_MANY_COMMENTS",
    Self::QuarantineClosed => "QUARANTINE_CLOSED",
    Self::HoldAlreadyClosed => "HOLD_ALREADY_CLOSED",
    Self::HoldLapsed => "HOLD_LAPSED",
    Self::WrongBusiness => "WRONG_BUSINESS",
    Self::OverRedeemLimit { .. } => "OVER_REDEEM_LIMIT",
    Self::InsufficientBonuses { .. } => "INSUFFICIENT_BONUSES",
    Self::RefundExceedsPurchase { .. } => "REFUND_EXCEEDS_PURCHASE",
    Self::TooManyWaiting => "TOO_MANY_WAITING",
    Self::CouponNotValid => "COUPON_NOT_VALID",
    Self::CouponClosed => "COUPON_CLOSED",
    Self::CouponNotYetValid { .. } => "COUPON_NOT_YET_VALID",
    Self::CouponMinBill { .. } => "COUPON_MIN_BILL",
    Self::CouponNewCustomersOnly => "COUPON_NEW_CUSTOMERS_ONLY",
    Self::CouponStatusRequired { .. } => "COUPON_STATUS_REQUIRED",
    Self::CouponNotWithBonuses => "COUPON_NOT_WITH_BONUSES",
    Self::TooManyCoupons => "TOO_MANY_COUPONS",
    Self::MergeNotPossible { .. } => "MERGE_NOT_POSSIBLE",
    Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
    Self::MemberChangeWithRedemption => "MEMBER_CHANGE_WITH_REDEMPTION",
    Self::MemberExists => "MEMBER_EXISTS",
    Self::SlugTaken => "SLUG_TAKEN",
    Self::ConsentRequired => "CONSENT_REQUIRED",
    Self::RequestClosed => "REQUEST_CLOSED",
    Self::RequestNotDone => "REQUEST_NOT_DONE",
    Self::RequestNotExtendable { .. } => "REQUEST_NOT_EXTENDABLE",
    Self::TooManyOpenRequests => "TOO_MANY_OPEN_REQUESTS",
    Self::ProcessingBlocked => "PROCESSING_BLOCKED",
    Self::MemberBlocked => "MEMBER_BLOCKED",
    Self::IdentityCooldown { .. } => "IDENTITY_COOLDOWN",
    Self::PremiumOverlaps { .. } => "PREMIUM_OVERLAPS",
    Self::PremiumNotActive => "PREMIUM_NOT_ACTIVE",
    Self::OccurredInFuture { .. } => "OCCURRED_IN_FUTURE",
    Self::PolicyInThePast { .. } => "POLICY_IN_THE_PAST",
    Self::PeriodInThePast { .. } => "PERIOD_IN_THE_PAST",
    Self::PeriodReversed => "PERIOD_REVERSED",
    Self::AmountOutOfRange => "AMOUNT_OUT_OF_RANGE",
}
