//! Consents, and the two statuses that they choose between. Rules S2, S7; `compliance.md` C2–C4.

use crate::category::Confidentiality::{Medical, Ordinary};
use crate::ids::{EvidenceId, SessionId};
use crate::log::Event;
use crate::member::MemberCommand::{ChangeConsents, Register, ReviewStatus, WriteDue};
use crate::member::consent::ConsentChoice::{Granted, Withdrawn};
use crate::member::consent::{ConsentChange, ConsentChannel, ConsentOrigin, ConsentVersion, Purpose};
use crate::member::consent_text::ConsentText;
use crate::member::event::{
    ConsentGranted, ConsentWithdrawn, MemberEvent, MemberRegistered, StatusChanged, StatusDowngradeScheduled,
    StatusReason, Track,
};
use crate::member::status::Status;
use crate::member::testing::{
    IN_THE_APP, World, anna, anna_since, at, bon, buy, consent, give_back, given, granted, hold, purchase_id,
    registered, rub, withdrawn,
};
use crate::rejection::Rejection;

const STATUS: &str = "medical_status";

/// Two ordinary purchases that lack a third category.
fn two_thirds() -> World {
    anna_since("2020-01-01T00:00:00Z").after(buy("mindal", "15000.00")).after(buy("buket", "15000.00"))
}

fn lifted(track: Track, spent: &str, categories: u32) -> Event {
    let fact = StatusChanged {
        track,
        from: Status::Insider,
        to: Status::Vip,
        reason: StatusReason::Reached,
        spent_12m: rub(spent),
        categories_12m: categories,
        policy_version: 1,
    };
    fact.into()
}

#[test]
fn rule_s7_a_clinics_purchase_lifts_only_the_status_with_clinics() {
    let world = two_thirds();
    world.clone().when(buy("steam-center", "100.00")).then_besides([lifted(
        Track::WithMedical,
        "30100.00",
        3,
    )]);
    let world = world.after(buy("steam-center", "100.00"));
    assert_eq!(world.state.shown().status, Status::Insider);
    assert_eq!(world.when(buy("mindal", "1000.00")).earned(), bon("50.00"), "paid by the status shown");
}

#[test]
fn rule_s7_a_clinics_purchase_always_earns() {
    assert_eq!(anna().when(buy("steam-center", "1000.00")).earned(), bon("75.00"));
}

#[test]
fn rule_s7_the_consent_chooses_at_once() {
    let world = two_thirds().after(buy("steam-center", "100.00")).after([consent(STATUS, Granted)]);
    assert_eq!(world.state.shown().status, Status::Vip);
    assert_eq!(world.clone().when(buy("mindal", "1000.00")).earned(), bon("70.00"));
    let world = world.after([consent(STATUS, Withdrawn)]);
    assert_eq!(
        world.state.shown().status,
        Status::Insider,
        "no grace: it must be as if nothing had happened"
    );
    assert_eq!(world.when(buy("mindal", "1000.00")).earned(), bon("50.00"));
}

#[test]
fn rule_s7_the_category_of_a_clinic_is_its_registered_one() {
    let world = two_thirds().after([consent(STATUS, Granted)]);
    world.clone().when(buy("steam-center", "100.00")).then_besides([lifted(
        Track::WithMedical,
        "30100.00",
        3,
    )]);
    let world = anna().after(buy("kozha", "15000.00")).after(buy("buket", "15000.00"));
    world.when(buy("steam-center", "100.00")).then_besides([]);
}

#[test]
fn rule_s7_a_visit_is_no_occasion_to_evaluate_the_ordinary_status() {
    let vip = two_thirds().after(buy("linza", "100.00"));
    let world = vip.at("2027-03-02T12:00:00+03:00").after(crate::member::MemberCommand::WriteDue);
    let on_a_visit = world.clone().when(buy("steam-center", "100.00"));
    let tracks: Vec<_> = on_a_visit
        .drafted()
        .iter()
        .filter_map(|new| match &new.event {
            Event::Member(MemberEvent::StatusDowngradeScheduled(StatusDowngradeScheduled {
                track, ..
            })) => Some(*track),
            _ => None,
        })
        .collect();
    assert_eq!(tracks, [Track::WithMedical]);
    let next_day =
        world.after(buy("steam-center", "100.00")).at("2027-03-03T12:00:00+03:00").after(ReviewStatus);
    let days = |world: &World| {
        let (ordinary, with_medical) = world.state.tracks();
        [ordinary, with_medical].map(|track| track.scheduled.map(|it| it.on.to_string()))
    };
    assert_eq!(days(&next_day), [Some("2027-04-02".to_owned()), Some("2027-04-01".to_owned())]);
}

