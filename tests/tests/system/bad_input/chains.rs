//! Chains with a body: what is right, and what each field may not be.

use serde_json::{Value, json};

use super::case::{SECRET, Whom};
use super::fields::{Shape, post, wrong_texts, wrong_times};

const NOBODYS: &str = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";

pub(super) fn shapes() -> Vec<Shape> {
    let mut wrong = wrong_texts("name");
    wrong.extend([json!("ring"), json!(1), json!(["fan"])].map(|value| ("kind", value)));
    wrong.extend([json!("us"), json!("business"), json!(1)].map(|value| ("funded_by", value)));
    wrong.extend(wrong_times("from"));
    wrong.extend(wrong_times("to"));
    wrong.extend(
        [json!([]), json!(1), json!({"statuses": []}), json!({"statuses": [SECRET]})]
            .map(|value| ("audience", value)),
    );
    let limits = [
        json!({"budget": "0"}),
        json!({"budget": "1e3"}),
        json!({"total": -1}),
        json!({"total": "5"}),
        json!({"per_member": 0}),
        json!({SECRET: 1}),
        json!(5),
    ];
    wrong.extend(limits.map(|value| ("limits", value)));
    wrong.extend(wrong_steps().into_iter().map(|value| ("steps", value)));
    let right = json!({"name": "Ужин", "kind": "linear", "steps": [step(&[])], "funded_by": "source"});
    let required = &["name", "kind", "steps", "funded_by"];
    let tried = wrong.iter().cloned().chain(wrong_days()).collect();
    vec![
        post(Whom::Admin, "/cross-promo/chains/simulate", right.clone(), required, tried),
        post(
            Whom::Admin,
            "/cross-promo/chains/simulate",
            json!({"chain_id": NOBODYS}),
            &[],
            wrong_days().chain([json!(1), json!("x"), json!(SECRET)].map(|id| ("chain_id", id))).collect(),
        ),
        post(Whom::Admin, "/cross-promo/chains", right, required, wrong),
        post(
            Whom::Admin,
            format!("/cross-promo/chains/{NOBODYS}/reject").leak(),
            json!({"reason": "too dear"}),
            &["reason"],
            wrong_texts("reason"),
        ),
        post(
            Whom::Till,
            format!("/cross-promo/chains/{NOBODYS}/consent").leak(),
            json!({}),
            &[],
            wrong_versions(),
        ),
        post(Whom::Till, format!("/cross-promo/chains/{NOBODYS}/submit").leak(), json!({}), &[], Vec::new()),
    ]
}

fn wrong_days() -> impl Iterator<Item = (&'static str, Value)> {
    [json!(0), json!(366), json!(-1), json!(1.5), json!("7"), json!([])]
        .into_iter()
        .map(|days| ("days", days))
}

fn wrong_versions() -> Vec<(&'static str, Value)> {
    [json!(-1), json!(1.5), json!("2"), json!([2])].map(|version| ("version", version)).to_vec()
}

/// A step that is right but for what is given by pointer.
fn step(changes: &[(&str, Value)]) -> Value {
    let mut step = json!({
        "from": "mindal", "to": "klinika", "window_days": 14, "min_amount": "100.00",
        "reward": {"type": "coupon", "coupon": {
            "type": "discount_percent", "value": "10", "cap": "300.00", "min_bill": "1000.00", "life_days": 30,
        }},
    });
    for (place, value) in changes {
        *step.pointer_mut(place).expect("a field") = value.clone();
    }
    step
}

fn wrong_steps() -> Vec<Value> {
    let mut wrong = vec![json!([]), json!({}), json!(1), json!([1]), json!(vec![step(&[]); 21])];
    let fields = [
        ("/from", vec![json!("nowhere"), json!(SECRET), json!(7), json!("")]),
        ("/to", vec![json!("mindal"), json!("nowhere"), json!([])]),
        ("/window_days", vec![json!(0), json!(366), json!(-1), json!("14"), json!(1.5)]),
        ("/min_amount", vec![json!("0"), json!("-1"), json!("1.001")]),
        (
            "/reward",
            vec![json!({}), json!({"type": "gold"}), json!({"type": "cross_bonus", "rate": "1.5"}), json!(1)],
        ),
        ("/reward/coupon", vec![json!({}), json!(null), json!("ten")]),
        ("/reward/coupon/type", vec![json!("free"), json!("gift")]),
        ("/reward/coupon/value", vec![json!("0"), json!("101"), json!(true)]),
        ("/reward/coupon/life_days", vec![json!(0), json!(366), json!("30")]),
        ("/reward/coupon/min_bill", vec![json!("0"), json!(-5)]),
    ];
    for (place, values) in fields {
        wrong.extend(values.into_iter().map(|value| json!([step(&[(place, value)])])));
    }
    wrong
}
