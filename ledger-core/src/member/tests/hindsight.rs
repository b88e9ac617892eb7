//! As it was, and as it was known. Rule T1.

use uuid::Uuid;

use crate::ids::{CorrelationId, EventId};
use crate::log::{Actor, Event, Metadata, Position, Row, StreamType};
use crate::member::MemberCommand::WriteDue;
use crate::member::hindsight::Hindsight;
use crate::member::state::MemberState;
use crate::member::status::Status;
use crate::member::testing::{Ask, NOON, World, anna, at, bon, buy, give_back, hold};
use crate::money::Bonuses;
use crate::time::Timestamp;

/// A world, and the rows that the log would have.
struct Recorded {
    world: World,
    rows: Vec<Row>,
}

impl Recorded {
    fn of(world: World) -> Self {
        let mut recorded = Self { rows: Vec::new(), world: world.clone() };
        let registered = at("2026-01-01T12:00:00+03:00");
        for (occurred_at, event) in &world.log {
            recorded.row(registered, *occurred_at, event, None);
        }
        recorded
    }

    fn row(&mut self, recorded_at: Timestamp, occurred_at: Timestamp, event: &Event, cause: Option<EventId>) {
        let position = Position::try_from(self.rows.len() + 1).expect("a short log");
        self.rows.push(Row {
            event_id: event_id(self.rows.len()),
            event_type: event.event_type().to_owned(),
            metadata: Metadata {
                actor: Actor::SYSTEM,
                causation_id: cause,
                correlation_id: CorrelationId::from_uuid(Uuid::nil()),
                idempotency_key: String::new(),
                policy_version: 1,
                rules_revision: 1,
                source: "api".to_owned(),
            },
            occurred_at,
            payload: event.payload().expect("json"),
            position,
            recorded_at,
            schema_version: event.schema_version(),
            stream_id: Uuid::nil(),
            stream_type: StreamType::Member,
            stream_version: i32::try_from(position).expect("a short log"),
        });
    }

    /// Decides a command at `when` and records what follows.
    fn then(mut self, when: &str, ask: impl Ask) -> Self {
        let decision = self.world.clone().at(when).when(ask);
        let first = self.rows.len();
        for new in decision.drafted() {
            let cause = new.cause.map(|index| event_id(first + index));
            self.row(at(when), new.occurred_at, &new.event, cause);
        }
        let (drafted, mut world) = (decision.drafted().to_vec(), decision.world);
        drafted.into_iter().for_each(|new| world.write(new.occurred_at, new.event));
        self.world = world;
        self
    }

    fn state(&self, as_of: Option<&str>, known_at: Option<&str>) -> MemberState {
        let hindsight = Hindsight { as_of: as_of.map(at), known_at: known_at.map(at) };
        hindsight.state(&self.rows).expect("a history that holds")
    }

    /// available, pending, debt
    fn balance(&self, as_of: Option<&str>, known_at: Option<&str>) -> [Bonuses; 3] {
        let moment = Hindsight { as_of: as_of.map(at), known_at: known_at.map(at) }.moment(self.world.now);
        let balance = self.state(as_of, known_at).balance(moment, 30).expect("fits");
        [balance.available, balance.pending, balance.debt]
    }
}

fn event_id(index: usize) -> EventId {
    EventId::from_uuid(Uuid::from_u128(index as u128 + 1))
}

fn amounts(texts: [&str; 3]) -> [Bonuses; 3] {
    texts.map(bon)
}

#[test]
fn rule_t1_a_late_purchase_was_there_and_was_not_known() {
    // On 4 March the salon reports what happened on 1 March.
    let late = Recorded::of(anna())
        .then(NOON, buy("zakon", "1000.00"))
        .then("2026-03-04T12:00:00+03:00", buy("mindal", "10000.00").on("2026-03-01T12:00:00+03:00"));
    let (before, march_2, march_5) =
        ("2026-03-01T00:00:00+03:00", "2026-03-02T18:00:00+03:00", "2026-03-05T00:00:00+03:00");
    let (known, whole) = (amounts(["75.00", "0.00", "0.00"]), amounts(["825.00", "0.00", "0.00"]));
    assert_eq!(late.balance(None, None), whole);
    assert_eq!(late.balance(None, Some(march_2)), known, "what a balance showed on that day");
    assert_eq!(late.balance(Some(march_2), None), whole, "what there was on that day, as it is known now");
    assert_eq!(late.balance(Some(march_2), Some(march_2)), known);
    assert_eq!(late.balance(Some(before), None), amounts(["0.00"; 3]));
    assert_eq!(late.balance(Some(march_2), Some(march_5)), whole);
}

#[test]
fn rule_t1_what_was_known_holds_though_the_clock_went_back() {
    let back = Recorded::of(anna())
        .then(NOON, buy("mindal", "1000.00"))
        .then("2026-03-02T11:00:00+03:00", hold(1, "mindal", "100.00", "50.00"));
    let none = amounts(["0.00"; 3]);
    assert_eq!(back.balance(None, Some("2026-03-02T11:30:00+03:00")), none, "before the first that was not");
    assert_eq!(
        back.balance(None, Some(NOON)),
        amounts(["75.00", "0.00", "0.00"]),
        "the hold lapsed at 11:15"
    );
}

