//! Rewards of chains and edited bills in ClickHouse: exact after loss and rebuild, and nothing of a clinic among them.

use serde_json::{Value, json};

use super::*;

const CHAINS: &str =
    "SELECT kind, count(), sum(discount), sum(bonuses) FROM chain_facts FINAL GROUP BY kind ORDER BY kind";
const BILLS: &str =
    "SELECT kind, count(), sum(bill), sum(refunded) FROM bill_changes FINAL GROUP BY kind ORDER BY kind";
const TRIGGERS: &str = "SELECT step, held_out, count(), uniqExact(trigger_id), toString(max(until)) FROM chain_triggers FINAL \
     GROUP BY step, held_out ORDER BY step, held_out";
const RATES: &str = "SELECT toString(date), source_business_id, target_business_id, triggers, conversions, conversion_rate \
     FROM cross_promo_conversions";

/// A step from one shop to another.
struct Step<'a> {
    chain_id: Uuid,
    from: &'a Shop,
    to: &'a Shop,
}

impl Step<'_> {
    fn issued(&self, coupon: Uuid, trigger: Uuid, confidentiality: &str, gives: Value) -> Value {
        json!({
            "coupon_id": coupon, "business_id": self.to.id, "business": self.to.slug, "confidentiality": confidentiality,
            "gives": gives, "expires_at": "2026-04-01T20:59:59.999999Z", "funded_by": self.to.slug,
            "conditions": { "new_customers_only": false, "statuses": [], "with_bonuses": true },
            "chain": { "chain_id": self.chain_id, "version": 1, "step": 0, "purchase_id": trigger,
                "bought_at": "2026-03-02T10:00:00Z", "until": "2026-03-16T10:00:00Z", "trail": [self.from.id] },
        })
    }

    fn triggered(&self, trigger: Uuid, confidentiality: &str, promise: &str) -> Value {
        json!({
            "business_id": self.to.id, "confidentiality": confidentiality, "promise": promise,
            "chain": { "chain_id": self.chain_id, "version": 1, "step": 1, "purchase_id": trigger,
                "bought_at": "2026-03-02T10:00:00Z", "until": "2026-03-09T10:00:00Z", "trail": [self.from.id] },
        })
    }

    fn converted(&self, trigger: Uuid, purchase: Uuid, confidentiality: &str) -> Value {
        json!({
            "chain_id": self.chain_id, "version": 1, "step": 0, "trigger_id": trigger, "purchase_id": purchase,
            "bought_at": "2026-03-03T10:00:00Z", "business_id": self.to.id, "confidentiality": confidentiality,
        })
    }
}

fn refunded(shop: &Shop, purchase: Uuid, confidentiality: &str) -> Value {
    json!({
        "refund_id": Uuid::new_v4(), "purchase_id": purchase, "business_id": shop.id, "category": "gastronomy",
        "confidentiality": confidentiality, "bought_at": "2026-03-03T10:00:00Z", "bill": "2000.00",
        "refunded_before": "0.00", "amount": "400.00",
    })
}

