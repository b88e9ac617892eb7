//! For tests: an installation of one test on real servers, and a log written by hand.

use std::sync::OnceLock;
use std::time::Duration;

use clickhouse::Client;
use ledger_core::ids::EventId;
use ledger_core::log::{Metadata, Position, Row, StreamType};
use ledger_core::time::Timestamp;
use ledger_ops::settings::ClickHouse;
use local_stack::{DataFolder, ServerKind, Stack, StackOptions};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::engine::Options;
use crate::source::LogReader;

/// How many partitions tests use.
pub(crate) const PARTITIONS: i32 = 3;

/// One set of servers for all tests of this program; those of the environment when it names them.
fn servers() -> &'static Stack {
    static STACK: OnceLock<Stack> = OnceLock::new();
    STACK.get_or_init(|| {
        let options = StackOptions { data: DataFolder::Temporary, ..StackOptions::default() };
        let options = options.only([ServerKind::Postgres, ServerKind::ClickHouse]);
        Stack::start(&options).expect("PostgreSQL and ClickHouse start")
    })
}

/// A log database, a read database and a ClickHouse database of one test, empty.
pub(crate) struct Installation {
    pub(crate) ledger: PgPool,
    pub(crate) read: PgPool,
    pub(crate) clickhouse: Client,
}

async fn pool(options: &PgConnectOptions, database: &str) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(4);
    pool.connect_with(options.clone().database(database)).await.expect("PostgreSQL answers")
}

impl Installation {
    pub(crate) async fn new() -> Self {
        let stack = tokio::task::spawn_blocking(servers).await.expect("servers");
        Self::on(stack, stack.clickhouse().address().expect("an address")).await
    }

    /// The same with the ClickHouse at `clickhouse`.
    pub(crate) async fn with_clickhouse(clickhouse: &str) -> Self {
        let stack = tokio::task::spawn_blocking(servers).await.expect("servers");
        Self::on(stack, clickhouse).await
    }

