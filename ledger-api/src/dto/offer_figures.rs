//! Whom an offer reaches, and what became of it.

use ledger_core::money::Roubles;
use ledger_core::offer::audience::Audience;
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::offer_wanted::audience;
use super::{OfferAudience, object};
use crate::json::Fields;
use crate::ratio::Ratio;

/// How many members an offer would reach.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct PreviewOffer {
    /// Only from an admin, who must: id or slug.
    #[schema(max_length = 64, nullable = false)]
    business_id: Option<String>,
    /// Everybody when absent.
    #[schema(nullable = false)]
    audience: Option<OfferAudience>,
}

impl PreviewOffer {
    /// Reads the audience, whose `business_id` was taken before.
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Audience> {
        match fields.maybe_json("audience") {
            Some(json) => object(json, "audience", fields.errors(), audience),
            None => Some(Audience::default()),
        }
    }
}

/// Why a figure of an offer is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Untold {
    /// It is of fewer than 10 members.
    #[serde(rename = "fewer_than_10_members")]
    TooFew,
    /// It would tell others of visits to a medical business.
    MedicalSecret,
    /// The offer is a multiplier: nobody is given anything that could be counted.
    Multiplier,
}

/// How many members an offer reaches.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OfferReach {
    /// Members who meet all that is said, in whole tens, rounded down; null where `reason` says why.
    pub(crate) members: Option<u64>,
    /// Why there is no number; null when there is one.
    pub(crate) reason: Option<Untold>,
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) as_of: Timestamp,
}

/// What became of an offer, all its versions together. All are null of a multiplier; of an offer of a medical business for all but
/// that business itself.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OfferStats {
    /// The offer.
    pub(crate) offer_id: Uuid,
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) as_of: Timestamp,
    /// Coupons given: each of these members is shown hers. A business is told whole tens, null below.
    pub(crate) shown: Option<u64>,
    /// Of them, for how many a code was asked. A business is told whole tens, null below.
    pub(crate) activated: Option<u64>,
    /// Of them, how many were used. With all that follows null for a business while they are fewer than 10.
    pub(crate) redeemed: Option<u64>,
    /// What the bills paid with them come to, net of refunds.
    #[schema(value_type = Option<String>)]
    pub(crate) revenue: Option<Roubles>,
    /// What they cost: discounts and bonuses given, net of refunds.
    #[schema(value_type = Option<String>)]
    pub(crate) cost: Option<Roubles>,
    /// (revenue − cost) ÷ cost, with four decimals; null without cost.
    #[serde(rename = "return")]
    #[schema(value_type = Option<String>)]
    pub(crate) gain: Option<Ratio>,
    /// Why some of them are not told; null when all are.
    pub(crate) reason: Option<Untold>,
}
