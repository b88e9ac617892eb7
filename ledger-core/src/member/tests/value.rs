//! What events do to value, and history that cannot hold. Rules M1, M2.

use uuid::Uuid;

use crate::ids::MemberId;
use crate::log::Event;
use crate::member::CorruptHistory;
use crate::member::MemberCommand::{self, WriteDue};
use crate::member::event::{ExpiredTo, GiftKind, Holding, MemberEvent, MemberRegistered};
use crate::member::gift::{Adjustment, Gift};
use crate::member::state::MemberState;
use crate::member::testing::{World, anna, at, bon, buy, expired, grant_id, matured, reason_id};
use crate::postings::{Posting, Unit, postings};

const MEMBER: MemberId = MemberId::from_uuid(Uuid::from_u128(7));

/// The postings of one event as `unit account kopecks funder`.
fn lines(event: &Event) -> Vec<String> {
    let line = |posting: Posting| {
        let account = posting.account.to_string().replace(&MEMBER.to_string(), "anna");
        format!("{} {account} {} {}", posting.unit.as_str(), posting.kopecks, posting.funder)
    };
    postings(MEMBER, event).into_iter().map(line).collect()
}

fn newest(world: &World) -> &Event {
    &world.log.last().expect("a fact").1
}

#[test]
fn rule_m1_an_available_accrual_is_issued_and_paid_for() {
    let world = anna().after(buy("mindal", "3000.00"));
    assert_eq!(
        lines(newest(&world)),
        [
            "BON funder/mindal/issued -15000 mindal",
            "BON member/anna/available 15000 mindal",
            "RUB business/mindal/clearing -15000 mindal",
            "RUB coalition/float 15000 mindal",
            "BON funder/coalition/issued -7500 coalition",
            "BON member/anna/available 7500 coalition",
            "RUB coalition/promo -7500 coalition",
            "RUB coalition/float 7500 coalition",
        ]
    );
}

#[test]
fn rule_m1_what_is_given_by_hand_is_the_coalitions_and_what_is_taken_goes_back_to_its_funder() {
    let gift = Gift {
        grant_id: grant_id(1),
        kind: GiftKind::Referral,
        reason_id: None,
        amount: bon("500.00"),
        life_days: Some(7),
    };
    let given = [
        "BON funder/coalition/issued -50000 coalition",
        "BON member/anna/available 50000 coalition",
        "RUB coalition/promo -50000 coalition",
        "RUB coalition/float 50000 coalition",
    ];
    assert_eq!(lines(newest(&anna().after(MemberCommand::Gift(gift)))), given);
    let adjust = |amount: &str| {
        let (grant_id, reason_id) = (grant_id(2), reason_id(2));
        MemberCommand::Adjust(Adjustment { grant_id, reason_id, amount: bon(amount) })
    };
    assert_eq!(lines(newest(&anna().after(adjust("500.00")))), given);
    assert_eq!(
        lines(newest(&anna().after(buy("mindal", "3000.00")).after(adjust("-20.00")))),
        [
            "BON member/anna/available -2000 mindal",
            "BON funder/mindal/taken_back 2000 mindal",
            "RUB coalition/float -2000 mindal",
            "RUB business/mindal/clearing 2000 mindal",
        ]
    );
}

#[test]
fn rule_m2_a_pending_lot_is_paid_for_when_it_becomes_available() {
    let world = anna().after(buy("lisichkino", "1000.00"));
    assert_eq!(
        lines(newest(&world)),
        [
            "BON funder/lisichkino/issued -5000 lisichkino",
            "BON member/anna/pending 5000 lisichkino",
            "BON funder/coalition/issued -2500 coalition",
            "BON member/anna/pending 2500 coalition",
        ]
    );
    assert_eq!(
        lines(&matured(1, "lisichkino", "lisichkino", "50.00")),
        [
            "BON member/anna/pending -5000 lisichkino",
            "BON member/anna/available 5000 lisichkino",
            "RUB business/lisichkino/clearing -5000 lisichkino",
            "RUB coalition/float 5000 lisichkino",
        ]
    );
}

#[test]
fn rule_b8_m2_an_expired_lot_pays_its_funder_or_the_breakage() {
    let line = |to| lines(&expired(1, "mindal", "mindal", "50.00", to));
    let bonuses = ["BON member/anna/available -5000 mindal", "BON funder/mindal/expired 5000 mindal"];
    let roubles = "RUB coalition/float -5000 mindal";
    assert_eq!(
        line(ExpiredTo::Funder),
        [bonuses[0], bonuses[1], roubles, "RUB business/mindal/clearing 5000 mindal"]
    );
    assert_eq!(
        line(ExpiredTo::Coalition),
        [bonuses[0], bonuses[1], roubles, "RUB coalition/breakage 5000 mindal"]
    );
}

#[test]
fn rule_m2_a_lot_that_expires_pending_was_never_paid_for() {
    let mut event = expired(1, "mindal", "mindal", "50.00", ExpiredTo::Funder);
    if let Event::Member(MemberEvent::BonusExpired(fact)) = &mut event {
        fact.holding = Holding::Pending;
    }
    assert_eq!(
        lines(&event),
        ["BON member/anna/pending -5000 mindal", "BON funder/mindal/expired 5000 mindal"]
    );
    assert!(postings(MEMBER, &event).iter().all(|posting| posting.unit == Unit::Bon));
}

#[test]
fn rule_m1_a_purchase_alone_moves_nothing() {
    let world = anna().after(buy("mindal", "3000.00"));
    let purchase = &world.log[world.log.len() - 2].1;
    assert_eq!(purchase.event_type(), "PurchaseRecorded");
    assert_eq!(lines(purchase), Vec::<String>::new());
}

#[test]
fn history_that_cannot_hold_names_its_place() {
    let fold = |world: &World, event: &Event| {
        let Event::Member(fact) = event else { panic!("{event:?}") };
        world.state.clone().apply(99, world.now, fact)
    };
    let corrupt = |what| Err(CorruptHistory { position: 99, what });
    let world = anna().after(buy("mindal", "1000.00"));
    let accrual = newest(&world).clone();
    assert_eq!(fold(&world, &accrual), corrupt("a lot is opened twice"));
    assert_eq!(fold(&world, &matured(9, "lisichkino", "mindal", "1.00")), corrupt("an unknown lot matures"));
    assert_eq!(
        fold(&world, &matured(1, "lisichkino", "mindal", "50.00")),
        corrupt("a lot matures that is not pending as a whole")
    );
    assert_eq!(
        fold(&world, &expired(1, "mindal", "mindal", "49.99", ExpiredTo::Funder)),
        corrupt("a lot expires with another amount or holding than it has")
    );
    let gone = world.clone().at("2027-01-01T00:00:00Z").after(WriteDue);
    let again = expired(1, "mindal", "mindal", "50.00", ExpiredTo::Funder);
    assert_eq!(fold(&gone, &again), corrupt("an unknown lot expires"));
    let twice = MemberRegistered { registered_at: at("2026-01-01T00:00:00Z") }.into();
    assert_eq!(fold(&world, &twice), corrupt("a member registers twice"));
    let mut short = accrual;
    if let Event::Member(MemberEvent::BonusAccrued(fact)) = &mut short {
        fact.lots.pop();
    }
    let Event::Member(short) = &short else { panic!("{short:?}") };
    let answer = MemberState::default().apply(99, world.now, short);
    assert_eq!(answer, corrupt("lots that do not add up to their accrual"));
}
