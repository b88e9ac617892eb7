//! Newer revisions of a document. Rules D2, D3, F2, F4, P5. That any history of them ends like the last is a law of its
//! own: `histories/`.

use std::collections::BTreeMap;

use crate::log::Event;
use crate::member::command::PurchaseDocument;
use crate::member::consent::ConsentChoice;
use crate::member::event::{BonusAccrued, MemberEvent, PurchaseAmended};
use crate::member::lot::Funder;
use crate::member::spend::WindowSums;
use crate::member::testing::{
    Decision, NOON, World, amend, anna, at, bon, buy, consent, give_back, hold, reason_id, redemption_id, rub,
};
use crate::member::{MemberCommand, MemberOutcome, PurchaseOutcome};
use crate::money::Bonuses;
use crate::rejection::Rejection;

fn earned(decision: &Decision) -> (Bonuses, Bonuses, bool) {
    let MemberOutcome::Purchase(PurchaseOutcome::Recorded {
        bonuses_earned, bonuses_redeemed, amended, ..
    }) = decision.outcome()
    else {
        panic!("recorded: {:?}", decision.outcome())
    };
    (*bonuses_earned, *bonuses_redeemed, *amended)
}

fn types(decision: &Decision) -> Vec<&'static str> {
    decision.drafted().iter().map(|new| new.event.event_type()).collect()
}

fn fact(decision: &Decision) -> PurchaseAmended {
    let found = decision.drafted().iter().find_map(|new| match &new.event {
        Event::Member(MemberEvent::PurchaseAmended(fact)) => Some(fact.clone()),
        _ => None,
    });
    found.expect("an amendment")
}

fn total(world: &World) -> [String; 2] {
    let (total, debt) = world.total_and_debt();
    [total.to_string(), debt.to_string()]
}

/// What her lots have, by funder and last moment.
pub(super) fn lots(world: &World) -> BTreeMap<(Funder, String), i64> {
    let mut lots = BTreeMap::new();
    for lot in world.state.live_lots() {
        *lots.entry((lot.funder.clone(), lot.expires_at.to_string())).or_default() += lot.left.kopecks();
    }
    lots
}

#[test]
fn rule_d3_amount_up_accrues_what_is_missing_at_the_originals_inputs() {
    // 1,000 × 0.05 × 1.5 = 75.00; since then the business pays double, and the category is not new any more.
    let world = anna().after(buy("mindal", "1000.00"));
    let later = world
        .multiplier("mindal", "2026-03-01T00:00:00+03:00", "2026-04-01T00:00:00+03:00", "2.00")
        .at("2026-03-05T12:00:00+03:00");
    let decision = later.clone().when(amend(1, 2, Some("1500.00")));
    assert_eq!(types(&decision), ["PurchaseAmended", "BonusAccrued"]);
    assert_eq!(earned(&decision), (bon("112.50"), bon("0.00"), true));
    let more: BonusAccrued = decision.accrual();
    assert_eq!((more.amount, more.revision, more.inputs.base), (bon("37.50"), Some(2), rub("1500.00")));
    let amounts: Vec<_> = more.lots.iter().map(|lot| (lot.funder.to_string(), lot.amount)).collect();
    assert_eq!(amounts, [("mindal".to_owned(), bon("25.00")), ("coalition".to_owned(), bon("12.50"))]);
    assert!(
        more.lots.iter().all(|lot| lot.expires_at == at("2026-05-31T23:59:59.999999+03:00")),
        "the original's life"
    );
    let said = fact(&decision);
    assert_eq!(
        (said.accrual_before, said.accrual, said.of_business),
        (bon("75.00"), bon("112.50"), bon("75.00"))
    );
    assert_eq!(total(&later.after(amend(1, 2, Some("1500.00")))), ["112.50", "0.00"]);
}

#[test]
fn rule_d3_amount_down_takes_back_to_what_the_document_earns_posted_once() {
    // 0.30 × 0.075 = 0.0225, 0.02; of 0.09 nothing is left, where a refund in proportion would leave a kopeck.
    let world = anna().after(buy("mindal", "0.30")).after(amend(1, 2, Some("0.06")));
    assert_eq!(total(&world), ["0.00", "0.00"]);
    let decision = anna().after(buy("mindal", "1000.00")).when(amend(1, 2, Some("400.00")));
    assert_eq!(types(&decision), ["PurchaseAmended", "BonusTakenBack"]);
    assert_eq!(earned(&decision), (bon("30.00"), bon("0.00"), true));
}