    async fn on(stack: &Stack, clickhouse: &str) -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        let address = stack.postgres().address().expect("an address");
        let options: PgConnectOptions = address.parse().expect("a PostgreSQL address");
        let server = pool(&options, "postgres").await;
        // One transaction: the lock is given back by its commit, when others see the role.
        let roles = "SELECT pg_advisory_xact_lock(77); DO $$ BEGIN \
             IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'own_circle_ledger') THEN \
                 CREATE ROLE own_circle_ledger NOLOGIN; END IF; END $$";
        sqlx::raw_sql(roles).execute(&server).await.expect("the role");
        for database in [format!("{name}_ledger"), format!("{name}_read")] {
            let statement = AssertSqlSafe(format!("CREATE DATABASE {database}"));
            sqlx::raw_sql(statement).execute(&server).await.expect("a database");
        }
        let ledger = pool(&options, &format!("{name}_ledger")).await;
        ledger_store::migrate::ledger_migrations().run(&ledger).await.expect("the log's tables");
        let settings = ClickHouse {
            url: clickhouse.to_owned(),
            database: name.clone(),
            user: "default".to_owned(),
            password: None,
        };
        let clickhouse = crate::analytics::client(&settings);
        Self { ledger, read: pool(&options, &format!("{name}_read")).await, clickhouse }
    }

    pub(crate) fn options(&self) -> Options {
        let log = LogReader::new(self.ledger.clone());
        Options { read: self.read.clone(), log, partitions: PARTITIONS }
    }

    /// Appends `facts` in one transaction; answers the new head.
    pub(crate) async fn append(&self, facts: &[Fact]) -> Position {
        let mut transaction = self.ledger.begin().await.expect("a transaction");
        let head: i64 = sqlx::query_scalar("SELECT position FROM ledger.log_head FOR UPDATE")
            .fetch_one(&mut *transaction)
            .await
            .expect("the head");
        let mut position = head;
        for fact in facts {
            position += 1;
            let version: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger.events WHERE stream_id = $1")
                .bind(fact.stream_id)
                .fetch_one(&mut *transaction)
                .await
                .expect("a version");
            let row = fact.row(position, i32::try_from(version + 1).expect("a version"));
            let leaf_hash = row.leaf_hash().expect("a hash");
            sqlx::query("INSERT INTO ledger.events VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9, $10, $11)")
                .bind(row.position)
                .bind(row.event_id.as_uuid())
                .bind(row.stream_type.as_str())
                .bind(row.stream_id)
                .bind(row.stream_version)
                .bind(&row.event_type)
                .bind(row.occurred_at.to_utc())
                .bind(row.recorded_at.to_utc())
                .bind(&row.payload)
                .bind(serde_json::to_value(&row.metadata).expect("JSON"))
                .bind(leaf_hash.as_bytes().as_slice())
                .execute(&mut *transaction)
                .await
                .expect("a row");
        }
        sqlx::query("UPDATE ledger.log_head SET position = $1")
            .bind(position)
            .execute(&mut *transaction)
            .await
            .expect("the head");
        transaction.commit().await.expect("a commit");
        position
    }

    /// What ClickHouse answers, as lines of tab-separated text.
    pub(crate) async fn ask(&self, question: &str) -> String {
        let mut answer = self.clickhouse.query_raw(question).fetch_bytes("TSV").expect("a question");
        let bytes = answer.collect().await.expect("ClickHouse answers");
        String::from_utf8(bytes.to_vec()).expect("text").trim_end().to_owned()
    }

    /// Waits until `projection` has passed `position`.
    pub(crate) async fn wait_for(&self, projection: &str, position: Position) {
        let limit = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let seen: Option<(i64, String, Option<String>)> =
                sqlx::query_as("SELECT passed, state, reason FROM projectors.progress WHERE name = $1")
                    .bind(projection)
                    .fetch_optional(&self.read)
                    .await
                    .unwrap_or_default();
            if seen.as_ref().is_some_and(|(passed, ..)| *passed >= position) {
                return;
            }
            assert!(tokio::time::Instant::now() < limit, "{projection} should pass {position}: {seen:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A fact to write.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    stream_type: StreamType,
    stream_id: Uuid,
    event_type: &'static str,
    occurred_at: Timestamp,
    payload: Value,
}

impl Fact {
    fn row(&self, position: Position, stream_version: i32) -> Row {
        let metadata: Metadata = serde_json::from_value(json!({
            "correlation_id": Uuid::nil(), "actor": { "kind": "system", "id": Uuid::nil() },
            "source": "test", "policy_version": 1, "rules_revision": 1, "idempotency_key": "00"
        }))
        .expect("metadata");
        Row {
            position,
            event_id: EventId::from_uuid(Uuid::now_v7()),
            stream_type: self.stream_type,
            stream_id: self.stream_id,
            stream_version,
            event_type: self.event_type.to_owned(),
            schema_version: 1,
            occurred_at: self.occurred_at,
            recorded_at: self.occurred_at,
            payload: self.payload.clone(),
            metadata,
        }
    }

    /// Another fact of the same stream and time.
    pub(crate) fn of(&self, event_type: &'static str, payload: Value) -> Self {
        Self { event_type, payload, ..self.clone() }
    }
}

/// A business of a test.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) id: Uuid,
    pub(crate) slug: &'static str,
    category: &'static str,
    confidentiality: &'static str,
}

impl Shop {
    pub(crate) fn ordinary(slug: &'static str) -> Self {
        Self { id: Uuid::new_v4(), slug, category: "gastronomy", confidentiality: "ordinary" }
    }

    pub(crate) fn medical(slug: &'static str) -> Self {
        Self { id: Uuid::new_v4(), slug, category: "medicine", confidentiality: "medical" }
    }

    pub(crate) fn registered(&self) -> Fact {
        Fact {
            stream_type: StreamType::Business,
            stream_id: self.id,
            event_type: "BusinessRegistered",
            occurred_at: Timestamp::BEGINNING,
            payload: json!({
                "business_id": self.id, "slug": self.slug, "name": "Имя", "category": self.category,
                "confidentiality": self.confidentiality, "terms": {}
            }),
        }
    }
}

