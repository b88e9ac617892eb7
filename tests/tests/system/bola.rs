//! The BOLA matrix: every call with an id in its address, made from the table of calls (the OpenAPI document), by each role of a
//! stranger who may make it at all. What is another's is as missing as what is not there: one status, one body.

use serde_json::{Value, json};
use system_tests::system::{Answer, Business, Client, Member, Person, Site, bearer, shared};

use crate::{machine_now, recently, sale};

/// An id that is nobody's and nothing's.
const MISSING: &str = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";
/// A call about one thing, as the document has it.
struct Operation {
    name: String,
    method: String,
    path: String,
    roles: String,
}

/// What belongs to the one, and callers that are the other.
struct World {
    site: Site,
    purchase: String,
    line: String,
    hold: String,
    coupon: String,
    chain: String,
    offer: String,
    session: String,
    owner: String,
    owners_session: String,
    strangers: Vec<(&'static str, Client)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn battery_what_is_anothers_is_as_missing_as_what_is_not_there() {
    let world = World::start().await;
    let operations = operations(&world.site).await;
    let (mut tried, mut wrong) = (0, Vec::new());
    for operation in &operations {
        for (role, client) in &world.strangers {
            if !operation.roles.split(", ").any(|one| one == *role) {
                continue;
            }
            let foreign = send(client, operation, &world.address_of(&operation.path)).await;
            let missing = send(client, operation, &World::nowhere(&operation.path)).await;
            tried += 1;
            // The contract's one exception: `api.md`, NOT_FOUND.
            let is_hold = operation.path.contains("/redemptions/");
            let good = if is_hold {
                missing.status == 404 && (foreign.status, foreign.code()) == (422, "WRONG_BUSINESS")
            } else {
                foreign.status == 404
                    && missing.status == 404
                    && foreign.body["error"] == missing.body["error"]
            };
            if !good {
                let (name, foreign, missing) = (&operation.name, &foreign.text, &missing.text);
                wrong.push(format!("{name} as {role}: {foreign} instead of {missing}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried >= 45, "{tried} calls were tried");
}

async fn send(client: &Client, operation: &Operation, path: &str) -> Answer {
    let body = body_of(&operation.name);
    let key = format!("{} {}", operation.name.len(), path.len());
    let mut headers = vec![("Idempotency-Key", key.as_str())];
    if body.is_some() {
        headers.push(("Content-Type", "application/json"));
    }
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    client.send(&operation.method, path, &headers, body).await.expect("an answer")
}

/// Every call with an id in its address that a member or a business may make.
async fn operations(site: &Site) -> Vec<Operation> {
    let document = site.nobody().get("/api/v1/openapi.json").await.body;
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods").iter().filter(|_| path.contains('{'))
        {
            let description = operation["description"].as_str().unwrap_or_default();
            let roles = description.strip_prefix("For: ").and_then(|rest| rest.split('.').next());
            found.push(Operation {
                name: operation["operationId"].as_str().expect("a name").to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                roles: roles.unwrap_or_default().to_owned(),
            });
        }
    }
    found
}

/// A body that is right but for what the address names; none for a call without one.
fn body_of(name: &str) -> Option<Value> {
    let body = match name {
        "RefundPurchase" => json!({"external_id": "f1", "amount": "10.00", "reason": "returned"}),
        "CancelHold" => json!({}),
        "CaptureHold" => json!({"external_id": "c1", "amount": "100.00", "occurred_at": recently()}),
        "RevokeCoupon" => json!({"reason": "a mistake"}),
        "ChangeChain" => json!({"name": "Завтрак"}),
        "ChangeOffer" => json!({"title": "Завтрак"}),
        "CommentOnOffer" => json!({"text": "когда начнём?"}),
        "InviteBusinessStaff" => json!({"login": "kassa-7", "role": "business_staff"}),
        "ChangeBusinessStaff" => json!({"role": "business_manager"}),
        _ => return None,
    };
    Some(body)
}

fn id(value: &Value) -> String {
    value.as_str().expect("an id").to_owned()
}

impl World {
    async fn start() -> Self {
        let site = Site::start(shared()).await;
        let (admin, mut shops) = (site.admin(), Vec::new());
        for (slug, category) in
            [("mindal", "beauty_salon"), ("pion", "floristry"), ("lisichkino", "gastronomy")]
        {
            shops.push(Business::register(&site, slug, category, json!({"hold_days": 0})).await);
        }
        let (shop, stranger) = (&shops[0], &shops[1]);
        let anna = Member::register(&site, &shops, None).await;
        let (her, till) = (anna.sign_in(&site).await, shop.till(&site));
        let gift = json!({"amount": "500.00", "reason": "Извинение"});
        let _ = admin.post(&format!("/admin/members/{}/gift", anna.id), &gift).await.data(201);
        let purchase =
            till.post("/transactions", &sale("r1", shop, &anna, 100_000, &recently()).body()).await;
        let member = json!({"member_id": anna.id});
        let hold = json!({"member": member, "bill_amount": "1000.00", "amount": "100.00"});
        let hold = till.post("/redemptions", &hold).await.data(201);
        let coupon = json!({"member": member, "type": "discount_fixed", "value": "100.00",
            "expires_at": "2090-01-01T00:00:00Z", "description": "Ужин", "funded_by": "business"});
        let coupon = till.post("/coupons", &coupon).await.data(201);
        let gives = json!({"type": "discount_fixed", "value": "500", "life_days": 30, "description": "Ужин"});
        let reward = json!({"type": "coupon", "coupon": gives});
        let step = json!({"from": shop.slug, "to": shops[2].slug, "window_days": 14, "reward": reward});
        let chain = json!({"name": "Ужин", "kind": "linear", "steps": [step], "funded_by": "source"});
        let chain = till.post("/cross-promo/chains", &chain).await.data(201);
        let offer = till.post("/offers", &json!({"title": "Ужин", "reward": reward})).await.data(201);
        let owner =
            Person::enrolled(&site, &admin, "/businesses/mindal/staff", "owner-1", "business_owner").await;
        let now = machine_now().timestamp();
        let owners = bearer(&site, &owner.sign_in(&site, &owner.code(now)).await);
        let of_another = |login, role| Person::enrolled(&site, &admin, "/businesses/pion/staff", login, role);
        let mut strangers = vec![
            ("member", Member::register(&site, &shops, None).await.sign_in(&site).await),
            ("business", stranger.till(&site)),
        ];
        for (login, role) in
            [("owner-2", "business_owner"), ("manager-2", "business_manager"), ("kassa-2", "business_staff")]
        {
            let person = of_another(login, role).await;
            strangers.push((role, bearer(&site, &person.sign_in(&site, &person.code(now)).await)));
        }
        site.settle().await;
        let lines = her.get("/loyalty/transactions").await.data(200);
        let sessions = her.get("/users/me/sessions").await.data(200);
        let owners_sessions = owners.get("/staff/me/sessions").await.data(200);
        Self {
            purchase: id(&purchase.data(201)["transaction_id"]),
            line: id(&lines["items"][0]["id"]),
            hold: id(&hold["redemption_id"]),
            coupon: id(&coupon["coupon_id"]),
            chain: id(&chain["chain_id"]),
            offer: id(&offer["offer_id"]),
            session: id(&sessions["items"][0]["session_id"]),
            owners_session: id(&owners_sessions["items"][0]["session_id"]),
            owner: owner.id,
            strangers,
            site,
        }
    }

    /// The address of what belongs to the one.
    fn address_of(&self, path: &str) -> String {
        let kinds = [
            ("/users/me/sessions/", &self.session),
            ("/staff/me/sessions/", &self.owners_session),
            ("/loyalty/transactions/", &self.line),
            ("/loyalty/coupons/", &self.coupon),
            ("/transactions/", &self.purchase),
            ("/redemptions/", &self.hold),
            ("/coupons/", &self.coupon),
            ("/cross-promo/chains/", &self.chain),
            ("/offers/", &self.offer),
        ];
        if path.contains("/businesses/{id}") {
            return path.replace("{id}", "mindal").replace("{staff_id}", &self.owner);
        }
        let found = kinds.iter().find(|(kind, _)| path.contains(kind));
        // What administration alone may call is nobody's here; a new kind of thing must be added above.
        let id = found.map_or("", |(_, id)| id.as_str());
        assert!(!id.is_empty() || path.contains("/admin/"), "what is {path} about?");
        path.replace("{id}", id)
    }

    /// The address of nothing.
    fn nowhere(path: &str) -> String {
        let business = path.contains("/businesses/{id}");
        path.replace("{id}", if business { "nowhere" } else { MISSING }).replace("{staff_id}", MISSING)
    }
}