#[test]
fn rule_d3_what_is_spent_becomes_debt() {
    let world = anna().after(buy("mindal", "10000.00")).after(hold(1, "kozha", "1500.00", "750.00"));
    let world = world.after(buy("kozha", "1500.00").paying(1, None)).after(amend(1, 2, None));
    assert_eq!(total(&world), ["0.00", "693.75"], "750.00 less the 56.25 of the second purchase");
    assert_eq!(
        total(&world.after(amend(1, 3, Some("10000.00")))),
        ["56.25", "0.00"],
        "restored, the debt is paid"
    );
}

#[test]
fn rule_d3_r3_a_revision_may_say_how_much_of_it_is_paid_in_bonuses() {
    let world = anna().after(buy("mindal", "10000.00")).after(hold(1, "kozha", "1000.00", "400.00"));
    let world = world.after(buy("kozha", "1000.00").paying(1, Some("300.00")));
    let says = |bill, change| amend(2, 2, Some(bill)).with(change);
    // As posted once: 300.00 of a bill of 900.00, base 600.00 at 0.05 × 1.5; without a word in proportion: 270.00.
    let paid = |document: &mut PurchaseDocument| {
        (document.redemption_id, document.redeem_amount) = (Some(redemption_id(1)), Some(bon("300.00")));
    };
    assert_eq!(earned(&world.clone().when(says("900.00", paid))), (bon("45.00"), bon("300.00"), true));
    assert_eq!(earned(&world.clone().when(amend(2, 2, Some("900.00")))), (bon("47.25"), bon("270.00"), true));
    let less = says("1000.00", |document| {
        (document.redemption_id, document.redeem_amount) = (Some(redemption_id(1)), Some(bon("100.00")));
    });
    let decision = world.clone().when(less.clone());
    assert_eq!(earned(&decision), (bon("67.50"), bon("100.00"), true));
    assert_eq!(types(&decision), ["PurchaseAmended", "BonusReturned", "BonusAccrued"]);
    let before = world.total_and_debt().0;
    let more = bon("200.00").checked_add(bon("15.00")).expect("small");
    assert_eq!(world.clone().after(less).total_and_debt().0, before.checked_add(more).expect("small"));
    let refused = |ask, rejection| world.clone().when(ask).then_rejected(rejection);
    let (asked, minimum, limit) = (bon("300.00"), rub("1.00"), bon("250.00"));
    refused(says("500.00", paid), Rejection::OverRedeemLimit { asked, limit, minimum });
    // The rest of the hold was released.
    let beyond = says("1000.00", |document| {
        (document.redemption_id, document.redeem_amount) = (Some(redemption_id(1)), Some(bon("300.01")));
    });
    let (asked, available) = (bon("300.01"), bon("300.00"));
    refused(beyond, Rejection::InsufficientBonuses { asked, available });
    let of_none = says("1000.00", |document| document.redeem_amount = Some(bon("100.00")));
    refused(of_none, Rejection::HoldNotFound);
}

#[test]
fn rule_d3_cancelled_and_restored() {
    let world = anna().after(buy("mindal", "1000.00"));
    let cancelled = world.clone().after(amend(1, 2, None));
    assert_eq!(total(&cancelled), ["0.00", "0.00"]);
    let year = (at("2025-03-02T12:00:00+03:00"), at(NOON));
    assert_eq!(cancelled.state.books.spend.window(year.0, year.1), Some(WindowSums::default()));
    let again = cancelled.clone().when(buy("mindal", "1000.00"));
    assert_eq!(again.earned(), bon("75.00"), "rule B2: the category is new again");
    cancelled
        .clone()
        .when(give_back(1, 1, "0.01"))
        .then_rejected(Rejection::RefundExceedsPurchase { asked: rub("0.01"), left: rub("0.00") });
    let restored = cancelled.after(amend(1, 3, Some("1000.00")));
    assert_eq!(total(&restored), ["75.00", "0.00"]);
    assert_eq!(lots(&restored), lots(&world));
    assert_eq!(restored.state.books.visited, world.state.books.visited);
}

