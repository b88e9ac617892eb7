//! Rule X8, with a control group: what the service says of those who were given a reward and those held out, against the same
//! worked out plainly, purchase by purchase.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::time::Timestamp;
use serde_json::{Value, json};
use system_tests::system::{Business, Client, Member, Seeded, Site, shared};
use uuid::Uuid;

use crate::chains::activated;
use crate::sale;

const MEMBERS: usize = 80;
/// Of each hundred members.
const HELD_OUT: u32 = 40;
/// Of the chain's two steps, in days.
const WINDOWS: [i64; 2] = [14, 8];
const DAY: i64 = 24 * 3600 * 1_000_000;
const FIRST: &str = "2026-03-15T12:00:00Z";
const SECOND: &str = "2026-04-09T12:00:00Z";

fn micros(at: &str) -> i64 {
    at.parse::<Timestamp>().expect("a time").micros()
}

/// Whether she is held out of the chain: the first 32 bits of UUIDv5 of chain and member, of ten thousand.
fn is_held_out(chain: Uuid, member: &str) -> bool {
    let member: Uuid = member.parse().expect("an id");
    Uuid::new_v5(&chain, member.as_bytes()).as_fields().0 % 10_000 < HELD_OUT * 100
}

/// A purchase, and what is left of it.
#[derive(Debug, Clone)]
struct Bought {
    number: String,
    member: String,
    /// 0 is where steps begin; 1 and 2 are their targets.
    place: usize,
    at: i64,
    left: i64,
    /// When the log took it.
    recorded: i64,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Group {
    members: u64,
    purchased: u64,
    kopecks: i64,
}

/// When, of which step, until when.
type Triggers = BTreeSet<(i64, usize, i64)>;

/// What was bought, and who stands for whom.
struct Town {
    chain: Uuid,
    bought: Vec<Bought>,
    survivors: BTreeMap<String, String>,
}

impl Town {
    fn person<'a>(&'a self, member: &'a str) -> &'a str {
        self.survivors.get(member).map_or(member, String::as_str)
    }

    /// The treated and the control group of `steps`.
    fn groups(&self, steps: &[usize]) -> [Group; 2] {
        // Of each person which groups she is of, and her triggers.
        let mut people: BTreeMap<&str, (BTreeSet<bool>, Triggers)> = BTreeMap::new();
        for trigger in self.bought.iter().filter(|one| one.place == 0) {
            for step in steps {
                let until = trigger.at + WINDOWS[*step] * DAY;
                // Rule P1: what is reported within a day is judged as of its own moment, and the chain runs since the first one.
                let is_late = trigger.recorded - trigger.at > DAY;
                if trigger.recorded <= until && (is_late || trigger.at >= micros(FIRST)) {
                    let (groups, triggers) = people.entry(self.person(&trigger.member)).or_default();
                    groups.insert(is_held_out(self.chain, &trigger.member));
                    triggers.insert((trigger.at, *step, until));
                }
            }
        }
        let mut groups = [Group::default(), Group::default()];
        for (person, (held_out, triggers)) in people.iter().filter(|(_, (groups, _))| groups.len() == 1) {
            // Her first one alone: what it brought may have made the others.
            let (at, step, until) = triggers.first().expect("a trigger");
            let follows =
                |one: &&Bought| one.place == step + 1 && one.left > 0 && one.at > *at && one.at <= *until;
            let hers = self.bought.iter().filter(|one| self.person(&one.member) == *person);
            let followed: Vec<i64> = hers.filter(follows).map(|one| one.left).collect();
            let group = &mut groups[usize::from(held_out.contains(&true))];
            group.members += 1;
            group.purchased += u64::from(!followed.is_empty());
            group.kopecks += followed.iter().sum::<i64>();
        }
        groups
    }
}

/// Rounded half away from zero.
fn rounded(part: i128, whole: i128) -> i128 {
    part.signum() * ((2 * part.abs() + whole) / (2 * whole))
}

fn decimals(value: i128, places: u32) -> String {
    let unit = 10_i128.pow(places);
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}.{:0width$}", value.abs() / unit, value.abs() % unit, width = places as usize)
}

fn ratio(part: i128, whole: i128) -> String {
    decimals(rounded(part * 10_000, whole), 4)
}

/// Newcombe's interval, as his paper has it.
fn interval(one: &Group, other: &Group) -> [f64; 2] {
    let z = 1.959_963_984_540_054_f64;
    let share = |group: &Group| {
        let (x, n) = (group.purchased as f64, group.members as f64);
        let (p, root) = (x / n, z * (z * z + 4.0 * x * (1.0 - x / n)).sqrt());
        let below = 2.0 * (n + z * z);
        (p, (2.0 * x + z * z - root) / below, (2.0 * x + z * z + root) / below)
    };
    let ((p, low, high), (q, least, most)) = (share(one), share(other));
    [p - q - (p - low).hypot(most - q), p - q + (high - p).hypot(q - least)]
}

