//! What plain PostgreSQL does on this machine in the same minute: one event row a transaction, and UNNEST of 500.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::error::BenchError;
use crate::load::{Figures, histogram, micros};

/// The payload of a baseline row: as large as the ledger's own.
const PAYLOAD: &str = r#"{"purchase_id":"0192f0c4-7e2d-7a55-9a11-3c1d2b4a5e6f","business_id":"1c1d2b4a-7e2d-4a55-9a11-0192f0c45e6f","business":"mindal","category":"beauty_salon","confidentiality":"ordinary","natural_key":"0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0","revision":1,"amount":"3000.00","source":"api"}"#;
const METADATA: &str = r#"{"correlation_id":"0192f0c4-7e2d-7a55-9a11-3c1d2b4a5e6f","actor":{"kind":"business","id":"1c1d2b4a-7e2d-4a55-9a11-0192f0c45e6f"},"source":"api","policy_version":1,"rules_revision":1,"idempotency_key":"0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"}"#;

/// Makes the table of the baselines anew.
pub(crate) async fn prepare(url: &str) -> Result<(), BenchError> {
    let mut db = PgConnection::connect(url).await?;
    db.execute(
        "DROP TABLE IF EXISTS baseline;
         CREATE TABLE baseline (
             position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL UNIQUE,
             stream_id uuid NOT NULL, stream_version integer NOT NULL, event_type text NOT NULL,
             recorded_at timestamptz NOT NULL DEFAULT now(), payload jsonb NOT NULL, metadata jsonb NOT NULL,
             UNIQUE (stream_id, stream_version))",
    )
    .await?;
    Ok(db.close().await?)
}

/// One durable row a transaction on each of `connections`.
pub(crate) async fn single_rows(
    url: &str,
    connections: usize,
    limit: Duration,
) -> Result<Figures, BenchError> {
    run(url, connections, limit, 1).await
}

/// 500 rows a statement on each of `connections`; counts rows.
pub(crate) async fn unnest(url: &str, connections: usize, limit: Duration) -> Result<Figures, BenchError> {
    run(url, connections, limit, 500).await
}

async fn run(url: &str, connections: usize, limit: Duration, rows: usize) -> Result<Figures, BenchError> {
    let mut clients = Vec::with_capacity(connections);
    for _ in 0..connections {
        clients.push(PgConnection::connect(url).await?);
    }
    let before = crate::machine::wal(url).await?;
    let cpu = crate::machine::cpu_seconds();
    let started = Instant::now();
    let tasks: Vec<_> =
        clients.into_iter().map(|db| tokio::spawn(client(db, started + limit, rows))).collect();
    let mut latency = histogram();
    let mut done = 0;
    for task in tasks {
        let (count, one) = task.await??;
        done += count;
        latency += one;
    }
    Figures::new(url, done, latency, started.elapsed(), before, &cpu).await
}

async fn client(
    mut db: PgConnection,
    until: Instant,
    rows: usize,
) -> Result<(u64, Histogram<u64>), BenchError> {
    let mut latency = histogram();
    let mut done = 0;
    while Instant::now() < until {
        let started = Instant::now();
        if rows == 1 {
            sqlx::query(
                "INSERT INTO baseline (event_id, stream_id, stream_version, event_type, payload, metadata)
                 VALUES ($1, $2, 1, 'PurchaseRecorded', $3::text::jsonb, $4::text::jsonb)",
            )
            .bind(Uuid::now_v7())
            .bind(Uuid::new_v4())
            .bind(PAYLOAD)
            .bind(METADATA)
            .execute(&mut db)
            .await?;
        } else {
            let ids: Vec<Uuid> = (0..rows).map(|_| Uuid::now_v7()).collect();
            let streams: Vec<Uuid> = (0..rows).map(|_| Uuid::new_v4()).collect();
            sqlx::query(
                "INSERT INTO baseline (event_id, stream_id, stream_version, event_type, payload, metadata)
                 SELECT id, stream, 1, 'PurchaseRecorded', p::jsonb, m::jsonb
                 FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS row (id, stream, p, m)",
            )
            .bind(ids)
            .bind(streams)
            .bind(vec![PAYLOAD; rows])
            .bind(vec![METADATA; rows])
            .execute(&mut db)
            .await?;
        }
        latency.saturating_record(micros(started.elapsed()));
        done += u64::try_from(rows).unwrap_or(u64::MAX);
    }
    db.close().await?;
    Ok((done, latency))
}
