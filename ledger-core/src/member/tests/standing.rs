//! Invitation, top spenders, blocking, another phone. Rules S1, S3, S7, R4.

use crate::log::Event;
use crate::member::MemberCommand::{Block, ChangePhone, Invite, RankSpending, ReviewStatus};
use crate::member::consent::ConsentChoice::Granted;
use crate::member::event::{
    InnerCircleInvitationWithdrawn, InnerCircleInvited, MemberBlocked, MemberEvent, MemberUnblocked,
    PhoneChanged, StatusReason, TopSpendersEntered, TopSpendersLeft, Track,
};
use crate::member::standing::{Ranking, Rankings};
use crate::member::status::Status;
use crate::member::testing::{Decision, World, anna, at, bon, buy, consent, given, hold, reason_id, rub};
use crate::rejection::Rejection;

/// Every status change that follows: track, from, to, why.
fn changes(decision: &Decision) -> Vec<(Track, Status, Status, StatusReason)> {
    let change = |event: &Event| match event {
        Event::Member(MemberEvent::StatusChanged(fact)) => {
            Some((fact.track, fact.from, fact.to, fact.reason))
        }
        _ => None,
    };
    decision.drafted().iter().filter_map(|new| change(&new.event)).collect()
}

/// A day's ranking of 1,000 members: above the first sum one enters, above the second one stays.
fn ranking(enter_above: &str, stay_above: &str) -> Ranking {
    Ranking { members: 1_000, enter_above: Some(rub(enter_above)), stay_above: Some(rub(stay_above)) }
}

fn ranked(ordinary: Ranking, with_medical: Ranking) -> crate::member::MemberCommand {
    RankSpending(Rankings { ordinary, with_medical })
}

fn on_both(ranking: Ranking) -> crate::member::MemberCommand {
    ranked(ranking, ranking)
}

fn status(world: &World) -> Status {
    world.state.shown().status
}

#[test]
fn rule_s1_an_invitation_lifts_to_the_inner_circle_at_once() {
    let decision = anna().when(Invite(true));
    let invited = (Track::Both, Status::Insider, Status::InnerCircle, StatusReason::Invited);
    assert_eq!(changes(&decision), [invited]);
    assert_eq!(decision.drafted()[0].event, InnerCircleInvited {}.into());
    assert_eq!(decision.drafted()[1].cause, Some(0), "the status follows from the invitation");
    anna().after(Invite(true)).when(Invite(true)).then([]);
    given([]).when(Invite(true)).then_rejected(Rejection::MemberNotFound);
}

#[test]
fn rule_s3_an_invited_member_does_not_fall() {
    let world = anna().after(Invite(true));
    world.clone().at("2028-03-03T00:00:00+03:00").when(ReviewStatus).then([]);
    assert_eq!(status(&world.at("2028-03-03T00:00:00+03:00").after(ReviewStatus)), Status::InnerCircle);
}

#[test]
fn rule_s3_who_is_uninvited_is_evaluated_as_all_others() {
    let uninvited = anna().after(Invite(true)).after(Invite(false));
    assert_eq!(uninvited.log[uninvited.log.len() - 2].1, InnerCircleInvitationWithdrawn {}.into());
    assert_eq!(status(&uninvited), Status::InnerCircle, "the grace of rule S3");
    let falls = uninvited.state.shown().scheduled.expect("scheduled");
    assert_eq!((falls.to, falls.on.to_string()), (Status::Insider, "2026-04-01".to_owned()));
    let later = uninvited.clone().at("2026-04-01T00:00:00+03:00").after(ReviewStatus);
    assert_eq!(status(&later), Status::Insider);
    assert_eq!(status(&uninvited.clone().after(Invite(true)).after(ReviewStatus)), Status::InnerCircle);
    uninvited.when(Invite(false)).then([]);
}

#[test]
fn rule_s3_without_grace_the_withdrawal_takes_effect_at_once() {
    let world = anna().policy("status.grace_days", 0.into()).after(Invite(true));
    let fall = (Track::Both, Status::InnerCircle, Status::Insider, StatusReason::NoGrace);
    assert_eq!(changes(&world.when(Invite(false))), [fall]);
}

#[test]
fn rule_s1_the_top_of_spenders_is_elite() {
    let world = anna().after(buy("mindal", "1000.00"));
    world.clone().when(on_both(ranking("1000.00", "900.00"))).then([]);
    let decision = world.clone().when(on_both(ranking("999.99", "900.00")));
    let entered = |track| TopSpendersEntered {
        track,
        spent_12m: rub("1000.00"),
        members: 1_000,
        percent: "1.0".parse().expect("a percentage"),
        above: rub("999.99"),
        policy_version: 1,
    };
    let facts: Vec<_> = decision.drafted().iter().take(2).map(|new| new.event.clone()).collect();
    assert_eq!(facts, [entered(Track::Ordinary).into(), entered(Track::WithMedical).into()]);
    assert_eq!(changes(&decision), [(Track::Both, Status::Insider, Status::Elite, StatusReason::TopSpender)]);
}

