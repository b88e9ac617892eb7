//! Money given back. Rules F1–F4, F6, D4, S7.

use serde_json::json;

use crate::business::decide::{WaitForPurchase, wait_for_purchase};
use crate::ids::LotId;
use crate::ids::{MemberId, PurchaseId};
use crate::log::Event;
use crate::member::MemberOutcome;
use crate::member::event::{BonusTakenBack, MemberEvent, StatusChanged};
use crate::member::lot::Funder;
use crate::member::status::Status;
use crate::member::testing::{
    Decision, NOON, World, anna, at, bon, business_id, buy, give_back, hold, purchase_id, refund_id, rub,
};
use crate::postings::{Account, Unit, postings};
use crate::rejection::Rejection;

fn outcome(decision: &Decision) -> [String; 3] {
    let MemberOutcome::Refunded { bonuses_taken_back, bonuses_returned, debt, .. } = decision.outcome()
    else {
        panic!("refunded")
    };
    [bonuses_taken_back, bonuses_returned, debt].map(ToString::to_string)
}

fn taken(decision: &Decision) -> BonusTakenBack {
    let found = decision.drafted().iter().find_map(|new| match &new.event {
        Event::Member(MemberEvent::BonusTakenBack(fact)) => Some(fact.clone()),
        _ => None,
    });
    found.expect("a take-back")
}

fn total(world: &World) -> [String; 2] {
    let (total, debt) = world.total_and_debt();
    [total.to_string(), debt.to_string()]
}

/// Anna spent all 750.00 that 10,000 ₽ at mindal had earned, at kozha (which earned 56.25 of 750 ₽).
fn spent() -> World {
    let world = anna().after(buy("mindal", "10000.00")).after(hold(1, "kozha", "1500.00", "750.00"));
    world.after(buy("kozha", "1500.00").paying(1, None))
}

#[test]
fn rule_f1_refunds_add_up_to_the_purchase_and_no_further() {
    let world = anna().after(buy("mindal", "1000.00"));
    let over =
        |asked: &str, left: &str| Rejection::RefundExceedsPurchase { asked: rub(asked), left: rub(left) };
    world.clone().when(give_back(1, 1, "1000.01")).then_rejected(over("1000.01", "1000.00"));
    let world = world.after(give_back(1, 1, "400.00"));
    world.clone().when(give_back(2, 1, "600.01")).then_rejected(over("600.01", "600.00"));
    let world = world.after(give_back(2, 1, "600.00"));
    world.clone().when(give_back(3, 1, "0.01")).then_rejected(over("0.01", "0.00"));
    assert_eq!(total(&world), ["0.00", "0.00"]);
}

#[test]
fn rule_f2_an_accrual_is_taken_back_in_proportion_each_funder_by_its_own_lot() {
    // 75.00 for 1,000.00: 50.00 of mindal's, 25.00 of the coalition's. A third of it:
    let decision = anna().after(buy("mindal", "1000.00")).when(give_back(1, 1, "333.33"));
    assert_eq!(outcome(&decision), ["25.00", "0.00", "0.00"], "24.99975 rounded");
    let own: Vec<_> = taken(&decision).own.into_iter().map(|own| own.part.amount.to_string()).collect();
    assert_eq!(own, ["16.67", "8.33"], "two thirds of it rounded, and the rest");
}

#[test]
fn rule_f2_a_pending_lot_is_taken_back_and_what_had_expired_counts() {
    let decision = anna().after(buy("lisichkino", "1000.00")).when(give_back(1, 1, "500.00"));
    assert_eq!(outcome(&decision), ["37.50", "0.00", "0.00"]);
    let expired = anna().after(buy("mindal", "1000.00")).at("2026-06-10T12:00:00+03:00");
    let decision = expired.clone().when(give_back(1, 1, "400.00"));
    assert_eq!(outcome(&decision), ["30.00", "0.00", "0.00"]);
    let fact = taken(&decision);
    assert!(fact.own.is_empty() && fact.others.is_empty());
    assert_eq!(fact.expired.len(), 2);
    // What counted once does not count again: the whole of it has expired, and the whole is taken back.
    let decision = expired.after(give_back(1, 1, "400.00")).when(give_back(2, 1, "600.00"));
    assert_eq!(outcome(&decision), ["45.00", "0.00", "0.00"]);
}

