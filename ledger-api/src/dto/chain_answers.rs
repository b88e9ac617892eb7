//! Chains of cross-promotion as they are shown.

use ledger_core::money::Roubles;
use ledger_core::rate::Rate;
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where a version of a chain stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChainStanding {
    /// Which version.
    pub(crate) version: u32,
    /// draft, submitted, approved, rejected, active, paused or ended.
    #[schema(value_type = String)]
    pub(crate) state: &'static str,
}

/// What became of a command to a chain.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChainAnswer {
    /// The chain.
    pub(crate) chain_id: Uuid,
    /// The version that the command was about, and where it stands.
    #[serde(flatten)]
    pub(crate) standing: ChainStanding,
    /// Present and true when the same request came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A coupon as a step gives it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownCoupon {
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
    /// In words.
    pub(crate) description: Option<String>,
}

/// What a step gives.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownReward {
    /// coupon or cross_bonus.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub(crate) kind: &'static str,
    /// Of a coupon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) coupon: Option<ShownCoupon>,
    /// Of a cross bonus; the policy's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) rate: Option<Rate>,
}

/// A step of a chain.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownStep {
    /// Where a purchase triggers it.
    pub(crate) from: Uuid,
    /// Where its reward is good.
    pub(crate) to: Uuid,
    /// How many days after the purchase a purchase there follows from it.
    pub(crate) window_days: u32,
    /// The smallest net amount of a purchase that triggers it.
    #[schema(value_type = Option<String>)]
    pub(crate) min_amount: Option<Roubles>,
    /// What it gives.
    pub(crate) reward: ShownReward,
}

/// Whom a chain is for.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownAudience {
    /// Members of these statuses; of any when empty.
    pub(crate) statuses: Vec<&'static str>,
    /// Only who has bought nothing at the target.
    pub(crate) new_customers_of_target: bool,
}

/// How much a chain gives.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownLimits {
    /// Rewards for one member.
    pub(crate) per_member: Option<u32>,
    /// Rewards in all.
    pub(crate) total: Option<u32>,
    /// What all rewards may cost.
    #[schema(value_type = Option<String>)]
    pub(crate) budget: Option<Roubles>,
}

/// What a version of a chain is.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChainTerms {
    /// Its name.
    pub(crate) name: Option<String>,
    /// linear, mutual or fan.
    #[schema(value_type = String)]
    pub(crate) kind: &'static str,
    /// Its steps.
    pub(crate) steps: Vec<ShownStep>,
    /// Whom it is for.
    pub(crate) audience: ShownAudience,
    /// How much it gives.
    pub(crate) limits: ShownLimits,
    /// The first moment whose purchases trigger it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) from: Option<Timestamp>,
    /// The first moment whose purchases do so no more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) to: Option<Timestamp>,
    /// source, target or coalition.
    #[schema(value_type = String)]
    pub(crate) funded_by: &'static str,
    /// Of a hundred members, how many get nothing, so that it can be told what the chain brings; the policy's when absent.
    pub(crate) holdout_percent: Option<u32>,
}

/// The version of a chain that is active or paused.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunningChain {
    /// Which, and where it stands.
    #[serde(flatten)]
    pub(crate) standing: ChainStanding,
    /// What it is, for the businesses in it and for admins; null for others.
    pub(crate) definition: Option<ChainTerms>,
}

/// A chain: its newest version.
#[derive(Serialize, ToSchema)]
pub(crate) struct Chain {
    /// The chain.
    pub(crate) chain_id: Uuid,
    /// The newest version, and where it stands.
    #[serde(flatten)]
    pub(crate) standing: ChainStanding,
    /// The version that is active or paused, perhaps an older one.
    pub(crate) running: Option<RunningChain>,
    /// What the newest version is.
    #[serde(flatten)]
    pub(crate) terms: ChainTerms,
    /// The businesses whose owners consented to this version.
    pub(crate) consents: Vec<Uuid>,
    /// Why it was rejected.
    pub(crate) reason: Option<String>,
}

/// Chains, the last drawn up first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Chains {
    /// A page of them.
    pub(crate) items: Vec<Chain>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}
