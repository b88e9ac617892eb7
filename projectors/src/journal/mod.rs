//! The journal of postings and its running totals: the trial balance. Rules M1, M2; design, Postings.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the read model: rows and totals, written in one transaction with the checkpoint |
//! | `sums.rs` | what postings add to totals and lots: pure |
//! | `checks.rs` | the standing checks as metrics, beside the projection |
//!
//! Kept with every batch is what a trial balance reads: the sum of each account with all members as one (a few rows per
//! business), and what became of each lot. What one member's account comes to is a sum over `postings`, worked out by
//! whoever asks (`projectors check` does, for every account).
//!
//! Accounts are told apart by their names in the chart, so one that is new there needs nothing new here.
//!
//! Bounds: one statement per table, whatever the size of the batch.

pub(crate) mod checks;
mod sums;

use std::convert::Infallible;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use ledger_core::log::Event;
use ledger_core::postings::{Posting, postings};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::engine::{Decoded, Fact, Projection};
use crate::error::ProjectError;
use sums::{Lot, Sums};

/// The read model `journal`.
pub struct Journal;

/// A posting with its place.
struct Line<'a> {
    event: &'a Decoded,
    line: i32,
    posting: Posting,
}

impl Projection for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn tables(&self) -> &'static str {
        include_str!("../../../migrations/read/journal.sql")
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Decoded],
    ) -> BoxFuture<'a, Result<(), ProjectError>> {
        Box::pin(async move {
            let mut lines = Vec::new();
            let mut sums = Sums::default();
            for event in events {
                let Fact::Member(member, fact) = &event.fact else { continue };
                let posted = postings(*member, &Event::Member(fact.clone()));
                let position = event.position;
                let too_large =
                    || ProjectError::Unapplicable { position, reason: "a total does not fit".to_owned() };
                posted.iter().try_for_each(|posting| sums.add(posting)).ok_or_else(too_large)?;
                lines.extend((0..).zip(posted).map(|(line, posting)| Line { event, line, posting }));
            }
            if lines.is_empty() {
                return Ok(());
            }
            write_lines(connection, &lines).await?;
            write_totals(connection, &sums).await?;
            write_lots(connection, &sums).await
        })
    }

    fn beside(&self, read: &PgPool) -> Option<BoxFuture<'static, Infallible>> {
        Some(Box::pin(checks::watch(read.clone())))
    }
}

async fn write_lines(connection: &mut PgConnection, lines: &[Line<'_>]) -> Result<(), ProjectError> {
    let ids = |of: fn(&Line<'_>) -> Uuid| lines.iter().map(of).collect::<Vec<Uuid>>();
    let times = |of: fn(&Line<'_>) -> DateTime<Utc>| lines.iter().map(of).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO postings (position, line, event_id, unit, account, kopecks, lot_id, funder, occurred_at, \
                               recorded_at) \
         SELECT * FROM UNNEST($1::bigint[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::uuid[], \
                              $8::text[], $9::timestamptz[], $10::timestamptz[])",
    )
    .bind(lines.iter().map(|line| line.event.position).collect::<Vec<i64>>())
    .bind(lines.iter().map(|line| line.line).collect::<Vec<i32>>())
    .bind(ids(|line| line.event.event_id.as_uuid()))
    .bind(lines.iter().map(|line| line.posting.unit.as_str()).collect::<Vec<&str>>())
    .bind(lines.iter().map(|line| line.posting.account.to_string()).collect::<Vec<String>>())
    .bind(lines.iter().map(|line| line.posting.kopecks).collect::<Vec<i64>>())
    .bind(ids(|line| line.posting.lot_id.as_uuid()))
    .bind(lines.iter().map(|line| line.posting.funder.as_str()).collect::<Vec<&str>>())
    .bind(times(|line| line.event.occurred_at.to_utc()))
    .bind(times(|line| line.event.recorded_at.to_utc()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_totals(connection: &mut PgConnection, sums: &Sums) -> Result<(), ProjectError> {
    sqlx::query(
        "INSERT INTO totals AS t (unit, account, kopecks) \
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::bigint[]) \
         ON CONFLICT (unit, account) DO UPDATE SET kopecks = t.kopecks + excluded.kopecks",
    )
    .bind(sums.totals.keys().map(|(unit, _)| unit.as_str()).collect::<Vec<&str>>())
    .bind(sums.totals.keys().map(|(_, account)| account.as_str()).collect::<Vec<&str>>())
    .bind(sums.totals.values().copied().collect::<Vec<i64>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// What only moves among a member's own accounts changes no lot.
async fn write_lots(connection: &mut PgConnection, sums: &Sums) -> Result<(), ProjectError> {
    let lots: Vec<_> = sums.lots.iter().filter(|(_, lot)| **lot != Lot::default()).collect();
    if lots.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Lot) -> i64| lots.iter().map(|(_, lot)| of(lot)).collect::<Vec<i64>>();
    sqlx::query(
        "INSERT INTO lots AS l (lot_id, issued_kopecks, redeemed_kopecks, expired_kopecks, taken_back_kopecks, \
                                outstanding_kopecks) \
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) \
         ON CONFLICT (lot_id) DO UPDATE SET \
            issued_kopecks = l.issued_kopecks + excluded.issued_kopecks, \
            redeemed_kopecks = l.redeemed_kopecks + excluded.redeemed_kopecks, \
            expired_kopecks = l.expired_kopecks + excluded.expired_kopecks, \
            taken_back_kopecks = l.taken_back_kopecks + excluded.taken_back_kopecks, \
            outstanding_kopecks = l.outstanding_kopecks + excluded.outstanding_kopecks",
    )
    .bind(lots.iter().map(|(id, _)| id.as_uuid()).collect::<Vec<Uuid>>())
    .bind(column(|lot| lot.issued))
    .bind(column(|lot| lot.redeemed))
    .bind(column(|lot| lot.expired))
    .bind(column(|lot| lot.taken_back))
    .bind(column(|lot| lot.outstanding))
    .execute(connection)
    .await?;
    Ok(())
}
