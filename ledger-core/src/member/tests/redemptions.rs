//! Paying with bonuses. Rules R1–R5.

use serde_json::json;

use crate::category::Confidentiality;
use crate::ids::LotId;
use crate::log::Event;
use crate::member::MemberCommand::{Block, WriteDue};
use crate::member::MemberOutcome;
use crate::member::command::PurchaseOutcome;
use crate::member::event::ExpiredTo;
use crate::member::event::{HoldEnd, MemberEvent};
use crate::member::testing::{
    Decision, NOON, World, anna, at, bon, buy, cancel, expired, hold, purchase_id, reason_id, redemption_id,
    rub,
};
use crate::rejection::Rejection;

/// Anna with 750.00: 500.00 of mindal's and 250.00 of the coalition's, to 2026-05-31.
fn rich() -> World {
    anna().after(buy("mindal", "10000.00"))
}

fn parts(decision: &Decision) -> Vec<(LotId, String)> {
    let held = decision.drafted().iter().find_map(|new| match &new.event {
        Event::Member(MemberEvent::BonusesHeld(fact)) => Some(fact.parts.clone()),
        Event::Member(MemberEvent::BonusesRedeemed(fact)) => Some(fact.parts.clone()),
        _ => None,
    });
    let held = held.expect("bonuses move").into_iter();
    held.map(|held| (held.part.lot_id, held.part.amount.to_string())).collect()
}

/// available, held, debt
fn balance(world: &World) -> [String; 3] {
    let balance = world.state.balance(world.now, 30).expect("fits");
    [balance.available, balance.held, balance.debt].map(|amount| amount.to_string())
}

#[test]
fn rule_r1_a_hold_reserves_lots_until_it_lapses() {
    let decision = rich().when(hold(1, "mindal", "1000.00", "500.00"));
    let answer = MemberOutcome::Held {
        redemption_id: redemption_id(1),
        held: bon("500.00"),
        expires_at: at("2026-03-02T12:15:00+03:00"),
    };
    assert_eq!(decision.outcome(), &answer);
    let world = rich().after(hold(1, "mindal", "1000.00", "500.00"));
    assert_eq!(balance(&world), ["250.00", "500.00", "0.00"]);
    assert_eq!(balance(&world.clone().at("2026-03-02T12:14:59.999999+03:00")), ["250.00", "500.00", "0.00"]);
    // Overdue: it neither blocks nor pays, whether or not that is written.
    let late = world.at("2026-03-02T12:15:00+03:00");
    assert_eq!(balance(&late), ["750.00", "0.00", "0.00"]);
    late.clone().when(buy("mindal", "1000.00").paying(1, None)).then_rejected(Rejection::HoldLapsed);
    late.clone().when(cancel(1, "mindal")).then_rejected(Rejection::HoldLapsed);
    assert_eq!(
        balance(&late.clone().after(hold(2, "mindal", "1500.00", "750.00"))),
        ["0.00", "750.00", "0.00"]
    );
    let written = late.after(WriteDue);
    assert_eq!(balance(&written), ["750.00", "0.00", "0.00"]);
    written.clone().when(buy("mindal", "1000.00").paying(1, None)).then_rejected(Rejection::HoldLapsed);
    assert!(written.when(WriteDue).drafted().is_empty(), "once");
}

#[test]
fn rule_b7_a_hold_takes_the_lots_that_expire_first() {
    let world = rich().after(buy("zakon", "1000.00").on("2026-03-01T12:00:00+03:00"));
    let decision = world.when(hold(1, "mindal", "2000.00", "600.00"));
    let lot = |serial, funder| LotId::of(purchase_id(serial), funder);
    assert_eq!(
        parts(&decision),
        [
            (lot(2, "zakon"), "50.00".to_owned()),
            (lot(2, "coalition"), "25.00".to_owned()),
            (lot(1, "mindal"), "500.00".to_owned()),
            (lot(1, "coalition"), "25.00".to_owned()),
        ]
    );
}

#[test]
fn rule_r2_at_most_the_share_of_the_bill_at_least_a_rouble_never_more_than_available() {
    let over = |asked: &str, limit: &str| Rejection::OverRedeemLimit {
        asked: bon(asked),
        limit: bon(limit),
        minimum: rub("1.00"),
    };
    rich().when(hold(1, "mindal", "1000.00", "500.01")).then_rejected(over("500.01", "500.00"));
    rich().when(hold(1, "mindal", "1000.01", "500.01")).then_rejected(over("500.01", "500.00"));
    rich().when(hold(1, "mindal", "1000.00", "0.99")).then_rejected(over("0.99", "500.00"));
    rich()
        .policy("redeem.max_share", json!("0.30"))
        .when(hold(1, "mindal", "1000.00", "300.01"))
        .then_rejected(over("300.01", "300.00"));
    let short = Rejection::InsufficientBonuses { asked: bon("750.01"), available: bon("750.00") };
    rich().when(hold(1, "mindal", "9000.00", "750.01")).then_rejected(short);
    let pending = Rejection::InsufficientBonuses { asked: bon("10.00"), available: bon("0.00") };
    anna()
        .after(buy("lisichkino", "1000.00"))
        .when(hold(1, "mindal", "1000.00", "10.00"))
        .then_rejected(pending);
}

