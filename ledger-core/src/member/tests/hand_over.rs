//! A newer revision that names another member. Rules D3, T5, F2, F3.

use crate::chain::definition::{ChainKind, Reward};
use crate::context::Context;
use crate::log::Event;
use crate::member::command::{MemberOutcome, PurchaseOutcome};
use crate::member::consent::ConsentChoice;
use crate::member::draft::Draft;
use crate::member::event::{BonusAccrued, MemberEvent, Promise};
use crate::member::status::Status;
use crate::member::testing::{
    World, amend, anna, anna_since, at, bon, buy, consent, give_back, hold, purchase_id, quarantine_id,
    reason_id, redemption_id, rub, steps, take,
};
use crate::member::{HandOver, HandedOver, MemberCommand, hand_over};
use crate::money::Bonuses;
use crate::rejection::Rejection;

/// Vera, of whom nothing is known but that she is a member.
fn vera() -> World {
    anna()
}

/// A revision of the first purchase of `from` that names `to`.
fn decide(
    (from, to): (&World, &World),
    asked: impl crate::member::testing::Ask,
) -> Result<HandedOver, Rejection> {
    let command = asked.command(&mut from.clone());
    let MemberCommand::AmendPurchase(command) = command else { panic!("no revision: {command:?}") };
    let context = Context { recorded_at: from.now, registry: &from.registry };
    hand_over(&from.state, &to.state, &HandOver::Recorded(command), &context)
}

/// Both after it.
pub(super) fn after(
    (mut from, mut to): (World, World),
    asked: impl crate::member::testing::Ask,
) -> (World, World) {
    let decided = decide((&from, &to), asked).expect("accepted");
    for (world, draft) in [(&mut from, decided.from), (&mut to, decided.to)] {
        draft.events.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
    }
    (from, to)
}

fn types(draft: &Draft) -> Vec<&'static str> {
    draft.events.iter().map(|new| new.event.event_type()).collect()
}

fn earned(decided: &HandedOver) -> (Bonuses, Status) {
    let MemberOutcome::Purchase(PurchaseOutcome::Recorded { bonuses_earned, status, amended: true, .. }) =
        decided.outcome
    else {
        panic!("amended: {:?}", decided.outcome)
    };
    (bonuses_earned, status)
}

#[test]
fn rule_d3_the_other_gets_what_the_document_earns_her_and_the_one_gives_everything_back() {
    // Vera is vip and knows the category: 1,500 × 0.07; Anna had 75.00 of 1,000 × 0.05 × 1.5.
    let known =
        vera().after(buy("mindal", "30000.00")).after(buy("kozha", "1.00")).after(buy("buket", "1.00"));
    let (anna, vera) = (anna().after(buy("mindal", "1000.00")), known);
    let decided = decide((&anna, &vera), amend(1, 2, Some("1500.00"))).expect("accepted");
    assert_eq!(types(&decided.from), ["PurchaseAmended", "BonusTakenBack"]);
    assert_eq!(types(&decided.to), ["PurchaseTakenOver", "BonusAccrued"]);
    assert_eq!(earned(&decided), (bon("105.00"), Status::Vip));
    let (before, year) = (vera.total_and_debt().0, (at("2025-03-02T12:00:00+03:00"), vera.now));
    let (anna, vera) = after((anna, vera), amend(1, 2, Some("1500.00")));
    assert_eq!(anna.total_and_debt(), (bon("0.00"), bon("0.00")));
    assert_eq!(vera.total_and_debt(), (before.checked_add(bon("105.00")).expect("fits"), bon("0.00")));
    let spent = |world: &World| world.state.books.spend.window(year.0, year.1).expect("fits").ordinary.amount;
    assert_eq!((spent(&anna), spent(&vera)), (rub("0.00"), rub("31502.00")));
    assert_eq!(anna.when(buy("mindal", "1000.00")).earned(), bon("75.00"), "rule B2: new to her again");
}

