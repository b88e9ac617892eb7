//! A real purchase history with five chains, the reactor killed again and again while it works, against the plain model: the
//! same coupons, conversions and cross bonuses for each chain, step and member. Rules X3–X5, B9, T6.
//!
//! Most of the history is imported: what was bought before a chain ran triggers nothing, what is older than a step's window
//! brings nothing, the last days are in time. The rest comes from the tills, day by day.
//!
//! Which of two purchases took the last of a budget is the log's to say: the model is told the facts in the log's order, and
//! says what comes of each. After each part of the import and each day of the tills everything catches up, and what led to no
//! fact by then is asked of the model: nothing may come of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use futures::StreamExt;
use ledger_core::category::Category;
use ledger_core::time::Timestamp;
use plain_model::calendar;
use serde_json::{Value, json};
use system_tests::system::{Business, Client, Member, Site, shared};

use crate::chains::reads_all_again_and_does_nothing;
use crate::journey::{LINES_MAX, Row, import_part, lines, rows, slug};
use crate::journey_deaths::{Death, Died, dies_over};
use crate::journey_plans::five;
use crate::journey_told::Told;

/// How long before the end of the history tills report it themselves, and how long before that the chains begin.
const LIVE_DAYS: i64 = 16;
const CHAINS_DAYS: i64 = 45;
/// Kills of the reactor while it follows the import, and the tills.
const KILLS: [usize; 2] = [14, 6];
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

/// A history as it is brought in, and what became of the reactor meanwhile.
struct Journey {
    site: Site,
    told: Told,
    /// How many of its deaths ended where.
    died: BTreeMap<Died, usize>,
}

impl Journey {
    /// Has `work` recorded, if it is to be with a death of the reactor; then everything catches up, and all is as the model
    /// says.
    async fn stretch(&mut self, dies: bool, work: impl Future<Output = ()> + Send + 'static) {
        if dies {
            let kinds = [Death::BeforeItsPlace, Death::BeforeItsAppend, Death::Behind];
            let how = kinds[self.deaths() % kinds.len()];
            *self.died.entry(dies_over(&mut self.site, how, work).await).or_default() += 1;
        } else {
            work.await;
        }
        self.site.settle().await;
        self.told.catch_up(&self.site).await;
    }

    fn deaths(&self) -> usize {
        self.died.values().sum()
    }

    /// First what is older than the chains; then the rest in parts, over each of which the reactor dies.
    async fn import(&mut self, members: &BTreeMap<String, Member>, rows: &[Row], chains: Timestamp) {
        let (old, new) = rows.split_at(rows.partition_point(|row| row.moment() < chains));
        let parts = new.chunks(new.len().div_ceil(KILLS[0])).map(|part| (part, true));
        for (part, dies) in old.chunks(LINES_MAX).map(|part| (part, false)).chain(parts) {
            let work = import_part(self.site.admin(), lines(members, part), part.len());
            self.stretch(dies, work).await;
        }
        assert_eq!(self.deaths(), KILLS[0]);
    }

    /// The tills report a day after it, each purchase within the 24 hours of rule P1; on some days the reactor dies over them.
    async fn sell(&mut self, businesses: &[Business], members: &BTreeMap<String, Member>, mut left: &[Row]) {
        let tills: BTreeMap<String, Client> =
            businesses.iter().map(|business| (business.slug.clone(), business.till(&self.site))).collect();
        while let Some(first) = left.first() {
            let end = midnight_after(first.moment());
            let (day, rest) = left.split_at(left.partition_point(|row| row.moment() < end));
            left = rest;
            self.site.set_clock(Some(&end.to_string())).await;
            let sales = day.iter().map(|row| (tills[&slug(&row.category)].clone(), row.document(members)));
            let sales: Vec<(Client, Value)> = sales.collect();
            self.stretch(self.deaths() < KILLS[0] + KILLS[1], sold(sales)).await;
        }
        assert_eq!(self.deaths(), KILLS[0] + KILLS[1]);
    }
}

/// Some at once; all are recorded.
async fn sold(sales: Vec<(Client, Value)>) {
    let sales = sales.into_iter().map(|(till, document)| async move {
        let answer = till.post("/transactions", &document).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    });
    let _all: Vec<()> = futures::stream::iter(sales).buffer_unordered(AT_ONCE).collect().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_history_with_chains_and_a_dying_reactor_comes_to_the_plain_model_s_rewards() {
    let rows = rows();
    let times = Times::of(&rows);
    let site = Site::start(shared()).await;
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
    let told = Told::new(&times, chains, &members, &rows);
    let mut journey = Journey { site, told, died: BTreeMap::new() };
    journey.import(&members, history, times.chains).await;
    journey.sell(&businesses, &members, live).await;

    let Journey { mut site, mut told, died } = journey;
    told.is_whole();
    assert!(told.would_be_missed >= 10, "{}", told.would_be_missed);
    enough_was_seen(&told.came_of);
    it_died_at_work(&died);
    reads_all_again_and_does_nothing(&mut site).await;
    site.check();
}

/// Most of the time with its place behind the log, and known to have been in the middle of something.
fn it_died_at_work(died: &BTreeMap<Died, usize>) {
    let times = |where_it_was: Died| died.get(&where_it_was).copied().unwrap_or(0);
    let known = times(Died::AtItsAppend) + times(Died::AtItsPlace);
    assert!(known >= 14 && times(Died::AtItsAppend) >= 3, "{died:?}");
    assert!(times(Died::Idle) <= 2, "{died:?}");
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