#[test]
fn rule_f2_what_own_lots_cannot_give_is_taken_of_others_and_then_owed() {
    let decision = spent().when(give_back(1, 1, "10000.00"));
    assert_eq!(outcome(&decision), ["750.00", "0.00", "693.75"]);
    let fact = taken(&decision);
    assert!(fact.own.is_empty());
    let others: Vec<_> = fact
        .others
        .into_iter()
        .map(|other| (other.creditor.to_string(), other.part.amount.to_string()))
        .collect();
    // The business's share before the coalition's.
    assert_eq!(
        others,
        [("mindal".to_owned(), "37.50".to_owned()), ("mindal".to_owned(), "18.75".to_owned())]
    );
    let world = spent().after(give_back(1, 1, "10000.00"));
    assert_eq!(total(&world), ["0.00", "693.75"]);
    let owed: Vec<_> =
        world.state.debts().iter().map(|debt| (debt.creditor.to_string(), debt.left.to_string())).collect();
    assert_eq!(
        owed,
        [("mindal".to_owned(), "443.75".to_owned()), ("coalition".to_owned(), "250.00".to_owned())]
    );
}

#[test]
fn rule_f2_other_purchases_pending_lots_and_held_bonuses_are_not_touched() {
    let world = anna().after(buy("mindal", "1000.00")).after(hold(1, "mindal", "200.00", "75.00"));
    let world = world.after(buy("lisichkino", "1000.00")).after(give_back(1, 1, "1000.00"));
    let balance = world.state.balance(world.now, 30).expect("fits");
    assert_eq!((balance.pending, balance.held, balance.debt), (bon("75.00"), bon("75.00"), bon("75.00")));
}

#[test]
fn rule_f3_whatever_becomes_available_pays_the_oldest_debt_first() {
    let world = spent().after(give_back(1, 1, "10000.00"));
    // Accrued: 525.00 for 7,000 ₽, since nothing is left of what she bought in this category.
    let accrued = world.clone().after(buy("mindal", "7000.00"));
    assert_eq!(total(&accrued), ["0.00", "168.75"]);
    let owed: Vec<_> = accrued.state.debts().iter().map(|debt| debt.creditor.clone()).collect();
    assert_eq!(owed, [Funder::Coalition], "mindal is paid first");
    // Matured: seen before it is written, the same after.
    let pending = world.after(buy("lisichkino", "20000.00"));
    assert_eq!(total(&pending), ["1500.00", "693.75"]);
    let matured = pending.at("2026-03-16T12:00:00+03:00");
    assert_eq!(total(&matured), ["806.25", "0.00"]);
    let written = matured.after(crate::member::MemberCommand::WriteDue);
    assert_eq!(total(&written), ["806.25", "0.00"]);
    assert!(written.state.debts().is_empty());
}

#[test]
fn rule_f3_a_released_hold_pays_debts() {
    let world = anna().after(buy("mindal", "1000.00")).after(hold(1, "mindal", "200.00", "75.00"));
    let world = world.after(give_back(1, 1, "1000.00"));
    assert_eq!(total(&world), ["75.00", "75.00"]);
    assert_eq!(total(&world.clone().at("2026-03-02T13:00:00+03:00")), ["0.00", "0.00"]);
    assert_eq!(total(&world.after(crate::member::testing::cancel(1, "mindal"))), ["0.00", "0.00"]);
}

