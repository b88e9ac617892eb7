//! Offers as they come in: how they are documented.

use utoipa::ToSchema;

use super::chain_wanted::COUNT_MAX;
use super::coupons::{CouponFunder, CouponType, StatusName, TEXT_CHARS_MAX};
use super::values::{Amount, CouponValue, Factor, moment, moment_or_null};
use crate::json::{self, Fields};

/// A customer by what she bought at the business itself in the last 365 days. champions: within the last 60 days, 4 times or
/// more, bills of 30000.00 or more in all, net of refunds; loyal: the same without so much; recent: within the last 60 days, not
/// so often; at_risk: not within the last 60 days, but the last 180; lost: not within the last 180 days.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents a value")]
pub(crate) enum SegmentName {
    Champions,
    Loyal,
    Recent,
    AtRisk,
    Lost,
}

/// What a business does.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents a value")]
pub(crate) enum CategoryName {
    BeautySalon,
    Cosmetology,
    Dentistry,
    Medicine,
    Gastronomy,
    Floristry,
    Optics,
    HomeTextile,
    Legal,
}

macro_rules! rewards {
    ($($(#[$doc:meta])* $name:ident, $kind:ident { $value:ident, $($fields:tt)* })*) => {$(
        #[derive(ToSchema)]
        #[schema(rename_all = "snake_case")]
        #[expect(dead_code, reason = "documents a value")]
        pub(crate) enum $kind { $value }

        $(#[$doc])*
        #[derive(ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "documents fields")]
        pub(crate) struct $name {
            #[schema(rename = "type")]
            r#type: $kind,
            $($fields)*
        }
    )*};
}

rewards! {
    /// A coupon for each member of the audience.
    OfferedCoupon, OfferedCouponType {
        Coupon,
        coupon: OfferCouponTemplate,
    }
    /// A multiplier of the business for everybody who buys there in its dates. Rule B3.
    OfferedMultiplier, OfferedMultiplierType {
        Multiplier,
        /// 0.1 to 10.0 with up to two decimals.
        value: Factor,
    }
}

/// What an offer gives.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) enum OfferReward {
    Coupon(OfferedCoupon),
    Multiplier(OfferedMultiplier),
}

/// A coupon as an offer gives it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct OfferCouponTemplate {
    #[schema(rename = "type")]
    r#type: CouponType,
    value: CouponValue,
    /// At most so much off; only with a percentage, which must have it where there is a budget.
    #[schema(nullable = false)]
    cap: Option<Amount>,
    /// The smallest bill; a coupon is not worth more than it.
    #[schema(nullable = false)]
    min_bill: Option<Amount>,
    /// How many Moscow days it is good after the day on which it is issued: 1 to 365.
    #[schema(minimum = 0)]
    life_days: u32,
    /// Whether the purchase may be paid in bonuses, too; true when absent.
    #[schema(nullable = false)]
    with_bonuses: Option<bool>,
    /// In words; kept in the vault. Required but for a medical business, whose coupons have none: there it is not kept.
    #[schema(max_length = 500, min_length = 1, nullable = false)]
    description: Option<String>,
}

/// Who bought something of some categories: of the business's own at the business itself, of another, which two or more
/// businesses must share, at any of them.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct OfferBoughtCategory {
    /// One of these is enough.
    #[schema(min_items = 1, max_items = 9)]
    categories: Vec<CategoryName>,
    /// Within so many days: 1 to 365.
    #[schema(minimum = 0)]
    within_days: u32,
}

/// Whom an offer is for: members who meet all that is said; everybody when nothing is. What asks what somebody bought needs her
/// consent to profiling, and that to report to the businesses it is about; of a medical business nothing of the kind can be
/// asked.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct OfferAudience {
    /// Members of these statuses.
    #[schema(min_items = 1, max_items = 4, nullable = false)]
    statuses: Option<Vec<StatusName>>,
    #[schema(nullable = false)]
    bought_category: Option<OfferBoughtCategory>,
    /// Customers of the business of these segments.
    #[schema(min_items = 1, max_items = 5, nullable = false)]
    rfm: Option<Vec<SegmentName>>,
    /// Only who has bought nothing at the business, also when the coupon is used; false when absent.
    #[schema(nullable = false)]
    new_customers: Option<bool>,
}

/// Draw up an offer.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct DraftOffer {
    /// Only from an admin, who must: id or slug.
    #[schema(max_length = 64, nullable = false)]
    business_id: Option<String>,
    /// In words; kept in the vault.
    #[schema(max_length = 100, min_length = 1)]
    title: String,
    /// In words; kept in the vault, but of a medical business not kept.
    #[schema(max_length = 500, min_length = 1, nullable = false)]
    text: Option<String>,
    reward: OfferReward,
    #[schema(nullable = false)]
    audience: Option<OfferAudience>,
    /// Its first moment; its publication when absent.
    #[schema(schema_with = moment, required = false)]
    from: String,
    /// The first moment at which it is over; required for a multiplier.
    #[schema(schema_with = moment, required = false)]
    to: String,
    /// How many coupons it gives in all.
    #[schema(minimum = 0, nullable = false)]
    limit: Option<u32>,
    /// What all of them may cost: each counts with the most that it can cost.
    #[schema(nullable = false)]
    budget: Option<Amount>,
    /// `coalition` only from an admin; the business when absent.
    #[schema(nullable = false)]
    funded_by: Option<CouponFunder>,
}

/// Change an offer that is not published: a new version, as a draft. What is absent stays, what is null is taken away (RFC 7396);
/// reward and audience are given whole.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct ChangeOffer {
    /// In words; kept in the vault.
    #[schema(max_length = 100, min_length = 1, nullable = false)]
    title: Option<String>,
    /// In words; kept in the vault, but of a medical business not kept. Null: none.
    #[schema(max_length = 500, min_length = 1)]
    text: Option<String>,
    #[schema(nullable = false)]
    reward: Option<OfferReward>,
    /// All of it; null: everybody.
    audience: Option<OfferAudience>,
    /// Null: from its publication.
    #[schema(schema_with = moment_or_null, required = false)]
    from: String,
    /// Null: to its end.
    #[schema(schema_with = moment_or_null, required = false)]
    to: String,
    /// Null: none.
    #[schema(minimum = 0)]
    limit: Option<u32>,
    /// Null: none.
    budget: Option<Amount>,
    /// `coalition` only from an admin.
    #[schema(nullable = false)]
    funded_by: Option<CouponFunder>,
}

/// Approve an offer.
#[derive(Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveOffer {
    /// The version that was seen; another than the newest is refused. The newest when absent.
    #[schema(minimum = 0, nullable = false)]
    pub(crate) version: Option<u32>,
}

impl ApproveOffer {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { version: fields.optional("version", json::integer(0, COUNT_MAX)) })
    }
}

/// Reject an offer.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RejectOffer {
    /// Why; kept in the vault.
    #[schema(max_length = 500, min_length = 1)]
    pub(crate) reason: String,
}

impl RejectOffer {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { reason: fields.required("reason", json::text(TEXT_CHARS_MAX))? })
    }
}

/// Say something about an offer to those who work on it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentOnOffer {
    /// What; kept in the vault.
    #[schema(max_length = 500, min_length = 1)]
    pub(crate) text: String,
}

impl CommentOnOffer {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { text: fields.required("text", json::text(TEXT_CHARS_MAX))? })
    }
}
