//! The standing checks of the ledger, watched beside the journal. Rules M1, M2; design, Postings.
//!
//! | metric | what |
//! |---|---|
//! | `ledger_check_ok{check}` | 1: its two numbers are equal; 0: they are not |
//! | `ledger_check_off_kopecks{check}` | by how much they are apart |
//! | `ledger_checks_total{check}` | how often it was decided: it must grow |
//!
//! The checks themselves, their names and words are `migrations/queries/standing_checks.sql`. One that breaks is an error in
//! the log, once, by name; the projection goes on, since what it writes is what the log says all the same.
//!
//! Bounds: a look takes at most one part in [`SHARE`] of the time, and none comes sooner than [`EVERY`] after the other.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use ledger_ops::telemetry::to_f64;
use sqlx::{FromRow, PgPool};
use tokio::time::Instant;

/// How often to look.
const EVERY: Duration = Duration::from_secs(1);
/// A look takes at most one part in so many of the time.
const SHARE: u32 = 20;

const CHECKS: &str = include_str!("../../../migrations/queries/standing_checks.sql");

/// A standing check with its two numbers.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct Check {
    /// Its name.
    pub(crate) name: String,
    /// What must be equal, in words.
    pub(crate) says: String,
    /// The one number.
    pub(crate) left_kopecks: i64,
    /// The other; `None` while `journal` and `balances` are not at the same place.
    pub(crate) right_kopecks: Option<i64>,
    /// By how much they are apart; `None` as before.
    pub(crate) off_kopecks: Option<i64>,
}

/// Looks at every check once.
pub(crate) async fn look(read: &PgPool) -> Result<Vec<Check>, sqlx::Error> {
    sqlx::query_as(CHECKS).fetch_all(read).await
}

/// Looks again and again, until dropped.
pub(super) async fn watch(read: PgPool) -> Infallible {
    let mut broken = BTreeSet::new();
    loop {
        let began = Instant::now();
        match look(&read).await {
            Ok(checks) => tell(&checks, &mut broken),
            // At a first start `balances` may have no tables yet; a server that is away is the projection's to tell.
            Err(error) => tracing::debug!(%error, "the standing checks could not be looked at"),
        }
        tokio::time::sleep(EVERY.max(began.elapsed().saturating_mul(SHARE))).await;
    }
}

/// Sets the metrics, and logs what was not broken before.
pub(crate) fn tell(checks: &[Check], broken: &mut BTreeSet<String>) {
    for check in checks {
        let Check { name, says, left_kopecks, right_kopecks: Some(right_kopecks), off_kopecks: Some(off) } =
            check
        else {
            continue;
        };
        let ok = *off == 0;
        metrics::gauge!("ledger_check_ok", "check" => name.clone()).set(if ok { 1.0 } else { 0.0 });
        metrics::gauge!("ledger_check_off_kopecks", "check" => name.clone()).set(to_f64(*off));
        metrics::counter!("ledger_checks_total", "check" => name.clone()).increment(1);
        if ok {
            if broken.remove(name) {
                tracing::info!(check = name, "the standing check holds again");
            }
        } else if broken.insert(name.clone()) {
            tracing::error!(
                check = name,
                says,
                left_kopecks,
                right_kopecks,
                off_kopecks = off,
                "a standing check of the ledger is broken"
            );
        }
    }
}
