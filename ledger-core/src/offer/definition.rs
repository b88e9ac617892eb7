//! What an offer is: what a business gives, to whom, how much of it, and when.
//!
//! Its title and what it says are somebody's own words, which may name a person: they live in the vault, and here stand the
//! ids of the texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::audience::Audience;
use crate::business::Businesses;
use crate::category::Confidentiality;
use crate::ids::{BusinessId, ReasonId};
use crate::member::event::CouponBenefit;
use crate::money::Roubles;
use crate::rate::Multiplier;
use crate::time::Timestamp;

/// The longest life of a coupon, in days.
pub const LIFE_DAYS_MAX: u32 = 365;

/// A coupon as an offer gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OfferCoupon {
    /// What it gives.
    pub gives: CouponBenefit,
    /// The smallest bill.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_bill: Option<Roubles>,
    /// How many Moscow days it is good after the day on which it is issued.
    pub life_days: u32,
    /// Whether the purchase may be paid in bonuses, too.
    pub with_bonuses: bool,
    /// The vault's text that describes it; none for a clinic's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<ReasonId>,
    /// The vault's text that says what a gift is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gift: Option<ReasonId>,
}

/// What an offer gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum OfferReward {
    /// A coupon for each member of the audience.
    Coupon {
        /// Which.
        coupon: OfferCoupon,
    },
    /// A multiplier of the business, for everybody who buys there in its dates. Rule B3.
    Multiplier {
        /// Which.
        value: Multiplier,
    },
}

impl OfferReward {
    /// The most that one coupon can cost; `None` when nothing here says so.
    #[must_use]
    pub const fn costs_at_most(&self) -> Option<Roubles> {
        match self {
            Self::Coupon { coupon } => coupon.gives.costs_at_most(),
            Self::Multiplier { .. } => None,
        }
    }

    /// Whether it is a coupon.
    #[must_use]
    pub const fn is_coupon(&self) -> bool {
        matches!(self, Self::Coupon { .. })
    }
}

/// Who bears what an offer gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OfferFunder {
    /// The business whose offer it is.
    Business,
    /// The coalition.
    Coalition,
}

impl OfferFunder {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Coalition => "coalition",
        }
    }
}

/// One version of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Whose offer it is; never changes.
    pub business_id: BusinessId,
    /// The vault's text with its title.
    pub title: ReasonId,
    /// The vault's text that says what it is; none for a clinic's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<ReasonId>,
    /// What it gives.
    pub reward: OfferReward,
    /// Whom it is for.
    pub audience: Audience,
    /// Its first moment; its publication when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<Timestamp>,
    /// The first moment at which it is over; its end when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<Timestamp>,
    /// How many coupons it gives in all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<u32>,
    /// What all of them may cost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub budget: Option<Roubles>,
    /// Who bears them.
    pub funded_by: OfferFunder,
}

/// What is wrong with a definition, by the place of the field.
pub type Wrong = BTreeMap<String, String>;

impl Definition {
    /// The ids of its texts in the vault.
    pub fn texts(&self) -> impl Iterator<Item = ReasonId> + '_ {
        let of_coupon = match &self.reward {
            OfferReward::Coupon { coupon } => [coupon.description, coupon.gift],
            OfferReward::Multiplier { .. } => [None, None],
        };
        [Some(self.title), self.text].into_iter().chain(of_coupon).flatten()
    }

    /// Whether the moment is in its dates.
    #[must_use]
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }

    /// Everything that is wrong with it, each under its field.
    #[must_use]
    pub fn wrong(&self, businesses: &Businesses) -> Wrong {
        let mut wrong = Wrong::new();
        let mut note = |field: &str, what: &str| {
            wrong.insert(field.to_owned(), what.to_owned());
        };
        if businesses.get(self.business_id).is_none() {
            note("business", "there is no such business");
        }
        if self.from.zip(self.to).is_some_and(|(from, to)| to <= from) {
            note("to", "must be after from");
        }
        match &self.reward {
            OfferReward::Coupon { coupon } => self.check_coupon(coupon, businesses, &mut note),
            OfferReward::Multiplier { .. } => self.check_multiplier(&mut note),
        }
        for (field, what) in self.audience.wrong(self.business_id, businesses) {
            note(&format!("audience.{field}"), &what);
        }
        wrong
    }

    fn check_coupon(&self, coupon: &OfferCoupon, businesses: &Businesses, note: &mut impl FnMut(&str, &str)) {
        if self.limit == Some(0) {
            note("limit", "must be above zero");
        }
        let most = coupon.gives.costs_at_most();
        match (self.budget, most) {
            (Some(budget), Some(most)) if most > budget => {
                note("budget", "must not be below what one coupon can cost");
            }
            (Some(_), None) => note("reward.coupon.cap", "is required where there is a budget"),
            _ => {}
        }
        let is_percent = matches!(coupon.gives, CouponBenefit::DiscountPercent { .. });
        if most.zip(coupon.min_bill).is_some_and(|(most, bill)| !is_percent && most > bill) {
            note("reward.coupon.value", "must not be above min_bill");
        }
        if !(1..=LIFE_DAYS_MAX).contains(&coupon.life_days) {
            note("reward.coupon.life_days", "must be an integer from 1 to 365");
        }
        // A clinic's coupon has no words, and so gives no gift (`compliance.md` M1); any other must say what it is.
        let is_gift = matches!(coupon.gives, CouponBenefit::Gift {});
        match businesses.get(self.business_id).map(|business| business.confidentiality) {
            Some(Confidentiality::Medical) if is_gift => {
                note("reward.coupon.type", "must not be gift at a medical business");
            }
            Some(Confidentiality::Ordinary) if coupon.description.is_none() => {
                note("reward.coupon.description", "is required");
            }
            _ => {}
        }
    }

    /// A multiplier is in force for everybody who buys, and what it costs is not known before: Rules B3, B5.
    fn check_multiplier(&self, note: &mut impl FnMut(&str, &str)) {
        if self.to.is_none() {
            note("to", "is required for a multiplier");
        }
        let everybody = self.audience == Audience::default();
        for (field, is_absent, what) in [
            ("audience", everybody, "must be absent: a multiplier is for everybody who buys there"),
            ("limit", self.limit.is_none(), "must be absent: it is of coupons"),
            ("budget", self.budget.is_none(), "must be absent: it is of coupons"),
        ] {
            if !is_absent {
                note(field, what);
            }
        }
        if self.funded_by == OfferFunder::Coalition {
            // Rule B5.
            note("funded_by", "must be business: it bears its own multiplier");
        }
    }
}