#[test]
fn rule_f4_spent_bonuses_come_back_to_their_lots_the_last_spent_first() {
    let world = spent();
    let decision = world.clone().when(give_back(1, 2, "500.00"));
    assert_eq!(outcome(&decision), ["18.75", "250.00", "0.00"]);
    let parts = decision.drafted().iter().find_map(|new| match &new.event {
        Event::Member(MemberEvent::BonusReturned(fact)) => Some(fact.parts.clone()),
        _ => None,
    });
    let parts: Vec<_> =
        parts.expect("a return").into_iter().map(|held| (held.part.lot_id, held.part.amount)).collect();
    assert_eq!(parts, [(LotId::of(purchase_id(1), "coalition"), bon("250.00"))]);
    let all = world.after(give_back(1, 2, "500.00")).after(give_back(2, 2, "1000.00"));
    assert_eq!(total(&all), ["750.00", "0.00"]);
    let left: Vec<_> = all.state.live_lots().map(|lot| (lot.lot_id, lot.left)).collect();
    let lot = |funder| LotId::of(purchase_id(1), funder);
    assert_eq!(left, [(lot("mindal"), bon("500.00")), (lot("coalition"), bon("250.00"))], "as they were");
}

#[test]
fn rule_f4_what_comes_back_past_its_life_gets_seven_days_of_the_coalitions() {
    let world = spent().at("2026-06-10T12:00:00+03:00");
    let world = world.after(give_back(1, 2, "1500.00"));
    assert_eq!(total(&world), ["750.00", "0.00"]);
    let lot = world.state.live_lots().next().expect("a lot");
    assert_eq!((lot.lot_id, &lot.funder), (LotId::returned_by(refund_id(1)), &Funder::Coalition));
    assert_eq!(lot.expires_at, crate::member::testing::at("2026-06-17T23:59:59.999999+03:00"));
}

#[test]
fn rules_f2_m2_what_came_back_past_its_life_has_expired_and_its_funder_is_paid_once() {
    let world = spent().at("2026-06-10T12:00:00+03:00").after(give_back(1, 2, "1500.00"));
    let decision = world.clone().when(give_back(2, 1, "10000.00"));
    assert_eq!(outcome(&decision), ["750.00", "0.00", "0.00"]);
    let fact = taken(&decision);
    let counted: Vec<_> = fact.expired.iter().map(|part| part.amount).collect();
    assert_eq!(counted, [bon("500.00"), bon("250.00")]);
    assert!(fact.own.is_empty() && fact.others.is_empty(), "{fact:?}");
    assert_eq!(total(&world.after(give_back(2, 1, "10000.00"))), ["750.00", "0.00"]);
}

#[test]
fn rule_f3_what_comes_back_pays_an_older_debt_before_the_take_back() {
    let world = spent().after(give_back(1, 1, "10000.00")).after(give_back(2, 2, "1500.00"));
    // 693.75 owed; 750.00 come back and pay it; of the 56.25 left the kozha accrual takes 56.25, which had been taken.
    assert_eq!(total(&world), ["0.00", "0.00"]);
}

#[test]
fn rule_f6_s2_a_refund_lowers_what_she_spent_and_undoes_a_category() {
    let world = anna()
        .policy("status.grace_days", json!(0))
        .after(buy("mindal", "10000.00"))
        .after(buy("kozha", "10000.00"))
        .after(buy("zakon", "10000.00"));
    assert_eq!(world.state.shown().status, Status::Vip);
    let decision = world.clone().when(give_back(1, 3, "0.01"));
    let fell = decision.drafted().iter().find_map(|new| match &new.event {
        Event::Member(MemberEvent::StatusChanged(StatusChanged {
            to, spent_12m, categories_12m, ..
        })) => Some((*to, *spent_12m, *categories_12m)),
        _ => None,
    });
    assert_eq!(fell, Some((Status::Insider, rub("29999.99"), 3)));
    // Rule B2: a category of which every purchase was refunded is new again.
    let again = world.after(give_back(1, 3, "10000.00")).when(buy("zakon", "1000.00")).accrual();
    assert_eq!(
        (again.inputs.new_category.to_string().as_str(), again.inputs.status),
        ("1.5", Status::Insider)
    );
}

