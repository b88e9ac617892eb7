//! Which businesses are medical: a coupon does not say of the business that triggered its step whether it is one.
//!
//! Why it is right: a business is registered before anything happens there, and what it is never changes. So whatever of the
//! log is looked at, and however often, the answer is the same. A business that nobody registered counts as a clinic.
//! Bounds: the log is asked when a coupon names a business that is not known yet, so as often as there are businesses.

use std::collections::HashMap;

use ledger_core::ids::BusinessId;
use ledger_core::log::Event;
use ledger_core::member::event::MemberEvent;

use crate::source::StoredRow;

/// The businesses that are known.
#[derive(Debug, Default)]
pub(super) struct Clinics {
    is_clinic: HashMap<BusinessId, bool>,
}

impl Clinics {
    /// Whether what happened at this business is a medical secret, as far as is known.
    #[must_use]
    pub(super) fn has(&self, business: BusinessId) -> bool {
        self.is_clinic.get(&business).copied().unwrap_or(true)
    }

    /// Whether a coupon of `rows` was triggered at a business that is not known.
    #[must_use]
    pub(super) fn lacks_one_of<'a>(&self, rows: impl IntoIterator<Item = &'a StoredRow>) -> bool {
        let mut coupons = rows.into_iter().filter(|stored| stored.row.event_type == "CouponIssued");
        coupons.any(|stored| trigger_of(stored).is_some_and(|it| !self.is_clinic.contains_key(&it)))
    }

    /// Learns whether each of `businesses` is one.
    pub(super) fn learn(&mut self, businesses: impl IntoIterator<Item = (BusinessId, bool)>) {
        self.is_clinic.extend(businesses);
    }
}

/// Where the purchase was that triggered the step which gave a coupon.
fn trigger_of(stored: &StoredRow) -> Option<BusinessId> {
    match stored.row.event() {
        Ok(Event::Member(MemberEvent::CouponIssued(fact))) => fact.chain?.trail.last().copied(),
        _ => None,
    }
}