#[test]
fn rule_d2_a_cancelled_document_may_be_the_first_revision_seen() {
    let void = buy("mindal", "60000.00").with(|document| document.cancelled = true);
    let decision = anna().when(void.clone());
    assert_eq!(types(&decision), ["PurchaseRecorded", "BonusAccrued", "PurchaseAmended"]);
    assert_eq!(earned(&decision), (bon("0.00"), bon("0.00"), false));
    let world = anna().after(void);
    assert_eq!(total(&world), ["0.00", "0.00"]);
    assert_eq!(world.clone().when(buy("mindal", "1000.00")).earned(), bon("75.00"), "the category is new");
    let restored = world.after(amend(1, 2, Some("1000.00")));
    assert_eq!(lots(&restored), lots(&anna().after(buy("mindal", "1000.00"))));
}

#[test]
fn rule_f4_what_paid_the_part_of_the_bill_that_is_gone_comes_back() {
    let world = anna().after(buy("mindal", "10000.00")).after(hold(1, "kozha", "1000.00", "400.00"));
    let world = world.after(buy("kozha", "1000.00").paying(1, None));
    // 600 × 0.075 = 45.00 earned; of a bill of 500, 200 are paid in bonuses: 300 × 0.075.
    let decision = world.clone().when(amend(2, 2, Some("500.00")));
    assert_eq!(types(&decision), ["PurchaseAmended", "BonusReturned", "BonusTakenBack"]);
    assert_eq!(earned(&decision), (bon("22.50"), bon("200.00"), true));
    let down = world.after(amend(2, 2, Some("500.00")));
    assert_eq!(total(&down), ["572.50", "0.00"], "350.00 + 200.00 + 22.50");
    // What came back is taken again, all of it or, when she has used some of it, nothing: 800 × 0.075.
    let up = down.clone().when(amend(2, 3, Some("1000.00")));
    assert_eq!(earned(&up), (bon("45.00"), bon("400.00"), true));
    assert_eq!(types(&up), ["PurchaseAmended", "BonusesHeld", "BonusesRedeemed", "BonusAccrued"]);
    let used = down.clone().after(hold(2, "zakon", "1000.00", "400.00"));
    assert_eq!(earned(&used.when(amend(2, 3, Some("1000.00")))), (bon("60.00"), bon("200.00"), true));
    // A refund of the half of it gives the half of the 200 back.
    let half = down.after(give_back(1, 2, "250.00"));
    assert_eq!(total(&half), ["661.25", "0.00"], "572.50 + 100.00 - 11.25");
}

#[test]
fn rule_d3_a_bill_paid_in_bonuses_that_is_cancelled_and_restored_is_paid_in_bonuses() {
    let world = anna().after(buy("mindal", "10000.00")).after(hold(1, "kozha", "1000.00", "400.00"));
    let once = world.after(buy("kozha", "1000.00").paying(1, None));
    let cancelled = once.clone().after(amend(2, 2, None));
    assert_eq!(total(&cancelled), ["750.00", "0.00"]);
    let restored = cancelled.clone().after(amend(2, 3, Some("1000.00")));
    assert_eq!((total(&restored), lots(&restored)), (total(&once), lots(&once)));
    // A refund gives the same part of it back as of the first one.
    let half = |world: World| total(&world.after(give_back(1, 2, "500.00")));
    assert_eq!(half(restored), half(once.clone()));
    // What she has used since stays hers: of the lot 50.00 are left, which are not the 400.00, so nothing is taken.
    let used = cancelled.after(hold(2, "zakon", "2000.00", "450.00"));
    let decision = used.clone().when(amend(2, 3, Some("1000.00")));
    assert_eq!(earned(&decision), (bon("75.00"), bon("0.00"), true));
    // Who says that bonuses paid it hears that they are not there, as whoever posts it first does.
    let says = amend(2, 3, Some("1000.00")).with(|document| {
        (document.redemption_id, document.redeem_amount) = (Some(redemption_id(1)), Some(bon("400.00")));
    });
    let (asked, available) = (bon("400.00"), bon("0.00"));
    used.when(says).then_rejected(Rejection::InsufficientBonuses { asked, available });
}

