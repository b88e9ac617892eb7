//! Which lots an event moves, and whether that is a secret. Design J6.
//!
//! Every fact that moves bonuses says of each lot whether it has anything to do with a medical business: earned there, held,
//! spent or taken for one, now or earlier. So a stretch of the log is judged by itself.

use ledger_core::category::Confidentiality;
use ledger_core::ids::{BusinessId, LotId, PurchaseId};
use ledger_core::log::Event;
use ledger_core::member::event::MemberEvent;

/// What a movement's row says of its lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LotOf {
    pub(super) lot_id: LotId,
    pub(super) purchase_id: PurchaseId,
    pub(super) business_id: BusinessId,
    pub(super) confidentiality: Confidentiality,
}

/// The lot that a fact with these fields is about.
macro_rules! lot {
    ($fact:ident, $lot_id:expr) => {
        LotOf {
            lot_id: $lot_id,
            purchase_id: $fact.purchase_id,
            business_id: $fact.business_id,
            confidentiality: $fact.confidentiality,
        }
    };
}

/// The kind of movement and its lots, in the order of its postings; `None` for an event that moves no bonuses.
pub(super) fn lots_of(event: &Event) -> Option<(&'static str, Vec<LotOf>)> {
    let Event::Member(event) = event else { return None };
    Some(match event {
        MemberEvent::BonusAccrued(fact) => {
            ("accrued", fact.lots.iter().map(|lot| lot!(fact, lot.lot_id)).collect())
        }
        MemberEvent::BonusMatured(fact) => ("matured", vec![lot!(fact, fact.lot_id)]),
        MemberEvent::BonusExpired(fact) => ("expired", vec![lot!(fact, fact.lot_id)]),
        MemberEvent::MemberRegistered(_)
        | MemberEvent::MembershipBackdated(_)
        | MemberEvent::ConsentGranted(_)
        | MemberEvent::ConsentWithdrawn(_)
        | MemberEvent::PurchaseRecorded(_)
        | MemberEvent::PurchaseQuarantined(_)
        | MemberEvent::StatusChanged(_)
        | MemberEvent::StatusDowngradeScheduled(_)
        | MemberEvent::StatusDowngradeCancelled(_) => return None,
    })
}
