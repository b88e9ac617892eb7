//! How the reactor dies in the middle of its work, by SIGKILL: not at some moment, but where it is known to be.
//!
//! A lock that the test holds makes it wait where a death hurts most; as soon as the server says that it waits there, it is
//! killed. What it had sent to the server is on its way all the same, and lands beside what its successor does.

use std::time::Duration;

use sqlx::{PgPool, Postgres, Transaction};
use system_tests::system::{Role, Site, eventually};

/// How long the reactor may take to come to where it dies.
const COMES: Duration = Duration::from_secs(120);

/// Where it is to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Death {
    /// What it decided is on the log, its place behind that is not: whoever comes after it asks everything again.
    BeforeItsPlace,
    /// What it decided is about to be written; nobody will hear the answer.
    BeforeItsAppend,
    /// It has not come to the end of the log, wherever it is.
    Behind,
}

/// Where it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Died {
    /// Waiting to write what it decided.
    AtItsAppend,
    /// Waiting to commit its place.
    AtItsPlace,
    /// With its place behind the end of the log.
    Behind,
    /// When it had done everything.
    Idle,
}

/// What follows from purchases waits for the end of the log to be free.
const AT_ITS_APPEND: &str = "%ledger.log_head%";
const AT_ITS_PLACE: &str = "%UPDATE projectors.progress SET passed%";

/// Where it stands.
struct Place {
    log: PgPool,
    read: PgPool,
}

impl Place {
    async fn of(site: &Site) -> Self {
        Self { log: site.database("ledger").await, read: site.database("read").await }
    }

    async fn close(self) {
        self.log.close().await;
        self.read.close().await;
    }

    /// Nobody appends until the transaction ends.
    async fn hold_the_log(&self) -> Transaction<'static, Postgres> {
        let mut held = self.log.begin().await.expect("a transaction");
        // By itself the server would end it after some seconds.
        let still = "SET LOCAL idle_in_transaction_session_timeout = 0";
        sqlx::query(still).execute(&mut *held).await.expect("a setting");
        let lock = "SELECT position FROM ledger.log_head FOR UPDATE";
        sqlx::query(lock).execute(&mut *held).await.expect("the head's lock");
        held
    }

    /// The reactor commits no place until the transaction ends.
    async fn hold_its_place(&self) -> Transaction<'static, Postgres> {
        let mut held = self.read.begin().await.expect("a transaction");
        let lock = "SELECT passed FROM projectors.progress WHERE name = 'react' FOR UPDATE";
        sqlx::query(lock).execute(&mut *held).await.expect("its place's lock");
        held
    }

    /// Where it waits for a lock: for one of those that the test holds.
    async fn waits(&self, held: &[Died]) -> Option<Died> {
        let waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1)";
        for where_it_is in held {
            let (pool, what) = match where_it_is {
                Died::AtItsAppend => (&self.log, AT_ITS_APPEND),
                _ => (&self.read, AT_ITS_PLACE),
            };
            let waits: bool =
                sqlx::query_scalar(waiting).bind(what).fetch_one(pool).await.expect("who waits");
            if waits {
                return Some(*where_it_is);
            }
        }
        None
    }

    /// Whether it has not come to the end of the log.
    async fn is_behind(&self) -> bool {
        let head = "SELECT position FROM ledger.log_head";
        let head: i64 = sqlx::query_scalar(head).fetch_one(&self.log).await.expect("the head");
        let passed = "SELECT passed FROM projectors.progress WHERE name = 'react'";
        let passed: i64 = sqlx::query_scalar(passed).fetch_one(&self.read).await.expect("its place");
        passed < head
    }
}

/// The reactor, which has caught up, dies over what `work` records, and is started again; all of that is recorded then.
pub(crate) async fn dies_over(
    site: &mut Site,
    how: Death,
    work: impl Future<Output = ()> + Send + 'static,
) -> Died {
    let place = Place::of(site).await;
    let died = match how {
        Death::BeforeItsPlace => {
            let held = place.hold_its_place().await;
            let working = tokio::spawn(work);
            let died = dies_waiting(site, &place, &[Died::AtItsPlace]).await;
            held.rollback().await.expect("the lock is given back");
            site.start_role(Role::React);
            working.await.expect("all is recorded");
            died
        }
        Death::BeforeItsAppend => {
            site.pause_role(Role::React);
            tokio::spawn(work).await.expect("all is recorded");
            // Nobody else is to wait there.
            site.kill_role(Role::Schedule);
            // If nothing is to be written it comes to its place.
            let held = [place.hold_the_log().await, place.hold_its_place().await];
            site.resume_role(Role::React);
            let died = dies_waiting(site, &place, &[Died::AtItsAppend, Died::AtItsPlace]).await;
            for held in held {
                held.rollback().await.expect("the lock is given back");
            }
            site.start_role(Role::Schedule);
            site.start_role(Role::React);
            died
        }
        Death::Behind => {
            let working = tokio::spawn(work);
            let is_behind = async || place.is_behind().await;
            let _ = eventually("the reactor is behind the log", COMES, is_behind, |it| *it).await;
            site.kill_role(Role::React);
            let died = if place.is_behind().await { Died::Behind } else { Died::Idle };
            site.start_role(Role::React);
            working.await.expect("all is recorded");
            died
        }
    };
    place.close().await;
    died
}

/// It is killed where it waits.
async fn dies_waiting(site: &mut Site, place: &Place, held: &[Died]) -> Died {
    let waits = async || place.waits(held).await;
    let waits = eventually("the reactor waits", COMES, waits, Option::is_some).await;
    site.kill_role(Role::React);
    assert!(place.is_behind().await, "a dead reactor's place is where it was");
    waits.expect("somewhere")
}
