//! The log where it is: taken out by the auditor's role, which may read and nothing else.

use std::sync::OnceLock;

use ledger_audit::audit::{Wanted, audit};
use ledger_audit::bundle::Bundle;
use ledger_audit::database::{cosignatures, export, tiles};
use ledger_audit::note::{KeyKind, Note, SignerKey};
use ledger_audit::tree::Frontier;
use ledger_audit::verify::{Trust, Verdict, What};
use ledger_core::log::Row;
use local_stack::{ServerKind, Stack, StackOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use tempfile::TempDir;
use uuid::Uuid;

use crate::town::{Sealer, Town};

/// The server that the tests of this binary share; it ends with the process.
fn server() -> String {
    static STACK: OnceLock<Stack> = OnceLock::new();
    let start =
        || Stack::start(&StackOptions::temporary().only([ServerKind::Postgres])).expect("PostgreSQL starts");
    STACK.get_or_init(start).postgres().address().expect("an address").to_owned()
}

/// A log in a database.
struct Kept {
    owner: PgPool,
    auditor: String,
    town: Town,
    sealer: Sealer,
}

async fn pool(options: &PgConnectOptions, database: &str) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(2);
    pool.connect_with(options.clone().database(database)).await.expect("PostgreSQL answers")
}

async fn run(pool: &PgPool, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await.expect("done");
}

impl Kept {
    /// The log of a town of `events` events in a database of its own, sealed every 100 events.
    async fn new(seed: u64, events: i64) -> Self {
        let address = server();
        let options: PgConnectOptions = address.parse().expect("an address");
        let name = format!(
            "audit_{}",
            Uuid::from_u128(u128::from(seed) << 64 | u128::from(std::process::id())).simple()
        );
        let admin = pool(&options, "postgres").await;
        let roles = "SELECT pg_advisory_xact_lock(77); DO $$ BEGIN \
             IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'own_circle_ledger') THEN \
                 CREATE ROLE own_circle_ledger NOLOGIN; END IF; END $$";
        sqlx::raw_sql(roles).execute(&admin).await.expect("the role");
        run(&admin, format!("CREATE DATABASE {name}")).await;
        let owner = pool(&options, &name).await;
        sqlx::migrate!("../migrations/ledger").run(&owner).await.expect("the log's tables");
        run(&admin, format!("CREATE ROLE {name} LOGIN PASSWORD 'secret' IN ROLE own_circle_audit")).await;
        let (start, _) = address.rsplit_once('/').expect("an address with a database");
        let (_, host) = start.rsplit_once('@').expect("an address with a user");
        let auditor = format!("postgres://{name}:secret@{host}/{name}");
        let town = Town::of(seed).grown(events);
        let kept = Self { owner, auditor, sealer: Sealer::of(town.log_id, 1), town };
        kept.fill().await;
        kept
    }

    async fn fill(&self) {
        let log_id = self.town.log_id.as_uuid();
        run(&self.owner, "ALTER TABLE ledger.log_head DISABLE TRIGGER head_moves_on".to_owned()).await;
        run(&self.owner, format!("UPDATE ledger.log_head SET log_id = '{log_id}'")).await;
        run(&self.owner, "ALTER TABLE ledger.log_head ENABLE TRIGGER head_moves_on".to_owned()).await;
        let mut tree = Frontier::default();
        let mut checkpoints = Vec::new();
        let mut tile = Vec::new();
        for row in &self.town.rows {
            let hash = row.leaf_hash().expect("a hash");
            insert(&self.owner, row, hash.as_bytes()).await;
            tree.push(*hash.as_bytes());
            tile.extend_from_slice(hash.as_bytes());
            if tree.size().is_multiple_of(256) {
                let index = i64::try_from(tree.size() / 256).expect("fits") - 1;
                let insert = sqlx::query("INSERT INTO ledger.tile VALUES (0, $1, $2)").bind(index);
                insert.bind(std::mem::take(&mut tile)).execute(&self.owner).await.expect("a tile");
            }
            let is_last = row.position == self.town.count();
            if tree.size().is_multiple_of(100) || is_last {
                checkpoints.push(self.sealer.seals(
                    self.town.log_id,
                    tree.size(),
                    tree.root(),
                    row.recorded_at,
                ));
            }
        }
        let head = self.town.count();
        sqlx::query("UPDATE ledger.log_head SET position = $1")
            .bind(head)
            .execute(&self.owner)
            .await
            .expect("a head");
        let key = self.sealer.key.verifier();
        let insert = "INSERT INTO ledger.seal_key VALUES ($1, $2, $3, '0001-01-01T00:00:00Z', NULL)";
        let insert = sqlx::query(insert).bind(key.name()).bind(key.id().to_vec()).bind(key.public().to_vec());
        insert.execute(&self.owner).await.expect("a key");
        for line in checkpoints {
            sqlx::query("INSERT INTO ledger.checkpoint VALUES ($1, $2, $3, $4, $5)")
                .bind(i64::try_from(line.size).expect("fits"))
                .bind(vec![0_u8; 32])
                .bind(key.id().to_vec())
                .bind(&line.note)
                .bind(line.sealed_at.to_utc())
                .execute(&self.owner)
                .await
                .expect("a checkpoint");
        }
    }

