//! How many members an audience is: what is right, and what each field may not be.

use serde_json::json;

use super::case::{SECRET, Whom};
use super::fields::{Shape, post};

pub(super) fn shapes() -> Vec<Shape> {
    let bought = |categories, within_days| json!({"bought_category": {"categories": categories, "within_days": within_days}});
    let audiences = [
        json!(1),
        json!([]),
        json!(null),
        json!({"statuses": []}),
        json!({"statuses": [SECRET]}),
        json!({"rfm": []}),
        json!({"rfm": ["recent", "recent"]}),
        json!({"rfm": [SECRET]}),
        json!({"new_customers": "yes"}),
        json!({"new_customers": true, "rfm": ["lost"]}),
        json!({SECRET: 1}),
        json!({"bought_category": {}}),
        bought(json!([]), json!(30)),
        bought(json!([SECRET]), json!(30)),
        bought(json!(["beauty_salon"]), json!(0)),
        bought(json!(["beauty_salon"]), json!(366)),
        bought(json!(["beauty_salon"]), json!("30")),
        // Of nobody, so of fewer than two.
        bought(json!(["optics"]), json!(30)),
    ];
    let right = json!({"audience": {"statuses": ["vip"]}});
    let wrong = audiences.map(|value| ("audience", value)).to_vec();
    vec![post(Whom::Till, "/offers/preview", right, &[], wrong)]
}
