//! Chains of cross-promotion as they come in: how they are documented. Rules X1, X2.

use utoipa::ToSchema;

use super::chain_wanted::COUNT_MAX;
use super::coupons::{CouponType, StatusName, TEXT_CHARS_MAX};
use super::values::{Amount, CouponValue, Factor, moment, moment_or_null};
use crate::json::{self, Fields};

/// How the steps of a chain hang together.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents a value")]
pub(crate) enum ChainKindName {
    Linear,
    Mutual,
    Fan,
}

/// Who bears the rewards of a chain: the business whose purchase triggers a step, the one where the reward is good, or the
/// coalition.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents a value")]
pub(crate) enum ChainFunderName {
    Source,
    Target,
    Coalition,
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
    /// A coupon for the target.
    CouponReward, CouponRewardType {
        Coupon,
        coupon: CouponTemplate,
    }
    /// A part of the bill at the target, in bonuses. Rule B9.
    CrossBonusReward, CrossBonusRewardType {
        CrossBonus,
        /// Which part; the policy's when absent.
        #[schema(nullable = false)]
        rate: Option<Factor>,
    }
}

/// What a step gives.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) enum ChainReward {
    Coupon(CouponReward),
    CrossBonus(CrossBonusReward),
}

/// A coupon as a step gives it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct CouponTemplate {
    #[schema(rename = "type")]
    r#type: CouponType,
    value: CouponValue,
    /// At most so much off; only with a percentage.
    #[schema(nullable = false)]
    cap: Option<Amount>,
    /// The smallest bill; a coupon is not worth more than it.
    #[schema(nullable = false)]
    min_bill: Option<Amount>,
    /// How many Moscow days it is good after the day on which it is issued: 1 to 365.
    #[schema(minimum = 0)]
    life_days: u32,
    /// In words; kept in the vault. Required but for a medical business, whose coupons have none: there it is not kept.
    #[schema(max_length = 500, min_length = 1, nullable = false)]
    description: Option<String>,
}

/// A step of a chain.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct ChainStep {
    /// Where a purchase triggers it: id or slug.
    #[schema(max_length = 64)]
    from: String,
    /// Where its reward is good: id or slug.
    #[schema(max_length = 64)]
    to: String,
    /// How many days after the purchase a purchase there follows from it: 1 to 365.
    #[schema(minimum = 0)]
    window_days: u32,
    /// The smallest net amount of a purchase that triggers it.
    #[schema(nullable = false)]
    min_amount: Option<Amount>,
    reward: ChainReward,
}

/// Whom a chain is for.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct ChainAudience {
    /// Only members of these statuses.
    #[schema(min_items = 1, max_items = 4, nullable = false)]
    statuses: Option<Vec<StatusName>>,
    /// Only who has bought nothing at the target; false when absent.
    #[schema(nullable = false)]
    new_customers_of_target: Option<bool>,
}

/// How much a chain gives.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct ChainLimits {
    /// Rewards for one member.
    #[schema(minimum = 0, nullable = false)]
    per_member: Option<u32>,
    /// Rewards in all.
    #[schema(minimum = 0, nullable = false)]
    total: Option<u32>,
    /// What all rewards may cost.
    #[schema(nullable = false)]
    budget: Option<Amount>,
}

macro_rules! drafts {
    ($($(#[$doc:meta])* $name:ident { $($more:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "documents fields")]
        pub(crate) struct $name {
            $($more)*
            /// In words; kept in the vault.
            #[schema(max_length = 100, min_length = 1)]
            name: String,
            kind: ChainKindName,
            /// Linear: each begins where the one before leads; mutual: there and back; fan: all from one business.
            #[schema(max_items = 20)]
            steps: Vec<ChainStep>,
            #[schema(nullable = false)]
            audience: Option<ChainAudience>,
            #[schema(nullable = false)]
            limits: Option<ChainLimits>,
            /// The first moment whose purchases trigger it; its activation when absent.
            #[schema(schema_with = moment, required = false)]
            from: String,
            /// The first moment whose purchases do so no more.
            #[schema(schema_with = moment, required = false)]
            to: String,
            funded_by: ChainFunderName,
            /// Of a hundred members, how many get nothing, so that it can be told what the chain brings; the
            /// policy's when absent.
            #[schema(minimum = 0, maximum = 50, nullable = false)]
            holdout_percent: Option<u32>,
        }
    )*};
}

drafts! {
    /// Draw up a chain. Rule X1.
    DraftChain {}
    /// Try a chain that nobody has drawn up.
    SimulateDraftChain {
        /// How many of the last Moscow days, today among them; 30 when absent.
        #[schema(minimum = 1, maximum = 365, nullable = false)]
        days: Option<u32>,
    }
}

/// Change a chain: a new version, which needs every consent anew. What is absent stays, what is null is taken away (RFC 7396);
/// steps, audience and limits are given whole.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct ChangeChain {
    /// In words; kept in the vault.
    #[schema(max_length = 100, min_length = 1, nullable = false)]
    name: Option<String>,
    #[schema(nullable = false)]
    kind: Option<ChainKindName>,
    /// All of them.
    #[schema(max_items = 20, nullable = false)]
    steps: Option<Vec<ChainStep>>,
    /// All of it; null: everybody.
    audience: Option<ChainAudience>,
    /// All of them; null: none.
    limits: Option<ChainLimits>,
    /// Null: from its activation.
    #[schema(schema_with = moment_or_null, required = false)]
    from: String,
    /// Null: to its end.
    #[schema(schema_with = moment_or_null, required = false)]
    to: String,
    #[schema(nullable = false)]
    funded_by: Option<ChainFunderName>,
    /// Null: the policy's.
    #[schema(minimum = 0, maximum = 50)]
    holdout_percent: Option<u32>,
}

/// Consent to a chain on behalf of a business in it.
#[derive(Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentToChain {
    /// The version that its owner saw; a consent to another than the newest is refused. The newest when absent.
    #[schema(minimum = 0, nullable = false)]
    pub(crate) version: Option<u32>,
}

impl ConsentToChain {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { version: fields.optional("version", json::integer(0, COUNT_MAX)) })
    }
}

/// Reject a chain.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RejectChain {
    /// Why; kept in the vault.
    #[schema(max_length = 500, min_length = 1)]
    pub(crate) reason: String,
}

impl RejectChain {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { reason: fields.required("reason", json::text(TEXT_CHARS_MAX))? })
    }
}
