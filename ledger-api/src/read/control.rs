//! What members bought after they had triggered steps of chains: those who were given something, and those held out. Rule X8.
//!
//! A member counts once in a step, and once in a version, by her first trigger of it alone: whether there are later ones depends
//! on what the first one brought, so they are no part of the experiment. She bought if at the target, after the purchase that
//! triggered the step and within the step's window, there is a purchase of hers of which something is left; what she spent is
//! what all such purchases come to, net of refunds. Both groups are looked at alike, and conversions (Rule X4) are not asked:
//! each of those is of one trigger, so a purchase that follows from two chains would be missing from one of them among the
//! treated, and from none among those held out.
//!
//! Accounts that are one are the survivor. Who is of both groups (two accounts that became one) counts in none.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use clickhouse::Row;
use ledger_core::chain::{Chain, Version};
use ledger_core::context::Registry;
use ledger_core::ids::ChainId;
use ledger_core::time::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::warehouse::{Window, ask};
use super::win_win::with_purchases;
use crate::app::App;
use crate::problem::ApiError;

/// A place of -1 is the whole version.
const GROUPS: &str = "
SELECT g.chain_id AS chain_id, g.version AS version, g.place AS place, g.held_out AS held_out,
    count() AS members, countIf(length(g.followed) > 0) AS purchased,
    toInt64(sum(arraySum(it -> it.3, g.followed)) * 100) AS revenue
FROM (
    SELECT f.chain_id AS chain_id, f.version AS version, f.place AS place, f.held_out AS held_out,
        arrayFilter(it -> it.1 > f.trigger.2 AND it.1 <= f.trigger.3, b.bought) AS followed
    FROM (
        SELECT t.chain_id AS chain_id, t.version AS version, t.place AS place, t.member_id AS member_id,
            max(t.held_out) AS held_out,
            argMin((t.target, t.bought_at, t.until), (t.bought_at, t.step)) AS trigger
        FROM (
            SELECT i.chain_id AS chain_id, i.version AS version, arrayJoin([toInt64(i.step), -1]) AS place,
                i.step AS step, i.held_out AS held_out, i.target_business_id AS target,
                i.bought_at AS bought_at, i.until AS until,
                if(l.survivor_id = toUUID('00000000-0000-0000-0000-000000000000'), i.member_id, l.survivor_id) AS member_id
            FROM (
                SELECT chain_id, version, step, held_out, target_business_id, bought_at, until, member_id
                FROM chain_triggers FINAL
                WHERE $WHICH AND toUnixTimestamp64Micro(occurred_at) > $AFTER
                    AND toUnixTimestamp64Micro(occurred_at) <= {until: Int64}
            ) AS i
            LEFT JOIN ($LINKS) AS l ON l.member_id = i.member_id
        ) AS t
        GROUP BY t.chain_id, t.version, t.place, t.member_id
        HAVING min(t.held_out) = max(t.held_out)
    ) AS f
    LEFT JOIN (
        SELECT p.member_id AS member_id, p.business_id AS business_id,
            groupArray((p.at, p.transaction_id, p.net)) AS bought
        FROM ($BOUGHT) AS p
        WHERE p.business_id IN (SELECT target_business_id FROM chain_triggers WHERE $WHICH)
        GROUP BY p.member_id, p.business_id
    ) AS b ON b.member_id = f.member_id AND b.business_id = f.trigger.1
) AS g
GROUP BY g.chain_id, g.version, g.place, g.held_out";

/// Members of one group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Who triggered the step.
    pub(crate) members: u64,
    /// Who of them bought at its target within its window.
    pub(crate) purchased: u64,
    /// What they bought there then, in kopecks.
    pub(crate) revenue: i64,
}

/// Both groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    /// Who was given something.
    pub(crate) treated: Group,
    /// Who was given nothing, by lot.
    pub(crate) control: Group,
}

/// A version of a chain, and the place of a step in it; without a place all its steps.
pub(crate) type Which = (ChainId, u32, Option<u32>);
/// The groups of steps and of whole versions.
pub(crate) type ByWhich = BTreeMap<Which, Groups>;

#[derive(Row, Deserialize)]
struct GroupRow {
    #[serde(with = "clickhouse::serde::uuid")]
    chain_id: Uuid,
    version: u32,
    place: i64,
    held_out: u8,
    members: u64,
    purchased: u64,
    revenue: i64,
}

/// The groups of one chain, of all its triggers decided by `until`, with what followed by then.
///
/// # Errors
/// ClickHouse is away.
pub(crate) async fn of_chain(app: &App, chain: &Chain, until: Timestamp) -> Result<ByWhich, ApiError> {
    let began = chain.versions().filter_map(Version::ran_since).min().unwrap_or(until);
    // A decision's moment is its process's: a day makes sure.
    let window = Window { from: began.minus(TimeDelta::days(1)), until };
    let which = ("chain_id = {chain: UUID}", chain.chain_id.as_uuid());
    groups(app, which, window, longest(std::iter::once(chain))).await
}

/// The groups of all chains of the registry, of triggers decided in the window, with what followed by its end.
///
/// # Errors
/// ClickHouse is away.
pub(crate) async fn of_all(app: &App, window: Window, registry: &Registry) -> Result<ByWhich, ApiError> {
    groups(app, ("1", Uuid::nil()), window, longest(registry.chains.before(u32::MAX))).await
}

/// The longest window of a step of these chains.
fn longest<'a>(chains: impl Iterator<Item = &'a Chain>) -> TimeDelta {
    let ran = chains.flat_map(Chain::versions).filter(|version| version.ran_since().is_some());
    let steps = ran.flat_map(|version| &version.definition.steps);
    TimeDelta::days(steps.map(|step| i64::from(step.window_days)).max().unwrap_or(0))
}

async fn groups(
    app: &App,
    (which, chain): (&str, Uuid),
    window: Window,
    longest: TimeDelta,
) -> Result<ByWhich, ApiError> {
    // A trigger is decided within its step's window after the purchase (Rule X3), and what follows comes after that purchase.
    let from = window.from.minus(longest);
    let question = with_purchases(GROUPS).replace("$WHICH", which);
    let question = question.replace("$AFTER", &window.from.micros().to_string());
    let mut groups = ByWhich::new();
    for row in ask::<GroupRow>(app, &question, Window { from, ..window }, chain).await? {
        let which = (ChainId::from_uuid(row.chain_id), row.version, u32::try_from(row.place).ok());
        let of = groups.entry(which).or_default();
        let group = Group { members: row.members, purchased: row.purchased, revenue: row.revenue };
        *if row.held_out == 0 { &mut of.treated } else { &mut of.control } = group;
    }
    Ok(groups)
}
