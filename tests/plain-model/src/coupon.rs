//! Coupons. Rules C1–C4, with F5 and M1 where they touch them.
//!
//! Readings:
//! - C1: who gives a coupon must be somebody she consented to; she is not found otherwise, as with holds.
//! - C2: a code that has lapsed is followed by another one, as long as the coupon lives; while one is good there is no other.
//! - C2: what is good is looked at when the log takes the purchase, as of a hold; the last moment of a coupon is good.
//! - C2: an unknown code and one that is used, lapsed, somebody else's or of another business are one refusal.
//! - C3: a new customer is one without a purchase there that was not refunded in full.
//! - C4: the discount comes off the bill first; bonuses pay at most R2's share of the whole bill, and what is left of it.
//! - F2, F5: discount and bonuses go back in the cumulative proportion of the refunds; of one funder, what it gave by the
//!   accrual is taken before what it gave by the coupon.
//! - F5: a used coupon stays used.
//! - D3: the coupon and its terms stay whatever the newest bill is, its conditions are not asked again; another code than the
//!   one it used is not valid. With a bill of nothing it gives nothing.
//! - X6: a purchase made with a chain's coupon carries on the way that the coupon came.

use chrono::TimeDelta;
use ledger_core::ids::{CouponId, LotId, PurchaseId};
use ledger_core::time::Timestamp;

use crate::circle::{Business, Circle};
use crate::lot::Lot;
use crate::member::{Document, Member, Outcome, Purchase};
use crate::status::Status;
use crate::{Kopecks, Refusal, calendar, rounded};

/// What a coupon gives. Rule C1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Gives {
    Fixed(Kopecks),
    Percent { hundredths: i128, cap: Option<Kopecks> },
    Bonus(Kopecks),
    Gift,
}

/// One coupon.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub struct Coupon {
    pub id: CouponId,
    pub business: String,
    pub gives: Gives,
    /// The slug of the business that bears it, or `coalition`.
    pub funder: String,
    pub min_bill: Option<Kopecks>,
    pub new_customers_only: bool,
    pub statuses: Vec<Status>,
    pub with_bonuses: bool,
    pub valid_from: Option<Timestamp>,
    pub expires_at: Timestamp,
    /// Its newest code, and the last moment of that.
    pub code: Option<(u32, Timestamp)>,
    /// Whether it was used or revoked.
    pub is_closed: bool,
    /// Of a chain's coupon: the purchase that triggered it, and the businesses that it came from. Rules F5, X6.
    pub came_from: Option<(PurchaseId, Vec<String>)>,
}

/// What a coupon did for a purchase; of its newest revision, before refunds. Rule D3.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Used {
    pub code: u32,
    pub gives: Gives,
    pub discount: Kopecks,
    pub bonuses: Kopecks,
    /// From when and until when its bonuses are good. Rule C1.
    pub life: (Timestamp, Timestamp),
    /// Its bonuses: of each revision that gave them anew.
    pub lots: Vec<LotId>,
    pub funder: String,
    /// The way that a chain's coupon came. Rule X6.
    pub way: Vec<String>,
}

impl Gives {
    /// What comes off `bill`. Rules C1, C4.
    fn discount(&self, bill: Kopecks) -> Kopecks {
        match self {
            Self::Fixed(value) => (*value).min(bill),
            Self::Percent { hundredths, cap } => {
                let share = rounded(bill * hundredths, 10_000);
                cap.map_or(share, |cap| share.min(cap)).min(bill)
            }
            Self::Bonus(_) | Self::Gift => 0,
        }
    }

    /// What it gives with `bill`; nothing with a bill of nothing. Rules C1, D3.
    fn bonuses(&self, bill: Kopecks) -> Kopecks {
        match self {
            Self::Bonus(value) if bill > 0 => *value,
            _ => 0,
        }
    }
}

impl Used {
    /// The same for another bill. Rule D3.
    pub(crate) fn with(&self, bill: Kopecks) -> Self {
        let (discount, bonuses) = (self.gives.discount(bill), self.gives.bonuses(bill));
        Self { discount, bonuses, ..self.clone() }
    }
}

impl Coupon {
    fn is_open(&self, now: Timestamp) -> bool {
        !self.is_closed && now <= self.expires_at
    }
}

impl Purchase {
    /// Of `whole` what has gone back when so much is refunded. Rule F2.
    pub(crate) fn gone(&self, whole: Kopecks, refunded: Kopecks) -> Kopecks {
        if self.amount == 0 { 0 } else { rounded(whole * refunded, self.amount) }
    }

    /// What a refund takes of the coupon's bonuses. Rule F5.
    pub(crate) fn of_coupon(&self, before: Kopecks, upto: Kopecks) -> Kopecks {
        let bonuses = self.coupon.as_ref().map_or(0, |used| used.bonuses);
        self.gone(bonuses, upto) - self.gone(bonuses, before)
    }