/// Three triggers of a step from the salon to the café, one of which leads to a purchase there with the coupon, of whose bill
/// a fifth is given back; and a clinic on both ends of other steps. Facts, and the shops of the step.
fn promoted() -> (Vec<Fact>, Uuid, Uuid) {
    let (mindal, cafe, clinic) =
        (Shop::ordinary("mindal"), Shop::ordinary("lisichkino"), Shop::medical("millennium"));
    let anna = Uuid::new_v4();
    let bought = Purchase {
        member: anna,
        shop: &mindal,
        at: "2026-03-02T10:00:00Z",
        kopecks: 100_000,
        bonuses: Bonuses::Available,
    };
    let mut facts: Vec<Fact> = [&mindal, &cafe, &clinic].iter().map(|shop| shop.registered()).collect();
    facts.push(joins(anna));
    facts.extend(bought.facts());
    let then = facts.last().expect("a fact").clone();
    let mut write = |event_type: &'static str, payload: Value| facts.push(then.of(event_type, payload));
    let chain_id = Uuid::new_v4();
    let step = Step { chain_id, from: &mindal, to: &cafe };
    let [coupon, trigger, purchase] = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    let (off, bonus) = (
        json!({ "type": "discount_fixed", "value": "500.00" }),
        json!({ "type": "bonus", "value": "70.00" }),
    );
    write("CouponIssued", step.issued(coupon, trigger, "ordinary", off.clone()));
    write("CouponIssued", step.issued(Uuid::new_v4(), Uuid::new_v4(), "ordinary", bonus.clone()));
    write("CouponIssued", step.issued(Uuid::new_v4(), Uuid::new_v4(), "ordinary", bonus));
    let code = "cd".repeat(32);
    let place =
        json!({ "coupon_id": coupon, "business_id": cafe.id, "confidentiality": "ordinary", "code": code });
    let with = |more: Value| {
        let mut all = place.clone();
        more.as_object().expect("fields").iter().for_each(|(name, value)| all[name] = value.clone());
        all
    };
    write("CouponActivated", with(json!({ "valid_until": "2026-03-07T10:00:00Z" })));
    write(
        "CouponRedeemed",
        with(json!({
            "purchase_id": purchase, "business": "lisichkino", "gives": off, "funded_by": "lisichkino", "bill": "2000.00",
            "status": "insider", "new_customer": true, "discount": "500.00",
        })),
    );
    write("ChainConverted", step.converted(trigger, purchase, "ordinary"));
    write("PurchaseRefunded", refunded(&cafe, purchase, "ordinary"));
    write(
        "CouponReckoned",
        json!({
            "coupon_id": coupon, "refund_id": Uuid::new_v4(), "purchase_id": purchase, "business_id": cafe.id,
            "business": "lisichkino", "confidentiality": "ordinary", "funded_by": "lisichkino",
            "discount_before": "500.00", "discount": "400.00",
        }),
    );
    // Of another step two are held out, one is promised a cross bonus, and one gets nothing for another reason.
    for promise in ["held_out", "held_out", "cross_bonus", "nothing"] {
        write("ChainTriggered", step.triggered(Uuid::new_v4(), "ordinary", promise));
    }
    // From a clinic, and to one. A coupon for the café says nothing of the clinic but the way that it came.
    let away = Step { chain_id, from: &clinic, to: &cafe };
    let there = Step { chain_id, from: &mindal, to: &clinic };
    let off = json!({ "type": "discount_fixed", "value": "900.00" });
    write("CouponIssued", away.issued(Uuid::new_v4(), Uuid::new_v4(), "ordinary", off.clone()));
    write("CouponIssued", there.issued(Uuid::new_v4(), Uuid::new_v4(), "medical", off));
    write("ChainTriggered", away.triggered(Uuid::new_v4(), "medical", "held_out"));
    write("ChainTriggered", there.triggered(Uuid::new_v4(), "medical", "held_out"));
    write("ChainConverted", away.converted(Uuid::new_v4(), Uuid::new_v4(), "medical"));
    write("ChainConverted", there.converted(Uuid::new_v4(), Uuid::new_v4(), "medical"));
    write("PurchaseRefunded", refunded(&clinic, Uuid::new_v4(), "medical"));
    (facts, mindal.id, cafe.id)
}

async fn expect(installation: &Installation, (from, to): (Uuid, Uuid)) {
    let chains =
        "activated\t1\t0\t0\nconverted\t1\t0\t0\nissued\t4\t0\t0\nreckoned\t1\t-100\t0\nused\t1\t500\t0";
    assert_eq!(installation.ask(CHAINS).await, chains);
    assert_eq!(installation.ask(BILLS).await, "refunded\t1\t0\t400");
    // 1 / 4, and nobody's but the two.
    assert_eq!(installation.ask(RATES).await, format!("2026-03-02\t{from}\t{to}\t4\t1\t0.25"));
    let until = ["2026-03-16 10:00:00.000000", "2026-03-09 10:00:00.000000"];
    let triggers = [format!("0\t0\t3\t3\t{}", until[0]), format!("1\t0\t1\t1\t{}", until[1])];
    let triggers = format!("{}\n{}\n1\t1\t2\t2\t{}", triggers[0], triggers[1], until[1]);
    assert_eq!(installation.ask(TRIGGERS).await, triggers);
}

#[tokio::test]
async fn rule_x4_rewards_of_chains_are_exact_after_loss_and_rebuild_and_none_is_a_clinics() {
    let installation = Installation::new().await;
    let (facts, from, to) = promoted();
    installation.append(&facts).await;
    let mut sender = sink(&installation).take_over().await.expect("the sink begins");
    let rows = ready(&sender).await;
    let planned = sender.plan(&rows).await.expect("planned").expect("nobody else");
    sender.insert(&planned).await.expect("inserted");
    sender.insert(&planned).await.expect("inserted again");
    assert_eq!(installation.ask("SELECT count() FROM chain_facts").await, "8");
    assert_eq!(installation.ask("SELECT count() FROM chain_triggers").await, "6");
    expect(&installation, (from, to)).await;
    for lost in [
        "ALTER TABLE chain_facts DELETE WHERE kind = 'issued' SETTINGS mutations_sync = 2",
        "ALTER TABLE bill_changes DROP PARTITION 202603",
        "ALTER TABLE chain_triggers DELETE WHERE held_out = 1 SETTINGS mutations_sync = 2",
    ] {
        installation.ask(lost).await;
        assert!(sender.audit().await.expect("audited").refilled > 0, "{lost}");
        expect(&installation, (from, to)).await;
    }
    drop(sender);
    rebuild(&installation.options(), &installation.clickhouse, |_, _| {}).await.expect("rebuilt");
    expect(&installation, (from, to)).await;
}