#[test]
fn rule_s7_each_status_has_its_own_grace() {
    let vip = two_thirds().after(buy("linza", "100.00"));
    let world = vip.after(buy("steam-center", "30000.00").on("2026-03-02T12:04:00+03:00"));
    let world = world.after(buy("skinerica", "1.00").on("2026-03-02T12:04:00+03:00"));
    let world = world.at("2027-03-02T12:00:00+03:00").after(ReviewStatus);
    let scheduled = |world: &World| {
        let (ordinary, with_medical) = world.state.tracks();
        [ordinary.scheduled.is_some(), with_medical.scheduled.is_some()]
    };
    assert_eq!(scheduled(&world), [true, true], "with clinics she has the money, but one category");
    let world = world.after(buy("mindal", "1.00")).after(buy("linza", "1.00"));
    assert_eq!(scheduled(&world), [true, false], "with clinics she has recovered");
}

#[test]
fn rule_s7_a_lot_that_comes_back_in_parts_is_a_secret_once_a_clinics_part_is_there() {
    // 50.00 are the business's, 25.00 the coalition's: 30.00 go at an ordinary business, then the rest at a clinic.
    let spent = anna().after(buy("mindal", "1000.00")).after(hold(1, "kozha", "60.00", "30.00"));
    let spent =
        spent.after(buy("kozha", "60.00").paying(1, None)).after(hold(2, "steam-center", "90.00", "45.00"));
    let spent = spent.after(buy("steam-center", "90.00").paying(2, None));
    let lots = |world: &World| -> Vec<_> {
        let first = world.state.live_lots().filter(|lot| lot.origin.purchase_id() == Some(purchase_id(1)));
        first.map(|lot| (lot.left, lot.confidentiality)).collect()
    };
    assert_eq!(lots(&spent), []);
    let of_kozha = spent.after(give_back(1, 2, "60.00"));
    assert_eq!(lots(&of_kozha), [(bon("30.00"), Ordinary)]);
    let of_both = of_kozha.after(give_back(2, 3, "90.00"));
    assert_eq!(lots(&of_both), [(bon("50.00"), Medical), (bon("25.00"), Medical)]);
}

#[test]
fn rule_s2_a_change_of_the_consent_evaluates() {
    let vip = two_thirds().after(buy("linza", "100.00"));
    let world = vip.at("2027-03-02T12:00:00+03:00").after(WriteDue);
    let decision = world.clone().when([consent(STATUS, Granted)]);
    assert_eq!(decision.drafted()[0].event, granted(STATUS));
    assert!(matches!(
        decision.drafted()[1].event,
        Event::Member(MemberEvent::StatusDowngradeScheduled(StatusDowngradeScheduled {
            track: Track::Both,
            ..
        }))
    ));
    assert_eq!(decision.drafted().len(), 2);
    world.when([consent("marketing", Granted)]).then([granted("marketing")]);
}

#[test]
fn consents_are_written_only_when_they_change() {
    let world = anna();
    world.clone().when([consent("marketing", Granted)]).then([granted("marketing")]);
    world.clone().when([consent("marketing", Withdrawn)]).then([]);
    world.clone().when([consent("partner:mindal", Granted)]).then([]);
    world.clone().when([consent("partner:mindal", Withdrawn)]).then([withdrawn("partner:mindal")]);
    world.when([consent("marketing", Granted), consent("marketing", Withdrawn)]).then([]);
}

#[test]
fn compliance_c3_a_consent_to_a_new_text_is_a_fact() {
    let mut again = consent("partner:mindal", Granted);
    again.version = "v2".parse().expect("a version");
    let fact = ConsentGranted {
        purpose: again.purpose.clone(),
        version: again.version.clone(),
        channel: IN_THE_APP.channel,
        evidence: None,
        text_hash: None,
        session: None,
    };
    let world = anna();
    world.clone().when([again.clone()]).then([fact.into()]);
    world.after([again.clone()]).when([again]).then([]);
}

