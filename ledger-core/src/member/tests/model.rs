//! A second, plain model of an accrual: integers alone, one division at the end. Rule B4.

use crate::member::event::AccrualInputs;

/// The amount and the business's share, in hundredths of a bonus.
pub(super) fn accrual(inputs: &AccrualInputs) -> (i128, i128) {
    let base = i128::from(inputs.base.kopecks()).max(0);
    let rate = scaled(&inputs.rate.to_string(), 4);
    let own_rate = rate.min(scaled(&inputs.status_rate.to_string(), 4));
    let new_category = scaled(&inputs.new_category.to_string(), 2);
    let business = scaled(&inputs.business_multiplier.to_string(), 2);
    let rounded = |product: i128| (2 * product + 100_000_000) / 200_000_000;
    (rounded(base * rate * new_category * business), rounded(base * own_rate * 100 * business))
}

/// A decimal text as a whole number of units of so many decimals.
fn scaled(text: &str, decimals: usize) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<decimals$}");
    format!("{whole}{part}").parse().expect("digits")
}