    /// What its business is owed for the discount, and by whom; nothing when it bears it itself. Rule C4.
    pub(crate) fn discount_owed(&self) -> Option<(&str, Kopecks)> {
        let used = self.coupon.as_ref().filter(|used| used.funder != self.business)?;
        Some((&used.funder, used.discount - self.gone(used.discount, self.refunded())))
    }
}

impl Member {
    /// Those that can still be used.
    pub fn open_coupons(&self, now: Timestamp) -> impl Iterator<Item = &Coupon> {
        self.coupons.iter().filter(move |coupon| coupon.is_open(now))
    }

    pub(crate) fn issue(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        coupon: &Coupon,
    ) -> Result<Outcome, Refusal> {
        let business = circle.business(&coupon.business).ok_or("BUSINESS_NOT_FOUND")?;
        if !self.consents_to(&business.consent()) {
            return Err("MEMBER_NOT_FOUND");
        }
        if coupon.expires_at < now || coupon.valid_from.is_some_and(|from| coupon.expires_at < from) {
            return Err("PERIOD_REVERSED");
        }
        self.coupons.push(coupon.clone());
        Ok(Outcome::CouponIssued)
    }

    pub(crate) fn activate(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        id: CouponId,
        code: u32,
    ) -> Result<Outcome, Refusal> {
        let days = TimeDelta::days(circle.policy(now).activation_days);
        let coupon = self.coupons.iter_mut().find(|it| it.id == id && it.is_open(now));
        let coupon = coupon.ok_or("COUPON_CLOSED")?;
        let fresh = (code, coupon.expires_at.min(calendar::later(now, days)));
        let (code, valid_until) = *coupon.code.insert(match coupon.code {
            Some((good, until)) if now <= until => (good, until),
            _ => fresh,
        });
        Ok(Outcome::Activated { code, valid_until })
    }

    pub(crate) fn revoke(&mut self, now: Timestamp, id: CouponId) -> Result<Outcome, Refusal> {
        let coupon = self.coupons.iter_mut().find(|it| it.id == id && it.is_open(now));
        coupon.ok_or("COUPON_CLOSED")?.is_closed = true;
        Ok(Outcome::CouponRevoked)
    }

    /// The coupon that a purchase uses. Rules C2, C3.
    pub(crate) fn uses(
        &self,
        document: &Document,
        business: &Business,
        status: Status,
        now: Timestamp,
    ) -> Result<Option<usize>, Refusal> {
        let Some(code) = document.coupon else { return Ok(None) };
        let is_it = |it: &Coupon| {
            let is_code = it.code.is_some_and(|(good, until)| good == code && now <= until);
            is_code && it.is_open(now) && it.business == business.slug
        };
        let place = self.coupons.iter().position(is_it).ok_or("COUPON_NOT_VALID")?;
        let coupon = &self.coupons[place];
        let there = |purchase: &Purchase| purchase.business == business.slug && purchase.net() > 0;
        if coupon.valid_from.is_some_and(|from| now < from) {
            Err("COUPON_NOT_YET_VALID")
        } else if coupon.min_bill.is_some_and(|least| document.amount < least) {
            Err("COUPON_MIN_BILL")
        } else if coupon.new_customers_only && self.purchases.iter().any(there) {
            Err("COUPON_NEW_CUSTOMERS_ONLY")
        } else if !coupon.statuses.is_empty() && !coupon.statuses.contains(&status) {
            Err("COUPON_STATUS_REQUIRED")
        } else if !coupon.with_bonuses && document.redemption.is_some() {
            Err("COUPON_NOT_WITH_BONUSES")
        } else {
            Ok(Some(place))
        }
    }

    /// What it comes to with this bill. Rule C1: bonuses are spendable at once, with the life of a gift.
    pub(crate) fn worth(
        &self,
        circle: &Circle,
        now: Timestamp,
        place: Option<usize>,
        bill: Kopecks,
    ) -> Option<Used> {
        let coupon = &self.coupons[place?];
        let until = calendar::end_of(calendar::days_after(now, circle.policy(now).life_days));
        Some(Used {
            code: coupon.code.map_or(0, |(code, _)| code),
            gives: coupon.gives.clone(),
            discount: coupon.gives.discount(bill),
            bonuses: coupon.gives.bonuses(bill),
            life: (now, until),
            lots: Vec::new(),
            funder: coupon.funder.clone(),
            way: coupon.came_from.as_ref().map(|(_, way)| way.clone()).unwrap_or_default(),
        })
    }

    /// The last purchase's coupon gives its bonuses.
    pub(crate) fn give_for_coupon(&mut self, now: Timestamp) {
        let purchase = self.purchases.last_mut().expect("just recorded");
        let (id, purchase_id) = (LotId::of_coupon(purchase.id), purchase.id);
        let Some(used) = purchase.coupon.as_mut().filter(|used| used.bonuses > 0) else { return };
        used.lots.push(id);
        let mut lot = Lot::new(id, &used.funder, Some(purchase_id), used.life);
        lot.issue(used.bonuses, now);
        self.lots.push(lot);
    }
}
