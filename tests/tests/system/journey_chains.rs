//! A real purchase history with five chains, the reactor killed again and again while it works, against the plain model: the
//! same coupons, conversions and cross bonuses for each chain, step and member. Rules X3–X5, B9, T6.
//!
//! Most of the history is imported: what was bought before a chain ran triggers nothing, what is older than a step's window
//! brings nothing, the last days are in time. The rest comes from the tills, day by day.
//!
//! Which of two purchases took the last of a budget is the log's to say: the model is told the facts in the log's order, and
//! says what comes of each. What led to no fact it is asked last; then nothing may come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use futures::StreamExt;
use ledger_core::category::Category;
use ledger_core::time::Timestamp;
use plain_model::calendar;
use serde_json::json;
use system_tests::system::{Business, Client, Member, Role, Site, eventually, shared};

use crate::chains::reads_all_again_and_does_nothing;
use crate::journey::{Row, import_part, lines, rows, slug};
use crate::journey_plans::five;
use crate::journey_told::{Told, facts, written_by_the_reactor};

/// How long before the end of the history tills report it themselves, and how long before that the chains begin.
const LIVE_DAYS: i64 = 16;
const CHAINS_DAYS: i64 = 45;
/// Kills of the reactor while it follows the import, and the tills.
const KILLS: [usize; 2] = [14, 6];
/// How long the reactor may take to begin.
const BEGINS: Duration = Duration::from_secs(120);
/// Calls of the tills at once.
const AT_ONCE: usize = 16;

/// When what happens.
pub(crate) struct Times {
    pub(crate) joined: Timestamp,
    pub(crate) chains: Timestamp,
    pub(crate) import: Timestamp,
}

impl Times {
    fn of(rows: &[Row]) -> Self {
        let [first, last] = [rows.first(), rows.last()].map(|row| row.expect("a history").moment());
        let import = midnight_after(calendar::earlier(last, TimeDelta::days(LIVE_DAYS + 1)));
        let chains = calendar::earlier(import, TimeDelta::days(CHAINS_DAYS));
        Self { joined: first, chains, import }
    }
}

/// The first moment of the next Moscow day.
fn midnight_after(at: Timestamp) -> Timestamp {
    calendar::later(calendar::end_of(calendar::day(at)), TimeDelta::microseconds(1))
}

/// One business for each category; doctors are a medical secret.
async fn businesses(site: &Site) -> Vec<Business> {
    let mut businesses = Vec::new();
    for category in Category::ALL {
        let kind = if category == Category::Medicine { "medical" } else { "ordinary" };
        let terms = json!({"confidentiality": kind});
        businesses.push(Business::register(site, &slug(category.as_str()), category.as_str(), terms).await);
    }
    businesses
}

async fn join(
    site: &Site,
    businesses: &[Business],
    rows: &[Row],
    since: Timestamp,
) -> BTreeMap<String, Member> {
    let households: BTreeSet<&String> = rows.iter().map(|row| &row.household).collect();
    let since = since.to_string();
    let joining = households.into_iter().map(|household| async {
        (household.clone(), Member::register(site, businesses, Some(&since)).await)
    });
    futures::stream::iter(joining).buffer_unordered(AT_ONCE).collect().await
}

/// The import in parts; the reactor is killed again and again as it comes along behind them.
async fn import(site: &mut Site, members: &BTreeMap<String, Member>, rows: &[Row]) {
    for part in rows.chunks(rows.len().div_ceil(KILLS[0])) {
        let importing = tokio::spawn(import_part(site.admin(), lines(members, part), part.len()));
        site.restart_role(Role::React);
        importing.await.expect("the import ends");
    }
    site.settle().await;
}

/// The reactor starts on what has piled up, and is killed as soon as it has written something of it, or has come to the end
/// with nothing to write.
async fn dies_at_work(site: &mut Site) {
    let before = written_by_the_reactor(site).await;
    site.start_role(Role::React);
    let there = &*site;
    let begun = || async { written_by_the_reactor(there).await > before || there.is_settled().await };
    eventually("the reactor begins", BEGINS, begun, |begun| *begun).await;
    site.kill_role(Role::React);
}

