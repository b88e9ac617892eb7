//! Documents that wait for an admin. Rule T3.

use crate::member::MemberCommand::{ApplyQuarantined, Block, DropQuarantined};
use crate::member::MemberOutcome;
use crate::member::consent::ConsentChoice;
use crate::member::testing::{
    World, anna_since, at, bon, buy, consent, give_back, quarantine_id, reason_id, rub,
};
use crate::member::tests::refunds::refund_waits;
use crate::rejection::Rejection;

/// One document of 1,000.00 at mindal, 92 days old, waits.
fn waiting() -> World {
    let world = anna_since("2025-01-01T00:00:00Z").at("2026-06-02T12:00:00+03:00");
    world.after(buy("mindal", "1000.00").on("2026-03-02T12:00:00+03:00"))
}

#[test]
fn rule_t3_an_applied_document_is_a_purchase_whose_lots_live_seven_days_more() {
    let decision = waiting().when(ApplyQuarantined(quarantine_id(1)));
    let types: Vec<_> = decision.drafted().iter().map(|new| new.event.event_type()).collect();
    assert_eq!(types, ["QuarantineApplied", "PurchaseRecorded", "BonusAccrued"]);
    assert_eq!(decision.drafted()[1].occurred_at, at("2026-03-02T12:00:00+03:00"));
    assert_eq!(decision.earned(), bon("75.00"));
    let last = at("2026-06-09T23:59:59.999999+03:00");
    assert!(decision.accrual().lots.iter().all(|lot| lot.expires_at == last));
    let world = waiting().after(ApplyQuarantined(quarantine_id(1)));
    assert_eq!(world.balance(), (bon("75.00"), bon("0.00")));
    // It is a purchase as any other.
    assert_eq!(world.file(1).expect("a purchase").left(), rub("1000.00"));
    assert_eq!(world.after(give_back(1, 1, "1000.00")).balance(), (bon("0.00"), bon("0.00")));
}

#[test]
fn rule_t3_a_life_that_is_longer_stays() {
    let world = anna_since("2025-01-01T00:00:00Z").policy("bonus.life_days", serde_json::json!(200));
    let world =
        world.at("2026-06-02T12:00:00+03:00").after(buy("mindal", "1000.00").on("2026-03-03T11:59:00+03:00"));
    let accrual = world.when(ApplyQuarantined(quarantine_id(1))).accrual();
    assert_eq!(accrual.lots[0].expires_at, at("2026-09-19T23:59:59.999999+03:00"));
}

#[test]
fn rule_t3_a_dropped_document_is_never_recorded() {
    let decision = waiting().when(DropQuarantined(quarantine_id(1)));
    assert_eq!(decision.outcome(), &MemberOutcome::QuarantineDropped { quarantine_id: quarantine_id(1) });
    let world = waiting().after(DropQuarantined(quarantine_id(1)));
    assert_eq!(world.balance(), (bon("0.00"), bon("0.00")));
    assert!(world.file(1).is_none());
}

#[test]
fn rule_t3_what_was_applied_or_dropped_is_closed() {
    for world in [
        waiting().after(ApplyQuarantined(quarantine_id(1))),
        waiting().after(DropQuarantined(quarantine_id(1))),
    ] {
        world.clone().when(ApplyQuarantined(quarantine_id(1))).then_rejected(Rejection::QuarantineClosed);
        world.when(DropQuarantined(quarantine_id(1))).then_rejected(Rejection::QuarantineClosed);
    }
    waiting().when(DropQuarantined(quarantine_id(2))).then_rejected(Rejection::QuarantineClosed);
}

#[test]
fn rules_d4_t3_refunds_wait_with_a_document_as_long_as_an_admin_takes() {
    let world = refund_waits(waiting(), (1, "400.00")).at("2026-10-02T12:00:00+03:00");
    // Another refund comes meanwhile, when the first has waited for four months.
    let world = refund_waits(world, (2, "100.00")).after(ApplyQuarantined(quarantine_id(1)));
    assert_eq!(world.file(1).expect("a purchase").left(), rub("500.00"));
    // Half of 75.00.
    assert_eq!(world.balance(), (bon("37.50"), bon("0.00")));
}

#[test]
fn rule_r4_a_blocked_members_document_waits_on() {
    let world = waiting().after(Block(Some(reason_id(1))));
    world.clone().when(ApplyQuarantined(quarantine_id(1))).then_rejected(Rejection::MemberBlocked);
    let unblocked = world.after(Block(None));
    assert_eq!(unblocked.when(ApplyQuarantined(quarantine_id(1))).earned(), bon("75.00"));
}

#[test]
fn compliance_c4_without_her_consent_a_waiting_document_is_not_applied() {
    let withdrawn = waiting().after([consent("partner:mindal", ConsentChoice::Withdrawn)]);
    withdrawn.clone().when(ApplyQuarantined(quarantine_id(1))).then_rejected(Rejection::ConsentRequired);
    let again = withdrawn.after([consent("partner:mindal", ConsentChoice::Granted)]);
    assert_eq!(again.when(ApplyQuarantined(quarantine_id(1))).earned(), bon("75.00"));
}
