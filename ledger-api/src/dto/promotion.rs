//! What chains led to, who goes from where to where, and which chains would pay.

use ledger_core::money::Roubles;
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::effect::{Effect, VersionEffect, WayEffect};
use crate::ratio::Ratio;

/// What rewards led to. All are null for a chain without a step that may be shown.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PromotionFigures {
    /// Rewards given.
    pub(crate) triggers: Option<u64>,
    /// Coupons of them that were activated.
    pub(crate) activated: Option<u64>,
    /// Coupons of them that were used.
    pub(crate) used: Option<u64>,
    /// Rewards of them that were used, though nothing is left of the purchase that had triggered them.
    pub(crate) used_though_refunded: Option<u64>,
    /// Purchases that followed, with the coupon or without.
    pub(crate) conversions: Option<u64>,
    /// Conversions for each trigger, with four decimals; null without triggers.
    #[schema(value_type = Option<String>)]
    pub(crate) conversion_rate: Option<Ratio>,
    /// What those purchases come to, net of refunds.
    #[schema(value_type = Option<String>)]
    pub(crate) revenue: Option<Roubles>,
    /// What the rewards cost: discounts and bonuses given, net of refunds.
    #[schema(value_type = Option<String>)]
    pub(crate) cost: Option<Roubles>,
    /// The most that the rewards given can cost, which is what the budget is asked for; null where nothing says it.
    #[schema(value_type = Option<String>)]
    pub(crate) committed: Option<Roubles>,
    /// (revenue − cost) ÷ cost, with four decimals; null without cost.
    #[serde(rename = "return")]
    #[schema(value_type = Option<String>)]
    pub(crate) gain: Option<Ratio>,
}

/// What a step of a chain led to.
#[derive(Serialize, ToSchema)]
pub(crate) struct StepFigures {
    /// The version of the chain.
    pub(crate) version: u32,
    /// The step's place in it, from 0.
    pub(crate) step: u32,
    /// Where a purchase triggers it.
    pub(crate) from: Uuid,
    /// Where its reward is good.
    pub(crate) to: Uuid,
    /// What it led to.
    #[serde(flatten)]
    pub(crate) figures: PromotionFigures,
    /// What it changed. A step after others of its chain is triggered by members whom those brought, so that its groups are no
    /// equals any more: the effect of the version says what the chain changed.
    pub(crate) effect: Effect,
}

/// What a chain led to. Steps from or to a medical business are left out, of the whole, too. A business is told of the steps that
/// begin or end there, how many rewards were used at its own tills and how many though their trigger was refunded, as it was
/// known at the end of the last month.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChainStats {
    /// The chain.
    pub(crate) chain_id: Uuid,
    /// Up to when.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) as_of: Timestamp,
    /// Step by step, of the newest version and of all that ever ran.
    pub(crate) steps: Vec<StepFigures>,
    /// All of them together.
    pub(crate) all: PromotionFigures,
    /// What each version changed that ever ran, and the newest.
    pub(crate) versions: Vec<VersionEffect>,
}

/// Who goes from one business to another.
#[derive(Serialize, ToSchema)]
pub(crate) struct WinWinWay {
    /// The first.
    pub(crate) from: Uuid,
    /// The second.
    pub(crate) to: Uuid,
    /// Members who bought at the first.
    pub(crate) buyers: u64,
    /// Those of them who bought at the second afterwards.
    pub(crate) followers: u64,
    /// Followers for each buyer, with four decimals.
    #[schema(value_type = String)]
    pub(crate) rate: Ratio,
    /// What the followers' purchases at the second, after the first, come to, net of refunds.
    #[schema(value_type = String)]
    pub(crate) revenue: Roubles,
    /// What rewards of chains this way led to.
    pub(crate) promotion: PromotionFigures,
    /// What they changed, where members were held out.
    pub(crate) effect: WayEffect,
}

/// Two businesses.
#[derive(Serialize, ToSchema)]
pub(crate) struct WinWinPair {
    /// The one.
    pub(crate) a: Uuid,
    /// The other.
    pub(crate) b: Uuid,
    /// The harmonic mean of both rates, with four decimals; 0.0000 when one of them is 0.
    #[schema(value_type = String)]
    pub(crate) index: Ratio,
    /// From the one to the other.
    pub(crate) a_to_b: WinWinWay,
    /// And back.
    pub(crate) b_to_a: WinWinWay,
    /// What rewards of chains led to, both ways.
    pub(crate) promotion: PromotionFigures,
    /// What they changed, both ways, where members were held out.
    pub(crate) effect: WayEffect,
}

/// Every pair of ordinary businesses, the highest index first.
#[derive(Serialize, ToSchema)]
pub(crate) struct WinWin {
    /// The moment before the first that counts.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Timestamp,
    /// The last moment that counts.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) as_of: Timestamp,
    /// A page of them.
    pub(crate) items: Vec<WinWinPair>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}

/// A path that at least 10 members took, and that is no part of a longer one.
#[derive(Serialize, ToSchema)]
pub(crate) struct FrequentPath {
    /// The businesses, in order.
    pub(crate) businesses: Vec<Uuid>,
    /// How many members took it.
    pub(crate) members: u64,
    /// How often it was taken.
    pub(crate) count: u64,
    /// What was bought on it each time, on average, net of refunds.
    #[schema(value_type = String)]
    pub(crate) average_value: Roubles,
}

/// Frequent paths, the longest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct FrequentPaths {
    /// The moment before the first that counts.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Timestamp,
    /// The last moment that counts.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) as_of: Timestamp,
    /// A page of them.
    pub(crate) items: Vec<FrequentPath>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}

/// What one of two businesses may expect of members who buy at the other.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ExpectedGain {
    /// Whose gain.
    pub(crate) business_id: Uuid,
    /// Members who bought at the other and not here: whom a chain would bring.
    pub(crate) reach: u64,
    /// Members who bought at the other.
    pub(crate) buyers: u64,
    /// Those of them who bought here afterwards, of their own accord or not.
    pub(crate) followers: u64,
    /// Followers for each buyer, with four decimals.
    #[schema(value_type = String)]
    pub(crate) rate: Ratio,
    /// What a purchase here comes to on average.
    #[schema(value_type = String)]
    pub(crate) average_bill: Roubles,
    /// reach × rate × average bill, rounded once.
    #[schema(value_type = String)]
    pub(crate) expected: Roubles,
}

/// A mutual chain that would pay.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Recommendation {
    /// The kind of chain: mutual.
    #[schema(value_type = String)]
    pub(crate) kind: &'static str,
    /// The one.
    pub(crate) a: Uuid,
    /// The other.
    pub(crate) b: Uuid,
    /// Their Win-Win index.
    #[schema(value_type = String)]
    pub(crate) index: Ratio,
    /// Which of them gains less.
    pub(crate) weaker: Uuid,
    /// What that one may expect in a period as long: recommendations are ranked by it.
    #[schema(value_type = String)]
    pub(crate) expected_gain: Roubles,
    /// Why: what each of the two may expect, a's first.
    pub(crate) reasons: Vec<ExpectedGain>,
}

/// Chains to create, the most promising for the weaker side first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recommendations {
    /// The moment before the first that counts.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Timestamp,
    /// The last moment that counts.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) as_of: Timestamp,
    /// A page of them.
    pub(crate) items: Vec<Recommendation>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}
