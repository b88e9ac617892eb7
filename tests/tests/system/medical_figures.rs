//! No figure, asked before and after a visit to a clinic, tells that there was one. Battery P4; compliance M4, M5.
//!
//! Ten members, so that each of them counts: whom an audience holds is told in whole tens, below ten not at all, so one who leaves
//! it makes nothing of ten, and one who comes makes ten of nothing. That the comparison can fail is shown by the same visits to
//! an ordinary business.

use std::collections::BTreeSet;

use futures::StreamExt;
use serde_json::{Value, json};
use system_tests::system::{Answer, Business, Client, Member, Person, Site, bearer, shared};

use crate::{machine_now, recently, sale};

/// As few as are told of.
const MEMBERS: usize = 10;
/// Enough for the next status; the third category that it needs, too, is the clinic's.
const MUCH: i64 = 98_765_432;

/// Who asks, and where.
struct Town {
    site: Site,
    clinic: Business,
    /// Whose offers and customers are asked about.
    shop: Business,
    /// Where all go after the shop.
    place: Business,
    /// Of the clinic's category, as one more, to which nine have been; nobody has been here.
    second: Business,
    members: Vec<Member>,
    analyst: Client,
    offer: String,
    /// Before all purchases.
    from: String,
    /// After the visits to the shop, before those to the place.
    between: String,
    /// After all purchases.
    as_of: String,
}

async fn buys(site: &Site, business: &Business, member: &Member, kopecks: i64, at: &str) {
    let number = uuid::Uuid::new_v4().to_string();
    let one = sale(&number, business, member, kopecks, at);
    assert_eq!(business.till(site).post("/transactions", &one.body()).await.status, 201);
}

/// Consents to everything that an audience may be made of.
async fn joins(site: &Site, businesses: &[Business]) -> Member {
    let member = Member::register(site, businesses, None).await;
    let consent = json!([{"purpose": "profiling", "granted": true, "version": "1"}]);
    let _ = member.sign_in(site).await.put("/users/me/consents", &consent).await.data(200);
    member
}

impl Town {
    async fn new() -> Self {
        let site = Site::start(shared()).await;
        let from = recently();
        let mut all = Vec::new();
        for (slug, category, kind) in [
            ("klinika", "cosmetology", "medical"),
            ("mindal", "beauty_salon", "ordinary"),
            ("lisichkino", "gastronomy", "ordinary"),
            ("kozha", "cosmetology", "ordinary"),
            ("lico", "cosmetology", "ordinary"),
        ] {
            let terms = json!({"confidentiality": kind, "hold_days": 0});
            all.push(Business::register(&site, slug, category, terms).await);
        }
        let [clinic, shop, place, first, second]: [Business; 5] =
            all.clone().try_into().expect("five businesses");
        let person = Person::enrolled(&site, &site.admin(), "/admin/staff", "analyst", "analyst").await;
        let tokens = person.sign_in(&site, &person.code(machine_now().timestamp())).await;
        let analyst = bearer(&site, &tokens);
        let members: Vec<Member> =
            futures::stream::iter(0..MEMBERS).map(|_| joins(&site, &all)).buffered(5).collect().await;
        for member in &members {
            buys(&site, &shop, member, 200_000, &recently()).await;
        }
        let between = recently();
        for (number, member) in members.iter().enumerate() {
            buys(&site, &place, member, 150_000, &recently()).await;
            if number > 0 {
                buys(&site, &first, member, 100_000, &recently()).await;
            }
        }
        let coupon =
            json!({"type": "discount_fixed", "value": "500", "life_days": 30, "description": "Ужин"});
        let body = json!({"title": "Ужин", "reward": {"type": "coupon", "coupon": coupon},
            "audience": {"statuses": ["insider"]}});
        let drafted = shop.till(&site).post("/offers", &body).await.data(201);
        let offer = drafted["offer_id"].as_str().expect("an id").to_owned();
        let as_of = machine_now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
        site.settle().await;
        Self { site, clinic, shop, place, second, members, analyst, offer, from, between, as_of }
    }

