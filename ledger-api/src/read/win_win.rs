//! Who bought where after whom, in ClickHouse. Rule X8.
//!
//! A purchase counts for what it comes to, net of refunds and by its newest revision (Rules F6, D3); one of which nothing is left
//! does not count. It is hers whose it is now, and of accounts that are one the survivor's. Medical businesses are not in
//! ClickHouse.

use std::collections::BTreeMap;

use clickhouse::Row;
use ledger_core::ids::BusinessId;
use serde::Deserialize;
use uuid::Uuid;

use super::warehouse::{Window, ask};
use crate::app::App;
use crate::problem::ApiError;

/// The longest path that is looked for.
const PATH_MAX: u32 = 6;
/// The most frequent paths that are looked at, the longest first.
const PATHS_MAX: u32 = 10_000;
/// Fewer members than this are no group. Compliance M4.
pub(crate) const MEMBERS_LEAST: u64 = 10;

/// Which account stands for which.
const LINKS: &str = "SELECT k.member_id AS member_id, argMax(k.survivor_id, k.position) AS survivor_id \
     FROM account_links AS k FINAL GROUP BY k.member_id";

/// Purchases of the window: `business_id`, `member_id`, `at`, `transaction_id`, `net`.
const BOUGHT: &str = "
SELECT b.transaction_id AS transaction_id, b.business_id AS business_id, b.at AS at, b.net AS net,
    if(l.survivor_id = toUUID('00000000-0000-0000-0000-000000000000'), b.member_id, l.survivor_id) AS member_id
FROM (
    SELECT e.transaction_id AS transaction_id, e.business_id AS business_id, e.at AS at,
        argMaxIf(e.member_id, e.position, e.kind IN ('recorded', 'taken_over')) AS member_id,
        sum(e.bill) - sum(e.refunded) AS net
    FROM (
        SELECT position, 'recorded' AS kind, transaction_id, business_id, member_id, occurred_at AS at,
            amount AS bill, toDecimal64(0, 2) AS refunded
        FROM transaction_facts FINAL
        WHERE day BETWEEN toDate32({from_day: String}) AND toDate32({until_day: String})
            AND toUnixTimestamp64Micro(occurred_at) > {from: Int64}
            AND toUnixTimestamp64Micro(occurred_at) <= {until: Int64}
        UNION ALL
        SELECT position, toString(kind) AS kind, transaction_id, business_id, member_id, bought_at AS at, bill, refunded
        FROM bill_changes FINAL
        WHERE day BETWEEN toDate32({from_day: String}) AND toDate32({until_day: String})
            AND toUnixTimestamp64Micro(bought_at) > {from: Int64}
            AND toUnixTimestamp64Micro(bought_at) <= {until: Int64}
    ) AS e
    GROUP BY e.transaction_id, e.business_id, e.at
    HAVING net > 0
) AS b
LEFT JOIN ($LINKS) AS l ON l.member_id = b.member_id";

/// For each member who bought at both, from one business to the other, or to itself, which says what it sold. Of two purchases at
/// one moment neither comes after the other. Purchases are read once, and are brought together by member first: pairs of
/// businesses are few to each.
const WAYS: &str = "
SELECT f.1 AS source, b.1 AS target, count() AS common, countIf(b.3 > f.2) AS followers,
    toInt64(sum(arraySum((at, net) -> if(at > f.2, net, 0), b.4, b.5)) * 100) AS revenue,
    sum(length(b.4)) AS purchases, toInt64(sum(arraySum(b.5)) * 100) AS sold
FROM (
    SELECT shops, f
    FROM (
        SELECT groupArray((g.business_id, g.since, g.last, g.ats, g.nets)) AS shops
        FROM (
            SELECT p.member_id AS member_id, p.business_id AS business_id, min(p.at) AS since, max(p.at) AS last,
                groupArray(p.at) AS ats, groupArray(p.net) AS nets
            FROM ($BOUGHT) AS p GROUP BY p.member_id, p.business_id
        ) AS g
        GROUP BY g.member_id
    )
    ARRAY JOIN shops AS f
)
ARRAY JOIN shops AS b
GROUP BY source, target";

/// A member's way is where she bought, one visit after the other, at one moment in the order of ids; purchases at one place in a
/// row are one visit. A path is any stretch of it.
const PATHS: &str = "
SELECT arrayMap(it -> toString(it), s.path) AS path, uniqExact(s.member_id) AS members, count() AS times,
    toInt64(sum(s.value) * 100) AS value