#[test]
fn rule_r3_a_purchase_captures_what_it_asks_for_and_releases_the_rest() {
    let held = rich().after(hold(1, "mindal", "1000.00", "500.00"));
    let decision = held.clone().when(buy("mindal", "1000.00").paying(1, Some("300.00")));
    let MemberOutcome::Purchase(PurchaseOutcome::Recorded { bonuses_redeemed, bonuses_earned, .. }) =
        decision.outcome().clone()
    else {
        panic!("recorded")
    };
    assert_eq!((bonuses_redeemed, bonuses_earned), (bon("300.00"), bon("35.00")), "5 % of the 700 paid");
    let world = held.clone().after(buy("mindal", "1000.00").paying(1, Some("300.00")));
    assert_eq!(balance(&world), ["485.00", "0.00", "0.00"]);
    // By default the smaller of what is held and the share of the bill.
    assert_eq!(
        balance(&held.clone().after(buy("mindal", "800.00").paying(1, None))),
        ["370.00", "0.00", "0.00"]
    );
    assert_eq!(
        balance(&held.clone().after(buy("mindal", "1000.00").paying(1, None))),
        ["275.00", "0.00", "0.00"]
    );
    let limit =
        Rejection::OverRedeemLimit { asked: bon("450.00"), limit: bon("400.00"), minimum: rub("1.00") };
    held.clone().when(buy("mindal", "800.00").paying(1, Some("450.00"))).then_rejected(limit);
    let short = Rejection::InsufficientBonuses { asked: bon("600.00"), available: bon("500.00") };
    held.clone().when(buy("mindal", "2000.00").paying(1, Some("600.00"))).then_rejected(short);
    // A bill so small that its share is nothing only releases.
    let world = held.after(buy("mindal", "0.01").paying(1, None));
    assert_eq!(balance(&world)[1], "0.00");
}

#[test]
fn rule_r4_refusals_come_in_their_order() {
    let held = rich().after(hold(1, "mindal", "1000.00", "500.00"));
    let pays = |slug: &str, serial| buy(slug, "100.00").paying(serial, Some("90.00"));
    held.clone().when(pays("mindal", 9)).then_rejected(Rejection::HoldNotFound);
    held.clone()
        .when(buy("mindal", "9.00").with(|document| document.redeem_amount = Some(bon("1.00"))))
        .then_rejected(Rejection::HoldNotFound);
    held.clone().when(pays("zakon", 1)).then_rejected(Rejection::WrongBusiness);
    held.clone().when(cancel(1, "zakon")).then_rejected(Rejection::WrongBusiness);
    let closed = held.clone().after(buy("mindal", "1000.00").paying(1, None));
    closed
        .clone()
        .at("2026-03-02T13:00:00+03:00")
        .when(pays("zakon", 1))
        .then_rejected(Rejection::HoldAlreadyClosed);
    closed.when(cancel(1, "mindal")).then_rejected(Rejection::HoldAlreadyClosed);
    let cancelled = held.clone().after(cancel(1, "mindal"));
    assert_eq!(balance(&cancelled), ["750.00", "0.00", "0.00"]);
    cancelled.when(pays("mindal", 1)).then_rejected(Rejection::HoldAlreadyClosed);
    held.at("2026-03-02T13:00:00+03:00").when(pays("zakon", 1)).then_rejected(Rejection::HoldLapsed);
}

#[test]
fn rule_r5_two_holds_cannot_have_the_same_bonuses() {
    let first = rich().after(hold(1, "mindal", "1000.00", "500.00"));
    let short = Rejection::InsufficientBonuses { asked: bon("250.01"), available: bon("250.00") };
    first.clone().when(hold(2, "mindal", "1000.00", "250.01")).then_rejected(short);
    let both = first.after(hold(2, "mindal", "1000.00", "250.00"));
    let both =
        both.after(buy("mindal", "1000.00").paying(1, None)).after(buy("mindal", "1000.00").paying(2, None));
    assert_eq!(balance(&both), ["62.50", "0.00", "0.00"], "5 % of the 500 and of the 750 paid in money");
}

