//! Offers with a body: what is right, and what each field may not be.

use serde_json::{Value, json};

use super::case::{SECRET, Whom};
use super::fields::{Shape, post, wrong_amounts, wrong_texts, wrong_times};

const NOBODYS: &str = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";

pub(super) fn shapes() -> Vec<Shape> {
    let mut wrong = wrong_texts("title");
    wrong.extend(wrong_texts("text"));
    wrong.extend(wrong_times("from"));
    wrong.extend(wrong_times("to"));
    wrong.extend(wrong_amounts("budget"));
    wrong.extend([json!(0), json!(-1), json!("5"), json!(1.5), json!([])].map(|value| ("limit", value)));
    wrong.extend([json!("us"), json!("source"), json!(1)].map(|value| ("funded_by", value)));
    wrong.extend(wrong_audiences().into_iter().map(|value| ("audience", value)));
    wrong.extend(wrong_rewards().into_iter().map(|value| ("reward", value)));
    let right = json!({"title": "Спасибо", "reward": reward(&[]), "business_id": "mindal"});
    let said = |name: &'static str, field: &'static str| {
        let path = format!("/offers/{NOBODYS}/{name}").leak();
        post(Whom::Admin, path, json!({ field: "too dear" }), &[], wrong_texts(field))
    };
    let versions = [json!(-1), json!(1.5), json!("2"), json!([2])].map(|version| ("version", version));
    let approve = format!("/offers/{NOBODYS}/approve").leak();
    vec![
        post(Whom::Admin, "/offers", right, &["title", "reward"], wrong),
        said("reject", "reason"),
        said("comments", "text"),
        post(Whom::Admin, approve, json!({}), &[], versions.to_vec()),
        post(Whom::Till, format!("/offers/{NOBODYS}/submit").leak(), json!({}), &[], Vec::new()),
        post(Whom::Till, format!("/offers/{NOBODYS}/publish").leak(), json!({}), &[], Vec::new()),
        post(Whom::Till, format!("/offers/{NOBODYS}/end").leak(), json!({}), &[], Vec::new()),
    ]
}

fn wrong_audiences() -> Vec<Value> {
    vec![
        json!([]),
        json!(1),
        json!({"statuses": []}),
        json!({"statuses": [SECRET]}),
        json!({"statuses": ["vip", "vip"]}),
        json!({"rfm": []}),
        json!({"rfm": ["best"]}),
        json!({"rfm": ["loyal", "loyal"]}),
        json!({"rfm": "loyal"}),
        json!({"new_customers": "yes"}),
        json!({"rfm": ["loyal"], "new_customers": true}),
        json!({"bought_category": {}}),
        json!({"bought_category": {"categories": ["beauty_salon"]}}),
        json!({"bought_category": {"categories": [], "within_days": 30}}),
        json!({"bought_category": {"categories": [SECRET], "within_days": 30}}),
        json!({"bought_category": {"categories": ["beauty_salon"], "within_days": 0}}),
        json!({"bought_category": {"categories": ["beauty_salon"], "within_days": 366}}),
        json!({"bought_category": {"categories": ["legal"], "within_days": 30}}),
        json!({SECRET: true}),
    ]
}

/// A reward that is right but for what is given by pointer.
fn reward(changes: &[(&str, Value)]) -> Value {
    let mut reward = json!({"type": "coupon", "coupon": {
        "type": "discount_percent", "value": "10", "cap": "300.00", "min_bill": "1000.00", "life_days": 30,
        "with_bonuses": false, "description": "за верность",
    }});
    for (place, value) in changes {
        *reward.pointer_mut(place).expect("a field") = value.clone();
    }
    reward
}

fn wrong_rewards() -> Vec<Value> {
    let mut wrong = vec![
        json!([]),
        json!({}),
        json!(1),
        json!({"type": "gold"}),
        json!({"type": "coupon"}),
        json!({"type": "multiplier"}),
        json!({"type": "multiplier", "value": "0"}),
        json!({"type": "multiplier", "value": "10.01"}),
        json!({"type": "multiplier", "value": "1.001"}),
        json!({"type": "multiplier", "value": "2", SECRET: 1}),
    ];
    let fields = [
        ("/coupon", vec![json!({}), json!(null), json!("ten")]),
        ("/coupon/type", vec![json!("free"), json!("bonus"), json!(1)]),
        ("/coupon/value", vec![json!("0"), json!("101"), json!(true)]),
        ("/coupon/cap", vec![json!("0"), json!("1.001")]),
        ("/coupon/life_days", vec![json!(0), json!(366), json!("30")]),
        ("/coupon/min_bill", vec![json!("0"), json!(-5)]),
        ("/coupon/with_bonuses", vec![json!("no"), json!(0)]),
        ("/coupon/description", vec![json!(""), json!([SECRET]), json!("a\u{7}b")]),
    ];
    for (place, values) in fields {
        wrong.extend(values.into_iter().map(|value| reward(&[(place, value)])));
    }
    wrong
}