    /// Takes it out and audits it.
    async fn audited(&self) -> ledger_audit::audit::Audit {
        self.audited_by(Trust::default()).await
    }

    async fn audited_by(&self, trust: Trust) -> ledger_audit::audit::Audit {
        let auditor = self.auditor.clone();
        let task = move || {
            let folder = TempDir::new().expect("a folder");
            let target = folder.path().join("log");
            export(&auditor, &target, &mut |_, _| {}).expect("taken out");
            let bundle = Bundle::open(&target).expect("a bundle");
            let wanted = Wanted { replay: true, scan: true, months: true, ..Wanted::default() };
            audit(&bundle, &trust, wanted, &mut |_| {}).expect("decided")
        };
        tokio::task::spawn_blocking(task).await.expect("audited")
    }

    /// An audit finds what was done at `position`, and nothing before it.
    async fn found_at(&self, position: u64, what: &str) {
        let told = self.audited().await;
        assert_eq!(told.verdict, Verdict::Tampered, "{what}");
        let findings = told.verification.findings;
        assert_eq!(findings.first_bad, Some(position), "{what}: {:?}", findings.told);
    }
}

async fn insert(owner: &PgPool, row: &Row, hash: &[u8; 32]) {
    sqlx::query("INSERT INTO ledger.events VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
        .bind(row.position)
        .bind(row.event_id.as_uuid())
        .bind(row.stream_type.as_str())
        .bind(row.stream_id)
        .bind(row.stream_version)
        .bind(&row.event_type)
        .bind(row.schema_version)
        .bind(row.occurred_at.to_utc())
        .bind(row.recorded_at.to_utc())
        .bind(&row.payload)
        .bind(serde_json::to_value(&row.metadata).expect("JSON"))
        .bind(hash.as_slice())
        .execute(owner)
        .await
        .expect("a row");
}

#[tokio::test]
async fn a_log_is_taken_out_whole_by_who_may_only_read() {
    let kept = Kept::new(31, 700).await;
    let told = kept.audited().await;
    assert_eq!(told.verdict, Verdict::Clean, "{:?}", told.verification.findings);
    assert_eq!(told.verification.events, u64::try_from(kept.town.count()).expect("fits"));
    assert_eq!(told.verification.sealed, told.verification.events);
    let options: PgConnectOptions = kept.auditor.parse().expect("an address");
    let auditor = PgPoolOptions::new().max_connections(1).connect_with(options).await.expect("she logs in");
    for statement in [
        "UPDATE ledger.events SET event_type = 'x' WHERE position = 1",
        "DELETE FROM ledger.events",
        "INSERT INTO ledger.log_head VALUES (true, 1, gen_random_uuid())",
        "TRUNCATE ledger.checkpoint",
        "DROP TABLE ledger.events",
        "ALTER TABLE ledger.events DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "COPY ledger.events FROM '/dev/null'",
        "SELECT * FROM ledger.idempotency",
        "SELECT * FROM ledger.snapshots",
        "CREATE TABLE ledger.mine (one int)",
    ] {
        let refused = sqlx::raw_sql(statement).execute(&auditor).await.expect_err(statement);
        let code = refused.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused}");
    }
}

/// Every column of the log, as somebody with all rights would change it.
const CHANGES: [(&str, &str); 12] = [
    ("event_id", "gen_random_uuid()"),
    ("stream_type", "'business'"),
    ("stream_id", "gen_random_uuid()"),
    ("stream_version", "stream_version + 1000000"),
    ("event_type", "event_type || 'x'"),
    ("schema_version", "schema_version + 1"),
    ("occurred_at", "occurred_at + interval '1 microsecond'"),
    ("recorded_at", "recorded_at - interval '1 microsecond'"),
    ("payload", "payload || '{\"more\": 1}'"),
    ("metadata", "jsonb_set(metadata, '{source}', '\"other\"')"),
    ("leaf_hash", "set_byte(leaf_hash, 0, 255 - get_byte(leaf_hash, 0))"),
    ("position", "position + 1000000"),
];

#[tokio::test]
async fn whatever_column_is_changed_in_the_database_is_found_there() {
    let kept = Kept::new(32, 400).await;
    run(&kept.owner, "ALTER TABLE ledger.events DISABLE TRIGGER events_append_only".to_owned()).await;
    for position in [1_u64, 200, u64::try_from(kept.town.count()).expect("fits")] {
        for (column, value) in CHANGES {
            run(&kept.owner, "CREATE TABLE public.kept AS SELECT * FROM ledger.events".to_owned()).await;
            run(
                &kept.owner,
                format!("UPDATE ledger.events SET {column} = {value} WHERE position = {position}"),
            )
            .await;
            kept.found_at(position, &format!("{column} of {position}")).await;
            let back = "DELETE FROM ledger.events; INSERT INTO ledger.events SELECT * FROM public.kept; DROP TABLE public.kept";
            run(&kept.owner, back.to_owned()).await;
        }
    }
    assert_eq!(kept.audited().await.verdict, Verdict::Clean);
    // Hashed anew, a row still differs from its tile.
    let all = "UPDATE ledger.events SET leaf_hash = sha256('other') WHERE position = 77";
    run(&kept.owner, all.to_owned()).await;
    let auditor = kept.auditor.clone();
    let found = tokio::task::spawn_blocking(move || tiles(&auditor)).await.expect("asked").expect("answered");
    assert_eq!(found, [77]);
    run(&kept.owner, "DELETE FROM ledger.events WHERE position > 390".to_owned()).await;
    let told = kept.audited().await;
    assert!(told.verification.findings.has(What::Behind), "the head says more");
}