/// Compares an effect with the plain groups; answers its incremental revenue and cost in kopecks.
fn expect(effect: &Value, [treated, control]: &[Group; 2], cost: &Value) -> (i128, i128) {
    assert!(treated.members >= 10 && control.members >= 10, "{treated:?} {control:?}");
    for (name, group) in [("treated", treated), ("control", control)] {
        let (members, kopecks) = (i128::from(group.members), i128::from(group.kopecks));
        let expected = json!({
            "members": group.members, "purchased": group.purchased,
            "rate": ratio(group.purchased.into(), members), "revenue": decimals(kopecks, 2),
            "revenue_per_member": decimals(rounded(kopecks, members), 2),
        });
        assert_eq!(effect[name], expected, "{name}");
    }
    let [n, m] = [treated, control].map(|group| i128::from(group.members));
    let difference = i128::from(treated.purchased) * m - i128::from(control.purchased) * n;
    assert_eq!(effect["uplift"]["difference"], ratio(difference, n * m).as_str());
    for (name, bound) in ["low", "high"].into_iter().zip(interval(treated, control)) {
        let shown: f64 = effect["uplift"][name].as_str().and_then(|it| it.parse().ok()).expect("a bound");
        assert!((shown - bound).abs() < 0.000_051, "{name}: {shown} {bound}");
    }
    let more = rounded(i128::from(treated.kopecks) * m - i128::from(control.kopecks) * n, m);
    assert_eq!(effect["incremental_revenue"], decimals(more, 2).as_str());
    assert_eq!(&effect["cost"], cost);
    let cost: i128 = cost.as_str().expect("a cost").replace('.', "").parse().expect("a number");
    let back = (cost > 0).then(|| ratio(more, cost));
    assert_eq!(effect["return_on_promotion"], json!(back));
    assert_eq!(effect["reason"], Value::Null);
    (more, cost)
}

/// Compares what the service says of the chain, and of the way of its first step.
async fn compare(site: &Site, town: &Town, businesses: &[Business]) {
    site.settle().await;
    let stats = site.admin().get(&format!("/cross-promo/chains/{}/stats", town.chain)).await.data(200);
    let mut first = (0, 0);
    for step in [1, 0] {
        let shown = &stats["steps"][step];
        first = expect(&shown["effect"], &town.groups(&[step]), &shown["cost"]);
    }
    assert_eq!(stats["versions"].as_array().map(Vec::len), Some(1));
    let _ = expect(&stats["versions"][0]["effect"], &town.groups(&[0, 1]), &stats["all"]["cost"]);
    let pairs = site.admin().get("/cross-promo/win-win").await.data(200);
    let ways = pairs["items"].as_array().expect("pairs").iter();
    let mut ways = ways.flat_map(|pair| [&pair["a_to_b"], &pair["b_to_a"]]);
    let [from, to] = [&businesses[0].id, &businesses[1].id];
    let way = ways.find(|way| way["from"] == from.as_str() && way["to"] == to.as_str()).expect("a way");
    let (more, cost) = first;
    let expected = json!({
        "steps": 1, "incremental_revenue": decimals(more, 2), "cost": decimals(cost, 2),
        "return_on_promotion": ratio(more, cost),
    });
    assert_eq!(way["effect"], expected);
}

/// Sales between two moments, at random; the clock stands at the second.
async fn sell(
    site: &Site,
    town: &mut Town,
    who: (&[Business], &[Member]),
    between: (&str, &str),
    count: usize,
) {
    let (businesses, members) = who;
    let seeded = Seeded::new("uplift", 21 + town.bought.len() as u64);
    let (from, until) = (micros(between.0), micros(between.1));
    for number in town.bought.len()..town.bought.len() + count {
        let member = seeded.pick(members);
        // Who is treated buys more at the targets.
        let place = match seeded.place(4) {
            0 | 1 => 0,
            2 => 1,
            _ if is_held_out(town.chain, &member.id) => 0,
            _ => 2,
        };
        let at = from + i64::try_from(seeded.below((until - from) as u64)).expect("small");
        let kopecks = i64::try_from(10_000 + seeded.below(300_000)).expect("small");
        let shown = Timestamp::from_micros(at).expect("a time").to_utc().format("%Y-%m-%dT%H:%M:%S%.6fZ");
        let sale = sale(&format!("u{number}"), &businesses[place], member, kopecks, &shown.to_string());
        let _ = businesses[place].till(site).post("/transactions", &sale.body()).await.data(201);
        let (number, member) = (sale.external_id, member.id.clone());
        town.bought.push(Bought { number, member, place, at, left: kopecks, recorded: until });
    }
    site.settle().await;
}

/// Of every ninth purchase at a target all is given back, of every fifth a third, and of some that triggered all.
async fn give_back(site: &Site, town: &mut Town, businesses: &[Business], from: usize) {
    for (number, one) in town.bought.iter_mut().enumerate().skip(from) {
        let back = match one.place {
            0 if number % 13 == 0 => one.left,
            0 => continue,
            _ if number % 9 == 0 => one.left,
            _ if number % 5 == 0 => one.left / 3,
            _ => continue,
        };
        let body = json!({"purchase_external_id": one.number, "external_id": format!("f{}", one.number),
            "amount": decimals(back.into(), 2), "reason": "returned"});
        let _ = businesses[one.place].till(site).post("/transactions/refunds", &body).await.data(201);
        one.left -= back;
    }
}

