//! The log as the database has it, and what follows from it: read as JSON and folded by code of its own.

use std::collections::{BTreeMap, HashMap};

use ledger_core::log::Row;
use serde_json::Value;
use sqlx::PgPool;

use super::warehouse::kopecks_of;

/// One row of the log.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its place.
    pub position: i64,
    /// Which fact.
    pub kind: String,
    /// Whose stream.
    pub stream: String,
    /// Its place in the stream.
    pub version: i64,
    /// When it happened, in RFC 3339, UTC, with microseconds.
    pub occurred_at: String,
    /// The fact.
    pub payload: Value,
    /// Who, why, under which policy.
    pub metadata: Value,
}

/// The whole log.
#[derive(Debug, Clone)]
pub struct Log {
    /// In order.
    pub events: Vec<Event>,
}

/// What a member has by the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) available: i64,
    pub(super) pending: i64,
}

/// What a purchase is by the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Purchase {
    pub(super) position: i64,
    pub(super) purchase_id: String,
    pub(super) natural_key: String,
    pub(super) member: String,
    pub(super) business_id: String,
    pub(super) medical: bool,
    pub(super) amount: i64,
    pub(super) bonuses: i64,
    pub(super) occurred_at: String,
}

/// One movement of one lot at an ordinary business.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Movement {
    pub(super) position: i64,
    pub(super) kind: &'static str,
    pub(super) lot: String,
    pub(super) amount: i64,
}

const ROW: &str = r#"SELECT jsonb_build_object(
    'position', position, 'event_id', event_id, 'stream_type', stream_type, 'stream_id', stream_id,
    'stream_version', stream_version, 'event_type', event_type, 'schema_version', schema_version,
    'occurred_at', to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'recorded_at', to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'payload', payload, 'metadata', metadata), leaf_hash
    FROM ledger.events ORDER BY position"#;

impl Log {
    /// Reads it whole. Positions are gapless from 1 to the head, each stream's versions from 1, and every leaf hash is
    /// the one of its row.
    ///
    /// # Panics
    /// When any of that is not so.
    pub async fn read(pool: &PgPool) -> Self {
        let rows: Vec<(Value, Vec<u8>)> = sqlx::query_as(ROW).fetch_all(pool).await.expect("the log");
        let head: i64 = sqlx::query_scalar("SELECT position FROM ledger.log_head")
            .fetch_one(pool)
            .await
            .expect("the head");
        let mut versions: HashMap<String, i64> = HashMap::new();
        let mut events = Vec::with_capacity(rows.len());
        for (index, (row, hash)) in rows.into_iter().enumerate() {
            let text = |name: &str| row[name].as_str().expect("a text").to_owned();
            let position = row["position"].as_i64().expect("a position");
            assert_eq!(position, i64::try_from(index).expect("an index") + 1, "the log has a gap");
            let stream = text("stream_id");
            let version = row["stream_version"].as_i64().expect("a version");
            let newest = versions.entry(stream.clone()).or_default();
            *newest += 1;
            assert_eq!(version, *newest, "the stream of position {position} has a gap");
            let typed: Row = serde_json::from_value(row.clone()).expect("a row of the log");
            let leaf = typed.leaf_hash().expect("a leaf hash");
            assert_eq!(leaf.as_bytes().as_slice(), hash, "the leaf hash of position {position}");
            events.push(Event {
                position,
                kind: text("event_type"),
                stream,
                version,
                occurred_at: text("occurred_at"),
                payload: row["payload"].clone(),
                metadata: row["metadata"].clone(),
            });
        }
        assert_eq!(head, i64::try_from(events.len()).expect("a length"), "the head is not the last position");
        Self { events }
    }

    /// The events of one kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events.iter().filter(move |event| event.kind == kind)
    }

    /// What each member has; never negative at any prefix.
    ///
    /// # Panics
    /// When it is.
    pub(super) fn holdings(&self) -> BTreeMap<String, Holding> {
        let mut all: BTreeMap<String, Holding> = BTreeMap::new();
        for event in &self.events {
            let amount = || kopecks_of(&event.payload["amount"]);
            let member = event.stream.clone();
            match event.kind.as_str() {
                "BonusAccrued" => {
                    let mut sum = 0;
                    for lot in event.payload["lots"].as_array().expect("lots") {
                        let amount = kopecks_of(&lot["amount"]);
                        sum += amount;
                        let holding = all.entry(member.clone()).or_default();
                        match lot["opens"].as_str() {
                            Some("pending") => holding.pending += amount,
                            Some("available") => holding.available += amount,
                            other => panic!("a lot opens {other:?}"),
                        }
                    }
                    assert_eq!(sum, amount(), "the lots of position {}", event.position);
                }
                "BonusMatured" => {
                    let holding = all.entry(member.clone()).or_default();
                    holding.pending -= amount();
                    holding.available += amount();
                }
                "BonusExpired" => {
                    let holding = all.entry(member.clone()).or_default();
                    match event.payload["holding"].as_str() {
                        Some("pending") => holding.pending -= amount(),
                        Some("available") => holding.available -= amount(),
                        other => panic!("a lot expires {other:?}"),
                    }
                }
                _ => {}
            }
            let holding = all.get(&member).copied().unwrap_or_default();
            let negative = holding.available < 0 || holding.pending < 0;
            assert!(!negative, "{member} has {holding:?} after position {}", event.position);
        }
        all
    }

    /// Every purchase with what it earned.
    pub(super) fn purchases(&self) -> Vec<Purchase> {
        let mut earned: HashMap<&str, i64> = HashMap::new();
        for event in self.of_kind("BonusAccrued") {
            let purchase = event.payload["purchase_id"].as_str().expect("a purchase");
            let before = earned.insert(purchase, kopecks_of(&event.payload["amount"]));
            assert_eq!(before, None, "purchase {purchase} earned twice");
        }
        let purchase = |event: &Event| {
            let text = |name: &str| event.payload[name].as_str().expect("a text").to_owned();
            let purchase_id = text("purchase_id");
            Purchase {
                position: event.position,
                bonuses: earned.get(purchase_id.as_str()).copied().unwrap_or(0),
                purchase_id,
                natural_key: text("natural_key"),
                member: event.stream.clone(),
                business_id: text("business_id"),
                medical: event.payload["confidentiality"] == "medical",
                amount: kopecks_of(&event.payload["amount"]),
                occurred_at: event.occurred_at.clone(),
            }
        };
        self.of_kind("PurchaseRecorded").map(purchase).collect()
    }

    /// Every movement of a lot that was earned at an ordinary business.
    pub(super) fn movements(&self) -> Vec<Movement> {
        let mut all = Vec::new();
        for event in self.events.iter().filter(|event| event.payload["confidentiality"] != "medical") {
            let mut moved = |kind, fact: &Value| {
                let lot = fact["lot_id"].as_str().expect("a lot").to_owned();
                all.push(Movement {
                    position: event.position,
                    kind,
                    lot,
                    amount: kopecks_of(&fact["amount"]),
                });
            };
            match event.kind.as_str() {
                "BonusAccrued" => {
                    event.payload["lots"]
                        .as_array()
                        .expect("lots")
                        .iter()
                        .for_each(|lot| moved("accrued", lot));
                }
                "BonusMatured" => moved("matured", &event.payload),
                "BonusExpired" => moved("expired", &event.payload),
                _ => {}
            }
        }
        all.sort();
        all
    }
}
