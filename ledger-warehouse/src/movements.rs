//! What an event adds to the purchases and movements that ClickHouse holds. Design J6.
//!
//! Who sends makes rows out of postings; here it is told out of the facts themselves, so that the one can be held against the
//! other.

use ledger_core::category::Confidentiality;
use ledger_core::member::event::{CouponReckoned, CouponRedeemed, LotPart, MemberEvent};
use uuid::Uuid;

use crate::tally::Purchases;

/// Kinds of movements, as ClickHouse names them.
pub const KINDS: [&str; 17] = [
    "accrued",
    "matured",
    "expired",
    "held",
    "released",
    "redeemed",
    "returned",
    "taken_back",
    "owed",
    "repaid",
    "gifted",
    "adjusted",
    "withdrawn",
    "coupon",
    "moved",
    "cross_bonus",
    "written_off",
];

/// What a fact adds to the purchases at an ordinary business, and at which: the sale as it first was, with what it earned (edits and
/// refunds are other rows); `None` for any other fact, and for what is a medical secret.
#[must_use]
pub fn purchased(fact: &MemberEvent) -> Option<(Uuid, Purchases)> {
    let (business_id, confidentiality, one) = match fact {
        MemberEvent::PurchaseRecorded(fact) => {
            let one = Purchases { count: 1, amount: fact.amount.kopecks().into(), bonuses: 0 };
            (fact.business_id, fact.confidentiality, one)
        }
        // What a revision of the document adds is said by that revision (Rule D3).
        MemberEvent::BonusAccrued(fact) if fact.revision.is_none() => {
            let one = Purchases { count: 0, amount: 0, bonuses: fact.amount.kopecks().into() };
            (fact.business_id, fact.confidentiality, one)
        }
        _ => return None,
    };
    (confidentiality == Confidentiality::Ordinary).then(|| (business_id.as_uuid(), one))
}

/// What a fact moves of lots that have nothing to do with a clinic: the place of each movement in [`KINDS`], and how much, in
/// hundredths of a bonus.
#[must_use]
pub fn moved(fact: &MemberEvent) -> Vec<(usize, i64)> {
    let ordinary = all_moved(fact).into_iter().filter(|(_, secret, _)| *secret == Confidentiality::Ordinary);
    ordinary.map(|(kind, _, kopecks)| (kind, kopecks)).collect()
}

/// What a fact moves, lot by lot: its place in [`KINDS`], whether it is a secret, how much.
fn all_moved(fact: &MemberEvent) -> Vec<(usize, Confidentiality, i64)> {
    fn parts<'a>(
        kind: usize,
        parts: impl Iterator<Item = &'a LotPart>,
    ) -> Vec<(usize, Confidentiality, i64)> {
        parts.map(|part| (kind, part.confidentiality, part.amount.kopecks())).collect()
    }
    match fact {
        MemberEvent::BonusAccrued(fact) => {
            fact.lots.iter().map(|lot| (0, fact.confidentiality, lot.amount.kopecks())).collect()
        }
        MemberEvent::BonusMatured(fact) => vec![(1, fact.confidentiality, fact.amount.kopecks())],
        MemberEvent::BonusExpired(fact) => vec![(2, fact.confidentiality, fact.amount.kopecks())],
        MemberEvent::BonusesHeld(fact) => parts(3, fact.parts.iter().map(|held| &held.part)),
        MemberEvent::HoldReleased(fact) => parts(4, fact.parts.iter()),
        MemberEvent::BonusesRedeemed(fact) => parts(5, fact.parts.iter().map(|held| &held.part)),
        MemberEvent::BonusReturned(fact) => {
            let mut moved = parts(6, fact.parts.iter().map(|held| &held.part).chain(fact.past_life.iter()));
            let instead = fact.instead.iter();
            moved.extend(instead.map(|lot| (6, fact.confidentiality, lot.amount.kopecks())));
            moved
        }
        MemberEvent::BonusTakenBack(fact) => {
            let own = fact.own.iter().map(|own| &own.part);
            parts(7, own.chain(fact.others.iter().map(|other| &other.part)))
        }
        MemberEvent::DebtIncurred(fact) => vec![(8, fact.confidentiality, fact.amount.kopecks())],
        MemberEvent::DebtRepaid(fact) => {
            let mut moved = parts(9, fact.parts.iter());
            moved.push((9, fact.confidentiality, fact.amount.kopecks()));
            moved
        }
        MemberEvent::BonusGifted(fact) => vec![(10, Confidentiality::Ordinary, fact.lot.amount.kopecks())],
        MemberEvent::BonusAdjusted(fact) => vec![(11, Confidentiality::Ordinary, fact.lot.amount.kopecks())],
        MemberEvent::BonusWithdrawn(fact) => vec![(12, fact.confidentiality, fact.amount.kopecks())],
        MemberEvent::CouponRedeemed(CouponRedeemed { confidentiality, lot, .. })
        | MemberEvent::CouponReckoned(CouponReckoned { confidentiality, lot, .. }) => {
            lot.iter().map(|lot| (13, *confidentiality, lot.amount.kopecks())).collect()
        }
        MemberEvent::CrossBonusAccrued(fact) => {
            fact.lot.iter().map(|lot| (15, fact.confidentiality, lot.amount.kopecks())).collect()
        }
        MemberEvent::DebtWrittenOff(fact) => vec![(16, fact.confidentiality, fact.amount.kopecks())],
        other => {
            let Some((_, estate)) = other.estate() else { return Vec::new() };
            let mut moved = parts(14, estate.lots.iter().map(|moved| &moved.lot.part));
            moved.extend(estate.debts.iter().map(|debt| (14, debt.confidentiality, debt.left.kopecks())));
            moved
        }
    }
}