/// She uses a coupon for the first target with a bill of 1,000 ₽.
async fn use_coupon(site: &Site, town: &mut Town, target: &Business, member: &Member) {
    let herself: Client = member.sign_in(site).await;
    let coupons = herself.get("/loyalty/coupons").await.data(200);
    let all = coupons["items"].as_array().expect("coupons").iter();
    let mut hers = all.filter(|one| one["business_id"] == target.id.as_str());
    let coupon = hers.next().expect("a coupon")["coupon_id"].as_str().expect("an id").to_owned();
    let path = format!("/loyalty/coupons/{coupon}/activate");
    let code = herself.post(&path, &json!({})).await.data(200)["activation_code"].clone();
    let number = format!("c{}", member.id);
    let body = json!({"external_id": number, "member": {"member_id": member.id}, "amount": "1000.00",
        "occurred_at": FIRST, "coupon_code": code});
    let _ = target.till(site).post("/transactions", &body).await.data(201);
    let at = micros(FIRST);
    town.bought.push(Bought { number, member: member.id.clone(), place: 1, at, left: 100_000, recorded: at });
}

/// Two accounts become one: who triggered the first step as the group wants.
async fn merge(site: &Site, town: &mut Town, groups: [bool; 2]) {
    let triggered = town.bought.iter().filter(|one| one.place == 0).map(|one| one.member.clone());
    let free: BTreeSet<String> = triggered.filter(|id| !town.survivors.contains_key(id)).collect();
    let mut taken: BTreeSet<String> = town.survivors.values().cloned().collect();
    let mut one_of = |held_out: bool| {
        let fits = |id: &&String| is_held_out(town.chain, id) == held_out && !taken.contains(*id);
        let found = free.iter().find(fits).expect("a member").clone();
        taken.insert(found.clone());
        found
    };
    let [survivor, old] = groups.map(&mut one_of);
    let path = format!("/admin/members/{survivor}/merge");
    let _ =
        site.admin().post(&path, &json!({"from_member_id": old, "reason": "Второй телефон"})).await.data(200);
    town.survivors.insert(old, survivor);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_x8_what_a_chain_changed_is_the_plain_calculation_on_random_sales() {
    let site = Site::start(shared()).await;
    site.set_clock(Some(FIRST)).await;
    let mut businesses = Vec::new();
    for (slug, category) in [("mindal", "beauty_salon"), ("lisichkino", "gastronomy"), ("buket", "floristry")]
    {
        businesses.push(Business::register(&site, slug, category, json!({})).await);
    }
    let mut members = Vec::new();
    for _ in 0..MEMBERS {
        members.push(Member::register(&site, &businesses, Some("2025-12-01T00:00:00Z")).await);
    }
    let step = |to: usize| {
        let coupon =
            json!({"type": "discount_fixed", "value": "200", "life_days": 30, "description": "Ужин"});
        json!({"from": businesses[0].slug, "to": businesses[to].slug, "window_days": WINDOWS[to - 1],
            "reward": {"type": "coupon", "coupon": coupon}})
    };
    let body = json!({"name": "Ужин и цветы", "kind": "fan", "steps": [step(1), step(2)],
        "holdout_percent": HELD_OUT, "funded_by": "target"});
    let chain = activated(&site, &businesses, &body).await;
    let mut town = Town { chain, bought: Vec::new(), survivors: BTreeMap::new() };
    sell(&site, &mut town, (&businesses, &members), ("2026-03-03T12:00:00Z", FIRST), 400).await;
    for member in members.iter().filter(|one| !is_held_out(chain, &one.id)).take(4) {
        let buys = json!({"external_id": format!("t{}", member.id), "member": {"member_id": member.id},
            "amount": "500.00", "occurred_at": "2026-03-14T06:00:00Z"});
        let _ = businesses[0].till(&site).post("/transactions", &buys).await.data(201);
        site.settle().await;
        let at = micros("2026-03-14T06:00:00Z");
        let (number, recorded) = (format!("t{}", member.id), micros(FIRST));
        let trigger = Bought { number, member: member.id.clone(), place: 0, at, left: 50_000, recorded };
        town.bought.push(trigger);
        use_coupon(&site, &mut town, &businesses[1], member).await;
    }
    compare(&site, &town, &businesses).await;
    give_back(&site, &mut town, &businesses, 0).await;
    compare(&site, &town, &businesses).await;

    let before = town.bought.len();
    site.set_clock(Some(SECOND)).await;
    sell(&site, &mut town, (&businesses, &members), ("2026-03-16T12:00:00Z", SECOND), 200).await;
    give_back(&site, &mut town, &businesses, before).await;
    compare(&site, &town, &businesses).await;

    merge(&site, &mut town, [false, false]).await;
    merge(&site, &mut town, [true, false]).await;
    compare(&site, &town, &businesses).await;
    site.check();
}
