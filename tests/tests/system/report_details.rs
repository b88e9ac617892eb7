//! What her own copy of the report tells one by one, and an admin's does not. Compliance S1.

use serde_json::{Value, json};
use system_tests::system::{Business, Client, Member, Site, shared};

use crate::chains::activated;
use crate::machine_now;

/// The phone that she changes to.
const PHONE: &str = "+79995550606";

fn items<'a>(report: &'a Value, place: &str) -> &'a Vec<Value> {
    let found = report["data"][place].as_array();
    found.unwrap_or_else(|| panic!("a list of {place} in {report}"))
}

/// A purchase that she makes now; its id.
async fn buys(site: &Site, shop: &Business, member: &Member, number: &str, amount: &str) -> String {
    let at = machine_now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let body = json!({"external_id": number, "member": {"member_id": member.id}, "amount": amount, "occurred_at": at});
    let sold = shop.till(site).post("/transactions", &body).await.data(201);
    sold["transaction_id"].as_str().expect("an id").to_owned()
}

/// A chain from the one to the other that gives a coupon runs.
async fn chain(site: &Site, parties: &[Business]) -> String {
    let coupon = json!({"type": "discount_fixed", "value": "100", "life_days": 30, "description": "Ужин"});
    let step = json!({"from": parties[0].slug, "to": parties[1].slug, "window_days": 14,
        "reward": {"type": "coupon", "coupon": coupon}});
    let body = json!({"name": "Ужин", "kind": "linear", "steps": [step], "limits": {"budget": "100000"},
        "funded_by": "source"});
    activated(site, parties, &body).await.to_string()
}

async fn changes_phone(site: &Site, me: &Client) {
    let nobody = site.nobody();
    let sent = nobody.post("/auth/send-code", &json!({"phone": PHONE})).await.data(200);
    let outbox = nobody.get("/dev/outbox?phone=%2B79995550606").await.data(200);
    let code = json!({"code_id": sent["code_id"], "code": outbox["messages"][0]["code"]});
    let _ = me.post("/users/me/phone", &code).await.data(200);
}

/// Bonuses in hundredths.
fn hundredths(amount: &Value) -> i64 {
    amount.as_str().expect("an amount").replace('.', "").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_her_own_copy_tells_lots_statuses_refunds_and_chains_one_by_one() {
    let site = Site::start(shared()).await;
    let mut parties = Vec::new();
    for (slug, category) in [("mindal", "beauty_salon"), ("lisichkino", "gastronomy")] {
        parties.push(Business::register(&site, slug, category, json!({"hold_days": 0})).await);
    }
    let member = Member::register(&site, &parties, None).await;
    let me = member.sign_in(&site).await;
    let chain_id = chain(&site, &parties).await;
    let sold = buys(&site, &parties[0], &member, "d1", "1000.00").await;
    // The coupon comes of it, and the next purchase follows from it.
    site.settle().await;
    let _ = buys(&site, &parties[1], &member, "d2", "500.00").await;
    let refund = json!({"external_id": "f1", "amount": "400.00", "reason": "возврат"});
    let path = format!("/transactions/{sold}/refunds");
    let _ = parties[0].till(&site).post(&path, &refund).await.data(201);
    let of = |call: &str| format!("/admin/members/{}/{call}", member.id);
    let _ = site.admin().post(&of("invite-inner-circle"), &json!({})).await.data(200);
    let premium = json!({"from": "2026-01-01T00:00:00Z", "to": "2090-01-01T00:00:00Z", "payment_ref": "p-1"});
    let _ = site.admin().post(&of("premium"), &premium).await.data(201);
    changes_phone(&site, &me).await;
    site.settle().await;
    let report = me.get("/users/me/report").await.data(200);
    hers(&report, &chain_id, &sold);
    let page = me.get("/users/me/report.html").await.text;
    for word in ["Сработавшие цепочки", "покупка", "приглашение", "купон", "Ближний круг"]
    {
        assert!(page.contains(word), "{word} in {page}");
    }
    let withheld = site.admin().get(&of("report")).await.data(200);
    for place in ["lots", "statuses", "refunds", "chain_triggers"] {
        assert!(items(&withheld, place).is_empty(), "{place} in {withheld}");
    }
    for place in ["premium_periods", "phone_changes"] {
        assert_eq!(items(&withheld, place), items(&report, place), "nothing of a clinic is in it");
    }
}

fn hers(report: &Value, chain_id: &str, sold: &str) {
    let lots = items(report, "lots");
    let left: i64 = lots.iter().map(|lot| hundredths(&lot["left"])).sum();
    assert_eq!(left, hundredths(&report["data"]["balance"]["total"]), "{lots:?}");
    for lot in lots {
        assert!(hundredths(&lot["amount"]) >= hundredths(&lot["left"]), "{lot}");
        assert_eq!((&lot["origin"], lot["expires_at"].is_string()), (&json!("purchase"), true));
    }
    let taken = lots.iter().filter(|lot| lot["amount"] != lot["left"]);
    assert!(taken.count() > 0, "the refund took of one: {lots:?}");
    let invited = items(report, "statuses").iter().find(|change| change["reason"] == "invited");
    assert_eq!(invited.map(|change| &change["to"]), Some(&json!("inner_circle")), "{report}");
    let [period] = &items(report, "premium_periods")[..] else { panic!("one period in {report}") };
    assert!(period["to"].as_str().is_some_and(|to| to.starts_with("2090-01-01")), "{period}");
    let [refund] = &items(report, "refunds")[..] else { panic!("one refund in {report}") };
    assert_eq!((&refund["bill"], &refund["amount"]), (&json!("1000.00"), &json!("400.00")));
    assert_eq!((&refund["transaction_id"], &refund["business"]), (&json!(sold), &json!("Дело mindal")));
    let [trigger] = &items(report, "chain_triggers")[..] else { panic!("one trigger in {report}") };
    assert_eq!((&trigger["chain_id"], &trigger["brings"]), (&json!(chain_id), &json!("coupon")));
    assert_eq!((&trigger["from"], &trigger["to"]), (&json!("Дело mindal"), &json!("Дело lisichkino")));
    assert!(trigger["followed_at"].is_string(), "{trigger}");
    let [change] = &items(report, "phone_changes")[..] else { panic!("one change in {report}") };
    assert_eq!(
        change.as_object().map(|fields| fields.keys().collect::<Vec<_>>()),
        Some(vec![&"at".to_owned()])
    );
}
