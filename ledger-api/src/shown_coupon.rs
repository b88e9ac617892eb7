//! What a coupon that is not issued yet gives, as a chain's step and an offer show it.

use std::collections::HashMap;

use ledger_core::ids::ReasonId;
use ledger_core::member::event::CouponBenefit;
use ledger_core::money::Roubles;

/// Texts of the vault by their ids.
pub(crate) type Texts = HashMap<ReasonId, String>;

/// Its value (of a gift what it is, in words), and the most that comes off.
pub(crate) fn worth(
    gives: &CouponBenefit,
    gift: Option<ReasonId>,
    texts: &Texts,
) -> (Option<String>, Option<Roubles>) {
    match gives {
        CouponBenefit::DiscountFixed { value } => (Some(value.to_string()), None),
        CouponBenefit::DiscountPercent { value, cap } => (Some(value.to_string()), *cap),
        CouponBenefit::Bonus { value } => (Some(value.to_string()), None),
        CouponBenefit::Gift {} => (gift.and_then(|id| texts.get(&id).cloned()), None),
    }
}
