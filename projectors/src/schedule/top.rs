//! The daily ranking of spenders. Rules S1, S3, S7.
//!
//! The read model ranks everybody in a few statements; a command goes only to a member whose answer changes, and decides
//! on her own bills (J5). What the first member outside a share spent is the measure of that share.
//!
//! Two rankings: by purchases at ordinary businesses alone, so that it knows of no visit to a medical one, of anybody's;
//! and by what counts for each member as she consented.

use ledger_core::member::MemberCommand;
use ledger_core::member::standing::{Ranking, Rankings};
use ledger_core::money::Roubles;
use ledger_core::policy::Parameters;
use ledger_core::time::{MoscowDay, Timestamp};
use sqlx::FromRow;
use uuid::Uuid;

use super::command::send_daily;
use super::{Hands, wait_until_passed};
use crate::error::ProjectError;

/// What everybody spent in the window: `o` at ordinary businesses, `w` at all.
macro_rules! sums {
    () => {
        "WITH sums AS MATERIALIZED ( \
            SELECT member_id, coalesce(sum(amount_kopecks) FILTER (WHERE NOT medical), 0)::bigint AS o, \
                   sum(amount_kopecks)::bigint AS w \
            FROM statuses.bills WHERE occurred_at > $1 AND occurred_at <= $2 \
                AND member_id NOT IN (SELECT member_id FROM statuses.members WHERE erased) GROUP BY member_id)"
    };
}

const RANKINGS: &str = concat!(
    sums!(),
    ", shown AS MATERIALIZED ( \
        SELECT CASE WHEN c.granted THEN w ELSE o END AS s FROM sums \
        LEFT JOIN statuses.consents AS c ON c.member_id = sums.member_id AND c.purpose = 'medical_status'), \
     n AS MATERIALIZED (SELECT (SELECT count(*) FROM sums WHERE o > 0) AS o, (SELECT count(*) FROM shown WHERE s > 0) AS s) \
     SELECT n.o AS members, n.s AS shown_members, \
        (SELECT o FROM sums WHERE o > 0 ORDER BY o DESC \
            OFFSET (SELECT floor(n.o * $3::numeric / 100)::bigint FROM n) LIMIT 1) AS enter, \
        (SELECT o FROM sums WHERE o > 0 ORDER BY o DESC \
            OFFSET (SELECT floor(n.o * $4::numeric / 100)::bigint FROM n) LIMIT 1) AS stay, \
        (SELECT s FROM shown WHERE s > 0 ORDER BY s DESC \
            OFFSET (SELECT floor(n.s * $3::numeric / 100)::bigint FROM n) LIMIT 1) AS shown_enter, \
        (SELECT s FROM shown WHERE s > 0 ORDER BY s DESC \
            OFFSET (SELECT floor(n.s * $4::numeric / 100)::bigint FROM n) LIMIT 1) AS shown_stay \
     FROM n"
);

const WHO_CHANGES: &str = concat!(
    sums!(),
    " SELECT member_id FROM statuses.members LEFT JOIN sums USING (member_id) WHERE registered_at IS NOT NULL AND NOT erased \
        AND NOT processing_blocked AND ( \
        top_ordinary <> coalesce(coalesce(o, 0) > CASE WHEN top_ordinary THEN $4 ELSE $3 END, false) \
        OR top_with_medical <> coalesce(coalesce(w, 0) > CASE WHEN top_with_medical THEN $6 ELSE $5 END, false)) \
     ORDER BY member_id"
);

#[derive(FromRow)]
struct Places {
    members: i64,
    shown_members: i64,
    enter: Option<i64>,
    stay: Option<i64>,
    shown_enter: Option<i64>,
    shown_stay: Option<i64>,
}

/// A ranking; of fewer members than the policy wants nobody is at the top. Nobody outside a share: whoever spent anything
/// is inside.
fn ranking(members: i64, enter: Option<i64>, stay: Option<i64>, policy: &Parameters) -> Ranking {
    let members = u32::try_from(members).unwrap_or(u32::MAX);
    let enough = members >= policy.status_top_min_members && members > 0;
    let above = |place: Option<i64>| enough.then(|| Roubles::from_kopecks(place.unwrap_or(0)));
    Ranking { members, enter_above: above(enter), stay_above: above(stay) }
}

/// Ranks everybody as of `now` and tells those whose place changes; how many they were.
pub(super) async fn rank(
    hands: &Hands<'_>,
    now: Timestamp,
    today: MoscowDay,
    policy: &Parameters,
) -> Result<usize, ProjectError> {
    let read = &hands.options.read;
    let after = now.months_before(policy.status_window_months).to_utc();
    let until = now.plus(chrono::TimeDelta::minutes(i64::from(policy.purchase_future_minutes))).to_utc();
    let places: Places = sqlx::query_as(RANKINGS)
        .bind(after)
        .bind(until)
        .bind(policy.status_top_percent.to_string())
        .bind(policy.status_top_leave_percent.to_string())
        .fetch_one(read)
        .await?;
    let rankings = Rankings {
        ordinary: ranking(places.members, places.enter, places.stay, policy),
        with_medical: ranking(places.shown_members, places.shown_enter, places.shown_stay, policy),
    };
    let above = |place: Option<Roubles>| place.map(Roubles::kopecks);
    let members: Vec<Uuid> = sqlx::query_scalar(WHO_CHANGES)
        .bind(after)
        .bind(until)
        .bind(above(rankings.ordinary.enter_above))
        .bind(above(rankings.ordinary.stay_above))
        .bind(above(rankings.with_medical.enter_above))
        .bind(above(rankings.with_medical.stay_above))
        .fetch_all(read)
        .await?;
    let command = MemberCommand::RankSpending(rankings);
    let ranked = members.len();
    let newest = send_daily(hands.ledger, ("rank", today), members, command).await?;
    // The review that follows reads what this led to.
    wait_until_passed(read, "statuses", newest).await?;
    Ok(ranked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_s1_of_too_few_members_nobody_is_at_the_top() {
        let policy = Parameters::defaults().expect("defaults");
        let few = ranking(99, Some(1), Some(1), &policy);
        assert_eq!((few.members, few.enter_above, few.stay_above), (99, None, None));
        let enough = ranking(100, Some(700), None, &policy);
        assert_eq!(enough.enter_above, Some(Roubles::from_kopecks(700)));
        assert_eq!(enough.stay_above, Some(Roubles::ZERO), "nobody is outside");
    }
}