#[test]
fn rule_s3_the_top_is_left_at_another_share_than_it_is_entered_at() {
    let elite = anna().after(buy("mindal", "1000.00")).after(on_both(ranking("999.99", "900.00")));
    elite.clone().when(on_both(ranking("5000.00", "999.99"))).then([]);
    let left = elite.clone().when(on_both(ranking("5000.00", "1000.00")));
    let fact = TopSpendersLeft {
        track: Track::Ordinary,
        spent_12m: rub("1000.00"),
        members: 1_000,
        percent: "1.5".parse().expect("a percentage"),
        above: Some(rub("1000.00")),
        policy_version: 1,
    };
    assert_eq!(left.drafted()[0].event, fact.into());
    assert_eq!(changes(&left), [], "she falls after the grace");
    let left = elite.after(on_both(ranking("5000.00", "1000.00")));
    assert_eq!(left.state.shown().scheduled.map(|falls| falls.to), Some(Status::Insider));
    assert_eq!(status(&left.at("2026-04-01T00:00:00+03:00").after(ReviewStatus)), Status::Insider);
}

#[test]
fn rule_s1_of_too_few_members_nobody_is_at_the_top() {
    let few = Ranking { members: 99, enter_above: None, stay_above: None };
    let world = anna().after(buy("mindal", "1000.00"));
    world.clone().when(on_both(few)).then([]);
    let world = world.after(on_both(ranking("0.00", "0.00"))).after(on_both(few));
    assert!(!world.state.shown().top && world.state.shown().scheduled.is_some());
}

#[test]
fn rule_s7_a_place_in_the_top_through_a_clinic_is_seen_with_the_consent_alone() {
    let world = anna().after(buy("steam-center", "90000.00")).after(buy("mindal", "1000.00"));
    let world = world.after(on_both(ranking("50000.00", "40000.00")));
    assert_eq!(status(&world), Status::Insider);
    let (ordinary, with_medical) = world.state.tracks();
    assert_eq!((ordinary.top, with_medical.top), (false, true));
    assert_eq!(status(&world.after([consent("medical_status", Granted)])), Status::Elite);
}

#[test]
fn rule_r4_a_blocked_member_cannot_buy_until_she_is_unblocked() {
    let reason_id = reason_id(7);
    let world = anna();
    world.clone().when(Block(Some(reason_id))).then([MemberBlocked { reason_id }.into()]);
    let blocked = world.after(Block(Some(reason_id)));
    assert!(blocked.state.is_blocked());
    blocked.clone().when(Block(Some(reason_id))).then([]);
    blocked.clone().when(buy("mindal", "100.00")).then_rejected(Rejection::MemberBlocked);
    assert_eq!(blocked.clone().when(buy("mindal", "100.00").imported()).drafted().len(), 2, "history");
    blocked.clone().when(Block(None)).then([MemberUnblocked {}.into()]);
    let free = blocked.after(Block(None));
    assert_eq!(free.clone().when(buy("mindal", "100.00")).drafted().len(), 2);
    free.when(Block(None)).then([]);
    given([]).when(Block(Some(reason_id))).then_rejected(Rejection::MemberNotFound);
}

#[test]
fn compliance_c6_a_block_is_not_told_to_a_partner_she_did_not_consent_to() {
    let past = [crate::member::testing::registered("2026-01-01T00:00:00Z")];
    let world = given(past).after(Block(Some(reason_id(7))));
    world.when(buy("mindal", "100.00")).then([]);
}

#[test]
fn rule_r4_whose_phone_changed_spends_a_day_later_and_what_was_held_is_captured() {
    let spending_from = at("2026-03-03T12:00:00+03:00");
    let world = anna().after(buy("mindal", "1000.00")).after(hold(1, "mindal", "100.00", "50.00"));
    world.clone().when(ChangePhone).then([PhoneChanged { spending_from }.into()]);
    let changed = world.after(ChangePhone);
    let early = changed.clone().at("2026-03-03T11:59:59+03:00");
    early
        .when(hold(2, "mindal", "100.00", "25.00"))
        .then_rejected(Rejection::IdentityCooldown { until: spending_from });
    let paid = changed.clone().after(buy("mindal", "100.00").paying(1, None));
    assert_eq!(paid.balance().0, bon("27.50"), "50.00 of 75.00 are spent, 2.50 earned");
    let later = changed.at("2026-03-03T12:00:00+03:00").after(hold(2, "mindal", "100.00", "25.00"));
    assert_eq!(later.state.balance(later.now, 30).expect("fits").held, bon("25.00"));
    let shorter =
        anna().policy("identity.cooldown_hours", serde_json::json!(0)).at("2026-03-05T12:00:00+03:00");
    let shorter = shorter.after(buy("mindal", "1000.00")).after(ChangePhone);
    assert_eq!(shorter.when(hold(1, "mindal", "100.00", "25.00")).drafted().len(), 1);
    given([]).when(ChangePhone).then_rejected(Rejection::MemberNotFound);
}
