//! Lots: when they open, mature and expire, and what she has. Rules B5–B8.

use serde_json::json;

use crate::member::MemberCommand::WriteDue;
use crate::member::command::PurchaseOutcome;
use crate::member::consent::ConsentChoice::{Granted, Withdrawn};
use crate::member::event::{ExpiredTo, Holding, PurchaseQuarantined, QuarantineReason};
use crate::member::status::Status;
use crate::member::testing::{
    anna, anna_since, at, bon, buy, consent, expired, lot, matured, purchase_id, quarantine_id, recorded,
    withdrawn,
};
use crate::rejection::Rejection;

/// The last moment of what was earned at noon of 2026-03-02.
const LAST: &str = "2026-05-31T23:59:59.999999+03:00";
const NOON: &str = crate::member::testing::NOON;

#[test]
fn rule_b5_an_accrual_with_two_funders_makes_two_lots() {
    let decision = anna().when(buy("mindal", "3000.00"));
    let lots = [
        lot(1, "mindal", "150.00", Holding::Available, [NOON, LAST]),
        lot(1, "coalition", "75.00", Holding::Available, [NOON, LAST]),
    ];
    assert_eq!(decision.accrual().lots, lots);
    let facts: Vec<_> = decision.drafted().iter().map(|new| new.cause).collect();
    assert_eq!(facts, [None, Some(0)], "the accrual follows from the purchase");
    assert_eq!(decision.drafted()[0].event, recorded(1, "mindal", "3000.00").into());
    decision.then_outcome(PurchaseOutcome::Recorded {
        amended: false,
        purchase_id: purchase_id(1),
        bonuses_earned: bon("225.00"),
        bonuses_available_from: at(NOON),
        bonuses_expire_at: at(LAST),
        bonuses_redeemed: bon("0.00"),
        coupon: None,
        status: Status::Insider,
    });
}

#[test]
fn rule_b5_an_accrual_with_one_funder_makes_one_lot() {
    let accrual = anna().after(buy("mindal", "1.00")).when(buy("mindal", "100.00")).accrual();
    assert_eq!(accrual.lots, [lot(2, "mindal", "5.00", Holding::Available, [NOON, LAST])]);
}

#[test]
fn rule_b5_a_held_business_gives_lots_that_wait_14_days() {
    let accrual = anna().when(buy("lisichkino", "1000.00")).accrual();
    let free = "2026-03-16T12:00:00+03:00";
    assert_eq!(accrual.lots[0], lot(1, "lisichkino", "50.00", Holding::Pending, [free, LAST]));
    assert_eq!(accrual.lots[1], lot(1, "coalition", "25.00", Holding::Pending, [free, LAST]));
}

#[test]
fn rule_b5_a_purchase_reported_after_its_hold_opens_available() {
    let at_once = anna().when(buy("lisichkino", "1000.00").on("2026-02-16T12:00:00+03:00")).accrual();
    assert_eq!(at_once.lots[0].opens, Holding::Available);
    let just_not = anna().when(buy("lisichkino", "1000.00").on("2026-02-16T12:00:00.000001+03:00")).accrual();
    assert_eq!(just_not.lots[0].opens, Holding::Pending);
}

#[test]
fn rule_b5_the_policys_hold_stands_where_the_business_has_none() {
    let accrual = anna().policy("bonus.hold_days", json!(3)).when(buy("mindal", "1000.00")).accrual();
    assert_eq!(accrual.lots[0].available_from, at("2026-03-05T12:00:00+03:00"));
    let own = anna().policy("bonus.hold_days", json!(3)).when(buy("lisichkino", "1000.00")).accrual();
    assert_eq!(own.lots[0].available_from, at("2026-03-16T12:00:00+03:00"));
}

#[test]
fn rule_b5_the_day_of_the_expiry_is_counted_from_the_moscow_day() {
    let late = anna().when(buy("mindal", "100.00").on("2026-03-01T23:30:00+03:00")).accrual();
    assert_eq!(late.lots[0].expires_at, at("2026-05-30T23:59:59.999999+03:00"));
    let early = anna().when(buy("mindal", "100.00").on("2026-03-01T22:30:00Z")).accrual();
    assert_eq!(early.lots[0].expires_at, at(LAST), "01:30 in Moscow");
}

#[test]
fn rule_b5_a_decision_first_writes_what_is_due() {
    let world = anna().after(buy("lisichkino", "1000.00")).at("2026-03-16T12:00:00+03:00");
    let decision = world.when(buy("mindal", "100.00"));
    let facts: Vec<_> =
        decision.drafted().iter().take(3).map(|new| (new.occurred_at, new.event.clone())).collect();
    let free = at("2026-03-16T12:00:00+03:00");
    assert_eq!(
        facts,
        [
            (free, matured(1, "lisichkino", "lisichkino", "50.00")),
            (free, matured(1, "lisichkino", "coalition", "25.00")),
            (free, recorded(2, "mindal", "100.00").into()),
        ]
    );
}

