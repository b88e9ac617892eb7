//! Which lots an event moves, and whether that is a secret. Design J6.
//!
//! Every fact that moves bonuses says of each lot whether it has anything to do with a medical business: earned there, held,
//! spent or taken for one, now or earlier. So a stretch of the log is judged by itself.

use ledger_core::category::Confidentiality;
use ledger_core::ids::LotId;
use ledger_core::log::Event;
use ledger_core::member::event::{DebtRepaid, Estate, LotPart, MemberEvent};
use ledger_core::member::lot::{Lot, LotOrigin};

/// What a movement's row says of its lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotOf {
    /// Which.
    pub lot_id: LotId,
    /// Where it comes from.
    pub origin: LotOrigin,
    /// Whether it has anything to do with a medical business.
    pub confidentiality: Confidentiality,
}

impl From<&LotPart> for LotOf {
    fn from(part: &LotPart) -> Self {
        Self { lot_id: part.lot_id, origin: part.origin, confidentiality: part.confidentiality }
    }
}

fn parts<'a>(parts: impl Iterator<Item = &'a LotPart>) -> Vec<LotOf> {
    parts.map(LotOf::from).collect()
}

/// Lots that a fact opens.
fn opened(lots: &[Lot], origin: LotOrigin) -> Vec<LotOf> {
    lots.iter().map(|lot| of(lot.lot_id, origin)).collect()
}

/// What moves from one account to another: its lots, and what is owed instead of lots.
fn moved(estate: &Estate) -> Vec<LotOf> {
    let mut lots = parts(estate.lots.iter().map(|moved| &moved.lot.part));
    lots.extend(estate.debts.iter().map(|debt| of(debt.lot_id, debt.origin())));
    lots
}

/// The lot that a fact with these fields moves.
macro_rules! moved {
    ($fact:ident) => {
        LotOf { lot_id: $fact.lot_id, origin: $fact.origin, confidentiality: $fact.confidentiality }
    };
}

/// A lot with all that its origin says.
const fn of(lot_id: LotId, origin: LotOrigin) -> LotOf {
    LotOf { lot_id, origin, confidentiality: origin.confidentiality() }
}

/// What the postings of a discount are named by: it moves no bonuses.
pub(crate) fn discount_of(event: &Event) -> Option<LotOf> {
    match event {
        Event::Member(MemberEvent::CouponRedeemed(fact)) => {
            Some(of(LotId::of_coupon(fact.purchase_id), fact.origin()))
        }
        Event::Member(MemberEvent::CouponReckoned(fact)) => {
            Some(of(LotId::of_coupon(fact.purchase_id), fact.origin()))
        }
        _ => None,
    }
}

/// What pays, and what is paid.
fn repaid(fact: &DebtRepaid) -> Vec<LotOf> {
    let mut lots = parts(fact.parts.iter());
    lots.push(of(fact.lot_id, fact.origin()));
    lots
}

/// The kind of movement and its lots, in the order of its postings; `None` for an event that moves no bonuses.
#[must_use]
pub fn lots_of(event: &Event) -> Option<(&'static str, Vec<LotOf>)> {
    let Event::Member(event) = event else { return None };
    if let Some((_, estate)) = event.estate() {
        return Some(("moved", moved(estate)));
    }
    Some(match event {
        MemberEvent::BonusAccrued(fact) => ("accrued", opened(&fact.lots, fact.origin())),
        MemberEvent::BonusMatured(fact) => ("matured", vec![moved!(fact)]),
        MemberEvent::BonusExpired(fact) => ("expired", vec![moved!(fact)]),
        MemberEvent::BonusGifted(fact) => ("gifted", vec![of(fact.lot.lot_id, fact.origin())]),
        MemberEvent::BonusAdjusted(fact) => ("adjusted", vec![of(fact.lot.lot_id, fact.origin())]),
        MemberEvent::BonusWithdrawn(fact) => ("withdrawn", vec![moved!(fact)]),
        MemberEvent::BonusesHeld(fact) => ("held", parts(fact.parts.iter().map(|held| &held.part))),
        MemberEvent::HoldReleased(fact) => ("released", parts(fact.parts.iter())),
        MemberEvent::BonusesRedeemed(fact) => ("redeemed", parts(fact.parts.iter().map(|held| &held.part))),
        MemberEvent::BonusReturned(fact) => {
            let mut lots = parts(fact.parts.iter().map(|held| &held.part).chain(fact.past_life.iter()));
            lots.extend(fact.instead.iter().map(|lot| of(lot.lot_id, fact.origin())));
            ("returned", lots)
        }
        MemberEvent::BonusTakenBack(fact) => {
            let own = fact.own.iter().map(|own| &own.part);
            ("taken_back", parts(own.chain(fact.others.iter().map(|other| &other.part))))
        }
        MemberEvent::DebtIncurred(fact) => ("owed", vec![of(fact.lot_id, fact.origin())]),
        MemberEvent::DebtRepaid(fact) => ("repaid", repaid(fact)),
        MemberEvent::DebtWrittenOff(fact) => ("written_off", vec![of(fact.lot_id, fact.origin())]),
        MemberEvent::CrossBonusAccrued(fact) => ("cross_bonus", opened(fact.lot.as_slice(), fact.origin())),
        MemberEvent::CouponRedeemed(fact) => ("coupon", opened(fact.lot.as_slice(), fact.origin())),
        MemberEvent::CouponReckoned(fact) => ("coupon", opened(fact.lot.as_slice(), fact.origin())),
        MemberEvent::MemberRegistered(_)
        | MemberEvent::MembershipBackdated(_)
        | MemberEvent::ConsentGranted(_)
        | MemberEvent::ConsentWithdrawn(_)
        | MemberEvent::PurchaseRecorded(_)
        | MemberEvent::PurchaseQuarantined(_)
        | MemberEvent::QuarantineApplied(_)
        | MemberEvent::QuarantineDropped(_)
        | MemberEvent::PurchaseAmended(_)
        | MemberEvent::PurchaseTakenOver(_)
        | MemberEvent::PurchaseRefunded(_)
        | MemberEvent::WaitingRefundDropped(_)
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
        | MemberEvent::AccountMerged(_)
        | MemberEvent::AccountTakenIn(_)
        | MemberEvent::AccountParted(_)
        | MemberEvent::AccountRestored(_)
        | MemberEvent::MemberErased(_)
        | MemberEvent::Rights(_) => return None,
    })
}
