//! Demands about her data and their terms. `compliance.md` S2–S5.

use uuid::Uuid;

use crate::deadlines::{Reckoned, due_or_sooner};
use crate::ids::{ActId, SubjectRequestId};
use crate::member::event::{
    BlockGround, DemandedBy, ErasureGround, ExtensionGround, ProcessingBlocked, RefusalGround, RequestAnswer,
    RequestChannel, RequestKind, SubjectRequestAnswered, SubjectRequestExtended, SubjectRequestReceived,
    UnblockGround,
};
use crate::member::requests::{ExtendRequest, OPEN_REQUESTS_MAX, ReceiveRequest};
use crate::member::testing::{Decision, NOON, Pair, World, anna, at, buy, given};
use crate::member::{Erase, MemberCommand, MemberOutcome};
use crate::rejection::{MergeObstacle, Rejection};
use crate::time::Timestamp;

fn id(serial: u8) -> SubjectRequestId {
    SubjectRequestId::of_key(&[serial; 32])
}

fn demand(serial: u8, kind: RequestKind, channel: RequestChannel) -> ReceiveRequest {
    let received_at = at(NOON);
    let (due_at, reckoned) = due_or_sooner(received_at, kind.asked().term());
    ReceiveRequest { request_id: id(serial), kind, channel, received_at, due_at, reckoned }
}

fn asks(serial: u8, kind: RequestKind) -> MemberCommand {
    MemberCommand::ReceiveRequest(demand(serial, kind, RequestChannel::App))
}

fn extend(serial: u8, due_at: Timestamp) -> MemberCommand {
    let (ground, reckoned) = (ExtensionGround::Volume, Reckoned::ByCalendar);
    MemberCommand::ExtendRequest(ExtendRequest { request_id: id(serial), ground, due_at, reckoned })
}

fn answers(serial: u8, answer: RequestAnswer) -> MemberCommand {
    MemberCommand::AnswerRequest { request_id: id(serial), answer }
}

const REFUSED: RequestAnswer = RequestAnswer::Refused { ground: RefusalGround::Repeated };

#[test]
fn s2_a_demand_is_a_fact_of_when_it_came_with_its_term() {
    let ReceiveRequest { request_id, kind, channel, received_at, due_at, reckoned } =
        demand(1, RequestKind::Access, RequestChannel::Letter);
    // Ten working days after Monday, 2 March 2026: the 9th is no working day.
    assert_eq!((due_at.moscow_day().to_string().as_str(), reckoned), ("2026-03-17", Reckoned::ByCalendar));
    let command = MemberCommand::ReceiveRequest(demand(1, RequestKind::Access, RequestChannel::Letter));
    let later = anna().at("2026-03-04T12:00:00+03:00");
    let fact = SubjectRequestReceived { request_id, kind, channel, received_at, due_at, reckoned };
    let decision = later.when(command).then([fact.into()]);
    assert_eq!(decision.outcome(), &MemberOutcome::RequestDue { request_id, due_at });
    assert_eq!(decision.drafted()[0].occurred_at, at(NOON));
    given([]).when(asks(1, RequestKind::Access)).then_rejected(Rejection::MemberNotFound);
}

/// Whoever replays it may have other calendars, and comes to the same fact.
#[test]
fn p5_a_term_is_what_it_was_said_to_be() {
    let due_at = at("2026-07-01T20:59:59.999999Z");
    let odd = ReceiveRequest { due_at, ..demand(1, RequestKind::Access, RequestChannel::App) };
    let decision = anna().when(MemberCommand::ReceiveRequest(odd));
    assert_eq!(decision.outcome(), &MemberOutcome::RequestDue { request_id: id(1), due_at });
}

#[test]
fn s5_from_a_demand_that_her_data_not_be_used_they_are_not() {
    let world = anna();
    let kinds =
        |decision: &Decision| decision.drafted().iter().map(|new| new.event.event_type()).collect::<Vec<_>>();
    let decision = world.clone().when(asks(1, RequestKind::Blocking));
    assert_eq!(kinds(&decision), ["SubjectRequestReceived", "ProcessingBlocked"]);
    let ground = BlockGround::SubjectDemand;
    assert_eq!(decision.drafted()[1].event, ProcessingBlocked { ground }.into());
    assert_eq!(decision.drafted()[1].cause, Some(0));
    let world = world.after(asks(1, RequestKind::Blocking));
    world.clone().when(buy("mindal", "100.00")).then_rejected(Rejection::ProcessingBlocked);
    assert_eq!(kinds(&world.clone().when(asks(2, RequestKind::Blocking))), ["SubjectRequestReceived"]);
    // The inquiry is over when they are used again.
    for answer in [RequestAnswer::Fulfilled {}, REFUSED] {
        world.clone().when(answers(1, answer)).then_rejected(Rejection::RequestNotDone);
    }
    let again = world.after(MemberCommand::UnblockProcessing(UnblockGround::Confirmed));
    assert_eq!(kinds(&again.when(answers(1, RequestAnswer::Fulfilled {}))), ["SubjectRequestAnswered"]);
}