#[test]
fn rule_d3_x4_what_becomes_hers_follows_from_a_trigger_of_hers() {
    let hour = chrono::TimeDelta::hours(1);
    let ran = || anna().running(1, steps(ChainKind::Linear, &[("mindal", "buket")]));
    // Anna's purchase of flowers was Vera's, who had a coupon for them.
    let vera = ran().after(buy("mindal", "2000.00")).after(take(1, 0, 1)).later(hour);
    let anna = ran().later(hour).after(buy("buket", "500.00"));
    let by = |bill| {
        let decided = decide((&anna, &vera), amend(1, 2, bill)).expect("accepted");
        assert!(!types(&decided.from).contains(&"ChainConverted"), "nothing of the one's follows");
        let converted = decided.to.events.iter().find_map(|new| match &new.event {
            Event::Member(MemberEvent::ChainConverted(fact)) => Some((fact.trigger_id, fact.purchase_id)),
            _ => None,
        });
        (types(&decided.to), converted)
    };
    let follows = (purchase_id(1), purchase_id(1));
    assert_eq!(
        by(Some("500.00")),
        (vec!["PurchaseTakenOver", "BonusAccrued", "ChainConverted"], Some(follows))
    );
    assert_eq!(by(None), (vec!["PurchaseTakenOver"], None), "a document of nothing follows from nothing");
    // Each trigger once.
    let (anna, vera) = after((anna, vera), amend(1, 2, Some("500.00")));
    let anna = anna.after(buy("buket", "300.00"));
    let decided = decide((&anna, &vera), amend(2, 2, Some("300.00"))).expect("accepted");
    assert_eq!(types(&decided.to), ["PurchaseTakenOver", "BonusAccrued"]);
}

#[test]
fn rules_d3_x6_what_was_anothers_for_a_while_comes_back_the_way_it_came() {
    let hour = chrono::TimeDelta::hours(1);
    let mut mutual = steps(ChainKind::Mutual, &[("mindal", "buket"), ("buket", "mindal")]);
    mutual.steps.iter_mut().for_each(|step| step.reward = Reward::CrossBonus { rate: None });
    let ran = || anna().running(1, mutual.clone());
    // The flowers follow from a promise of the chain, so they feed it no more.
    let fed = ran().after(buy("mindal", "2000.00")).after(take(1, 0, 1)).later(hour);
    let anna = fed.after(buy("buket", "1500.00"));
    let nothing = MemberOutcome::Triggered { promise: Promise::Nothing };
    assert_eq!(*anna.clone().when(take(1, 1, 2)).outcome(), nothing);
    let vera = ran().later(hour * 3);
    let (mut anna, vera) = after((anna, vera), amend(2, 2, Some("1500.00")));
    // What she buys meanwhile follows from a promise, too: then old trails are looked through.
    anna =
        anna.after(buy("mindal", "2000.00")).after(take(1, 0, 3)).later(hour).after(buy("buket", "1500.00"));
    (_, anna) = after((vera, anna), amend(2, 3, Some("1500.00")));
    assert_eq!(*anna.when(take(1, 1, 2)).outcome(), nothing);
}

#[test]
fn rule_d3_the_originals_policy_multiplier_and_life_stay() {
    let sold = anna().multiplier("mindal", "2026-03-01T00:00:00+03:00", "2026-03-03T00:00:00+03:00", "2.00");
    let sold = sold.after(buy("mindal", "1000.00").on("2026-03-02T11:00:00+03:00"));
    let later = sold.at("2026-03-20T12:00:00+03:00").policy("rates.insider", serde_json::json!("0.09"));
    let decided = decide((&later, &vera()), amend(1, 2, Some("1000.00"))).expect("accepted");
    // 1,000 × 0.05 × 1.5 × 2.
    assert_eq!(earned(&decided).0, bon("150.00"));
    let accrual = decided.to.events.iter().find_map(|new| match &new.event {
        Event::Member(MemberEvent::BonusAccrued(fact)) => Some(fact),
        _ => None,
    });
    let BonusAccrued { lots, inputs, .. } = accrual.expect("an accrual");
    assert_eq!(inputs.policy_version, 1);
    let file = later.file(1).expect("a purchase");
    assert!(lots.iter().all(|lot| lot.expires_at == at("2026-05-31T23:59:59.999999+03:00")));
    assert!(lots.iter().all(|lot| file.lots.iter().all(|own| own.lot_id != lot.lot_id)), "lots of their own");
}

