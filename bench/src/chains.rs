//! The reactor of chains: how many purchases a second it keeps up with, and how long after her purchase a member sees the
//! coupon, with many chains at work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hyper::Method;
use local_stack::ProcessOptions;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

use crate::error::BenchError;
use crate::http::{Connection, refused};
use crate::large::{Databases, Part};
use crate::load::{bill, histogram, micros};
use crate::setup::{Bench, register};
use crate::{report, setup};

/// Chains that begin at each business.
const FROM_EACH: usize = 10;
/// The least bill that brings a coupon, in roubles; the chains but one of each business ask for more than anybody spends.
const ENOUGH: usize = 500;
const TOO_MUCH: usize = 9_000_000;
/// Purchases of each backlog that the reactor works off.
const BACKLOG: usize = 50_000;
/// Purchases of one call.
const BATCH: usize = 500;
/// Purchases a second while the delay is measured, on so many connections, for so many seconds.
const PACE: usize = 500;
const CONNECTIONS: usize = 20;
const SECONDS: usize = 20;
/// How often to look for coupons.
const LOOK: Duration = Duration::from_millis(5);
/// How long a coupon may take.
const LONGEST: Duration = Duration::from_secs(60);
/// The numbers of the phones of those who buy for the delay.
const OTHERS: usize = 1_000_000;

/// A business with the credential of its till.
struct Shop {
    slug: String,
    key: String,
}

/// Runs `chains` chains and measures.
pub(crate) async fn measure(bench: &Bench, chains: usize) -> Result<(), BenchError> {
    let admin = format!("ApiKey {}", bench.installation.admin_key());
    let shops = shops(bench, &admin, chains.div_ceil(FROM_EACH).max(FROM_EACH + 1)).await?;
    let began = Instant::now();
    run_chains(bench, &admin, &shops, chains).await?;
    report::line(&format!("{chains} chains run after {:.1} s", began.elapsed().as_secs_f64()));
    let shop_of = |place: usize| shops.get(place % shops.len()).map_or(String::new(), |it| it.slug.clone());
    let (first, count) = (setup::FIRST_FREE, BATCH * shops.len());
    let members = register(&bench.base, &admin, (first, count), |number| shop_of(number - first)).await?;
    let databases = Databases::open(bench).await?;
    let start = |name: &'static str, arguments: &[&str]| {
        bench.installation.start(ProcessOptions::new(name, "projectors", arguments.iter().copied()))
    };
    let relay = start("relay", &["relay"])?;
    for (what, roubles) in [("that bring nothing", ENOUGH - 1), ("that bring a coupon each", ENOUGH)] {
        let count = backlog(bench, &shops, &members, roubles).await?;
        databases.wait("relay", Part::Relay).await?;
        let place = (databases.passed(Part::ReadModel("react")).await?, databases.head().await?);
        let react = start("react", &["react"])?;
        let elapsed = databases.until(Part::ReadModel("react"), place).await?;
        report::rate(&format!("reactor, {chains} chains, purchases {what}"), count, elapsed);
        drop(react);
    }
    let _others = [start("directory", &["project", "directory"])?, start("react", &["react"])?];
    databases.wait("directory", Part::ReadModel("directory")).await?;
    let others = (OTHERS, PACE * SECONDS);
    let others = register(&bench.base, &admin, others, |number| shop_of(number - OTHERS)).await?;
    delay(bench, &databases, &shops, others).await?;
    drop(relay);
    Ok(())
}

async fn shops(bench: &Bench, admin: &str, count: usize) -> Result<Vec<Shop>, BenchError> {
    let mut connection = Connection::open(&bench.base, admin).await?;
    let mut shops = Vec::with_capacity(count);
    for number in 0..count {
        let slug = format!("shop-{number}");
        let body =
            json!({"slug": slug, "name": slug, "category": "floristry", "confidentiality": "ordinary"});
        connection.must(Method::POST, "/api/v1/admin/businesses", &body).await?;
        let path = format!("/api/v1/admin/businesses/{slug}/api-keys");
        let made = connection.must(Method::POST, &path, &json!({"name": "till"})).await?;
        shops.push(Shop { slug, key: format!("ApiKey {}", made["key"].as_str().unwrap_or_default()) });
    }
    Ok(shops)
}

/// Takes each chain its whole way.
async fn run_chains(bench: &Bench, admin: &str, shops: &[Shop], chains: usize) -> Result<(), BenchError> {
    let mut of_admin = Connection::open(&bench.base, admin).await?;
    let mut tills = Vec::with_capacity(shops.len());
    for shop in shops {
        tills.push(Connection::open(&bench.base, &shop.key).await?);
    }
    for number in 0..chains {
        let (from, nth) = (number % shops.len(), number / shops.len());
        let to = (from + nth + 1) % shops.len();
        let least = if nth == 0 { ENOUGH } else { TOO_MUCH };
        let coupon =
            json!({"type": "discount_fixed", "value": "100", "life_days": 30, "description": "Скидка"});
        let step = json!({
            "from": format!("shop-{from}"), "to": format!("shop-{to}"), "window_days": 14,
            "min_amount": least.to_string(), "reward": {"type": "coupon", "coupon": coupon},
        });
        let body = json!({"name": "Цепочка", "kind": "linear", "steps": [step], "funded_by": "source"});
        let made = of_admin.must(Method::POST, "/api/v1/cross-promo/chains", &body).await?;
        let chain = made["chain_id"].as_str().unwrap_or_default();
        let path = |call: &str| format!("/api/v1/cross-promo/chains/{chain}/{call}");
        of_admin.must(Method::POST, &path("submit"), &json!({})).await?;
        for party in [from, to] {
            if let Some(till) = tills.get_mut(party) {
                till.must(Method::POST, &path("consent"), &json!({})).await?;
            }
        }
        of_admin.must(Method::POST, &path("approve"), &json!({})).await?;
        of_admin.must(Method::POST, &path("activate"), &json!({})).await?;
    }
    Ok(())
}

