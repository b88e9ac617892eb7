//! Offers as they are answered.

use ledger_core::money::Roubles;
use ledger_core::rate::Multiplier;
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What became of a command to an offer.
#[derive(Serialize, ToSchema)]
pub(crate) struct OfferAnswer {
    /// The offer.
    pub(crate) offer_id: Uuid,
    /// Its newest version.
    pub(crate) version: u32,
    /// Where that stands: draft, submitted, approved, rejected, published or ended.
    #[schema(value_type = String)]
    pub(crate) state: &'static str,
    /// Present and true when the same request came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A coupon as an offer gives it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownOfferCoupon {
    /// discount_fixed, discount_percent, bonus or gift.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub(crate) kind: &'static str,
    /// Roubles, per cent or bonuses; of a gift what it is, in words.
    pub(crate) value: Option<String>,
    /// At most so much off.
    #[schema(value_type = Option<String>)]
    pub(crate) cap: Option<Roubles>,
    /// The smallest bill.
    #[schema(value_type = Option<String>)]
    pub(crate) min_bill: Option<Roubles>,
    /// How many Moscow days it is good after the day on which it is issued.
    pub(crate) life_days: u32,
    /// Whether the purchase may be paid in bonuses, too.
    pub(crate) with_bonuses: bool,
    /// In words.
    pub(crate) description: Option<String>,
}

/// What an offer gives.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownOfferReward {
    /// coupon or multiplier.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub(crate) kind: &'static str,
    /// Of a coupon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) coupon: Option<ShownOfferCoupon>,
    /// Of a multiplier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) value: Option<Multiplier>,
}

/// Who bought something of some categories.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownBoughtCategory {
    /// One of these is enough.
    pub(crate) categories: Vec<&'static str>,
    /// Within so many days.
    pub(crate) within_days: u32,
}

/// Whom an offer is for.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownOfferAudience {
    /// Members of these statuses; of any when empty.
    pub(crate) statuses: Vec<&'static str>,
    /// Who bought something of some categories.
    pub(crate) bought_category: Option<ShownBoughtCategory>,
    /// Customers of the business of these segments; whoever when empty.
    pub(crate) rfm: Vec<&'static str>,
    /// Only who has bought nothing at the business.
    pub(crate) new_customers: bool,
}

/// An offer: its newest version.
#[derive(Serialize, ToSchema)]
pub(crate) struct Offer {
    /// The offer.
    pub(crate) offer_id: Uuid,
    /// Whose it is.
    pub(crate) business_id: Uuid,
    /// The newest version.
    pub(crate) version: u32,
    /// Where that stands: draft, submitted, approved, rejected, published or ended.
    #[schema(value_type = String)]
    pub(crate) state: &'static str,
    /// Its title.
    pub(crate) title: Option<String>,
    /// What it says.
    pub(crate) text: Option<String>,
    /// What it gives.
    pub(crate) reward: ShownOfferReward,
    /// Whom it is for.
    pub(crate) audience: ShownOfferAudience,
    /// Its first moment.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) from: Option<Timestamp>,
    /// The first moment at which it is over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) to: Option<Timestamp>,
    /// How many coupons it gives in all.
    pub(crate) limit: Option<u32>,
    /// What all of them may cost.
    #[schema(value_type = Option<String>)]
    pub(crate) budget: Option<Roubles>,
    /// business or coalition.
    #[schema(value_type = String)]
    pub(crate) funded_by: &'static str,
    /// Why it was rejected.
    pub(crate) reason: Option<String>,
    /// When it was published.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) published_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) ended_at: Option<Timestamp>,
    /// How many coupons it has given; a business is told whole tens, an admin nothing of a clinic's.
    #[schema(required)]
    pub(crate) issued: Option<u32>,
    /// What they take of the budget; admins alone are told.
    #[schema(value_type = Option<String>)]
    pub(crate) committed: Option<Roubles>,
}

/// Offers, the last drawn up first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Offers {
    /// A page of them.
    pub(crate) items: Vec<Offer>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}

/// One thing that was done with an offer.
#[derive(Serialize, ToSchema)]
pub(crate) struct OfferStep {
    /// drafted, submitted, approved, rejected, commented, published or ended.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub(crate) kind: &'static str,
    /// The version that it was about.
    pub(crate) version: u32,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// Who: business or admin.
    #[schema(value_type = String)]
    pub(crate) by: &'static str,
    /// What was said: a comment, or why it was rejected.
    pub(crate) text: Option<String>,
}

/// What was done with an offer, from its beginning.
#[derive(Serialize, ToSchema)]
pub(crate) struct OfferHistory {
    /// A page of it.
    pub(crate) items: Vec<OfferStep>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}