/// What became of the bonuses of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bonuses {
    Available,
    Pending,
    Matured,
    Expired,
}

/// A purchase of a test: 10 % of it are bonuses, a tenth of which the coalition funds.
#[derive(Debug, Clone)]
pub(crate) struct Purchase<'a> {
    pub(crate) member: Uuid,
    pub(crate) shop: &'a Shop,
    pub(crate) at: &'a str,
    pub(crate) kopecks: i64,
    pub(crate) bonuses: Bonuses,
}

fn amount(kopecks: i64) -> String {
    format!("{}.{:02}", kopecks / 100, kopecks % 100)
}

/// A member joins.
pub(crate) fn joins(member: Uuid) -> Fact {
    Fact {
        stream_type: StreamType::Member,
        stream_id: member,
        event_type: "MemberRegistered",
        occurred_at: Timestamp::BEGINNING,
        payload: json!({ "registered_at": Timestamp::BEGINNING }),
    }
}

impl Purchase<'_> {
    /// What the log says of it.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let Self { member, shop, at, kopecks, bonuses } = *self;
        let purchase_id = Uuid::new_v4();
        let occurred_at: Timestamp = at.parse().expect("a time");
        let expires_at = occurred_at.moscow_day().plus_days(90).end();
        let total = kopecks / 10;
        let shares = [(shop.slug, total - total / 10), ("coalition", total / 10)];
        let lots: Vec<(Uuid, &str, i64)> =
            shares.iter().map(|(funder, share)| (Uuid::new_v4(), *funder, *share)).collect();
        let opens =
            if matches!(bonuses, Bonuses::Pending | Bonuses::Matured) { "pending" } else { "available" };
        let start = Fact {
            stream_type: StreamType::Member,
            stream_id: member,
            event_type: "PurchaseRecorded",
            occurred_at,
            payload: json!({
                "purchase_id": purchase_id, "business_id": shop.id, "business": shop.slug,
                "category": shop.category, "confidentiality": shop.confidentiality,
                "natural_key": "ab".repeat(32), "revision": 1, "amount": amount(kopecks), "source": "api"
            }),
        };
        let lots_json: Vec<Value> = lots
            .iter()
            .map(|(lot_id, funder, share)| {
                json!({ "lot_id": lot_id, "funder": funder, "amount": amount(*share), "opens": opens,
                        "available_from": occurred_at, "expires_at": expires_at })
            })
            .collect();
        let accrued = json!({
            "purchase_id": purchase_id, "business_id": shop.id, "confidentiality": shop.confidentiality,
            "inputs": { "base": amount(kopecks), "status": "insider", "rate_rule": "status", "rate": "0.10",
                "status_rate": "0.09", "new_category": "1", "business_multiplier": "1.00", "policy_version": 1,
                "policy_moment": "occurred_at", "rules_revision": 1 },
            "amount": amount(total), "lots": lots_json
        });
        let mut facts = vec![start.clone(), start.of("BonusAccrued", accrued)];
        let of_lots = |event_type, more: Value| {
            lots.iter().map(|(lot_id, funder, share)| {
                let origin = json!({ "kind": "purchase", "purchase_id": purchase_id, "business_id": shop.id,
                    "confidentiality": shop.confidentiality });
                let mut payload = json!({ "lot_id": lot_id, "origin": origin, "confidentiality": shop.confidentiality,
                    "funder": funder, "amount": amount(*share) });
                for (key, value) in more.as_object().expect("an object") {
                    payload[key] = value.clone();
                }
                start.of(event_type, payload)
            }).collect::<Vec<_>>()
        };
        match bonuses {
            Bonuses::Available | Bonuses::Pending => {}
            Bonuses::Matured => facts.extend(of_lots("BonusMatured", json!({}))),
            Bonuses::Expired => facts
                .extend(of_lots("BonusExpired", json!({ "holding": "available", "expired_to": "funder" }))),
        }
        facts
    }
}
