//! The domain's policies in the model's numbers.

use ledger_core::member::event::ExpiredTo;
use ledger_core::policy::Policy;
use plain_model::circle;

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
        future_minutes: i64::from(it.purchase_future_minutes),
        policy_lag_hours: i64::from(it.purchase_policy_lag_hours),
        before_membership_hours: i64::from(it.purchase_before_membership_hours),
        orphan_days: i64::from(it.purchase_orphan_days),
        spent: [it.status_vip_spent, it.status_elite_spent, it.status_inner_circle_spent].map(kopecks),
        categories: [it.status_vip_categories, it.status_elite_categories].map(count),
        window_months: it.status_window_months,
        grace_days: it.status_grace_days,
    }
}
