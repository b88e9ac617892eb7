//! What policies change to, and the domain's policies in the model's numbers.

use ledger_core::member::event::ExpiredTo;
use ledger_core::policy::Policy;
use plain_model::circle;
use serde_json::{Value, json};

/// What policies change to, one at a time.
pub(crate) fn policy_change(index: usize) -> (&'static str, Value) {
    let changes = [
        ("rates.insider", json!("0.0333")),
        ("rates.vip", json!("0.12")),
        ("rates.elite", json!("0.15")),
        ("rates.premium", json!("0.06")),
        ("new_category.insider", json!("1.75")),
        ("new_category.vip", json!("1")),
        ("bonus.life_days", json!(20)),
        ("bonus.life_days", json!(90)),
        ("bonus.life_days", json!(200)),
        ("bonus.hold_days", json!(7)),
        ("bonus.hold_days", json!(100)),
        ("bonus.hold_days", json!(0)),
        ("bonus.returned_life_days", json!(0)),
        ("bonus.returned_life_days", json!(30)),
        ("bonus.expired_to", json!("coalition")),
        ("bonus.expired_to", json!("funder")),
        ("redeem.max_share", json!("0.9999")),
        ("redeem.max_share", json!("0.3")),
        ("redeem.min_amount", json!("50.00")),
        ("redeem.hold_minutes", json!(100_000)),
        ("redeem.hold_minutes", json!(15)),
        ("purchase.policy_lag_hours", json!(0)),
        ("purchase.max_age_days", json!(10)),
        ("purchase.orphan_days", json!(2)),
        ("status.vip.spent", json!("5000.00")),
        ("status.elite.categories", json!(3)),
        ("status.inner_circle.spent", json!("60000.00")),
        ("status.window_months", json!(2)),
        ("status.window_months", json!(12)),
        ("status.grace_days", json!(0)),
        ("status.grace_days", json!(10)),
        ("bonus.expiring_soon_days", json!(60)),
        ("purchase.duplicate_minutes", json!(600)),
        ("coupon.activation_days", json!(1)),
        ("coupon.activation_days", json!(40)),
        ("cross_bonus.rate", json!("0.0777")),
        ("cross_bonus.rate", json!("0.25")),
        ("chain.max_depth", json!(1)),
        ("chain.max_depth", json!(2)),
        ("chain.holdout_percent", json!(50)),
        ("chain.holdout_percent", json!(0)),
    ];
    changes[index].clone()
}

/// A decimal text as a whole number of units of so many decimals.
pub(crate) fn scaled(text: &str, decimals: usize) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<decimals$}");
    assert_eq!(part.len(), decimals, "{text} has more decimals");
    format!("{whole}{part}").parse().expect("digits")
}

/// The same policy.
pub(crate) fn plain_policy(policy: &Policy) -> circle::Policy {
    let Policy { effective_from, parameters: it, .. } = policy;
    let rate = |rate: ledger_core::rate::Rate| scaled(&rate.to_string(), 4);
    let times = |times: ledger_core::rate::NewCategoryMultiplier| scaled(&times.to_string(), 2);
    let kopecks = |amount: ledger_core::money::Roubles| i128::from(amount.kopecks());
    let hundredths = |percent: ledger_core::rate::Percent| {
        u32::try_from(scaled(&percent.to_string(), 2)).expect("at most a hundred")
    };
    let count = |number: u32| usize::try_from(number).expect("few");
    circle::Policy {
        effective_from: *effective_from,
        rates: [it.rate_insider, it.rate_vip, it.rate_elite, it.rate_inner_circle].map(rate),
        premium_rate: rate(it.rate_premium),
        new_category: [
            it.new_category_insider,
            it.new_category_vip,
            it.new_category_elite,
            it.new_category_inner_circle,
        ]
        .map(times),
        life_days: it.bonus_life_days,
        hold_days: it.bonus_hold_days,
        expiring_soon_days: it.bonus_expiring_soon_days,
        returned_life_days: it.bonus_returned_life_days,
        expired_to_coalition: it.bonus_expired_to == ExpiredTo::Coalition,
        redeem_share: rate(it.redeem_max_share),
        redeem_min: kopecks(it.redeem_min_amount),
        hold_minutes: i64::from(it.redeem_hold_minutes),
        max_age_days: i64::from(it.purchase_max_age_days),
        duplicate_minutes: i64::from(it.purchase_duplicate_minutes),
        future_minutes: i64::from(it.purchase_future_minutes),
        policy_lag_hours: i64::from(it.purchase_policy_lag_hours),
        before_membership_hours: i64::from(it.purchase_before_membership_hours),
        orphan_days: i64::from(it.purchase_orphan_days),
        activation_days: i64::from(it.coupon_activation_days),
        cross_bonus_rate: rate(it.cross_bonus_rate),
        chain_max_depth: count(it.chain_max_depth),
        chain_holdout: hundredths(it.chain_holdout_percent),
        spent: [it.status_vip_spent, it.status_elite_spent, it.status_inner_circle_spent].map(kopecks),
        categories: [it.status_vip_categories, it.status_elite_categories].map(count),
        window_months: it.status_window_months,
        grace_days: it.status_grace_days,
    }
}