#[test]
fn s2_more_time_is_given_once_and_while_the_term_runs() {
    let world = anna().after(asks(1, RequestKind::Access));
    let due_at = at("2026-03-17T20:59:59.999999Z");
    let later = at("2026-03-24T20:59:59.999999Z");
    let fact = SubjectRequestExtended {
        request_id: id(1),
        ground: ExtensionGround::Volume,
        due_at: later,
        reckoned: Reckoned::ByCalendar,
    };
    world.clone().when(extend(1, later)).then([fact.into()]);
    let not_extendable = |due_at| Rejection::RequestNotExtendable { due_at };
    let over = world.clone().at("2026-03-18T00:00:00+03:00");
    over.when(extend(1, later)).then_rejected(not_extendable(due_at));
    world.clone().when(extend(1, due_at)).then_rejected(not_extendable(due_at));
    let world = world.after(extend(1, later));
    world.clone().when(extend(1, at("2026-04-01T20:59:59Z"))).then_rejected(not_extendable(later));
    world.when(extend(2, later)).then_rejected(Rejection::RequestClosed);
    // A correction has no longer term.
    let correction = anna().after(asks(1, RequestKind::Correction));
    let term = demand(1, RequestKind::Correction, RequestChannel::App).due_at;
    correction.when(extend(1, later)).then_rejected(not_extendable(term));
}

#[test]
fn s2_a_demand_is_answered_once() {
    let world = anna().after(asks(1, RequestKind::Access));
    let done = RequestAnswer::Fulfilled {};
    world
        .clone()
        .when(answers(1, done))
        .then([SubjectRequestAnswered { request_id: id(1), answer: done }.into()]);
    let answered = world.after(answers(1, done));
    answered.clone().when(answers(1, done)).then_rejected(Rejection::RequestClosed);
    answered.when(answers(2, done)).then_rejected(Rejection::RequestClosed);
}

#[test]
fn e1_a_demand_to_be_forgotten_is_answered_by_forgetting_her() {
    let world = anna().after(asks(1, RequestKind::Erasure)).after(asks(2, RequestKind::Access));
    for word in [RequestAnswer::Fulfilled {}, RequestAnswer::Erased {}] {
        world.clone().when(answers(1, word)).then_rejected(Rejection::RequestNotDone);
    }
    world.clone().when(answers(2, RequestAnswer::Erased {})).then_rejected(Rejection::RequestNotDone);
    assert_eq!(world.clone().when(answers(1, REFUSED)).drafted().len(), 1);
    let act_id = ActId::from_uuid(Uuid::from_u128(0xac7));
    let (demanded_by, ground) = (DemandedBy::Admin, ErasureGround::ConsentWithdrawn);
    let erase = MemberCommand::Erase(Erase { act_id, demanded_by, ground });
    let decision = world.clone().when(erase.clone());
    let kinds: Vec<_> = decision.drafted().iter().map(|new| new.event.event_type()).collect();
    assert_eq!(kinds, ["SubjectRequestAnswered", "SubjectRequestAnswered", "MemberErased"]);
    world.after(erase).when(asks(3, RequestKind::Access)).then_rejected(Rejection::MemberErased);
}

#[test]
fn too_many_open_demands_are_refused_until_one_is_answered() {
    let kinds = RequestKind::ALL.into_iter().filter(|kind| *kind != RequestKind::Blocking).cycle();
    let asked = (1..).zip(kinds).take(OPEN_REQUESTS_MAX);
    let full = asked.fold(anna(), |world: World, (serial, kind)| world.after(asks(serial, kind)));
    full.clone().when(asks(99, RequestKind::Access)).then_rejected(Rejection::TooManyOpenRequests);
    assert_eq!(full.after(answers(1, REFUSED)).when(asks(99, RequestKind::Access)).drafted().len(), 1);
}

#[test]
fn an_account_with_an_open_demand_does_not_go_into_another() {
    let because = MergeObstacle::OpenRequest;
    let old = || anna().numbered_after(100).after(asks(1, RequestKind::Access));
    let both = Pair::of(old(), anna());
    assert_eq!(both.when_merged(), Err(Rejection::MergeNotPossible { because }));
    let answered = old().after(answers(1, RequestAnswer::Fulfilled {}));
    assert!(Pair::of(answered, anna()).when_merged().is_ok());
    let hers = anna().after(asks(1, RequestKind::Access));
    let both = Pair::of(anna().numbered_after(100), hers);
    assert!(both.when_merged().is_ok(), "the survivor's go on");
    assert_eq!(both.merged().when_parted(), Err(Rejection::MergeNotPossible { because }), "whose is it?");
}