#[test]
fn rule_r2_f4_half_a_kopeck_of_a_smaller_bill_comes_back_as_it_would_by_a_refund() {
    let world = anna().after(buy("mindal", "10000.00")).after(hold(1, "kozha", "2.00", "1.00"));
    let world = world.after(buy("kozha", "2.00").paying(1, None));
    // Of 0.99 less 0.495 come back, rounded once; 0.51 would be more than the half of 1.01.
    assert_eq!(earned(&world.clone().when(amend(2, 2, Some("1.01")))), (bon("0.04"), bon("0.50"), true));
    let total = |world: World| world.total_and_debt().0;
    let down = total(world.clone().after(amend(2, 2, Some("1.01"))));
    assert_eq!(down, bon("749.54"), "749.00 + 0.50 + 0.04");
    assert_eq!(down, total(world.after(give_back(1, 2, "0.99"))));
}

#[test]
fn rule_f1_a_bill_below_what_was_refunded_of_it_is_refused() {
    let world = anna().after(buy("mindal", "1000.00")).after(give_back(1, 1, "400.00"));
    world
        .clone()
        .when(amend(1, 2, Some("399.99")))
        .then_rejected(Rejection::RefundExceedsPurchase { asked: rub("600.01"), left: rub("600.00") });
    assert_eq!(total(&world.clone().after(amend(1, 2, Some("400.00")))), ["0.00", "0.00"]);
    assert_eq!(total(&world.clone().after(amend(1, 2, None))), ["0.00", "0.00"]);
    // 1,200 × 0.075 = 90.00, of which a third is refunded.
    assert_eq!(total(&world.after(amend(1, 2, None)).after(amend(1, 3, Some("1200.00")))), ["60.00", "0.00"]);
}

#[test]
fn rule_r4_a_revision_names_the_hold_of_the_first_or_none() {
    let world = anna().after(buy("mindal", "10000.00")).after(hold(1, "kozha", "1000.00", "400.00"));
    let world = world.after(buy("kozha", "1000.00").paying(1, None));
    let same = amend(2, 2, Some("1100.00")).with(|document| document.redemption_id = Some(redemption_id(1)));
    assert_eq!(earned(&world.clone().when(same)), (bon("52.50"), bon("400.00"), true));
    let other = amend(2, 2, Some("1100.00")).with(|document| document.redemption_id = Some(redemption_id(2)));
    world.clone().when(other).then_rejected(Rejection::HoldNotFound);
    let coupon = amend(2, 2, Some("1100.00"))
        .with(|document| document.coupon_code = Some(crate::ids::NaturalKey::from_bytes([99; 32])));
    world.when(coupon).then_rejected(Rejection::CouponNotValid);
}

#[test]
fn rule_r4_a_blocked_member_gets_no_more_but_what_is_void_is_void() {
    let world = anna().after(buy("mindal", "1000.00")).after(MemberCommand::Block(Some(reason_id(1))));
    world.clone().when(amend(1, 2, Some("1000.01"))).then_rejected(Rejection::MemberBlocked);
    assert_eq!(total(&world.after(amend(1, 2, None))), ["0.00", "0.00"]);
}

#[test]
fn compliance_m1_without_her_consent_a_revision_is_a_strangers() {
    let world = anna().after(buy("mindal", "1000.00"));
    let world = world.after([consent("partner:mindal", ConsentChoice::Withdrawn)]);
    let decision = world.when(amend(1, 2, None));
    assert_eq!(decision.outcome(), &MemberOutcome::Purchase(PurchaseOutcome::Unmatched));
    assert_eq!(types(&decision), Vec::<&str>::new());
}

#[test]
fn rule_d3_lots_of_a_revision_live_by_the_terms_that_decided_a_purchase_of_nothing() {
    use crate::business::event::{BusinessTermsChanged, Terms};
    let mut world = anna();
    let terms = Terms { hold_days: Some(3), ..Terms::default() };
    let business_id = crate::member::testing::business_id("mindal");
    let changed = BusinessTermsChanged { business_id, effective_from: world.now, terms };
    world.write(world.now, changed.into());
    // Reported two days late, so by the terms of its report (Rule P1); a kopeck earns nothing.
    let world = world.after(buy("mindal", "0.01").on("2026-02-28T12:00:00+03:00"));
    assert_eq!(world.state.live_lots().count(), 0);
    let world = world.after(amend(1, 2, Some("1000.00")));
    let opens: Vec<_> = world.state.live_lots().map(|lot| lot.available_from).collect();
    assert_eq!(opens, [at("2026-03-03T12:00:00+03:00"); 2]);
}