#[test]
fn rule_s7_a_refund_at_a_clinic_touches_only_the_status_with_clinics() {
    let world = anna()
        .policy("status.grace_days", json!(0))
        .after(buy("mindal", "15000.00"))
        .after(buy("kozha", "15000.00"))
        .after(buy("skinerica", "15000.00"))
        .after(buy("zakon", "15000.00"));
    let decision = world.when(give_back(1, 3, "15000.00"));
    let statuses =
        decision.drafted().iter().filter(|new| new.event.event_type().starts_with("Status")).count();
    assert_eq!(statuses, 0, "45,000 in three categories with clinics or without");
    assert_eq!(outcome(&decision)[2], "0.00");
}

#[test]
fn rule_f1_another_businesss_purchase_is_not_there() {
    let mut world = anna().after(buy("mindal", "1000.00"));
    let crate::member::MemberCommand::RefundPurchase(mut command) =
        crate::member::testing::Ask::command(give_back(1, 1, "10.00"), &mut world)
    else {
        panic!("a refund")
    };
    command.business_id = business_id("kozha");
    let command = crate::member::MemberCommand::RefundPurchase(command);
    world.when(command).then_rejected(Rejection::PurchaseNotFound);
}

/// Mindal gives money back for the first purchase, which nobody has recorded.
pub(super) fn refund_waits(world: World, (serial, amount): (u8, &str)) -> World {
    let refund =
        crate::member::Refund { refund_id: refund_id(serial), amount: rub(amount), occurred_at: world.now };
    let command = WaitForPurchase { business_id: business_id("mindal"), purchase_id: purchase_id(1), refund };
    wait(world, &command).expect("it waits")
}

fn wait(mut world: World, command: &WaitForPurchase) -> Result<World, Rejection> {
    let context = crate::context::Context { recorded_at: world.now, registry: &world.registry };
    let waiting = wait_for_purchase(command, &context)?;
    waiting.into_iter().for_each(|event| world.write(world.now, event));
    Ok(world)
}

#[test]
fn rule_d4_refunds_that_came_first_take_effect_with_the_purchase() {
    let world = [(1, "400.00"), (2, "700.00")].into_iter().fold(anna(), refund_waits);
    let late = world.clone().at("2026-04-01T12:00:00.000001+03:00").after(buy("mindal", "1000.00"));
    assert_eq!(total(&late), ["75.00", "0.00"], "given up after 30 days");
    let world = world.at("2026-04-01T12:00:00+03:00");
    let decision = world.clone().when(buy("mindal", "1000.00"));
    let types: Vec<_> = decision.drafted().iter().map(|new| new.event.event_type()).collect();
    let expected = [
        "PurchaseRecorded",
        "BonusAccrued",
        "PurchaseRefunded",
        "BonusTakenBack",
        "WaitingRefundDropped",
        "WaitingRefundsClosed",
    ];
    assert_eq!(types, expected);
    let refunded = decision.drafted().iter().find(|new| new.event.event_type() == "PurchaseRefunded");
    assert_eq!(refunded.map(|new| new.occurred_at), Some(at(NOON)), "Rule T1: when it was");
    assert_eq!(total(&world.after(buy("mindal", "1000.00"))), ["45.00", "0.00"]);
}

#[test]
fn rule_d4_so_many_refunds_wait_and_no_more_and_none_that_took_effect() {
    let mut world = refund_waits(anna(), (1, "400.00"));
    for number in 2..=10_000_u32 {
        let purchase_id = PurchaseId::from_uuid(uuid::Uuid::from_u128(0xd4_0000 + u128::from(number)));
        let refund =
            crate::member::Refund { refund_id: refund_id(2), amount: rub("1.00"), occurred_at: world.now };
        let command = WaitForPurchase { business_id: business_id("mindal"), purchase_id, refund };
        world = wait(world, &command).expect("there is room");
    }
    let refund =
        crate::member::Refund { refund_id: refund_id(3), amount: rub("1.00"), occurred_at: world.now };
    let one_more =
        WaitForPurchase { business_id: business_id("mindal"), purchase_id: purchase_id(2), refund };
    assert_eq!(wait(world.clone(), &one_more).err(), Some(Rejection::TooManyWaiting));
    // Another business's queue is its own.
    let elsewhere = WaitForPurchase { business_id: business_id("kozha"), ..one_more };
    assert!(wait(world.clone(), &elsewhere).is_ok());
    // The purchase that the first one waits for makes room for another.
    let world = wait(world.after(buy("mindal", "1000.00")), &one_more).expect("there is room again");
    assert_eq!(wait(world, &one_more).err(), Some(Rejection::TooManyWaiting));
}

