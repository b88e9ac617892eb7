use ledger_core::category::{Category, Confidentiality};
use ledger_core::ids::{GrantId, ReasonId, RefundId};
use ledger_core::member::books::Books;
use ledger_core::member::event::{
    AccountMerged, AccountTakenIn, BonusGifted, EstateLot, GiftKind, HeldPart, Holding, LotPart,
    PhoneChanged, StatusReason, Track,
};
use ledger_core::member::lot::Funder;
use ledger_core::member::state::StatusTrack;
use ledger_core::member::status::Status;
use ledger_core::money::Roubles;
use uuid::Uuid;

use super::*;

const AT: Timestamp = Timestamp::BEGINNING;

fn bonuses(amount: i64) -> Bonuses {
    Bonuses::from_kopecks(amount)
}

fn member(serial: u128) -> MemberId {
    MemberId::from_uuid(Uuid::from_u128(serial))
}

fn lot_id(serial: u128) -> LotId {
    LotId::from_uuid(Uuid::from_u128(serial))
}

/// A lot of 5 bonuses that an admin gave.
fn gift(serial: u128) -> MemberEvent {
    MemberEvent::BonusGifted(BonusGifted {
        grant_id: GrantId::from_uuid(Uuid::from_u128(serial)),
        kind: GiftKind::Goodwill,
        reason_id: None,
        lot: Lot {
            lot_id: lot_id(serial),
            funder: Funder::Coalition,
            amount: bonuses(500),
            opens: Holding::Available,
            available_from: AT,
            expires_at: AT,
        },
    })
}

/// An account with `amount` left of such a lot.
fn estate(serial: u128, amount: i64) -> Estate {
    let part = LotPart {
        lot_id: lot_id(serial),
        origin: LotOrigin::Gift { grant_id: GrantId::from_uuid(Uuid::from_u128(serial)) },
        confidentiality: Confidentiality::Ordinary,
        funder: Funder::Coalition,
        amount: bonuses(amount),
    };
    let lot = HeldPart { part, available_from: AT, expires_at: AT, opened_at: 1 };
    Estate {
        registered_at: AT,
        lots: vec![EstateLot { lot, holding: Holding::Available }],
        debts: Vec::new(),
        books: Books::default(),
        coupons: Vec::new(),
        premium: Vec::new(),
        ordinary: StatusTrack::default(),
        with_medical: StatusTrack::default(),
    }
}

fn reason_id() -> ReasonId {
    ReasonId::from_uuid(Uuid::nil())
}

fn past(facts: &[MemberEvent]) -> Past {
    let mut past = Past::default();
    facts.iter().for_each(|fact| past.add(AT, fact));
    past
}

fn taken_in(serial: u128, amount: i64) -> MemberEvent {
    let estate = estate(serial, amount);
    let fact = AccountTakenIn { absorbed: member(1), reason_id: reason_id(), estate, invited: false };
    MemberEvent::AccountTakenIn(fact)
}

/// The lots that are told, with how many bonuses.
fn told(past: &Past) -> Vec<(LotId, i64)> {
    let all = past.given.iter().chain(&past.came);
    all.map(|(id, lot)| (*id, lot.amount.kopecks())).collect()
}

#[test]
fn a_lot_of_an_account_that_is_one_with_hers_is_told_as_it_was_given() {
    let merged = MemberEvent::AccountMerged(AccountMerged {
        survivor: member(2),
        reason_id: reason_id(),
        estate: estate(7, 300),
    });
    let (old, hers) = (past(&[gift(7), merged]), past(&[gift(8), taken_in(7, 300)]));
    assert_eq!(told(&hers), [(lot_id(8), 500), (lot_id(7), 300)]);
    assert_eq!(told(&Past::together([old, hers])), [(lot_id(7), 500), (lot_id(8), 500)]);
}

#[test]
fn what_went_back_with_another_account_is_not_told_of_hers() {
    let parted = MemberEvent::AccountParted(AccountParted {
        absorbed: member(1),
        reason_id: reason_id(),
        estate: estate(7, 100),
        invited: false,
    });
    // Lot 9 came, too, and nothing is left of it.
    let hers = past(&[gift(8), taken_in(9, 200), taken_in(7, 300), parted]);
    assert_eq!(told(&hers), [(lot_id(8), 500)]);
}

#[test]
fn statuses_refunds_and_phones_are_told_in_their_order() {
    let status = |from, to| {
        MemberEvent::StatusChanged(StatusChanged {
            track: Track::Both,
            from,
            to,
            reason: StatusReason::Reached,
            spent_12m: Roubles::ZERO,
            categories_12m: 0,
            policy_version: 1,
        })
    };
    let refund = MemberEvent::PurchaseRefunded(PurchaseRefunded {
        refund_id: RefundId::from_uuid(Uuid::nil()),
        purchase_id: PurchaseId::from_uuid(Uuid::nil()),
        business_id: BusinessId::from_uuid(Uuid::nil()),
        category: Category::Legal,
        confidentiality: Confidentiality::Ordinary,
        bought_at: AT,
        bill: Roubles::from_kopecks(100_000),
        refunded_before: Roubles::ZERO,
        amount: Roubles::from_kopecks(40_000),
    });
    let later = Timestamp::LAST;
    let mut old = past(&[refund]);
    old.add(later, &status(Status::Vip, Status::Elite));
    let mut hers = past(&[status(Status::Insider, Status::Vip)]);
    hers.add(later, &MemberEvent::PhoneChanged(PhoneChanged { spending_from: later }));
    let all = Past::together([old, hers]);
    let to: Vec<Status> = all.statuses.iter().map(|(_, fact)| fact.to).collect();
    assert_eq!(to, [Status::Vip, Status::Elite]);
    let refunds: Vec<i64> = all.refunds.iter().map(|(_, fact)| fact.amount.kopecks()).collect();
    assert_eq!((refunds, all.phones), (vec![40_000], vec![later]));
}
