//! What a fact does to a member's total: the lines of her history. `api.md`, `/loyalty/transactions`.

use uuid::Uuid;

use crate::ids::{CorrelationId, GrantId, ReasonId};
use crate::member::event::{
    AccountMerged, AccountParted, AccountRestored, AccountTakenIn, BonusTakenBack, MemberEvent,
};
use crate::member::lot::LotOrigin;
use crate::money::Bonuses;

/// The type of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the HTTP contract")]
pub enum LineKind {
    Earned,
    Spent,
    Expired,
    Returned,
    Revoked,
    Adjusted,
    Gift,
}

impl LineKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Earned, Self::Spent, Self::Expired, Self::Returned, Self::Revoked, Self::Adjusted, Self::Gift];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Earned => "earned",
            Self::Spent => "spent",
            Self::Expired => "expired",
            Self::Returned => "returned",
            Self::Revoked => "revoked",
            Self::Adjusted => "adjusted",
            Self::Gift => "gift",
        }
    }
}

/// One movement. Those of one cause, kind and origin that follow one another are one line: see [`Movement::cause`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// Which type of line it is, or is a part of.
    pub kind: LineKind,
    /// What it does to the total; kopecks, signed.
    pub change: i64,
    /// What the bonuses came from, or the purchase or adjustment that moved them.
    pub origin: LotOrigin,
}

impl Movement {
    /// What `event` does to the total; `None` for what does nothing to it.
    #[must_use]
    pub fn of(event: &MemberEvent) -> Option<Self> {
        use LineKind::{Adjusted, Earned, Expired, Gift, Returned, Revoked, Spent};
        let gain = |kind, amount: Bonuses, origin| Self { kind, change: amount.kopecks(), origin };
        let loss =
            |kind, amount: Bonuses, origin| Self { kind, change: amount.kopecks().saturating_neg(), origin };
        let movement = match event {
            MemberEvent::BonusAccrued(fact) => gain(Earned, fact.amount, fact.origin()),
            MemberEvent::BonusesRedeemed(fact) => loss(Spent, fact.amount, fact.origin()),
            MemberEvent::BonusReturned(fact) => gain(Returned, fact.amount, fact.origin()),
            MemberEvent::BonusTakenBack(fact) => loss(Revoked, of_lots(fact), fact.origin()),
            MemberEvent::DebtRepaid(fact) => loss(Revoked, fact.amount, fact.origin()),
            MemberEvent::BonusExpired(fact) => loss(Expired, fact.amount, fact.origin),
            MemberEvent::BonusGifted(fact) => gain(Gift, fact.lot.amount, fact.origin()),
            MemberEvent::BonusAdjusted(fact) => gain(Adjusted, fact.lot.amount, fact.origin()),
            MemberEvent::CrossBonusAccrued(fact) => gain(Earned, fact.lot.as_ref()?.amount, fact.origin()),
            // A discount moves no bonuses.
            MemberEvent::CouponRedeemed(fact) => gain(Gift, fact.lot.as_ref()?.amount, fact.origin()),
            MemberEvent::CouponReckoned(fact) => gain(Gift, fact.lot.as_ref()?.amount, fact.origin()),
            // One line for the adjustment, whatever lots it takes from.
            MemberEvent::BonusWithdrawn(fact) => {
                loss(Adjusted, fact.amount, LotOrigin::Adjustment { grant_id: fact.grant_id })
            }
            // One line for what moves between two accounts that become one, or two again.
            MemberEvent::AccountMerged(AccountMerged { estate, reason_id, .. })
            | MemberEvent::AccountParted(AccountParted { estate, reason_id, .. }) => {
                loss(Adjusted, estate.bonuses(), moved_for(*reason_id))
            }
            MemberEvent::AccountTakenIn(AccountTakenIn { estate, reason_id, .. })
            | MemberEvent::AccountRestored(AccountRestored { estate, reason_id, .. }) => {
                gain(Adjusted, estate.bonuses(), moved_for(*reason_id))
            }
            // What matures or is held moves within the total; a debt is not in it until it is paid.
            MemberEvent::BonusMatured(_)
            | MemberEvent::BonusesHeld(_)
            | MemberEvent::HoldReleased(_)
            | MemberEvent::PurchaseRefunded(_)
            | MemberEvent::DebtIncurred(_)
            | MemberEvent::WaitingRefundDropped(_)
            | MemberEvent::MemberRegistered(_)
            | MemberEvent::MembershipBackdated(_)
            | MemberEvent::ConsentGranted(_)
            | MemberEvent::ConsentWithdrawn(_)
            | MemberEvent::PurchaseRecorded(_)
            | MemberEvent::PurchaseQuarantined(_)
            | MemberEvent::QuarantineApplied(_)
            | MemberEvent::QuarantineDropped(_)
            | MemberEvent::PurchaseAmended(_)
            | MemberEvent::PurchaseTakenOver(_)
            | MemberEvent::StatusChanged(_)
            | MemberEvent::StatusDowngradeScheduled(_)
            | MemberEvent::StatusDowngradeCancelled(_)
            | MemberEvent::InnerCircleInvited(_)
            | MemberEvent::InnerCircleInvitationWithdrawn(_)
            | MemberEvent::TopSpendersEntered(_)
            | MemberEvent::TopSpendersLeft(_)
            | MemberEvent::PremiumStarted(_)
            | MemberEvent::PremiumRenewed(_)
            | MemberEvent::PremiumCancelled(_)
            | MemberEvent::PremiumLapsed(_)
            | MemberEvent::MemberBlocked(_)
            | MemberEvent::MemberUnblocked(_)
            | MemberEvent::PhoneChanged(_)
            | MemberEvent::CouponIssued(_)
            | MemberEvent::CouponActivated(_)
            | MemberEvent::CouponExpired(_)
            | MemberEvent::CouponRevoked(_)
            | MemberEvent::ChainTriggered(_)
            | MemberEvent::ChainConverted(_)
            | MemberEvent::DebtWrittenOff(_)
            | MemberEvent::MemberErased(_)
            | MemberEvent::Rights(_) => return None,
        };
        // An accrual of nothing moves nothing.
        (movement.change != 0).then_some(movement)
    }

    /// What the movements of one line have in common: the request they follow from, the kind, and the origin.
    #[must_use]
    pub fn cause(&self, request: CorrelationId) -> Uuid {
        let kind = Uuid::new_v5(&request.as_uuid(), self.kind.as_str().as_bytes());
        Uuid::new_v5(&kind, self.origin.id().as_bytes())
    }
}

/// What moves between accounts is an adjustment by an admin, for a reason that names it.
const fn moved_for(reason_id: ReasonId) -> LotOrigin {
    LotOrigin::Adjustment { grant_id: GrantId::from_uuid(reason_id.as_uuid()) }
}

/// What a take-back takes of lots now: not what had expired before, nor what becomes debt.
fn of_lots(fact: &BonusTakenBack) -> Bonuses {
    let own = fact.own.iter().map(|own| own.part.amount);
    let amounts = own.chain(fact.others.iter().map(|other| other.part.amount));
    Bonuses::checked_sum(amounts).unwrap_or(Bonuses::from_kopecks(i64::MAX))
}
