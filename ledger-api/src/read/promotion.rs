//! What rewards of chains led to, by step or by pair of businesses. Rules X3–X5, F5.
//!
//! A reward that was given is a trigger; its coupon may be activated and used, and a purchase may follow. What that purchase
//! comes to is net of refunds; so is what the reward cost: the discount as the ledger has reckoned it, and of bonuses the share
//! that the refunded part of the bill did not take back (Rule F2: rounded once, half away from zero).

use std::collections::BTreeMap;

use clickhouse::Row;
use ledger_core::ids::{BusinessId, ChainId};
use ledger_core::time::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::warehouse::{Window, ask};
use crate::app::App;
use crate::problem::ApiError;

/// What rewards led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Rewards given.
    pub(crate) triggers: u64,
    /// Coupons of them that were activated.
    pub(crate) activated: u64,
    /// Coupons of them that were used.
    pub(crate) used: u64,
    /// Rewards of them that were used, and of the purchase that had triggered them nothing is left. Rule F5.
    pub(crate) used_though_refunded: u64,
    /// Purchases that followed.
    pub(crate) conversions: u64,
    /// What those come to, in kopecks.
    pub(crate) revenue: i64,
    /// What the rewards cost, in kopecks.
    pub(crate) cost: i64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            triggers: self.triggers.saturating_add(other.triggers),
            activated: self.activated.saturating_add(other.activated),
            used: self.used.saturating_add(other.used),
            used_though_refunded: self.used_though_refunded.saturating_add(other.used_though_refunded),
            conversions: self.conversions.saturating_add(other.conversions),
            revenue: self.revenue.saturating_add(other.revenue),
            cost: self.cost.saturating_add(other.cost),
        }
    }
}

#[derive(Row, Deserialize)]
struct TallyRow {
    #[serde(with = "clickhouse::serde::uuid")]
    chain_id: Uuid,
    version: u32,
    step: u32,
    #[serde(with = "clickhouse::serde::uuid")]
    source: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    target: Uuid,
    triggers: u64,
    activated: u64,
    used: u64,
    used_though_refunded: u64,
    conversions: u64,
    revenue: i64,
    cost: i64,
}

impl TallyRow {
    const fn tally(&self) -> Tally {
        let Self { triggers, activated, used, used_though_refunded, conversions, revenue, cost, .. } = *self;
        Tally { triggers, activated, used, used_though_refunded, conversions, revenue, cost }
    }
}

const TALLIES: &str = "
SELECT i.chain_id AS chain_id, i.version AS version, i.step AS step, i.source AS source, i.target AS target,
    count() AS triggers, countIf(c.activated = 1) AS activated, countIf(c.used = 1) AS used,
    countIf(c.used = 1 AND t.bill <= t.refunded) AS used_though_refunded,
    countIf(v.followed = 1) AS conversions,
    toInt64(sum(greatest(n.bill - n.refunded, 0)) * 100) AS revenue,
    toInt64(sum(c.discount) * 100) + toInt64(sum(greatest(
        if(u.bill > 0, 1, 0) * (toInt128(c.bonuses * 100) - intDiv(
            2 * toInt128(c.bonuses * 100) * toInt128(u.refunded * 100) + toInt128(u.bill * 100),
            greatest(2 * toInt128(u.bill * 100), 1))),
        0))) AS cost
FROM (
    SELECT chain_id, version, step, trigger_id, coupon_id,
        source_business_id AS source, target_business_id AS target
    FROM chain_facts FINAL
    WHERE kind = 'issued' AND $WHICH AND toUnixTimestamp64Micro(occurred_at) > {from: Int64}
        AND toUnixTimestamp64Micro(occurred_at) <= {until: Int64}
) AS i
LEFT JOIN (
    SELECT q.coupon_id AS coupon_id, max(q.kind = 'activated') AS activated, max(q.kind = 'used') AS used,
        sum(q.discount) AS discount, max(q.bonuses) AS bonuses,
        anyIf(q.transaction_id, q.kind = 'used') AS transaction_id
    FROM chain_facts AS q FINAL
    WHERE q.kind IN ('activated', 'used', 'reckoned') AND toUnixTimestamp64Micro(q.occurred_at) <= {until: Int64}
    GROUP BY q.coupon_id
) AS c ON c.coupon_id = i.coupon_id
LEFT JOIN (
    SELECT w.chain_id AS chain_id, w.version AS version, w.step AS step, w.trigger_id AS trigger_id,
        w.transaction_id AS transaction_id, 1 AS followed
    FROM chain_facts AS w FINAL
    WHERE w.kind = 'converted' AND toUnixTimestamp64Micro(w.occurred_at) <= {until: Int64}
) AS v ON v.chain_id = i.chain_id AND v.version = i.version AND v.step = i.step AND v.trigger_id = i.trigger_id
LEFT JOIN ($BILLS) AS n ON n.transaction_id = v.transaction_id
LEFT JOIN ($BILLS) AS u ON u.transaction_id = c.transaction_id
LEFT JOIN ($BILLS) AS t ON t.transaction_id = i.trigger_id
GROUP BY chain_id, version, step, source, target";

/// What bills come to that triggered a step, that a coupon was used with, or that followed. Rules D3, F6.
const BILLS: &str = "
SELECT e.transaction_id AS transaction_id, sum(e.bill) AS bill, sum(e.refunded) AS refunded
FROM (
    SELECT transaction_id, amount AS bill, toDecimal64(0, 2) AS refunded FROM transaction_facts FINAL
    WHERE transaction_id IN (SELECT arrayJoin([transaction_id, trigger_id]) FROM chain_facts)
    UNION ALL
    SELECT transaction_id, bill, refunded FROM bill_changes FINAL
    WHERE transaction_id IN (SELECT arrayJoin([transaction_id, trigger_id]) FROM chain_facts)
) AS e
GROUP BY e.transaction_id";

