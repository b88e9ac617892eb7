//! Facts about one member. Variants are added, never changed or removed (design L6).
//!
//! Each holds every input of its decision (Rule P5) and no running total: totals are the fold's. Nothing here says who
//! the member is: names and phones live in the vault.
//!
//! One file for each theme of the rule book.

mod account;
mod bonus;
mod chain;
mod coupon;
mod erasure;
mod gift;
mod membership;
mod purchase;
mod redemption;
mod refund;
mod requests;
mod rights;
mod standing;

use crate::member::lot::LotOrigin;

pub use account::{AccountMerged, AccountParted, AccountRestored, AccountTakenIn, Estate, EstateLot, Way};
pub use bonus::{
    AccrualInputs, BonusAccrued, BonusExpired, BonusMatured, ExpiredTo, Holding, LotLife, PolicyMoment,
    RateRule,
};
pub use chain::{ChainConverted, ChainTriggered, CrossBonusAccrued, FromChain, Promise};
pub use coupon::{
    CouponActivated, CouponBenefit, CouponConditions, CouponExpired, CouponIssued, CouponReckoned,
    CouponRedeemed, CouponRevoked, FromOffer,
};
pub use erasure::{DebtWrittenOff, DemandedBy, ErasureGround, MemberErased, PersonalCategory};
pub use gift::{BonusAdjusted, BonusGifted, BonusWithdrawn, GiftKind};
pub use membership::{ConsentGranted, ConsentWithdrawn, MemberRegistered, MembershipBackdated};
pub use purchase::{
    PurchaseAmended, PurchaseQuarantined, PurchaseRecorded, PurchaseSource, PurchaseTakenOver,
    QuarantineApplied, QuarantineDropped, QuarantineReason,
};
pub use redemption::{BonusesHeld, BonusesRedeemed, HeldPart, HoldEnd, HoldReleased, LotPart};
pub use refund::{
    BonusReturned, BonusTakenBack, DebtIncurred, DebtRepaid, ExpiredPart, OtherPart, OwnPart,
    PurchaseRefunded, WaitingRefundDropped,
};
pub use requests::{
    ExtensionGround, RefusalGround, RequestAnswer, RequestChannel, RequestKind, SubjectRequestAnswered,
    SubjectRequestExtended, SubjectRequestReceived,
};
pub use rights::{BlockGround, ProcessingBlocked, ProcessingUnblocked, RightsEvent, UnblockGround};
pub use standing::{
    InnerCircleInvitationWithdrawn, InnerCircleInvited, MemberBlocked, MemberUnblocked, PhoneChanged,
    PremiumCancelled, PremiumLapsed, PremiumRenewed, PremiumStarted, StatusChanged, StatusDowngradeCancelled,
    StatusDowngradeScheduled, StatusReason, TopSpendersEntered, TopSpendersLeft, Track,
};

/// The origin of the lots of a fact about one purchase.
macro_rules! of_a_purchase {
    ($($fact:ident,)*) => {$(
        impl $fact {
            /// The purchase that it is about, as the origin of lots.
            #[must_use]
            pub const fn origin(&self) -> LotOrigin {
                let Self { purchase_id, business_id, confidentiality, .. } = *self;
                LotOrigin::Purchase { purchase_id, business_id, confidentiality }
            }
        }
    )*};
}

of_a_purchase! { BonusAccrued, BonusesRedeemed, BonusReturned, BonusTakenBack, DebtIncurred, DebtRepaid, DebtWrittenOff, }

/// A fact on a member's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is documented on the struct it holds")]
pub enum MemberEvent {
    MemberRegistered(MemberRegistered),
    MembershipBackdated(MembershipBackdated),
    ConsentGranted(ConsentGranted),
    ConsentWithdrawn(ConsentWithdrawn),
    PurchaseRecorded(PurchaseRecorded),
    PurchaseQuarantined(PurchaseQuarantined),
    QuarantineApplied(QuarantineApplied),
    QuarantineDropped(QuarantineDropped),
    PurchaseAmended(PurchaseAmended),
    PurchaseTakenOver(PurchaseTakenOver),
    BonusAccrued(BonusAccrued),
    BonusMatured(BonusMatured),
    BonusExpired(BonusExpired),
    BonusesHeld(BonusesHeld),
    HoldReleased(HoldReleased),
    BonusesRedeemed(BonusesRedeemed),
    PurchaseRefunded(PurchaseRefunded),
    BonusReturned(BonusReturned),
    BonusTakenBack(BonusTakenBack),
    DebtIncurred(DebtIncurred),
    DebtRepaid(DebtRepaid),
    WaitingRefundDropped(WaitingRefundDropped),
    StatusChanged(StatusChanged),
    StatusDowngradeScheduled(StatusDowngradeScheduled),
    StatusDowngradeCancelled(StatusDowngradeCancelled),
    InnerCircleInvited(InnerCircleInvited),
    InnerCircleInvitationWithdrawn(InnerCircleInvitationWithdrawn),
    TopSpendersEntered(TopSpendersEntered),
    TopSpendersLeft(TopSpendersLeft),
    PremiumStarted(PremiumStarted),
    PremiumRenewed(PremiumRenewed),
    PremiumCancelled(PremiumCancelled),
    PremiumLapsed(PremiumLapsed),
    MemberBlocked(MemberBlocked),
    MemberUnblocked(MemberUnblocked),
    PhoneChanged(PhoneChanged),
    BonusGifted(BonusGifted),
    BonusAdjusted(BonusAdjusted),
    BonusWithdrawn(BonusWithdrawn),
    CouponIssued(CouponIssued),
    CouponActivated(CouponActivated),
    CouponRedeemed(CouponRedeemed),
    CouponReckoned(CouponReckoned),
    CouponExpired(CouponExpired),
    CouponRevoked(CouponRevoked),
    ChainTriggered(ChainTriggered),
    ChainConverted(ChainConverted),
    CrossBonusAccrued(CrossBonusAccrued),
    AccountMerged(AccountMerged),
    AccountTakenIn(AccountTakenIn),
    AccountParted(AccountParted),
    AccountRestored(AccountRestored),
    DebtWrittenOff(DebtWrittenOff),
    MemberErased(MemberErased),
    Rights(RightsEvent),
}