#[test]
fn rule_t1_bonuses_of_the_past_are_pending_until_then_and_live_until_then() {
    // Lisichkino's lots wait 14 days, and are gone at the end of 31 May.
    let world = Recorded::of(anna())
        .then(NOON, buy("lisichkino", "1000.00"))
        .then("2026-07-01T12:00:00+03:00", WriteDue);
    assert_eq!(world.balance(None, None), amounts(["0.00"; 3]));
    for (moment, expected) in [
        (NOON, ["0.00", "75.00", "0.00"]),
        ("2026-03-16T11:59:59+03:00", ["0.00", "75.00", "0.00"]),
        ("2026-03-16T12:00:00+03:00", ["75.00", "0.00", "0.00"]),
        ("2026-05-31T23:59:59+03:00", ["75.00", "0.00", "0.00"]),
        ("2026-06-01T00:00:00+03:00", ["0.00", "0.00", "0.00"]),
    ] {
        assert_eq!(world.balance(Some(moment), None), amounts(expected), "{moment}");
        assert_eq!(world.balance(None, Some(moment)), amounts(expected), "{moment}, as known");
    }
}

#[test]
fn rule_t1_what_leans_on_something_later_is_left_out_with_what_it_caused() {
    // The bill is of 12:00, the hold of 12:05, the report of 12:10: at 12:02 nothing was spent.
    let world = Recorded::of(anna())
        .then("2026-03-01T12:00:00+03:00", buy("mindal", "10000.00"))
        .then("2026-03-02T12:05:00+03:00", hold(1, "mindal", "1000.00", "500.00"))
        .then("2026-03-02T12:10:00+03:00", buy("mindal", "1000.00").on(NOON).paying(1, Some("400.00")));
    let spent = world.balance(None, None);
    assert_eq!(spent, amounts(["380.00", "0.00", "0.00"]));
    let between = world.state(Some("2026-03-02T12:02:00+03:00"), None);
    assert_eq!(between.open_holds().count(), 0);
    assert_eq!(
        world.balance(Some("2026-03-02T12:02:00+03:00"), None),
        amounts(["780.00", "0.00", "0.00"]),
        "the bill of 12:00 and its bonuses are there"
    );
}

#[test]
fn rule_t1_a_long_history_is_looked_back_on_as_a_short_one() {
    let mut world = Recorded::of(anna());
    for _ in 0..70 {
        world = world.then("2026-02-28T12:00:00+03:00", buy("kozha", "100.00"));
    }
    let [before, ..] = world.balance(None, None);
    world = world
        .then("2026-03-01T12:00:00+03:00", buy("mindal", "10000.00"))
        .then("2026-03-02T12:05:00+03:00", hold(1, "mindal", "1000.00", "500.00"))
        .then("2026-03-02T12:10:00+03:00", buy("mindal", "1000.00").on(NOON).paying(1, Some("400.00")));
    for _ in 0..70 {
        world =
            world.then("2026-03-02T12:20:00+03:00", buy("kozha", "100.00").on("2026-03-02T12:01:00+03:00"));
    }
    let [between, ..] = world.balance(Some("2026-03-02T12:02:00+03:00"), None);
    // 5.00 for each of the 70 that came later, and what the short history shows.
    assert_eq!(between.checked_sub(before), Some(bon("1130.00")));
}

#[test]
fn rule_t1_statuses_and_debts_of_the_past() {
    let world = Recorded::of(anna())
        .then("2026-03-01T12:00:00+03:00", buy("mindal", "20000.00"))
        .then("2026-03-02T12:00:00+03:00", buy("zakon", "10000.00"))
        .then("2026-03-03T12:00:00+03:00", buy("buket", "5000.00"))
        .then("2026-03-04T12:00:00+03:00", hold(1, "uyut", "10000.00", "2625.00"))
        .then("2026-03-04T12:01:00+03:00", buy("uyut", "10000.00").paying(1, None))
        .then("2026-03-05T12:00:00+03:00", give_back(1, 1, "20000.00"));
    let status = |as_of: &str| world.state(Some(as_of), None).status_at(at(as_of));
    assert_eq!(status("2026-03-02T12:00:01+03:00"), Status::Insider);
    assert_eq!(status("2026-03-03T12:00:00+03:00"), Status::Vip);
    let [available, _, debt] = world.balance(Some("2026-03-04T18:00:00+03:00"), None);
    assert!(available.is_positive() && debt.is_zero(), "before the refund: {available} {debt}");
    let [available, _, debt] = world.balance(None, None);
    assert!(available.is_zero() && debt.is_positive(), "after it: {available} {debt}");
}

#[test]
fn rule_t1_without_moments_it_is_the_fold_itself() {
    let world = Recorded::of(anna())
        .then(NOON, buy("lisichkino", "1000.00"))
        .then("2026-03-04T12:00:00+03:00", buy("mindal", "10000.00").on("2026-03-01T12:00:00+03:00"))
        .then("2026-07-01T12:00:00+03:00", WriteDue);
    assert_eq!(world.state(None, None), world.world.state);
    let now = "2026-07-01T12:00:00+03:00";
    assert_eq!(world.state(Some(now), Some(now)), world.world.state);
}