#[test]
fn rule_d3_what_the_one_has_spent_becomes_her_debt() {
    let spent = anna().after(buy("mindal", "10000.00")).after(hold(1, "kozha", "1500.00", "750.00"));
    let spent = spent.after(buy("kozha", "1500.00").paying(1, None));
    let (anna, vera) = after((spent, vera()), amend(1, 2, Some("10000.00")));
    assert_eq!(anna.total_and_debt(), (bon("0.00"), bon("693.75")), "750.00 less 56.25");
    assert_eq!(vera.total_and_debt(), (bon("750.00"), bon("0.00")));
}

#[test]
fn rule_d3_refunds_go_with_it_and_later_edits_are_hers() {
    let sold = anna().after(buy("mindal", "1000.00")).after(give_back(1, 1, "400.00"));
    let (anna, vera) = after((sold, vera()), amend(1, 2, Some("1000.00")));
    assert_eq!(anna.total_and_debt(), (bon("0.00"), bon("0.00")));
    assert_eq!(vera.total_and_debt(), (bon("45.00"), bon("0.00")), "75.00 less 40 %");
    assert_eq!(vera.file(1).expect("hers").left(), rub("600.00"));
    let more = vera.clone().after(amend(1, 3, Some("2000.00")));
    assert_eq!(more.total_and_debt().0, bon("120.00"), "2,000 × 0.075 less a fifth");
    let less = vera.clone().after(give_back(2, 1, "600.00"));
    assert_eq!(less.total_and_debt(), (bon("0.00"), bon("0.00")));
    // And back again: it is as if it had never left.
    let (vera, anna) = after((vera, anna), amend(1, 4, Some("1000.00")));
    assert_eq!((vera.total_and_debt().0, anna.total_and_debt().0), (bon("0.00"), bon("45.00")));
    assert_eq!(anna.clone().after(amend(1, 5, None)).total_and_debt(), (bon("0.00"), bon("0.00")));
    assert_eq!(
        anna.state.books.visited,
        vera.at("2026-03-02T12:00:00+03:00").after(buy("mindal", "1.00")).state.books.visited
    );
}

#[test]
fn rule_d3_a_cancelled_revision_leaves_the_other_a_purchase_of_nothing() {
    let (anna, vera) = after((anna().after(buy("mindal", "1000.00")), vera()), amend(1, 2, None));
    assert_eq!((anna.total_and_debt().0, vera.total_and_debt().0), (bon("0.00"), bon("0.00")));
    assert_eq!(vera.clone().when(buy("mindal", "1000.00")).earned(), bon("75.00"));
    assert_eq!(vera.after(amend(1, 3, Some("1000.00"))).total_and_debt().0, bon("75.00"));
}

#[test]
fn rule_f1_what_was_refunded_is_remembered_through_a_cancelled_revision_of_the_other() {
    let sold = anna().after(buy("mindal", "1000.00")).after(give_back(1, 1, "300.00"));
    let (_, vera) = after((sold, vera()), amend(1, 2, None));
    assert_eq!(vera.total_and_debt().0, bon("0.00"));
    let restored = vera.after(amend(1, 3, Some("1000.00")));
    // 75.00 less 30 %.
    assert_eq!(restored.total_and_debt(), (bon("52.50"), bon("0.00")));
    assert_eq!(restored.file(1).expect("hers").left(), rub("700.00"));
    let spent = restored.state.spent(at("2026-01-01T00:00:00Z"), restored.now).expect("fits");
    assert_eq!(spent.amount, rub("700.00"));
}