#[test]
fn compliance_c3_a_consent_says_which_way_it_came_and_what_proves_it() {
    let evidence = EvidenceId::from_uuid(uuid::Uuid::from_u128(7));
    let registered_at = at("2026-03-02T12:00:00+03:00");
    let by_code = ConsentOrigin { channel: ConsentChannel::App, evidence: Some(evidence), session: None };
    let joins =
        Register { registered_at, consents: vec![consent("personal_data", Granted)], origin: by_code };
    let ConsentChange { purpose, version, .. } = consent("personal_data", Granted);
    let fact = ConsentGranted {
        purpose,
        version,
        channel: ConsentChannel::App,
        evidence: Some(evidence),
        text_hash: None,
        session: None,
    };
    given([]).when(joins).then([MemberRegistered { registered_at }.into(), fact.into()]);

    let by_staff = ConsentOrigin::from_channel(ConsentChannel::Admin);
    let changes = vec![consent("partner:mindal", Withdrawn)];
    let ConsentChange { purpose, version, .. } = changes[0].clone();
    let fact = ConsentWithdrawn {
        purpose,
        version,
        channel: ConsentChannel::Admin,
        evidence: None,
        text_hash: None,
        session: None,
    };
    anna().when(ChangeConsents { changes, origin: by_staff }).then([fact.into()]);
}

#[test]
fn compliance_c3_a_consent_keeps_the_hash_of_its_text_and_the_session_it_was_given_in() {
    let purpose: Purpose = "partner:mindal".parse().expect("a purpose");
    let version: ConsentVersion = "1".parse().expect("a version");
    let change = ConsentChange::on_its_text(purpose.clone(), Granted, version.clone());
    let text = ConsentText::of(&purpose, &version).expect("a text");
    assert_eq!(change.text_hash, Some(text.hash));
    let session = Some(SessionId::from_uuid(uuid::Uuid::from_u128(8)));
    let origin = ConsentOrigin { channel: ConsentChannel::App, evidence: None, session };
    let changes = vec![change];
    let fact = ConsentGranted {
        purpose,
        version,
        text_hash: Some(text.hash),
        channel: ConsentChannel::App,
        evidence: None,
        session,
    };
    anna().when(ChangeConsents { changes, origin }).then([fact.into()]);
}

#[test]
fn compliance_c4_a_withdrawal_stops_the_next_purchase() {
    let world = anna().after([consent("partner:mindal", Withdrawn)]);
    world.clone().when(buy("mindal", "100.00")).then([]);
    assert_eq!(
        world.after([consent("partner:mindal", Granted)]).when(buy("mindal", "100.00")).earned(),
        bon("7.50")
    );
}

#[test]
fn rule_s7_an_ordinary_consent_to_a_clinic_opens_nothing() {
    let without =
        anna().after([consent("medical:steam-center", Withdrawn), consent("partner:steam-center", Granted)]);
    without.when(buy("steam-center", "100.00")).then([]);
}

#[test]
fn consents_that_cannot_be_are_refused() {
    anna().when([consent("personal_data", Withdrawn)]).then_rejected(Rejection::ConsentRequired);
    anna().when([consent("partner:nobody", Granted)]).then_rejected(Rejection::BusinessNotFound);
    anna().when([consent("medical:mindal", Granted)]).then_rejected(Rejection::BusinessNotFound);
    given([]).when([consent("marketing", Granted)]).then_rejected(Rejection::MemberNotFound);
}

#[test]
fn rule_s6_registration_writes_the_membership_and_the_consents_given() {
    let consents = vec![consent("personal_data", Granted), consent("partner:mindal", Granted)];
    let registered_at = at("2026-03-02T12:00:00+03:00");
    let decision = given([]).when(Register { registered_at, consents: consents.clone(), origin: IN_THE_APP });
    assert_eq!(decision.drafted().iter().map(|new| new.cause).collect::<Vec<_>>(), [None, Some(0), Some(0)]);
    decision.then([
        MemberRegistered { registered_at }.into(),
        granted("personal_data"),
        granted("partner:mindal"),
    ]);
    let future = Register {
        registered_at: at("2027-01-01T00:00:00Z"),
        consents: consents.clone(),
        origin: IN_THE_APP,
    };
    assert_eq!(given([]).when(future).drafted()[0].event, MemberRegistered { registered_at }.into());
    let twice = Register { registered_at, consents, origin: IN_THE_APP };
    given([registered("2026-01-01T00:00:00Z")]).when(twice).then_rejected(Rejection::MemberExists);
}

#[test]
fn registration_needs_the_consent_to_take_part() {
    let registered_at = at("2026-03-02T12:00:00+03:00");
    for consents in [
        vec![],
        vec![consent("marketing", Granted)],
        vec![consent("personal_data", Withdrawn)],
        vec![consent("personal_data", Granted), consent("personal_data", Withdrawn)],
    ] {
        let command = Register { registered_at, consents, origin: IN_THE_APP };
        given([]).when(command).then_rejected(Rejection::ConsentRequired);
    }
}
