//! Which documents the ledger takes. Rules T3–T6, D1, D2.

use serde_json::json;

use crate::log::Event;
use crate::member::command::{MemberOutcome, PurchaseOutcome};
use crate::member::event::{
    MemberEvent, MembershipBackdated, PurchaseQuarantined, PurchaseRecorded, QuarantineReason, StatusReason,
};
use crate::member::status::Status;
use crate::member::testing::{
    NOON, anna, anna_since, at, bon, buy, given, granted, quarantine_id, recorded, registered, rub,
};
use crate::rejection::Rejection;

/// The purchase that a decision records.
fn purchase(decision: &crate::member::testing::Decision) -> PurchaseRecorded {
    let found = decision.drafted().iter().find_map(|new| match &new.event {
        Event::Member(MemberEvent::PurchaseRecorded(fact)) => Some(fact.clone()),
        _ => None,
    });
    found.expect("a purchase")
}

#[test]
fn rule_t3_a_purchase_exactly_five_minutes_in_the_future_is_taken() {
    let decision = anna().when(buy("mindal", "100.00").on("2026-03-02T12:05:00+03:00"));
    assert_eq!(purchase(&decision), recorded(1, "mindal", "100.00"));
    assert_eq!(decision.drafted()[0].occurred_at, at("2026-03-02T12:05:00+03:00"));
}

#[test]
fn rule_t3_a_microsecond_more_is_refused() {
    let occurred_at = at("2026-03-02T12:05:00.000001+03:00");
    anna().when(buy("mindal", "100.00").on_moment(occurred_at)).then_rejected(Rejection::OccurredInFuture {
        occurred_at,
        now: at(NOON),
        limit_minutes: 5,
    });
    anna()
        .when(buy("mindal", "100.00").on_moment(occurred_at).imported())
        .then_rejected(Rejection::OccurredInFuture { occurred_at, now: at(NOON), limit_minutes: 5 });
}

#[test]
fn rule_t3_a_purchase_exactly_90_days_old_is_taken() {
    let decision =
        anna_since("2025-01-01T00:00:00Z").when(buy("mindal", "100.00").on("2025-12-02T12:00:00+03:00"));
    assert_eq!(purchase(&decision).amount, rub("100.00"));
}

#[test]
fn rule_t3_a_microsecond_more_goes_to_quarantine_and_earns_nothing_yet() {
    let quarantined = PurchaseQuarantined {
        quarantine_id: quarantine_id(1),
        reason: QuarantineReason::TooOld,
        resembles: None,
        purchase: recorded(1, "mindal", "100.00"),
    };
    let old = buy("mindal", "100.00").on("2025-12-02T11:59:59.999999+03:00");
    anna_since("2025-01-01T00:00:00Z")
        .when(old.clone())
        .then([quarantined.into()])
        .then_outcome(PurchaseOutcome::Quarantined { quarantine_id: quarantine_id(1) });
    let world = anna_since("2025-01-01T00:00:00Z").after(old);
    assert_eq!(world.balance(), (bon("0.00"), bon("0.00")));
    assert_eq!(world.when(buy("mindal", "100.00")).earned(), bon("7.50"), "the category is still new");
}

#[test]
fn rule_t3_an_import_takes_any_past_date() {
    let decision = anna_since("1990-01-01T00:00:00Z")
        .when(buy("mindal", "100.00").on("1997-05-01T10:00:00Z").imported());
    assert_eq!(purchase(&decision).amount, rub("100.00"));
}

#[test]
fn rule_t4_late_facts_fold_in_log_order() {
    let world = anna()
        .after(buy("mindal", "1000.00").on("2026-03-02T11:00:00+03:00"))
        .after(buy("mindal", "1000.00").on("2026-01-15T11:00:00+03:00"))
        .after(buy("mindal", "1000.00").on("2026-02-15T11:00:00+03:00"));
    assert_eq!(world.balance(), (bon("175.00"), bon("0.00")));
    let expiries: Vec<_> =
        world.state.live_lots().map(|lot| lot.expires_at.moscow_day().to_string()).collect();
    assert_eq!(expiries, ["2026-04-15", "2026-05-16", "2026-05-31", "2026-05-31"]);
}

#[test]
fn rule_t5_a_purchase_exactly_24_hours_before_registration_earns() {
    let world = anna_since("2026-03-02T10:00:00+03:00");
    assert_eq!(world.when(buy("mindal", "100.00").on("2026-03-01T10:00:00+03:00")).earned(), bon("7.50"));
}

#[test]
fn rule_t5_a_microsecond_earlier_is_before_membership_and_not_stored() {
    let early = buy("mindal", "100.00").on("2026-03-01T09:59:59.999999+03:00");
    anna_since("2026-03-02T10:00:00+03:00")
        .when(early)
        .then([])
        .then_outcome(PurchaseOutcome::BeforeMembership);
}

#[test]
fn rule_t5_how_long_before_is_the_policys() {
    let early = buy("mindal", "100.00").on("2026-02-27T12:00:00+03:00");
    let world = anna_since("2026-03-02T10:00:00+03:00").policy("purchase.before_membership_hours", json!(96));
    assert_eq!(world.when(early).earned(), bon("7.50"));
}

#[test]
fn rule_t6_an_import_may_set_since_when_she_is_a_member() {
    let decision = anna_since("2026-03-01T10:00:00+03:00").when(
        buy("mindal", "100.00").on("2024-05-01T10:00:00+03:00").imported_since("2024-04-01T00:00:00+03:00"),
    );
    let backdated = MembershipBackdated { registered_at: at("2024-04-01T00:00:00+03:00") };
    assert_eq!(decision.drafted()[0].event, backdated.into());
    assert_eq!(decision.earned(), bon("7.50"));
}

