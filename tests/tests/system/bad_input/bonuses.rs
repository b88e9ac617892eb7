//! Redemptions and refunds: what is right, and what each field may not be.

use serde_json::json;

use super::case::{SECRET, Whom};
use super::fields::{Shape, post, wrong_amounts, wrong_texts, wrong_times};
use crate::recently;

/// Redemptions.
pub(super) fn redemptions(member_id: &str) -> Vec<Shape> {
    let mut holds = wrong_amounts("bill_amount");
    holds.extend(wrong_amounts("amount"));
    holds.extend([json!(1), json!({}), json!({"member_id": SECRET})].map(|value| ("member", value)));
    let hold = json!({"member": {"member_id": member_id}, "bill_amount": "100.00", "amount": "10.00"});
    let mut captures = wrong_texts("external_id");
    captures.extend(wrong_amounts("amount"));
    captures.extend(wrong_amounts("redeem_amount").into_iter().take(4));
    captures.extend(wrong_times("occurred_at"));
    captures.extend(wrong_texts("source_system"));
    let capture = json!({"external_id": SECRET, "amount": "100.00", "occurred_at": recently()});
    vec![
        post(Whom::Till, "/redemptions", hold, &["member", "bill_amount", "amount"], holds),
        post(
            Whom::Till,
            "/redemptions/018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10/capture",
            capture,
            &["external_id", "amount", "occurred_at"],
            captures,
        ),
    ]
}

/// Refunds.
pub(super) fn refunds() -> Vec<Shape> {
    let mut plain = wrong_texts("external_id");
    plain.extend(wrong_amounts("amount"));
    plain.extend(wrong_texts("reason"));
    let mut by_number = plain.clone();
    by_number.extend(wrong_texts("purchase_external_id"));
    by_number.extend(wrong_texts("source_system"));
    by_number.extend(wrong_times("occurred_at"));
    let refund = json!({"external_id": SECRET, "amount": "10.00", "reason": "returned"});
    let mut numbered = refund.clone();
    numbered["purchase_external_id"] = json!("r1");
    vec![
        post(
            Whom::Till,
            "/transactions/018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10/refunds",
            refund,
            &["external_id", "amount", "reason"],
            plain,
        ),
        post(
            Whom::Till,
            "/transactions/refunds",
            numbered,
            &["purchase_external_id", "external_id", "amount", "reason"],
            by_number,
        ),
    ]
}
