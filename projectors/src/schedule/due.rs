//! Members with lots that matured or expired, holds that lapsed, coupons or Premium that are over: the command to write
//! what is due. Rules B5, B8, C2, R1, S4.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use ledger_core::ids::MemberId;
use ledger_core::member::MemberCommand;
use ledger_core::time::Timestamp;
use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::command::{Caused, send};
use super::status::{Done, record};
use super::{Hands, Look, MEMBERS_MAX, is_made, passed, wait_until_passed};
use crate::error::ProjectError;

const NAME: &str = "due";

/// The reactor.
#[derive(Default)]
pub(super) struct Due {
    recorded: Option<Done>,
    /// Members whose command was refused: an operator must look; they are left out so that the others go on.
    hopeless: BTreeSet<Uuid>,
}

/// A member and what is due, in the order of ids: lots that mature (`m`) or expire (`e`), holds that lapse (`l`).
type Found = (Uuid, Vec<Uuid>, Vec<String>);

impl Due {
    pub(super) async fn look(&mut self, hands: &Hands<'_>) -> Result<Look, ProjectError> {
        let read = &hands.options.read;
        let now = hands.clock.now();
        let head = hands.options.log.head().await?;
        let here = Done { done_through: now, log_position: head };
        if self.recorded == Some(here) {
            return Ok(Look::Done);
        }
        if !is_made(read, "balances.lots").await? {
            return Ok(Look::Done);
        }
        let is_standing_made = is_made(read, "statuses.premium").await?;
        let is_directory_made = is_made(read, "directory.coupons").await?;
        let seen = passed(read, "balances").await?.min(passed(read, "statuses").await?);
        let seen = seen.min(passed(read, "directory").await?) >= head;
        let mut found: Vec<Caused> = find(read, now, &self.hopeless).await?.into_iter().map(caused).collect();
        if is_standing_made {
            found.extend(lapsed(read, now, &self.hopeless).await?.into_iter().map(lapse));
        }
        if is_directory_made {
            found.extend(unused(read, now, &self.hopeless).await?.into_iter().map(expiry));
        }
        if found.is_empty() {
            if seen {
                record(read, NAME, here, &json!({})).await?;
                self.recorded = Some(here);
            }
            return Ok(Look::Done);
        }
        metrics::counter!("schedule_due_members_total").increment(u64::try_from(found.len()).unwrap_or(0));
        let sent = send(hands.ledger, found).await?;
        self.hopeless.extend(sent.hopeless.iter().map(MemberId::as_uuid));
        if sent.newest == 0 {
            // Somebody else has written it, and the read model does not show it yet: no reason to hurry.
            return Ok(Look::Done);
        }
        wait_until_passed(read, "balances", sent.newest).await?;
        wait_until_passed(read, "statuses", sent.newest).await?;
        wait_until_passed(read, "directory", sent.newest).await?;
        Ok(Look::Again)
    }
}

/// What is due is what causes the command.
fn caused((member, due, kinds): Found) -> Caused {
    let mut cause = b"due ".to_vec();
    cause.extend_from_slice(member.as_bytes());
    for (id, kind) in due.iter().zip(kinds) {
        cause.extend_from_slice(id.as_bytes());
        cause.extend_from_slice(kind.as_bytes());
    }
    Caused { member: MemberId::from_uuid(member), command: MemberCommand::WriteDue, cause }
}

/// The moment at which Premium ended is what causes the command.
fn lapse((member, ended_at): (Uuid, DateTime<Utc>)) -> Caused {
    let cause =
        [b"lapse ".as_slice(), member.as_bytes(), &ended_at.timestamp_micros().to_be_bytes()].concat();
    Caused { member: MemberId::from_uuid(member), command: MemberCommand::WriteDue, cause }
}

/// The coupons that are over are what causes the command.
fn expiry((member, coupons): (Uuid, Vec<Uuid>)) -> Caused {
    let mut cause = [b"coupons ".as_slice(), member.as_bytes()].concat();
    coupons.iter().for_each(|coupon| cause.extend_from_slice(coupon.as_bytes()));
    Caused { member: MemberId::from_uuid(member), command: MemberCommand::WriteDue, cause }
}

/// What `statement` finds at `now` (parameter 1), for so many members (2), without the hopeless ones (3).
async fn overdue<T>(
    statement: &'static str,
    read: &PgPool,
    now: Timestamp,
    hopeless: &BTreeSet<Uuid>,
) -> Result<Vec<T>, ProjectError>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let asked = sqlx::query_as(statement).bind(now.to_utc()).bind(MEMBERS_MAX);
    Ok(asked.bind(hopeless.iter().copied().collect::<Vec<Uuid>>()).fetch_all(read).await?)
}

/// Members with coupons that nobody used in their time, of which that is not written. Rule C2.
async fn unused(
    read: &PgPool,
    now: Timestamp,
    hopeless: &BTreeSet<Uuid>,
) -> Result<Vec<(Uuid, Vec<Uuid>)>, ProjectError> {
    let statement = "SELECT member_id, array_agg(coupon_id ORDER BY coupon_id) FROM directory.coupons \
         WHERE state IN ('issued', 'activated') AND expires_at < $1 AND member_id <> ALL ($3) \
         GROUP BY member_id LIMIT $2";
    overdue(statement, read, now, hopeless).await
}

/// Members whose Premium is over, that nothing follows on, and whose lapse is not written. Rule S4.
async fn lapsed(
    read: &PgPool,
    now: Timestamp,
    hopeless: &BTreeSet<Uuid>,
) -> Result<Vec<(Uuid, DateTime<Utc>)>, ProjectError> {
    let statement = "SELECT member_id, max(to_time) FROM statuses.premium AS p \
         WHERE NOT closed AND to_time <= $1 AND member_id <> ALL ($3) AND NOT EXISTS ( \
            SELECT FROM statuses.premium AS n \
            WHERE n.member_id = p.member_id AND n.from_time <= p.to_time AND n.to_time > p.to_time) \
         GROUP BY member_id LIMIT $2";
    overdue(statement, read, now, hopeless).await
}

async fn find(read: &PgPool, now: Timestamp, hopeless: &BTreeSet<Uuid>) -> Result<Vec<Found>, ProjectError> {
    let statement = "WITH due AS ( \
            (SELECT member_id FROM balances.lots WHERE expires_at < $1 AND left_kopecks > 0 \
                AND member_id <> ALL ($3) \
             ORDER BY expires_at LIMIT $2) \
            UNION \
            (SELECT member_id FROM balances.holds WHERE lapses_at <= $1 AND member_id <> ALL ($3) \
             ORDER BY lapses_at LIMIT $2) \
            UNION \
            (SELECT member_id FROM balances.lots WHERE pending AND available_from <= $1 AND available_from <= expires_at \
                AND member_id <> ALL ($3) \
             ORDER BY available_from LIMIT $2)) \
         SELECT member_id, array_agg(id ORDER BY id, kind), array_agg(kind ORDER BY id, kind) FROM ( \
            SELECT member_id, lot_id AS id, CASE WHEN expires_at < $1 THEN 'e' ELSE 'm' END AS kind \
            FROM due JOIN balances.lots USING (member_id) \
            WHERE left_kopecks > 0 AND (expires_at < $1 \
                OR (pending AND available_from <= $1 AND available_from <= expires_at)) \
            UNION ALL \
            SELECT member_id, redemption_id, 'l' FROM due JOIN balances.holds USING (member_id) WHERE lapses_at <= $1 \
         ) AS things GROUP BY member_id";
    overdue(statement, read, now, hopeless).await
}