#[test]
fn rule_r1_a_hold_keeps_its_lots_good_and_a_released_part_past_its_life_expires_at_once() {
    let last = "2026-05-31T23:59:00+03:00";
    let held = rich().at(last).after(hold(1, "mindal", "1000.00", "400.00"));
    let after = held.at("2026-06-01T00:05:00+03:00");
    assert_eq!(balance(&after), ["0.00", "400.00", "0.00"], "what is not held has expired");
    let paid = after.clone().after(buy("mindal", "1000.00").paying(1, Some("100.00")));
    assert_eq!(balance(&paid), ["45.00", "0.00", "0.00"], "captured; the rest expired at once");
    assert_eq!(paid.state.live_lots().count(), 1);
    let decision = after.clone().when(cancel(1, "mindal"));
    let events: Vec<_> = decision.drafted().iter().map(|new| new.event.event_type()).collect();
    assert_eq!(events, ["BonusExpired", "BonusExpired", "HoldReleased", "BonusExpired"]);
    assert_eq!(decision.drafted()[3].event, expired(1, "mindal", "mindal", "400.00", ExpiredTo::Funder));
    let lapsed = after.at("2026-06-01T00:14:00+03:00");
    let decision = lapsed.when(WriteDue);
    let moments: Vec<_> =
        decision.drafted().iter().map(|new| (new.event.event_type(), new.occurred_at)).collect();
    let (end, lapse) = (at("2026-05-31T23:59:59.999999+03:00"), at("2026-06-01T00:14:00+03:00"));
    let expected =
        [("BonusExpired", end), ("BonusExpired", end), ("HoldReleased", lapse), ("BonusExpired", lapse)];
    assert_eq!(moments, expected);
}

#[test]
fn rule_r4_a_stranger_and_a_member_without_the_consent_are_alike() {
    use crate::member::consent::ConsentChoice::Withdrawn;
    use crate::member::testing::consent;
    let world = rich().after([consent("partner:mindal", Withdrawn)]);
    world.when(hold(1, "mindal", "1000.00", "10.00")).then_rejected(Rejection::MemberNotFound);
    let nobody = crate::member::testing::given([]).at(NOON);
    nobody.when(hold(1, "mindal", "1000.00", "10.00")).then_rejected(Rejection::MemberNotFound);
}

#[test]
fn rule_s7_what_a_clinic_holds_of_a_lot_makes_the_lot_a_secret() {
    let world = rich().after(hold(1, "skinerica", "1000.00", "100.00"));
    let secret = |world: &World| -> Vec<bool> {
        world.state.live_lots().map(|lot| lot.confidentiality == Confidentiality::Medical).collect()
    };
    assert_eq!(secret(&world), [true, false], "the lot it took from");
    let world = world.after(cancel(1, "skinerica"));
    assert_eq!(secret(&world), [true, false], "for good");
}

#[test]
fn rule_r1_a_closed_hold_says_why_it_ended() {
    let decision = rich().after(hold(1, "mindal", "1000.00", "500.00")).when(cancel(1, "mindal"));
    let ends: Vec<_> = decision
        .drafted()
        .iter()
        .filter_map(|new| match &new.event {
            Event::Member(MemberEvent::HoldReleased(fact)) => Some(fact.reason),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [HoldEnd::Cancelled]);
}

#[test]
fn rule_r1_two_holds_that_lapse_at_once_past_the_life_of_their_lot_expire_together() {
    let world = rich().at("2026-05-31T23:50:00+03:00");
    let world =
        world.after(hold(1, "mindal", "1000.00", "100.00")).after(hold(2, "mindal", "1000.00", "200.00"));
    let written = world.at("2026-06-01T00:05:00+03:00").after(WriteDue);
    assert_eq!(balance(&written), ["0.00", "0.00", "0.00"]);
    assert!(written.when(WriteDue).drafted().is_empty(), "once");
}

#[test]
fn rule_r4_a_blocked_member_gets_no_further_by_naming_a_hold() {
    let named = |day: &str, void: bool| {
        let purchase = buy("mindal", "1000.00").on(day);
        if void {
            purchase.with(|document| {
                (document.redemption_id, document.cancelled) = (Some(redemption_id(1)), true);
            })
        } else {
            purchase.with(|document| document.redemption_id = Some(redemption_id(1)))
        }
    };
    let held = rich().after(hold(1, "mindal", "1000.00", "100.00"));
    for (world, refusal) in [(rich(), Rejection::HoldNotFound), (held, Rejection::MemberBlocked)] {
        let blocked = world.after(Block(Some(reason_id(1))));
        // As it is, void, and so old that it would wait for an admin.
        for (day, void) in [(NOON, false), (NOON, true), ("2025-10-01T12:00:00+03:00", false)] {
            blocked.clone().when(named(day, void)).then_rejected(refusal.clone());
        }
    }
}