#[test]
fn rule_d3_what_was_paid_in_bonuses_stays() {
    let paid = anna().after(buy("mindal", "10000.00")).after(hold(1, "kozha", "1500.00", "100.00"));
    let paid = paid.after(buy("kozha", "1500.00").paying(1, None));
    let refused = decide((&paid, &vera()), amend(2, 2, Some("1500.00")));
    assert_eq!(refused, Err(Rejection::MemberChangeWithRedemption));
    let holds = amend(1, 2, Some("1.00")).with(|document| document.redemption_id = Some(redemption_id(7)));
    assert_eq!(decide((&paid, &vera()), holds), Err(Rejection::MemberChangeWithRedemption));
}

#[test]
fn rule_d3_who_may_not_be_told_of_it_gets_nothing_and_nothing_is_taken() {
    let sold = anna().after(buy("mindal", "1000.00"));
    let cases = [
        (vera().after([consent("partner:mindal", ConsentChoice::Withdrawn)]), PurchaseOutcome::Unmatched),
        (anna_since("2026-03-03T12:00:00.000001+03:00"), PurchaseOutcome::BeforeMembership),
    ];
    for (vera, expected) in cases {
        let decided = decide((&sold, &vera), amend(1, 2, Some("1000.00"))).expect("answered");
        assert_eq!(decided.outcome, MemberOutcome::Purchase(expected));
        assert!(decided.from.events.is_empty() && decided.to.events.is_empty());
    }
    let blocked = vera().after(MemberCommand::Block(Some(reason_id(1))));
    assert_eq!(decide((&sold, &blocked), amend(1, 2, Some("1000.00"))), Err(Rejection::MemberBlocked));
    // What the one has consented to does not matter: it is not hers.
    let withdrawn = sold.after([consent("partner:mindal", ConsentChoice::Withdrawn)]);
    assert_eq!(
        earned(&decide((&withdrawn, &vera()), amend(1, 2, Some("1000.00"))).expect("accepted")).0,
        bon("75.00")
    );
}

#[test]
fn rule_d3_a_newer_revision_takes_the_place_of_one_that_waits() {
    let old = buy("mindal", "1000.00").on("2025-11-02T12:00:00+03:00");
    let waiting = anna_since("2025-01-01T00:00:00Z").after(old);
    let MemberCommand::RecordPurchase(mut newer) =
        crate::member::testing::Ask::command(buy("mindal", "900.00"), &mut waiting.clone())
    else {
        panic!("a purchase")
    };
    newer.document.natural_key = crate::ids::NaturalKey::from_bytes([1; 32]);
    newer.document.revision = 2;
    let decision = waiting.clone().when(MemberCommand::RecordPurchase(newer.clone()));
    let types_of = |draft: &[crate::member::draft::NewEvent]| -> Vec<&'static str> {
        draft.iter().map(|new| new.event.event_type()).collect()
    };
    assert_eq!(types_of(decision.drafted()), ["QuarantineDropped", "PurchaseRecorded", "BonusAccrued"]);
    let gone = waiting.clone().after(MemberCommand::RecordPurchase(newer.clone()));
    gone.when(MemberCommand::ApplyQuarantined(quarantine_id(1))).then_rejected(Rejection::QuarantineClosed);
    // The same when it names another member.
    let context = Context { recorded_at: waiting.now, registry: &waiting.registry };
    let decided =
        hand_over(&waiting.state, &vera().state, &HandOver::Waiting(newer), &context).expect("accepted");
    assert_eq!(types(&decided.from), ["QuarantineDropped"]);
    assert_eq!(types(&decided.to), ["PurchaseRecorded", "BonusAccrued"]);
    assert_eq!(
        purchase_id(1),
        decided
            .to
            .events
            .iter()
            .find_map(|new| crate::member::PurchaseFile::about(&new.event))
            .expect("a purchase")
    );
}