fn question(which: &str) -> String {
    TALLIES.replace("$WHICH", which).replace("$BILLS", BILLS)
}

/// By version and place of a step, what its rewards led to.
pub(crate) type BySteps = BTreeMap<(u32, u32), Tally>;

/// What the chain's rewards up to `until` led to by then.
///
/// # Errors
/// ClickHouse is away.
pub(crate) async fn by_step(app: &App, chain: ChainId, until: Timestamp) -> Result<BySteps, ApiError> {
    let question = question("chain_id = {chain: UUID}");
    let window = Window { from: Timestamp::FIRST, until };
    let rows = ask::<TallyRow>(app, &question, window, chain.as_uuid()).await?;
    Ok(rows.iter().map(|row| ((row.version, row.step), row.tally())).collect())
}

/// What rewards of a step were used, as was known at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// All of them.
    pub(crate) used: Count,
    /// Those of them of whose trigger nothing was left by then. Rule F5.
    pub(crate) though_refunded: Count,
}

/// Rewards, and how many members' they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Rewards.
    pub(crate) rewards: u64,
    /// Accounts they were given to.
    pub(crate) members: u64,
}

/// By version and place of a step, what rewards of it were used.
pub(crate) type UsedBySteps = BTreeMap<(u32, u32), Used>;

#[derive(Row, Deserialize)]
struct UsedRow {
    version: u32,
    step: u32,
    used: u64,
    members: u64,
    though_refunded: u64,
    members_refunded: u64,
}

/// All of it as it was recorded by `until`, bills too: what a till edits later, or dates back, changes nothing.
const USED: &str = "
SELECT i.version AS version, i.step AS step, count() AS used, uniqExact(i.member_id) AS members,
    countIf(t.bill <= t.refunded) AS though_refunded, uniqExactIf(i.member_id, t.bill <= t.refunded) AS members_refunded
FROM (
    SELECT version, step, trigger_id, coupon_id, member_id FROM chain_facts FINAL
    WHERE kind = 'issued' AND chain_id = {chain: UUID} AND toUnixTimestamp64Micro(recorded_at) <= {until: Int64}
) AS i
INNER JOIN (
    SELECT DISTINCT q.coupon_id AS coupon_id FROM chain_facts AS q FINAL
    WHERE q.kind = 'used' AND toUnixTimestamp64Micro(q.recorded_at) <= {until: Int64}
) AS c ON c.coupon_id = i.coupon_id
LEFT JOIN (
    SELECT e.transaction_id AS transaction_id, sum(e.bill) AS bill, sum(e.refunded) AS refunded
    FROM (
        SELECT transaction_id, amount AS bill, toDecimal64(0, 2) AS refunded FROM transaction_facts FINAL
        WHERE toUnixTimestamp64Micro(recorded_at) <= {until: Int64}
            AND transaction_id IN (SELECT trigger_id FROM chain_facts WHERE chain_id = {chain: UUID})
        UNION ALL
        SELECT transaction_id, bill, refunded FROM bill_changes FINAL
        WHERE toUnixTimestamp64Micro(recorded_at) <= {until: Int64}
            AND transaction_id IN (SELECT trigger_id FROM chain_facts WHERE chain_id = {chain: UUID})
    ) AS e
    GROUP BY e.transaction_id
) AS t ON t.transaction_id = i.trigger_id
GROUP BY version, step";

/// What rewards of the chain were used, as it was known at `until`.
///
/// # Errors
/// ClickHouse is away.
pub(crate) async fn closed(app: &App, chain: ChainId, until: Timestamp) -> Result<UsedBySteps, ApiError> {
    let window = Window { from: Timestamp::FIRST, until };
    let rows = ask::<UsedRow>(app, USED, window, chain.as_uuid()).await?;
    let of_step = |row: &UsedRow| {
        let UsedRow { version, step, used, members, though_refunded, members_refunded } = *row;
        let though_refunded = Count { rewards: though_refunded, members: members_refunded };
        ((version, step), Used { used: Count { rewards: used, members }, though_refunded })
    };
    Ok(rows.iter().map(of_step).collect())
}

/// What the rewards of a step led to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfStep {
    /// Where a purchase triggers it, and where its reward is good.
    pub(crate) ends: (BusinessId, BusinessId),
    /// The chain.
    pub(crate) chain: ChainId,
    /// Which version of it.
    pub(crate) version: u32,
    /// The step's place in it, from 0.
    pub(crate) step: u32,
    /// What they led to.
    pub(crate) tally: Tally,
}

/// Step by step of all chains, what the rewards given in the window led to by its end.
///
/// # Errors
/// ClickHouse is away.
pub(crate) async fn of_all(app: &App, window: Window) -> Result<Vec<OfStep>, ApiError> {
    let rows = ask::<TallyRow>(app, &question("1"), window, Uuid::nil()).await?;
    let of_step = |row: &TallyRow| OfStep {
        ends: (BusinessId::from_uuid(row.source), BusinessId::from_uuid(row.target)),
        chain: ChainId::from_uuid(row.chain_id),
        version: row.version,
        step: row.step,
        tally: row.tally(),
    };
    Ok(rows.iter().map(of_step).collect())
}
