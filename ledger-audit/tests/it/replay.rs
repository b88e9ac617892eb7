//! What real decisions wrote is what the rules write; what somebody else wrote is not.

use ledger_audit::replay::{Decided, Replay};
use ledger_audit::verify::{Findings, What};
use ledger_core::log::{Row, StreamType};
use serde_json::{Value, json};

use crate::town::Town;

fn replayed(rows: &[Row]) -> (Decided, Findings) {
    let (mut replay, mut findings) = (Replay::default(), Findings::default());
    for row in rows {
        let event = row.event().expect("an event");
        replay.event(row.clone(), event, &mut findings).expect("folded");
    }
    let (decided, _) = replay.end(&mut findings).expect("folded");
    (decided, findings)
}

/// The first finding, and what was written with it.
fn about(rows: &[Row], findings: &Findings) -> String {
    let Some(first) = findings.told.first() else { return String::new() };
    let key = |row: &Row| row.metadata.idempotency_key.clone();
    let at = first.position.and_then(|at| usize::try_from(at).ok()).unwrap_or(1) - 1;
    let with = rows.iter().filter(|row| key(row) == key(&rows[at]));
    let facts: Vec<String> = with
        .map(|row| format!("{} {} {} {}", row.position, row.stream_id, row.event_type, row.payload))
        .collect();
    format!("{} at {:?}:\n{}", first.text, first.position, facts.join("\n"))
}

/// How many towns are replayed: 150, or as many as the environment says.
fn towns() -> u64 {
    std::env::var("OWN_CIRCLE_TOWNS").ok().and_then(|text| text.parse().ok()).unwrap_or(150)
}

#[test]
fn what_the_rules_wrote_they_write_again() {
    for seed in 0..towns() {
        let town = Town::of(seed).grown(400);
        let (decided, findings) = replayed(&town.rows);
        assert!(findings.is_empty(), "seed {seed}: {}", about(&town.rows, &findings));
        assert_eq!(decided.events, u64::try_from(town.count()).expect("fits"));
        assert!(decided.accruals > 0 && decided.decisions > 50, "{decided:?}");
    }
}

#[test]
fn a_long_history_is_written_again() {
    let town = Town::of(3).grown(8_000);
    let (decided, findings) = replayed(&town.rows);
    assert!(findings.is_empty(), "{}", about(&town.rows, &findings));
    assert!(decided.expiries > 50 && decided.statuses > 20, "{decided:?}");
}

/// One amount on the log, with whatever goes with it in its own event, made larger by a kopeck.
fn more(text: &str) -> String {
    let mut kopecks: i64 = text.replace('.', "").parse().expect("an amount");
    kopecks += 1;
    format!("{}.{:02}", kopecks / 100, kopecks % 100)
}

fn raise(value: &mut Value) {
    let text = more(value.as_str().expect("an amount"));
    *value = json!(text);
}

/// Everything that a rule decided: the type of the event, and how somebody would change it.
type Forgery = (&'static str, fn(&mut Value));

const FORGERIES: [Forgery; 14] = [
    ("BonusAccrued", |payload| {
        raise(&mut payload["amount"]);
        raise(&mut payload["lots"][0]["amount"]);
    }),
    ("BonusAccrued", |payload| payload["inputs"]["rate"] = json!("0.50")),
    ("BonusAccrued", |payload| payload["inputs"]["new_category"] = json!("9.0")),
    ("BonusAccrued", |payload| payload["lots"][0]["expires_at"] = json!("2031-01-01T20:59:59.999999Z")),
    ("BonusAccrued", |payload| payload["lots"][0]["funder"] = json!("coalition")),
    ("BonusExpired", |payload| raise(&mut payload["amount"])),
    ("BonusExpired", |payload| payload["expired_to"] = json!("coalition")),
    ("BonusMatured", |payload| raise(&mut payload["amount"])),
    ("StatusChanged", |payload| payload["to"] = json!("inner_circle")),
    ("StatusChanged", |payload| raise(&mut payload["spent_12m"])),
    ("BonusTakenBack", |payload| raise(&mut payload["amount"])),
    ("HoldReleased", |payload| raise(&mut payload["parts"][0]["amount"])),
    ("CouponRedeemed", |payload| raise(&mut payload["discount"])),
    ("PurchaseRecorded", |payload| raise(&mut payload["amount"])),
];

#[test]
fn what_the_rules_did_not_write_is_found_where_it_stands() {
    let town = Town::of(2).grown(5_000);
    let (_, findings) = replayed(&town.rows);
    assert!(findings.is_empty(), "{}", about(&town.rows, &findings));
    for (number, (kind, forge)) in FORGERIES.into_iter().enumerate() {
        let hers = |row: &&Row| row.event_type == kind && may_be(&row.payload, kind);
        let places: Vec<usize> =
            town.rows.iter().enumerate().filter(|(_, row)| hers(row)).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "no {kind}");
        for at in [places[0], places[places.len() / 2], places[places.len() - 1]] {
            let mut rows = town.rows.clone();
            forge(&mut rows[at].payload);
            let Ok(_) = rows[at].event() else { panic!("forgery {number} of {kind} is no event") };
            let (_, findings) = replayed(&rows);
            let position = u64::try_from(at + 1).expect("fits");
            let first =
                findings.first_bad.unwrap_or_else(|| panic!("forgery {number} of {kind} at {position}"));
            // What was paid for shows where the accrual of it stands.
            assert!((position..position + 3).contains(&first), "{number} {kind}: {first} for {position}");
        }
    }
}

