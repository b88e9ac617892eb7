//! Coupons with a body: what is right, and what each field may not be.

use serde_json::json;

use super::case::{SECRET, Whom};
use super::fields::{Shape, post, wrong_amounts, wrong_texts, wrong_times};

const NOBODYS: &str = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10";

pub(super) fn shapes(member_id: &str) -> Vec<Shape> {
    let mut issued = wrong_amounts("value");
    issued.extend(wrong_amounts("min_bill").into_iter().take(6));
    issued.extend(wrong_amounts("cap").into_iter().take(6));
    issued.push(("cap", json!("5.00")));
    issued.extend([json!("free"), json!(1), json!(["gift"])].map(|value| ("type", value)));
    issued.extend([json!("us"), json!(1), json!("mindal")].map(|value| ("funded_by", value)));
    issued.extend([json!(1), json!("true")].map(|value| ("new_customers_only", value)));
    issued.extend([json!(0), json!("false")].map(|value| ("with_bonuses", value)));
    let statuses = [json!([]), json!("vip"), json!([SECRET]), json!([1]), json!(["vip", "vip"]), json!({})];
    issued.extend(statuses.map(|value| ("statuses", value)));
    issued.extend(wrong_times("valid_from"));
    issued.extend(wrong_times("expires_at"));
    issued.extend(wrong_texts("description"));
    issued.extend([json!(1), json!({}), json!({"member_id": SECRET})].map(|value| ("member", value)));
    let coupon = |kind: &str, value: &str| {
        json!({
            "member": {"member_id": member_id}, "type": kind, "value": value, "expires_at": "2090-01-01T00:00:00Z",
            "description": "За визит", "funded_by": "business",
        })
    };
    let required = &["member", "type", "value", "expires_at", "description", "funded_by"];
    let percents = ["0", "100.01", "12.345", "-1", "NaN", "1e1", "", "１０"].map(|text| json!(text));
    let percents = percents.into_iter().chain([json!(0), json!(101), json!(true)]);
    vec![
        post(Whom::Till, "/coupons", coupon("discount_fixed", "5.00"), required, issued),
        post(
            Whom::Till,
            "/coupons",
            coupon("discount_percent", "5"),
            &[],
            percents.map(|value| ("value", value)).collect(),
        ),
        post(Whom::Till, "/coupons", coupon("gift", "Кофе"), &[], wrong_texts("value")),
        post(
            Whom::Till,
            format!("/coupons/{NOBODYS}/revoke").leak(),
            json!({"reason": "a mistake"}),
            &["reason"],
            wrong_texts("reason"),
        ),
        post(Whom::Member, format!("/loyalty/coupons/{NOBODYS}/activate").leak(), json!({}), &[], Vec::new()),
    ]
}