    /// The first, who never bought in the category, and the last go there, between the shop and the place where they went next.
    async fn visit(&self, business: &Business) {
        for member in [&self.members[0], &self.members[MEMBERS - 1]] {
            buys(&self.site, business, member, MUCH, &self.between).await;
        }
        self.site.settle().await;
    }

    /// All that others than the clinic and the member may ask about many: other businesses, and who works for the programme.
    async fn figures(&self) -> Vec<(String, Value)> {
        let (till, other, admin) =
            (self.shop.till(&self.site), self.second.till(&self.site), self.site.admin());
        let mut all = Vec::new();
        for call in ["win-win", "win-win/paths", "recommendations"] {
            let path = format!("/cross-promo/{call}?limit=50&as_of={}", self.as_of);
            for client in [&admin, &self.analyst] {
                all.push(told(&client.get(&path).await, call));
            }
            assert_eq!(till.get(&path).await.status, 403, "{call} is not a business's");
        }
        for call in ["/transactions?limit=100", "/cross-promo/chains", "/offers"] {
            all.push(told(&till.get(call).await, call));
        }
        for what in ["reach", "stats"] {
            let path = format!("/offers/{}/{what}", self.offer);
            all.push(told(&till.get(&path).await, what));
            all.push(told(&admin.get(&path).await, what));
        }
        // Nothing but that the books balance: `m4_an_admins_trial_balance…`.
        all.push(told(&admin.get("/admin/trial-balance").await, "trial-balance"));
        for (name, client, audience) in [
            ("everybody", &till, json!({})),
            ("insider", &till, json!({"statuses": ["insider"]})),
            ("vip", &till, json!({"statuses": ["vip"]})),
            ("elite", &till, json!({"statuses": ["elite"]})),
            ("recent", &till, json!({"rfm": ["recent"]})),
            ("new customers", &other, json!({"new_customers": true})),
            ("own category", &till, json!({"bought_category": bought(&["beauty_salon"])})),
            ("category", &till, json!({"bought_category": bought(&["cosmetology"])})),
            ("categories", &till, json!({"bought_category": bought(&["beauty_salon", "cosmetology"])})),
        ] {
            let answer = client.post("/offers/preview", &json!({"audience": audience})).await;
            all.push(told(&answer, name));
        }
        all.push(("a chain".to_owned(), self.chain_tried().await));
        all.push(("a policy".to_owned(), self.policy_tried().await));
        all
    }

    /// A chain from the shop to others and to the clinic, tried on the last days.
    async fn chain_tried(&self) -> Value {
        let step = |to: &Business| {
            let mut coupon = json!({"type": "discount_fixed", "value": "500", "life_days": 30});
            if !to.medical {
                coupon["description"] = json!("Ужин");
            }
            json!({"from": self.shop.slug, "to": to.slug, "window_days": 14,
                "reward": {"type": "coupon", "coupon": coupon}})
        };
        let steps = [&self.place, &self.second, &self.clinic].map(step);
        let body =
            json!({"name": "Ужин", "kind": "fan", "steps": steps, "funded_by": "coalition", "days": 30});
        let mut result = result(&self.analyst.post("/cross-promo/chains/simulate", &body).await);
        assert_eq!(result["steps"][0]["figures"]["purchases"], MEMBERS, "{result}");
        // The moment it was asked.
        for name in ["from", "to"] {
            result.as_object_mut().expect("a result").remove(name);
        }
        result
    }

    /// A draft of a policy, tried on all that there was.
    async fn policy_tried(&self) -> Value {
        let to = machine_now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let body = json!({"from": self.from, "to": to, "parameters": {"rates.insider": "0.06"}});
        let result = result(&self.analyst.post("/admin/policies/simulate", &body).await);
        assert_eq!(result["members"], MEMBERS, "{result}");
        assert!(result["purchases"].as_u64() > Some(0) && result["funders"][0].is_object(), "{result}");
        result
    }
}

fn bought(categories: &[&str]) -> Value {
    json!({"categories": categories, "within_days": 30})
}