#[test]
fn rule_t6_an_import_never_makes_her_a_later_member() {
    let decision = anna().when(buy("mindal", "100.00").imported_since("2026-02-01T00:00:00+03:00"));
    assert_eq!(decision.drafted()[0].event, recorded(1, "mindal", "100.00").into());
}

#[test]
fn rule_t6_an_import_without_registered_at_is_before_membership_as_a_live_one_is() {
    anna()
        .when(buy("mindal", "100.00").on("2024-05-01T10:00:00+03:00").imported())
        .then([])
        .then_outcome(PurchaseOutcome::BeforeMembership);
}

#[test]
fn rule_t6_an_imported_lot_is_pending_as_of_its_own_time_and_due_is_left_to_the_schedules() {
    let world = anna_since("2020-01-01T00:00:00Z");
    let accrual =
        world.clone().when(buy("lisichkino", "1000.00").on("2025-05-01T10:00:00+03:00").imported()).accrual();
    assert_eq!(accrual.lots[0].opens, crate::member::event::Holding::Pending);
    let world = world
        .after(buy("lisichkino", "1000.00").on("2025-05-01T10:00:00+03:00").imported())
        .after(buy("mindal", "1000.00").on("2025-05-01T11:00:00+03:00").imported());
    let decision = world.clone().when(buy("mindal", "1000.00").on("2026-01-10T10:00:00+03:00").imported());
    assert_eq!(decision.drafted().len(), 2, "the purchase and its accrual, nothing due");
    let due = world.when(crate::member::MemberCommand::WriteDue);
    assert_eq!(due.drafted().len(), 6, "two lots mature, four expire, at the real time");
}

#[test]
fn rule_t6_a_due_downgrade_falls_as_of_the_next_imported_purchase() {
    let mut world = anna_since("2020-01-01T00:00:00Z");
    for slug in ["mindal", "kozha", "buket"] {
        world = world.after(buy(slug, "10000.00").on("2024-01-10T10:00:00+03:00").imported());
    }
    assert_eq!(world.state.shown().status, Status::Vip);
    world = world.after(buy("mindal", "100.00").on("2025-02-01T10:00:00+03:00").imported());
    assert_eq!(world.state.shown().scheduled.expect("scheduled").on.to_string(), "2025-03-03");
    let decision = world.when(buy("mindal", "100.00").on("2025-06-01T10:00:00+03:00").imported());
    assert_eq!(decision.earned(), bon("7.00"), "the purchase itself still at the old rate (S2)");
    let last = decision.drafted().last().expect("a fall");
    let Event::Member(MemberEvent::StatusChanged(fall)) = &last.event else { panic!("{last:?}") };
    assert_eq!((fall.to, fall.reason), (Status::Insider, StatusReason::GraceEnded));
    assert_eq!(last.occurred_at, at("2025-06-01T10:00:00+03:00"));
}

#[test]
fn rule_d1_the_purchase_carries_its_natural_key() {
    let decision = anna().when(buy("mindal", "100.00"));
    assert_eq!(purchase(&decision).natural_key.as_bytes(), &[1; 32]);
}

#[test]
fn rule_d2_the_first_revision_seen_is_the_purchase_whatever_its_number() {
    let decision = anna().when(buy("mindal", "100.00").with(|document| document.revision = 7));
    assert_eq!(decision.earned(), bon("7.50"));
    assert_eq!(purchase(&decision).revision, 7);
}

#[test]
fn rule_r4_c2_a_hold_or_coupon_that_is_not_there_is_refused_by_name() {
    anna()
        .when(buy("mindal", "100.00").with(|document| document.redeem_amount = Some(bon("1.00"))))
        .then_rejected(Rejection::HoldNotFound);
    anna()
        .when(
            buy("mindal", "100.00")
                .with(|document| document.coupon_code = Some(crate::ids::NaturalKey::from_bytes([99; 32]))),
        )
        .then_rejected(Rejection::CouponNotValid);
}

#[test]
fn an_amount_that_no_bill_has_is_refused() {
    for amount in ["0.00", "-1.00", "100000000.01", "92233720368547758.07"] {
        anna().when(buy("mindal", amount)).then_rejected(Rejection::AmountOutOfRange);
    }
    assert_eq!(anna().when(buy("mindal", "100000000.00")).earned(), bon("7500000.00"));
}

#[test]
fn compliance_m1_without_her_consent_a_purchase_is_a_strangers() {
    let past = [registered("2026-01-01T00:00:00Z"), granted("personal_data"), granted("partner:buket")];
    for decision in [
        given(past.clone()).when(buy("mindal", "100.00")),
        given(past.clone()).when(buy("steam-center", "100.00")),
        given(past).when(buy("mindal", "100.00").on("2027-01-01T00:00:00Z")),
        given([]).when(buy("mindal", "100.00")),
    ] {
        assert_eq!(decision.outcome(), &MemberOutcome::Purchase(PurchaseOutcome::Unmatched));
        assert_eq!(decision.drafted(), []);
    }
}

#[test]
fn a_business_nobody_knows_is_refused() {
    let nobody = |document: &mut crate::member::command::PurchaseDocument| {
        document.business_id = crate::member::testing::business_id("nobody");
    };
    anna().when(buy("mindal", "100.00").with(nobody)).then_rejected(Rejection::BusinessNotFound);
}