#[test]
fn rule_f3_what_was_due_before_a_purchase_pays_the_debt_and_not_the_purchase() {
    // 75.00 held while their purchase is refunded: owed. At 12:15 they come back and pay.
    let world = anna().after(buy("mindal", "1000.00")).after(hold(1, "mindal", "150.00", "75.00"));
    let world = world.after(give_back(2, 1, "1000.00")).at("2026-03-02T12:15:00+03:00");
    let before = world.state.balance(world.now, 30).expect("fits");
    assert_eq!((before.available, before.debt), (bon("0.00"), bon("0.00")), "as she is shown it");
    // A purchase of the day before, whose lot would be spent first (Rule B7).
    let world = world.after(buy("kozha", "1000.00").on("2026-03-01T13:00:00+03:00"));
    let lots: Vec<_> = world.state.live_lots().map(|lot| lot.lot_id).collect();
    let of = |funder| LotId::of(purchase_id(2), funder);
    assert_eq!(lots, [of("kozha"), of("coalition")], "untouched");
}

/// What is on an account after her whole history.
fn posted(world: &World, unit: Unit, account: &Account) -> String {
    let member = MemberId::from_uuid(uuid::Uuid::nil());
    let all = world.log.iter().flat_map(|(_, event)| postings(member, event));
    let here = all.filter(|posting| posting.unit == unit && posting.account == *account);
    crate::money::Roubles::from_kopecks(here.map(|posting| posting.kopecks).sum()).to_string()
}

#[test]
fn rule_m2_each_funder_is_paid_what_it_is_owed_and_no_more() {
    let of = |name: &str| name.parse::<Funder>().expect("a funder");
    let clearing = |world: &World, name| posted(world, Unit::Rub, &Account::Clearing(of(name)));
    let [redeemed, claims] = [Account::Redeemed as fn(Funder) -> Account, Account::Claims];
    // Spent at kozha: mindal and the coalition have paid 500 and 250, kozha got 750 and paid 37.50 for its own.
    let world = spent();
    assert_eq!(
        ["mindal", "kozha", "coalition"].map(|name| clearing(&world, name)),
        ["-500.00", "712.50", "-268.75"]
    );
    assert_eq!(posted(&world, Unit::Bon, &redeemed(of("kozha"))), "750.00");
    // Refunded at mindal: the 56.25 of kozha's purchase count as spent with mindal, and 693.75 are claimed.
    let world = world.after(give_back(1, 1, "10000.00"));
    assert_eq!(
        ["mindal", "kozha", "coalition"].map(|name| clearing(&world, name)),
        ["-443.75", "712.50", "-268.75"]
    );
    assert_eq!(posted(&world, Unit::Bon, &redeemed(of("mindal"))), "56.25");
    assert_eq!(
        ["mindal", "coalition"].map(|name| posted(&world, Unit::Bon, &claims(of(name)))),
        ["443.75", "250.00"]
    );
    // Paid by 750 of a later purchase at zakon (500 of it zakon's): both have what their bonuses cost them.
    let world = world.after(buy("zakon", "10000.00"));
    assert_eq!(
        ["mindal", "zakon", "coalition"].map(|name| clearing(&world, name)),
        ["0.00", "-500.00", "-268.75"]
    );
    assert_eq!(
        ["mindal", "coalition"].map(|name| posted(&world, Unit::Bon, &claims(of(name)))),
        ["0.00", "0.00"]
    );
    assert_eq!(posted(&world, Unit::Rub, &Account::Float), "56.25");
}