#[tokio::test]
async fn what_no_program_can_read_is_found_where_it_stands() {
    let kept = Kept::new(33, 120).await;
    run(&kept.owner, "ALTER TABLE ledger.events DISABLE TRIGGER ALL".to_owned()).await;
    for (position, change) in [
        (50_u64, "occurred_at = 'infinity'"),
        (51, "recorded_at = '-infinity'"),
        (52, "occurred_at = '0044-03-15 12:00:00+00 BC'"),
        (53, "occurred_at = '200000-01-01 00:00:00+00'"),
        (54, "payload = '{\"amount\": 1e400}'"),
    ] {
        let keep =
            format!("CREATE TABLE public.kept AS SELECT * FROM ledger.events WHERE position = {position}");
        run(&kept.owner, keep).await;
        run(&kept.owner, format!("UPDATE ledger.events SET {change} WHERE position = {position}")).await;
        kept.found_at(position, change).await;
        let back = format!(
            "DELETE FROM ledger.events WHERE position = {position}; \
             INSERT INTO ledger.events SELECT * FROM public.kept; DROP TABLE public.kept"
        );
        run(&kept.owner, back).await;
    }
    assert_eq!(kept.audited().await.verdict, Verdict::Clean);
}

/// Every column of a cosignature, as somebody with all rights would change it.
const COSIGNATURE_CHANGES: [(&str, &str); 5] = [
    ("tree_size", "100"),
    ("witness", "'other.example'"),
    ("key_id", "set_byte(key_id, 3, 255 - get_byte(key_id, 3))"),
    ("line", "replace(line, 'witness.example', 'witness.exampla')"),
    ("cosigned_at", "cosigned_at + interval '1 microsecond'"),
];

#[tokio::test]
async fn what_a_witness_cosigned_is_taken_out_with_its_checkpoint() {
    let kept = Kept::new(34, 250).await;
    let key = SignerKey::from_seed("witness.example", KeyKind::Witness, [5; 32]).expect("a key");
    let select = "SELECT signed_note FROM ledger.checkpoint WHERE tree_size = 200";
    let note: String = sqlx::query_scalar(select).fetch_one(&kept.owner).await.expect("a checkpoint");
    let note = Note::parse(note.as_bytes()).expect("a note");
    let line = key.sign(&note.text, 1_770_000_000).line();
    let insert = "INSERT INTO ledger.cosignature VALUES (200, $1, $2, $3, '2026-02-02T02:40:00Z')";
    let insert = sqlx::query(insert).bind(key.verifier().name()).bind(key.verifier().id().to_vec());
    insert.bind(line.trim_end()).execute(&kept.owner).await.expect("a cosignature");
    let trust = Trust { witness_keys: vec![key.verifier().clone()], ..Trust::default() };
    let told = kept.audited_by(trust.clone()).await.verification;
    assert_eq!(told.verdict, Verdict::Clean, "{:?}", told.findings);
    assert_eq!(told.cosigned.iter().map(|one| one.size).collect::<Vec<u64>>(), [200]);
    let beside = async || {
        let auditor = kept.auditor.clone();
        tokio::task::spawn_blocking(move || cosignatures(&auditor)).await.expect("asked").expect("answered")
    };
    assert_eq!(beside().await, Vec::<String>::new());
    run(&kept.owner, "ALTER TABLE ledger.cosignature DISABLE TRIGGER ALL".to_owned()).await;
    for (column, value) in COSIGNATURE_CHANGES {
        run(&kept.owner, "CREATE TABLE public.kept AS SELECT * FROM ledger.cosignature".to_owned()).await;
        run(&kept.owner, format!("UPDATE ledger.cosignature SET {column} = {value}")).await;
        let is_found =
            !beside().await.is_empty() || kept.audited_by(trust.clone()).await.verdict == Verdict::Tampered;
        assert!(is_found, "{column}");
        let back = "DELETE FROM ledger.cosignature; INSERT INTO ledger.cosignature SELECT * FROM public.kept; \
                    DROP TABLE public.kept";
        run(&kept.owner, back.to_owned()).await;
    }
    // One that is gone leaves no trace here: it is missed.
    run(&kept.owner, "DELETE FROM ledger.cosignature".to_owned()).await;
    let told = kept.audited_by(trust).await.verification;
    assert_eq!((told.verdict, told.cosigned.len()), (Verdict::Clean, 0));
    assert!(told.cannot_exclude[0].contains("No witness vouches"), "{:?}", told.cannot_exclude);
}