/// Whether this one can be changed so.
fn may_be(payload: &Value, kind: &str) -> bool {
    match kind {
        "BonusAccrued" => payload["lots"][0].is_object() && payload["lots"][0]["funder"] != "coalition",
        "HoldReleased" => payload["parts"][0].is_object(),
        "StatusChanged" => payload["to"] != "inner_circle",
        "CouponRedeemed" => payload["discount"] != "0.00",
        "BonusExpired" => payload["funder"] != "coalition",
        _ => true,
    }
}

#[test]
fn a_fact_that_was_left_out_or_put_in_is_found() {
    let town = Town::of(4).grown(3_000);
    for kind in ["BonusAccrued", "BonusExpired", "StatusChanged", "BonusMatured"] {
        let at = town.rows.iter().position(|row| row.event_type == kind).expect("one of them");
        let mut out = town.rows.clone();
        out.remove(at);
        let (_, findings) = replayed(&out);
        assert!(!findings.is_empty(), "{kind} left out");
        let mut twice = town.rows.clone();
        twice.insert(at, town.rows[at].clone());
        let (_, findings) = replayed(&twice);
        assert!(!findings.is_empty(), "{kind} twice");
        assert!(findings.has(What::Decision) || findings.has(What::History));
    }
}

#[test]
fn another_policy_than_the_one_in_force_is_found() {
    let town = Town::of(6).grown(1_500);
    let at = town.rows.iter().rposition(|row| row.event_type == "BonusAccrued").expect("an accrual");
    let mut rows = town.rows.clone();
    rows[at].metadata.policy_version += 1;
    let (_, findings) = replayed(&rows);
    assert_eq!(findings.first_bad, u64::try_from(at + 1).ok());
}

/// The one finding of history that the change of a log of a town leads to first.
fn history(rows: &[Row], at: usize) -> String {
    let (_, findings) = replayed(rows);
    let position = u64::try_from(at + 1).ok();
    let told = findings.told.iter().find(|one| one.what == What::History && one.position == position);
    told.unwrap_or_else(|| panic!("nothing at {position:?}: {:?}", findings.told)).text.clone()
}

#[test]
fn a_fact_on_a_stream_that_is_not_its_own_is_found_and_decided_all_the_same() {
    let town = Town::of(4).grown(1_500);
    for stream_type in [StreamType::Business, StreamType::Policy, StreamType::Chain, StreamType::Offer] {
        for kind in ["BonusAccrued", "BonusGifted", "BonusExpired", "PurchaseRecorded"] {
            let at = town.rows.iter().position(|row| row.event_type == kind).expect("one of them");
            let mut rows = town.rows.clone();
            rows[at].stream_type = stream_type;
            assert!(history(&rows, at).contains("stands on a stream of kind"), "{kind}");
        }
    }
    // What the rules did not write is found as such, whatever its row says it is.
    let at = town
        .rows
        .iter()
        .position(|row| may_be(&row.payload, &row.event_type) && row.event_type == "BonusAccrued");
    let at = at.expect("an accrual");
    let mut rows = town.rows.clone();
    rows[at].stream_type = StreamType::Business;
    raise(&mut rows[at].payload["amount"]);
    raise(&mut rows[at].payload["lots"][0]["amount"]);
    let (_, findings) = replayed(&rows);
    assert!(findings.has(What::Decision), "{:?}", findings.told);
    // What names its own stream stands there.
    for kind in ["BusinessRegistered", "PolicyPublished"] {
        let at = town.rows.iter().position(|row| row.event_type == kind).expect("one of them");
        let mut rows = town.rows.clone();
        rows[at].stream_id = uuid::Uuid::from_u128(9);
        assert!(history(&rows, at).contains("stands on the stream of"), "{kind}");
    }
}

#[test]
fn a_purchase_that_is_recorded_twice_is_found_on_any_stream() {
    let town = Town::of(4).grown(1_500);
    let at = town.rows.iter().position(|row| row.event_type == "PurchaseRecorded").expect("a purchase");
    let other = town.rows.iter().rev().find(|row| row.event_type == "MemberRegistered").expect("a member");
    for stream_id in [town.rows[at].stream_id, other.stream_id] {
        let mut rows = town.rows.clone();
        let mut twice = rows[at].clone();
        (twice.stream_id, twice.position) = (stream_id, town.count() + 1);
        twice.recorded_at = town.now.plus(chrono::TimeDelta::days(1));
        rows.push(twice);
        let index = rows.len() - 1;
        assert!(history(&rows, index).contains("for the second time"));
    }
}

#[test]
fn a_policy_that_is_rewritten_or_begins_in_the_past_is_found() {
    let town = Town::of(6).grown(1_500);
    let published = |row: &&Row| row.event_type == "PolicyPublished";
    let newest = town.rows.iter().rfind(published).expect("a policy").clone();
    let version = newest.payload["version"].as_u64().expect("a version");
    assert!(version > 1);
    let of = |version: u64, from: &str| {
        let mut row = newest.clone();
        row.position = town.count() + 1;
        row.recorded_at = town.now.plus(chrono::TimeDelta::days(1));
        row.payload["version"] = json!(version);
        row.payload["effective_from"] = json!(from);
        let mut rows = town.rows.clone();
        rows.push(row);
        rows
    };
    let (past, ahead) = ("2026-01-11T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z");
    let at = town.rows.len();
    for (version, from, why) in [
        (1, ahead, "the newest"),
        (version, past, "the newest"),
        (version + 2, ahead, "the newest"),
        (version + 1, past, "in the past"),
    ] {
        assert!(history(&of(version, from), at).contains(why), "{version} from {from}");
    }
    let (_, findings) = replayed(&of(version + 1, ahead));
    assert!(findings.is_empty(), "{:?}", findings.told);
}
