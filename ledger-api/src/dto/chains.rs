//! Chains of cross-promotion as they come in. Rules X1, X2.

use ledger_core::chain::definition::{Audience, ChainFunder, ChainKind, HOLDOUT_MAX, Limits, STEPS_MAX};
use ledger_core::member::event::CouponBenefit;
use ledger_core::money::Roubles;
use ledger_core::rate::Rate;
use ledger_core::time::Timestamp;
use utoipa::ToSchema;

use super::coupons::{CouponType, StatusName, TEXT_CHARS_MAX, gives, one_of, statuses};
use super::values::{Amount, CouponValue, Factor, moment};
use super::{admin::decimal, object, objects};
use crate::json::{self, Fields};

/// The longest name of a chain, in characters.
const NAME_CHARS_MAX: usize = 100;
/// The most that a count can be asked to be; the domain has closer bounds where there are any.
const COUNT_MAX: u32 = 1_000_000_000;

const KINDS: [(&str, ChainKind); 3] =
    [("linear", ChainKind::Linear), ("mutual", ChainKind::Mutual), ("fan", ChainKind::Fan)];
const FUNDERS: [(&str, ChainFunder); 3] =
    [("source", ChainFunder::Source), ("target", ChainFunder::Target), ("coalition", ChainFunder::Coalition)];

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

/// Draw up a chain. Rule X1.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct DraftChain {
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
    /// Of a hundred members, how many get nothing, so that it can be told what the chain brings; the policy's when
    /// absent.
    #[schema(minimum = 0, maximum = 50, nullable = false)]
    holdout_percent: Option<u32>,
}

/// Change a chain: a new version, which needs every consent anew. What is absent stays.
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
    /// All of it.
    #[schema(nullable = false)]
    audience: Option<ChainAudience>,
    /// All of them.
    #[schema(nullable = false)]
    limits: Option<ChainLimits>,
    #[schema(schema_with = moment, required = false)]
    from: String,
    #[schema(schema_with = moment, required = false)]
    to: String,
    #[schema(nullable = false)]
    funded_by: Option<ChainFunderName>,
    #[schema(minimum = 0, maximum = 50, nullable = false)]
    holdout_percent: Option<u32>,
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

/// What a step is asked to give.
pub(crate) enum RewardWanted {
    Coupon {
        gives: CouponBenefit,
        /// What a gift is, in words.
        gift: Option<String>,
        min_bill: Option<Roubles>,
        life_days: u32,
        description: Option<String>,
    },
    CrossBonus {
        rate: Option<Rate>,
    },
}

/// A step as asked for: its businesses by id or slug.
pub(crate) struct StepWanted {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) window_days: u32,
    pub(crate) min_amount: Option<Roubles>,
    pub(crate) reward: RewardWanted,
}

/// A chain, or a change to one, as asked for.
pub(crate) struct ChainWanted {
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<ChainKind>,
    pub(crate) steps: Option<Vec<StepWanted>>,
    pub(crate) audience: Option<Audience>,
    pub(crate) limits: Option<Limits>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) funded_by: Option<ChainFunder>,
    pub(crate) holdout_percent: Option<u32>,
}

impl ChainWanted {
    /// Reads a new chain.
    pub(crate) fn draft(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let name = fields.required("name", json::text(NAME_CHARS_MAX));
        let kind = fields.required("kind", |json| one_of(json, &KINDS));
        let steps = fields.json("steps").and_then(|json| steps(json, fields));
        let funded_by = fields.required("funded_by", |json| one_of(json, &FUNDERS));
        let rest = Self::rest(fields)?;
        let all = Self { name, kind, steps, funded_by, ..rest };
        let is_whole =
            all.name.is_some() && all.kind.is_some() && all.steps.is_some() && all.funded_by.is_some();
        is_whole.then_some(all)
    }

    /// Reads a change.
    pub(crate) fn change(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let name = fields.optional("name", json::text(NAME_CHARS_MAX));
        let kind = fields.optional("kind", |json| one_of(json, &KINDS));
        let steps = match fields.maybe_json("steps") {
            Some(json) => Some(steps(json, fields)?),
            None => None,
        };
        let funded_by = fields.optional("funded_by", |json| one_of(json, &FUNDERS));
        Some(Self { name, kind, steps, funded_by, ..Self::rest(fields)? })
    }

    /// What may be absent either way.
    fn rest(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let audience = fields.maybe_json("audience");
        let audience = audience.map(|json| object(json, "audience", fields.errors(), audience_of));
        let limits = fields.maybe_json("limits");
        let limits = limits.map(|json| object(json, "limits", fields.errors(), limits_of));
        let from = fields.optional("from", json::moment);
        let to = fields.optional("to", json::moment);
        let holdout_percent = fields.optional("holdout_percent", json::integer(0, HOLDOUT_MAX));
        let (name, kind, steps, funded_by) = (None, None, None, None);
        let (audience, limits) =
            (audience.map_or(Some(None), |it| it.map(Some))?, limits.map_or(Some(None), |it| it.map(Some))?);
        Some(Self { name, kind, steps, audience, limits, from, to, funded_by, holdout_percent })
    }
}

fn audience_of(fields: &mut Fields<'_, '_>) -> Option<Audience> {
    let statuses = fields.optional("statuses", statuses).unwrap_or_default();
    let new_customers_of_target = fields.optional("new_customers_of_target", json::flag).unwrap_or_default();
    Some(Audience { statuses, new_customers_of_target })
}

fn limits_of(fields: &mut Fields<'_, '_>) -> Option<Limits> {
    let per_member = fields.optional("per_member", json::integer(0, COUNT_MAX));
    let total = fields.optional("total", json::integer(0, COUNT_MAX));
    Some(Limits { per_member, total, budget: fields.optional("budget", json::money) })
}

fn steps(json: json::Json<'_>, fields: &mut Fields<'_, '_>) -> Option<Vec<StepWanted>> {
    objects(json, "steps", STEPS_MAX, fields.errors(), step)
}

fn step(fields: &mut Fields<'_, '_>) -> Option<StepWanted> {
    let from = fields.required("from", json::text(64));
    let to = fields.required("to", json::text(64));
    let window_days = fields.required("window_days", json::integer(0, COUNT_MAX));
    let min_amount = fields.optional("min_amount", json::money);
    let mut of_reward = fields.object("reward")?;
    let reward = reward(&mut of_reward);
    of_reward.finish();
    Some(StepWanted { from: from?, to: to?, window_days: window_days?, min_amount, reward: reward? })
}

fn reward(fields: &mut Fields<'_, '_>) -> Option<RewardWanted> {
    let is_coupon =
        fields.required("type", |json| one_of(json, &[("coupon", true), ("cross_bonus", false)]))?;
    if !is_coupon {
        return Some(RewardWanted::CrossBonus { rate: fields.optional("rate", decimal) });
    }
    let mut of_coupon = fields.object("coupon")?;
    let coupon = coupon(&mut of_coupon);
    of_coupon.finish();
    coupon
}

fn coupon(fields: &mut Fields<'_, '_>) -> Option<RewardWanted> {
    let given = gives(fields);
    let min_bill = fields.optional("min_bill", json::money);
    let life_days = fields.required("life_days", json::integer(0, COUNT_MAX));
    let description = fields.optional("description", json::text(TEXT_CHARS_MAX));
    let (gives, gift) = given?;
    Some(RewardWanted::Coupon { gives, gift, min_bill, life_days: life_days?, description })
}