/// The tills report a day after it, each purchase within the 24 hours of rule P1; on some days the reactor dies over them.
async fn sell(site: &mut Site, businesses: &[Business], members: &BTreeMap<String, Member>, rows: &[Row]) {
    let tills: BTreeMap<String, Client> =
        businesses.iter().map(|business| (business.slug.clone(), business.till(site))).collect();
    let mut left = rows;
    let mut kills = 0;
    while let Some(first) = left.first() {
        let end = midnight_after(first.moment());
        let (day, rest) = left.split_at(left.partition_point(|row| row.moment() < end));
        left = rest;
        site.set_clock(Some(&end.to_string())).await;
        let sales = day.iter().map(|row| (tills[&slug(&row.category)].clone(), row.document(members)));
        let sales = sales.map(|(till, document)| async move {
            let answer = till.post("/transactions", &document).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
        });
        let dies = kills < KILLS[1];
        if dies {
            site.kill_role(Role::React);
        }
        let selling = futures::stream::iter(sales.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        let _all: Vec<()> = selling.collect().await;
        if dies {
            dies_at_work(site).await;
            site.start_role(Role::React);
            kills += 1;
        }
        site.settle().await;
    }
    assert_eq!(kills, KILLS[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_history_with_chains_and_a_dying_reactor_comes_to_the_plain_model_s_rewards() {
    let rows = rows();
    let times = Times::of(&rows);
    let mut site = Site::start(shared()).await;
    site.set_clock(Some(&times.chains.to_string())).await;
    // The plain model knows no ranking of all members.
    let no_top = json!({"parameters": {"status.top_min_members": 100_000}});
    let _ = site.admin().post("/admin/policies", &no_top).await.data(201);
    let businesses = businesses(&site).await;
    let plans = five();
    let mut chains = Vec::new();
    for plan in &plans {
        chains.push(plan.run(&site, &businesses, times.chains).await);
    }
    let members = join(&site, &businesses, &rows, times.joined).await;
    site.set_clock(Some(&times.import.to_string())).await;
    let (history, live) = rows.split_at(rows.partition_point(|row| row.moment() < times.import));
    import(&mut site, &members, history).await;
    sell(&mut site, &businesses, &members, live).await;

    let mut told = Told::new(&times, chains, &members, &rows);
    for fact in facts(&site).await {
        told.hear(&fact);
    }
    told.nothing_is_left_to_ask();
    told.all_is_the_same();
    enough_was_seen(&told.came_of);
    reads_all_again_and_does_nothing(&mut site).await;
    site.check();
}

/// Nothing was compared in vain.
fn enough_was_seen(came_of: &BTreeMap<(usize, &'static str), usize>) {
    let of_chain = |chain: usize, what: &'static str| came_of.get(&(chain, what)).copied().unwrap_or(0);
    for chain in 0..five().len() {
        assert!(of_chain(chain, "given") > 0, "chain {chain}: {came_of:?}");
        assert!(of_chain(chain, "too late") > 0, "chain {chain}: {came_of:?}");
    }
    let converted = (0..five().len()).filter(|chain| of_chain(*chain, "converted") > 0);
    assert!(converted.count() >= 4, "{came_of:?}");
    let limits = ["beyond the limits", "more than the chain has left"];
    let limited = (0..five().len()).filter(|chain| limits.iter().any(|what| of_chain(*chain, what) > 0));
    assert!(limited.count() >= 4, "{came_of:?}");
    assert!((0..five().len()).any(|chain| of_chain(chain, "held out") > 0), "{came_of:?}");
    let all: usize = came_of.iter().filter(|((_, what), _)| *what == "given").map(|(_, count)| count).sum();
    assert!(all >= 100, "{came_of:?}");
}