#[test]
fn rule_b5_a_change_of_consents_first_writes_what_is_due() {
    let world = anna().after(buy("lisichkino", "1000.00")).at("2026-03-16T12:00:00+03:00");
    let due =
        [matured(1, "lisichkino", "lisichkino", "50.00"), matured(1, "lisichkino", "coalition", "25.00")];
    let withdraws = [consent("partner:mindal", Withdrawn)];
    world.clone().when(withdraws.clone()).then([due.to_vec(), vec![withdrawn("partner:mindal")]].concat());
    // Also one that changes nothing; and only once.
    world.clone().when([consent("partner:mindal", Granted)]).then(due);
    world.clone().after(WriteDue).when(withdraws).then([withdrawn("partner:mindal")]);
    let refused = [consent("personal_data", Withdrawn)];
    world.when(refused).then_rejected(Rejection::ConsentRequired);
}

#[test]
fn rule_b5_a_quarantined_document_comes_after_what_is_due() {
    let world = anna_since("2025-01-01T00:00:00Z").after(buy("lisichkino", "1000.00"));
    let world = world.at("2026-03-16T12:00:00+03:00");
    let decision = world.clone().when(buy("mindal", "100.00").on("2025-12-01T12:00:00+03:00"));
    let waits = PurchaseQuarantined {
        quarantine_id: quarantine_id(2),
        reason: QuarantineReason::TooOld,
        resembles: None,
        purchase: recorded(2, "mindal", "100.00"),
    };
    decision.then([
        matured(1, "lisichkino", "lisichkino", "50.00"),
        matured(1, "lisichkino", "coalition", "25.00"),
        waits.into(),
    ]);
    // A document that the ledger does not take is no decision on her.
    let before = buy("mindal", "100.00").on("2024-12-01T12:00:00+03:00");
    world.when(before).then([]);
}

#[test]
fn rule_b5_nothing_matures_a_microsecond_early() {
    let world = anna().after(buy("lisichkino", "1000.00")).at("2026-03-16T11:59:59.999999+03:00");
    assert_eq!(world.balance(), (bon("0.00"), bon("75.00")));
    world.when(WriteDue).then([]);
}

#[test]
fn rule_b5_what_matured_and_expired_long_ago_is_written_in_the_order_of_moments() {
    let world = anna().after(buy("lisichkino", "1000.00")).at("2026-07-01T00:00:00+03:00");
    let decision = world.when(WriteDue).then([
        matured(1, "lisichkino", "lisichkino", "50.00"),
        matured(1, "lisichkino", "coalition", "25.00"),
        expired(1, "lisichkino", "lisichkino", "50.00", ExpiredTo::Funder),
        expired(1, "lisichkino", "coalition", "25.00", ExpiredTo::Funder),
    ]);
    let moments: Vec<_> = decision.drafted().iter().map(|new| new.occurred_at).collect();
    let free = at("2026-03-16T12:00:00+03:00");
    assert_eq!(moments, [free, free, at(LAST), at(LAST)]);
}

#[test]
fn rule_b5_a_hold_longer_than_the_life_expires_from_pending() {
    let world = anna().policy("bonus.hold_days", json!(100)).after(buy("mindal", "100.00"));
    let world = world.at("2026-06-11T00:00:00+03:00").after(WriteDue);
    assert_eq!(world.balance(), (bon("0.00"), bon("0.00")));
    assert_eq!(world.state.live_lots().count(), 0);
    let holdings: Vec<_> = world
        .log
        .iter()
        .filter_map(|(_, event)| match event {
            crate::log::Event::Member(crate::member::event::MemberEvent::BonusExpired(fact)) => {
                Some(fact.holding)
            }
            _ => None,
        })
        .collect();
    assert_eq!(holdings, [Holding::Pending, Holding::Pending]);
}

#[test]
fn rule_b6_the_balance_at_now_does_not_wait_for_what_is_due_to_be_written() {
    let world = anna().after(buy("lisichkino", "1000.00"));
    for (moment, available, pending) in [
        ("2026-03-02T12:00:00+03:00", "0.00", "75.00"),
        ("2026-03-16T11:59:59.999999+03:00", "0.00", "75.00"),
        ("2026-03-16T12:00:00+03:00", "75.00", "0.00"),
        (LAST, "75.00", "0.00"),
        ("2026-06-01T00:00:00+03:00", "0.00", "0.00"),
    ] {
        let unwritten = world.clone().at(moment);
        assert_eq!(unwritten.balance(), (bon(available), bon(pending)), "{moment}, unwritten");
        assert_eq!(unwritten.after(WriteDue).balance(), (bon(available), bon(pending)), "{moment}, written");
    }
}