/// What an answer says, but for when it was asked.
fn told(answer: &Answer, call: &str) -> (String, Value) {
    assert_eq!(answer.status, 200, "{call}: {}", answer.text);
    let mut data = answer.body["data"].clone();
    if let Some(data) = data.as_object_mut() {
        data.remove("as_of");
    }
    (call.to_owned(), data)
}

/// The last line of a trial, but for the end of the log.
fn result(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let last = answer.text.lines().last().unwrap_or_default();
    let line: Value = serde_json::from_str(last).expect("a line");
    let mut result = line["result"].clone();
    assert!(result.is_object(), "{}", answer.text);
    result.as_object_mut().expect("a result").remove("position");
    result
}

/// ClickHouse's rows, and apart from them those in which the sink keeps which stretches of the log it has read. There is one more
/// of these for each stretch, whatever is in it: of a visit to a clinic it says two positions, and that nothing of it was sent.
async fn warehouse(site: &Site) -> (Vec<String>, Vec<String>) {
    let all = site.warehouse().contents().await;
    all.into_iter().partition(|line| !line.starts_with("ingested_batches: "))
}

/// That nothing was sent of a stretch: no row of any table, and so no sum over rows.
fn is_empty_stretch(line: &str) -> bool {
    let row = line.strip_prefix("ingested_batches: ").and_then(|row| serde_json::from_str::<Value>(row).ok());
    let row = row.unwrap_or_else(|| panic!("a row: {line}"));
    let is_nothing = |value: &Value| *value == json!(0) || *value == json!("0");
    ["row_counts", "row_checksums"].into_iter().all(|name| {
        let all = row[name].as_array().unwrap_or_else(|| panic!("{name} in {line}"));
        !all.is_empty() && all.iter().all(is_nothing)
    })
}

/// The names of all answers that are not the same.
fn changed(before: &[(String, Value)], after: &[(String, Value)]) -> BTreeSet<String> {
    assert_eq!(before.len(), after.len());
    before.iter().zip(after).filter(|(then, now)| then != now).map(|(then, _)| then.0.clone()).collect()
}

/// The members that an answer tells of.
fn members<'a>(figures: &'a [(String, Value)], name: &str) -> &'a Value {
    &figures.iter().find(|(call, _)| call == name).expect("an answer").1["members"]
}

/// Every answer before is every answer after: of a visit to a clinic nothing is left, whoever asks. Of the same visits elsewhere
/// something is left in each answer that could tell of them, or the comparison would prove nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn battery_p4_no_difference_of_figures_tells_a_visit_to_a_clinic() {
    let town = Town::new().await;
    let before = town.figures().await;
    for name in ["everybody", "insider", "reach", "recent", "new customers", "own category", "categories"] {
        assert_eq!(members(&before, name), &json!(MEMBERS), "{name} is told");
    }
    assert_eq!(members(&before, "category"), &Value::Null, "nine have bought in the clinic's category");
    for name in ["win-win", "win-win/paths"] {
        let told = before.iter().filter(|(call, _)| call == name);
        assert!(
            told.clone().count() == 2 && told.clone().all(|(_, data)| data["items"][0].is_object()),
            "{name}"
        );
    }
    let (rows, stretches) = warehouse(&town.site).await;
    town.visit(&town.clinic).await;
    assert_eq!(changed(&before, &town.figures().await), BTreeSet::new());
    let (rows_after, stretches_after) = warehouse(&town.site).await;
    assert_eq!(rows_after, rows, "ClickHouse hears nothing of it");
    let more: Vec<&String> = stretches_after.iter().filter(|line| !stretches.contains(line)).collect();
    assert!(!more.is_empty(), "the sink has passed the visits");
    assert!(more.iter().all(|line| is_empty_stretch(line)), "{more:#?}");

    town.visit(&town.second).await;
    let seen = changed(&before, &town.figures().await);
    for name in
        ["win-win", "win-win/paths", "reach", "insider", "new customers", "category", "a chain", "a policy"]
    {
        assert!(seen.contains(name), "{name} does not show an ordinary visit, but {seen:?}");
    }
    assert_ne!(warehouse(&town.site).await.0, rows, "nor does ClickHouse");
    town.site.check();
}
