//! Whom an offer is for.
//!
//! A business draws this up about members of the whole coalition, so it must learn nothing of another's clients by it. What
//! somebody bought counts in two ways alone: at the business itself, as it knows anyway; or in a category that at least
//! [`BUSINESSES_MIN`] other ordinary businesses share, so that it is nobody's list of clients. Both make a profile of her
//! habits, and need her consent to that. What was bought at a clinic never counts (`compliance.md` M1, M4).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::business::Businesses;
use crate::category::{Category, Confidentiality};
use crate::ids::BusinessId;
use crate::member::status::Status;
use crate::money::Roubles;
use crate::time::Timestamp;

/// The longest time to look back for what somebody bought, in days.
pub const LOOK_BACK_DAYS_MAX: u32 = 365;
/// How many other ordinary businesses must share a category that an offer names.
pub const BUSINESSES_MIN: usize = 2;

/// Purchases of the last days are recent. Recency.
pub const RECENT_DAYS: i64 = 60;
/// Who bought nothing for so many days is lost. Recency.
pub const LOST_DAYS: i64 = 180;
/// For so many days purchases are counted. Frequency, monetary.
pub const COUNTED_DAYS: i64 = 365;
/// So many purchases are frequent. Frequency.
pub const FREQUENT_PURCHASES: u32 = 4;
/// Bills of so much, net of refunds, are big. Monetary.
pub const BIG_SPENDING: Roubles = Roubles::from_kopecks(3_000_000);

/// A customer of the business by what she bought there. Every customer is in exactly one segment; who has bought nothing there
/// that was not refunded is in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Bought within [`RECENT_DAYS`], often, and much.
    Champions,
    /// Bought within [`RECENT_DAYS`], and often.
    Loyal,
    /// Bought within [`RECENT_DAYS`], but not often.
    Recent,
    /// Did not buy within [`RECENT_DAYS`], but within [`LOST_DAYS`].
    AtRisk,
    /// Did not buy within [`LOST_DAYS`].
    Lost,
}

impl Segment {
    /// All of them, the best customers first.
    pub const ALL: [Self; 5] = [Self::Champions, Self::Loyal, Self::Recent, Self::AtRisk, Self::Lost];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Champions => "champions",
            Self::Loyal => "loyal",
            Self::Recent => "recent",
            Self::AtRisk => "at_risk",
            Self::Lost => "lost",
        }
    }

    /// The segment of a customer at `now`, by the moment and amount of each of her bills at the business that stands, net of
    /// refunds. Those after `now` do not count. `None` for who has none.
    #[must_use]
    pub fn of(bills: impl IntoIterator<Item = (Timestamp, Roubles)>, now: Timestamp) -> Option<Self> {
        let counted_from = now.minus(TimeDelta::days(COUNTED_DAYS));
        let (mut last, mut purchases, mut spent) = (None, 0_u32, Roubles::ZERO);
        for (at, amount) in bills.into_iter().filter(|(at, amount)| *at <= now && amount.is_positive()) {
            last = last.max(Some(at));
            if at > counted_from {
                purchases = purchases.saturating_add(1);
                spent = spent.checked_add(amount).unwrap_or(spent);
            }
        }
        let away = now.since(last?);
        let (is_frequent, is_big) = (purchases >= FREQUENT_PURCHASES, spent >= BIG_SPENDING);
        Some(match () {
            () if away > TimeDelta::days(LOST_DAYS) => Self::Lost,
            () if away > TimeDelta::days(RECENT_DAYS) => Self::AtRisk,
            () if is_frequent && is_big => Self::Champions,
            () if is_frequent => Self::Loyal,
            () => Self::Recent,
        })
    }
}

/// Who bought something of these categories not long ago: of the business's own category at the business itself, of another at
/// any ordinary business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BoughtCategory {
    /// One of these is enough.
    pub categories: BTreeSet<Category>,
    /// Within so many days.
    pub within_days: u32,
}

/// Whom an offer is for: who meets all that is said here. Everybody, when nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// Members of these statuses; of any when empty.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub statuses: BTreeSet<Status>,
    /// Who bought something of some categories.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bought_category: Option<BoughtCategory>,
    /// Customers of the business of these segments; whoever when empty.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub rfm: BTreeSet<Segment>,
    /// Only who has bought nothing at the business.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub new_customers: bool,
}

impl Audience {
    /// Whether it asks what somebody bought, so that it needs her consent to profiling.
    #[must_use]
    pub fn is_profile(&self) -> bool {
        self.bought_category.is_some() || !self.rfm.is_empty()
    }

    /// Everything that is wrong with it for an offer of `business`: the field, and what would be right.
    #[must_use]
    pub fn wrong(&self, business: BusinessId, businesses: &Businesses) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        let own = businesses.get(business);
        if own.is_some_and(|own| own.confidentiality == Confidentiality::Medical) {
            let what = "must be absent for a medical business: visits there are a secret";
            for (field, is_there) in
                [("bought_category", self.bought_category.is_some()), ("rfm", !self.rfm.is_empty())]
            {
                wrong.extend(is_there.then(|| (field, what.to_owned())));
            }
            return wrong;
        }
        if self.new_customers && !self.rfm.is_empty() {
            wrong.push(("rfm", "must be absent where only new customers are meant".to_owned()));
        }
        let Some(bought) = &self.bought_category else { return wrong };
        if bought.categories.is_empty() {
            wrong.push(("bought_category.categories", "must be one or more categories".to_owned()));
        }
        if !(1..=LOOK_BACK_DAYS_MAX).contains(&bought.within_days) {
            wrong.push(("bought_category.within_days", "must be an integer from 1 to 365".to_owned()));
        }
        let own_category = own.map(|own| own.category);
        let others = |category: Category| {
            let ordinary = businesses.iter().filter(|it| it.confidentiality == Confidentiality::Ordinary);
            ordinary.filter(|it| it.category == category && it.business_id != business).count()
        };
        let few =
            |category: &&Category| Some(**category) != own_category && others(**category) < BUSINESSES_MIN;
        if let Some(category) = bought.categories.iter().find(few) {
            let what = format!("must be of two or more businesses, which {} is not", category.as_str());
            wrong.push(("bought_category.categories", what));
        }
        if self.new_customers && own_category.is_some_and(|own| bought.categories.contains(&own)) {
            let what = "must be of others where only new customers are meant".to_owned();
            wrong.push(("bought_category.categories", what));
        }
        wrong
    }
}