#[test]
fn rule_b6_expiring_soon_is_by_day_within_30_days() {
    let world = anna().after(buy("mindal", "1000.00")).at("2026-03-03T12:00:00+03:00");
    let world = world.after(buy("mindal", "1000.00")).after(buy("lisichkino", "1000.00"));
    let soon = |moment: &str| {
        let balance = world.state.balance(at(moment), 30).expect("fits");
        balance.expiring_soon.into_iter().collect::<Vec<_>>()
    };
    let next = at("2026-06-01T23:59:59.999999+03:00");
    assert_eq!(soon("2026-04-30T23:59:59.999999+03:00"), []);
    assert_eq!(soon("2026-05-01T00:00:00+03:00"), [(at(LAST), bon("75.00"))]);
    assert_eq!(soon("2026-05-02T00:00:00+03:00"), [(at(LAST), bon("75.00")), (next, bon("125.00"))]);
    assert_eq!(soon("2026-06-01T12:00:00+03:00"), [(next, bon("125.00"))]);
}

#[test]
fn rule_b6_total_is_available_held_and_pending() {
    let world = anna().after(buy("mindal", "1000.00")).after(buy("lisichkino", "1000.00"));
    let balance = world.state.balance(world.now, 30).expect("fits");
    assert_eq!((balance.available, balance.pending), (bon("75.00"), bon("75.00")));
    assert_eq!(
        (balance.held, balance.debt, balance.total()),
        (bon("0.00"), bon("0.00"), Some(bon("150.00")))
    );
}

#[test]
fn rule_b7_lots_are_spent_by_expiry_then_position_then_business_before_coalition() {
    let world = anna()
        .after(buy("mindal", "1000.00"))
        .after(buy("buket", "1000.00"))
        .after(buy("linza", "1000.00").on("2026-02-01T12:00:00+03:00"));
    let order: Vec<_> = world
        .state
        .live_lots()
        .map(|lot| (lot.origin.purchase_id().expect("a purchase"), lot.funder.as_str()))
        .collect();
    assert_eq!(
        order,
        [
            (purchase_id(3), "linza"),
            (purchase_id(3), "coalition"),
            (purchase_id(1), "mindal"),
            (purchase_id(1), "coalition"),
            (purchase_id(2), "buket"),
            (purchase_id(2), "coalition"),
        ]
    );
}

#[test]
fn rule_b8_an_expired_lot_goes_back_to_whom_the_policy_says() {
    let world = anna().after(buy("mindal", "1.00")).after(buy("mindal", "100.00"));
    let due = |to| {
        [
            expired(1, "mindal", "mindal", "0.05", to),
            expired(1, "mindal", "coalition", "0.03", to),
            expired(2, "mindal", "mindal", "5.00", to),
        ]
    };
    world.clone().at("2026-06-01T00:00:00+03:00").when(WriteDue).then(due(ExpiredTo::Funder));
    let changed = world.policy("bonus.expired_to", json!("coalition")).at("2026-06-01T00:00:00+03:00");
    changed.when(WriteDue).then(due(ExpiredTo::Coalition));
}

#[test]
fn rule_b8_p1_the_policy_of_the_expirys_moment_decides_when_it_is_written_in_time() {
    let world = anna().after(buy("mindal", "1.00")).after(buy("mindal", "100.00"));
    let world = world.at("2026-06-01T00:00:00+03:00").policy("bonus.expired_to", json!("coalition"));
    let in_time = world.clone().when(WriteDue);
    assert!(in_time.drafted().contains(&crate::member::draft::NewEvent {
        occurred_at: at(LAST),
        event: expired(2, "mindal", "mindal", "5.00", ExpiredTo::Funder),
        cause: None,
    }));
    let late = world.at("2026-06-03T00:00:00+03:00").when(WriteDue);
    let last = late.drafted().last().expect("an expiry");
    assert_eq!(last.event, expired(2, "mindal", "mindal", "5.00", ExpiredTo::Coalition));
}

#[test]
fn rule_b8_nothing_expires_twice() {
    let world = anna().after(buy("mindal", "100.00")).at("2026-06-01T00:00:00+03:00").after(WriteDue);
    world.when(WriteDue).then([]);
}

#[test]
fn rule_t6_an_import_of_the_tolerated_future_is_pending_until_its_time() {
    let decision = anna().when(buy("mindal", "3000.00").on("2026-03-02T12:04:00+03:00").imported());
    let opens: Vec<_> = decision.accrual().lots.iter().map(|lot| lot.opens).collect();
    assert_eq!(opens, [Holding::Pending, Holding::Pending]);
}