/// Puts purchases on the log, of each business by its own members; how many.
async fn backlog(
    bench: &Bench,
    shops: &[Shop],
    members: &[String],
    roubles: usize,
) -> Result<i64, BenchError> {
    let path = "/api/v1/transactions/batch";
    let mut count = 0;
    for _ in 0..BACKLOG.div_ceil(BATCH * shops.len()) {
        for (place, shop) in shops.iter().enumerate() {
            let its = members.iter().skip(place).step_by(shops.len());
            let items: Vec<String> = its.map(|member| bill(member, roubles)).collect();
            let mut connection = Connection::open(&bench.base, &shop.key).await?;
            let body = format!(r#"{{"transactions":[{}]}}"#, items.join(","));
            let (status, answer) = connection.send(Method::POST, path, body.into_bytes()).await?;
            if status != 200 {
                return Err(refused(path, status, &answer));
            }
            if String::from_utf8_lossy(&answer).contains("unmatched") {
                return Err(refused(path, status, &answer));
            }
            count += i64::try_from(items.len()).unwrap_or_default();
        }
    }
    Ok(count)
}

/// Who bought, and when her purchase was answered.
type Bought = (Uuid, Instant);

/// Buys at a steady pace, each member once, and measures how long after the answer her coupon stands in the read model that
/// she is shown.
async fn delay(
    bench: &Bench,
    databases: &Databases,
    shops: &[Shop],
    members: Vec<String>,
) -> Result<(), BenchError> {
    let (tell, told) = unbounded_channel();
    let (count, members) = (members.len(), Arc::new(members));
    let mut all = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut tills = Vec::with_capacity(shops.len());
        for shop in shops {
            tills.push(Connection::open(&bench.base, &shop.key).await?);
        }
        all.push(tills);
    }
    let began = Instant::now();
    let all = all.into_iter().enumerate();
    let buyers = all
        .map(|(number, tills)| tokio::spawn(buy(tills, Arc::clone(&members), (number, began), tell.clone())));
    let buyers: Vec<_> = buyers.collect();
    drop(tell);
    let (seen, behind) = watch(databases, told).await?;
    let mut last = began;
    for buyer in buyers {
        last = last.max(buyer.await??);
    }
    let pace = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / (last - began).as_secs_f64();
    let ms =
        |quantile| f64::from(u32::try_from(seen.value_at_quantile(quantile)).unwrap_or(u32::MAX)) / 1_000.0;
    report::line(&format!(
        "{} purchases at {pace:.0}/s; the coupon is there p50 {:.0} ms, p95 {:.0}, p99 {:.0}, at most {:.0} after the answer; {behind} without",
        seen.len(),
        ms(0.5),
        ms(0.95),
        ms(0.99),
        ms(1.0)
    ));
    Ok(())
}

/// Every so many members buy, each at her moment unless the one before was slow; when the last one was answered.
async fn buy(
    mut tills: Vec<Connection>,
    members: Arc<Vec<String>>,
    (number, began): (usize, Instant),
    tell: UnboundedSender<Bought>,
) -> Result<Instant, BenchError> {
    let path = "/api/v1/transactions";
    for (place, member) in members.iter().enumerate().skip(number).step_by(CONNECTIONS) {
        let moment = Duration::from_secs(1) * u32::try_from(place).unwrap_or(u32::MAX)
            / u32::try_from(PACE).unwrap_or(1);
        tokio::time::sleep_until((began + moment).into()).await;
        let shops = tills.len();
        let Some(till) = tills.get_mut(place % shops) else { continue };
        let (status, answer) = till.send(Method::POST, path, bill(member, ENOUGH).into_bytes()).await?;
        if status != 201 {
            return Err(refused(path, status, &answer));
        }
        // Nobody listens any more when the watch has failed: that is told there.
        let _gone = tell.send((member.parse().unwrap_or_default(), Instant::now()));
    }
    Ok(Instant::now())
}

/// The delays, and how many coupons did not come in time.
async fn watch(
    databases: &Databases,
    mut told: UnboundedReceiver<Bought>,
) -> Result<(Histogram<u64>, usize), BenchError> {
    let mut seen = histogram();
    let mut waiting: HashMap<Uuid, Instant> = HashMap::new();
    let mut last = Instant::now();
    loop {
        while let Ok((member, at)) = told.try_recv() {
            waiting.insert(member, at);
            last = Instant::now();
        }
        let is_over = told.is_closed() && told.is_empty();
        if (is_over && waiting.is_empty()) || last.elapsed() > LONGEST {
            return Ok((seen, waiting.len()));
        }
        let asked: Vec<Uuid> = waiting.keys().copied().collect();
        let there =
            sqlx::query_scalar("SELECT DISTINCT member_id FROM directory.coupons WHERE member_id = ANY($1)");
        let there: Vec<Uuid> = there.bind(asked).fetch_all(&databases.read).await?;
        for member in there {
            if let Some(at) = waiting.remove(&member) {
                seen.saturating_record(micros(at.elapsed()));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