FROM (
    SELECT w.member_id AS member_id, arrayJoin(w.stretches) AS stretch, stretch.1 AS path, stretch.2 AS value
    FROM (
        SELECT p.member_id AS member_id,
            arraySort(groupArray((p.at, toString(p.business_id), p.business_id, p.net))) AS bought,
            arrayMap(it -> it.3, bought) AS places,
            arrayFilter(i -> i = 1 OR places[i] != places[i - 1], arrayEnumerate(places)) AS firsts,
            arrayMap(k -> if(k = length(firsts), toInt64(length(places)), toInt64(firsts[k + 1]) - 1),
                arrayEnumerate(firsts)) AS lasts,
            arrayMap((first, last) -> (places[first], arraySum(it -> it.4, arraySlice(bought, first, last - first + 1))),
                firsts, lasts) AS visits,
            arrayFlatten(arrayMap(n -> arrayMap(
                i -> (arrayMap(it -> it.1, arraySlice(visits, i, n)), arraySum(it -> it.2, arraySlice(visits, i, n))),
                range(1, toUInt64(greatest(toInt64(length(visits)) - toInt64(n) + 2, 1)))
            ), range(2, $LONGEST + 1))) AS stretches
        FROM ($BOUGHT) AS p
        GROUP BY p.member_id
    ) AS w
) AS s
GROUP BY s.path
HAVING members >= $LEAST
ORDER BY length(s.path) DESC, members DESC, path
LIMIT $MOST";

/// What a business sold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shop {
    /// Members who bought there.
    pub(crate) buyers: u64,
    /// Purchases.
    pub(crate) purchases: u64,
    /// What they come to, in kopecks.
    pub(crate) revenue: i64,
}

/// Who went from one business to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// Members who bought at both, in whatever order.
    pub(crate) both: u64,
    /// Members who bought at the second after the first.
    pub(crate) followers: u64,
    /// What their purchases at the second after the first come to, in kopecks.
    pub(crate) revenue: i64,
}

/// What each business sold.
pub(crate) type Shops = BTreeMap<BusinessId, Shop>;
/// Who went from where to where.
pub(crate) type Ways = BTreeMap<(BusinessId, BusinessId), Way>;

/// A path that many members took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// The businesses, in order.
    pub(crate) businesses: Vec<Uuid>,
    /// How many members.
    pub(crate) members: u64,
    /// How often.
    pub(crate) times: u64,
    /// What was bought on it, all in all, in kopecks.
    pub(crate) value: i64,
}

#[derive(Row, Deserialize)]
struct WayRow {
    #[serde(with = "clickhouse::serde::uuid")]
    source: Uuid,
    #[serde(with = "clickhouse::serde::uuid")]
    target: Uuid,
    common: u64,
    followers: u64,
    revenue: i64,
    purchases: u64,
    sold: i64,
}

#[derive(Row, Deserialize)]
struct PathRow {
    path: Vec<String>,
    members: u64,
    times: u64,
    value: i64,
}

/// A question with the purchases of its window in it, and with which account stands for which.
pub(crate) fn with_purchases(text: &str) -> String {
    text.replace("$BOUGHT", BOUGHT).replace("$LINKS", LINKS)
}

/// What each business sold in the window, and who went from where to where.
///
/// # Errors
/// ClickHouse is away.
pub(crate) async fn shops_and_ways(app: &App, window: Window) -> Result<(Shops, Ways), ApiError> {
    let (mut shops, mut ways) = (Shops::new(), Ways::new());
    for row in ask::<WayRow>(app, &with_purchases(WAYS), window, Uuid::nil()).await? {
        let (source, target) = (BusinessId::from_uuid(row.source), BusinessId::from_uuid(row.target));
        if source == target {
            shops.insert(source, Shop { buyers: row.common, purchases: row.purchases, revenue: row.sold });
        } else {
            let way = Way { both: row.common, followers: row.followers, revenue: row.revenue };
            ways.insert((source, target), way);
        }
    }
    Ok((shops, ways))
}

/// The paths that at least [`MEMBERS_LEAST`] members took in the window, the longest first.
///
/// # Errors
/// ClickHouse is away.
pub(crate) async fn paths(app: &App, window: Window) -> Result<Vec<Path>, ApiError> {
    let numbers =
        [("$LONGEST", u64::from(PATH_MAX)), ("$LEAST", MEMBERS_LEAST), ("$MOST", u64::from(PATHS_MAX))];
    let text =
        numbers.iter().fold(PATHS.to_owned(), |text, (name, number)| text.replace(name, &number.to_string()));
    let rows = ask::<PathRow>(app, &with_purchases(&text), window, Uuid::nil()).await?;
    let path = |row: PathRow| Path {
        businesses: row.path.iter().filter_map(|id| crate::json::read_uuid(id)).collect(),
        members: row.members,
        times: row.times,
        value: row.value,
    };
    Ok(rows.into_iter().map(path).collect())
}
