//! Another system's report of the same sale. Rule D5.

use serde_json::json;

use crate::ids::{NaturalKey, SourceKey};
use crate::log::Event;
use crate::member::MemberCommand::{ApplyQuarantined, DropQuarantined};
use crate::member::command::{PurchaseDocument, PurchaseOutcome};
use crate::member::event::{MemberEvent, PurchaseQuarantined, QuarantineReason};
use crate::member::testing::{
    Decision, amend, anna, anna_since, bon, buy, give_back, purchase_id, quarantine_id,
};

/// Sent by the business's customer system instead of its till.
fn of_the_crm(document: &mut PurchaseDocument) {
    document.source_system = Some(SourceKey::from_bytes([1; 8]));
}

fn quarantined(decision: &Decision) -> PurchaseQuarantined {
    let Some(last) = decision.drafted().last() else { panic!("nothing is written") };
    let Event::Member(MemberEvent::PurchaseQuarantined(fact)) = &last.event else { panic!("{last:?}") };
    fact.clone()
}

#[test]
fn rule_d5_another_systems_report_of_the_same_sale_waits_whichever_comes_second() {
    let ours = buy("mindal", "1000.00").on("2026-03-02T10:00:00+03:00");
    let theirs = buy("mindal", "1000.00").on("2026-03-02T10:30:00+03:00").with(of_the_crm);
    for (first, second) in [(ours.clone(), theirs.clone()), (theirs, ours)] {
        let decision = anna().after(first.clone()).when(second.clone());
        let fact = quarantined(&decision);
        assert_eq!(
            (fact.reason, fact.resembles),
            (QuarantineReason::SuspectedDuplicate, Some(purchase_id(1)))
        );
        decision.then_outcome(PurchaseOutcome::Quarantined { quarantine_id: quarantine_id(2) });
        let world = anna().after(first).after(second);
        assert_eq!(world.balance(), (bon("75.00"), bon("0.00")));
        let dropped = world.clone().after(DropQuarantined(quarantine_id(2)));
        assert_eq!(dropped.balance(), (bon("75.00"), bon("0.00")));
        // Applied, it is a purchase of its own; the category is not new any more.
        let applied = world.after(ApplyQuarantined(quarantine_id(2)));
        assert_eq!(applied.balance(), (bon("125.00"), bon("0.00")));
    }
}

#[test]
fn rule_d5_it_must_be_the_same_sale() {
    let first = buy("mindal", "1000.00").on("2026-03-02T10:00:00+03:00");
    let other = |slug, amount, on| buy(slug, amount).on(on).with(of_the_crm);
    for different in [
        other("mindal", "1000.00", "2026-03-02T10:30:00.000001+03:00"),
        other("mindal", "1000.00", "2026-03-02T09:29:59.999999+03:00"),
        other("mindal", "1000.01", "2026-03-02T10:00:00+03:00"),
        other("kozha", "1000.00", "2026-03-02T10:00:00+03:00"),
        first.clone(),
    ] {
        assert!(anna().after(first.clone()).when(different).earned().is_positive());
    }
    let wider = anna().policy("purchase.duplicate_minutes", json!(31)).at("2026-03-05T12:00:00+03:00");
    let wider = wider.after(buy("mindal", "1000.00").on("2026-03-05T10:00:00+03:00"));
    quarantined(&wider.when(other("mindal", "1000.00", "2026-03-05T10:30:00.000001+03:00")));
}

#[test]
fn rule_d5_what_is_cancelled_or_refunded_in_full_is_no_sale() {
    let theirs = buy("mindal", "1000.00").with(of_the_crm);
    let sold = anna().after(buy("mindal", "1000.00"));
    let cancelled = sold.clone().after(amend(1, 2, None));
    assert_eq!(cancelled.clone().when(theirs.clone()).earned(), bon("75.00"));
    let restored = cancelled.after(amend(1, 3, Some("1000.00")));
    quarantined(&restored.when(theirs.clone()));
    let refunded_in_part = sold.after(give_back(1, 1, "400.00"));
    quarantined(&refunded_in_part.clone().when(theirs.clone()));
    let refunded = refunded_in_part.after(give_back(2, 1, "600.00"));
    assert_eq!(refunded.when(theirs.clone()).earned(), bon("75.00"));
    // By what its newest revision says.
    let amended = anna().after(buy("mindal", "1500.00")).after(amend(1, 2, Some("1000.00")));
    quarantined(&amended.when(theirs));
    // What is void from the first is nobody's report of a sale.
    let void = buy("mindal", "1000.00").with(|document| {
        of_the_crm(document);
        document.cancelled = true;
    });
    assert_eq!(anna().after(buy("mindal", "1000.00")).when(void).earned(), bon("0.00"));
}

#[test]
fn rule_d5_an_import_is_compared_however_old_and_in_whatever_order_it_comes() {
    let old = |on| buy("mindal", "1000.00").on(on).imported();
    let world = anna_since("2019-01-01T00:00:00Z")
        .after(old("2020-05-01T10:00:00+03:00"))
        .after(buy("mindal", "1000.00").on("2026-03-02T10:00:00+03:00"));
    let fact = quarantined(&world.clone().when(old("2020-05-01T10:10:00+03:00").with(of_the_crm)));
    assert_eq!((fact.reason, fact.resembles), (QuarantineReason::SuspectedDuplicate, Some(purchase_id(1))));
    assert_eq!(
        world.when(old("2020-05-02T10:10:00+03:00").with(of_the_crm)).accrual().purchase_id,
        purchase_id(3)
    );
}

#[test]
fn rule_d5_a_suspicion_is_said_even_of_what_is_too_old() {
    let world =
        anna_since("2025-01-01T00:00:00Z").after(buy("mindal", "1000.00").on("2026-03-02T10:00:00+03:00"));
    let world = world.at("2026-09-01T10:00:00+03:00");
    let fact = quarantined(
        &world.clone().when(buy("mindal", "1000.00").on("2026-03-02T10:00:00+03:00").with(of_the_crm)),
    );
    assert_eq!(fact.reason, QuarantineReason::SuspectedDuplicate);
    let fact =
        quarantined(&world.when(buy("mindal", "1000.00").on("2026-03-02T11:00:00+03:00").with(of_the_crm)));
    assert_eq!((fact.reason, fact.resembles), (QuarantineReason::TooOld, None));
}

#[test]
fn rule_d5_what_waits_may_come_to_count() {
    let ours = buy("mindal", "1000.00").on("2026-03-02T10:00:00+03:00");
    let world = anna_since("2025-01-01T00:00:00Z").at("2026-09-01T10:00:00+03:00").after(ours.clone());
    let theirs = buy("mindal", "1000.00").on("2026-03-02T10:30:00+03:00").with(of_the_crm).imported();
    let fact = quarantined(&world.clone().when(theirs.clone()));
    assert_eq!((fact.reason, fact.resembles), (QuarantineReason::SuspectedDuplicate, Some(purchase_id(1))));
    // Once dropped it is nothing that could count twice.
    let dropped = world.clone().after(DropQuarantined(quarantine_id(1)));
    assert_eq!(dropped.when(theirs).earned(), bon("75.00"));
    // Nor is it its own double.
    let again = ours.with(|document| {
        of_the_crm(document);
        (document.natural_key, document.revision) = (NaturalKey::from_bytes([1; 32]), 2);
    });
    let revised = world.when(again);
    assert_eq!(quarantined(&revised).reason, QuarantineReason::TooOld);
}
