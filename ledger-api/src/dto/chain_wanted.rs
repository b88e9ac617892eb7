//! Chains of cross-promotion as they come in: how they are read. Rules X1, X2.

use ledger_core::chain::definition::{Audience, ChainFunder, ChainKind, HOLDOUT_MAX, Limits, STEPS_MAX};
use ledger_core::member::event::CouponBenefit;
use ledger_core::money::Roubles;
use ledger_core::rate::Rate;
use ledger_core::time::Timestamp;

use super::coupons::{TEXT_CHARS_MAX, gives, one_of, statuses};
use super::{admin::decimal, object, objects};
use crate::json::{self, Fields};

/// The longest name of a chain, in characters.
const NAME_CHARS_MAX: usize = 100;
/// The most that a count can be asked to be; the domain has closer bounds where there are any.
pub(super) const COUNT_MAX: u32 = 1_000_000_000;

const KINDS: [(&str, ChainKind); 3] =
    [("linear", ChainKind::Linear), ("mutual", ChainKind::Mutual), ("fan", ChainKind::Fan)];
const FUNDERS: [(&str, ChainFunder); 3] =
    [("source", ChainFunder::Source), ("target", ChainFunder::Target), ("coalition", ChainFunder::Coalition)];

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
    /// Without a value: taken away.
    pub(crate) from: Option<Option<Timestamp>>,
    /// Without a value: taken away.
    pub(crate) to: Option<Option<Timestamp>>,
    pub(crate) funded_by: Option<ChainFunder>,
    /// Without a value: taken away.
    pub(crate) holdout_percent: Option<Option<u32>>,
}

/// What `null` is in a body.
#[derive(Clone, Copy)]
enum Null {
    Wrong,
    /// The value is taken away.
    Nothing,
}

impl Null {
    fn value<'a, T>(
        self,
        fields: &mut Fields<'a, '_>,
        name: &str,
        read: impl FnOnce(json::Json<'a>) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self {
            Self::Wrong => fields.optional(name, read).map(Some),
            Self::Nothing => fields.nullable(name, read),
        }
    }

    /// An object of a body; the inner one is none when it is wrong.
    fn object<T: Default>(
        self,
        fields: &mut Fields<'_, '_>,
        name: &str,
        read: fn(&mut Fields<'_, '_>) -> Option<T>,
    ) -> Option<Option<T>> {
        match (self, fields.maybe_json(name)?) {
            (Self::Nothing, json::Json::Null) => Some(Some(T::default())),
            (_, json) => Some(object(json, name, fields.errors(), read)),
        }
    }
}

impl ChainWanted {
    /// Reads a new chain.
    pub(crate) fn draft(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let name = fields.required("name", json::text(NAME_CHARS_MAX));
        let kind = fields.required("kind", |json| one_of(json, &KINDS));
        let steps = fields.json("steps").and_then(|json| steps(json, fields));
        let funded_by = fields.required("funded_by", |json| one_of(json, &FUNDERS));
        let rest = Self::rest(fields, Null::Wrong)?;
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
        Some(Self { name, kind, steps, funded_by, ..Self::rest(fields, Null::Nothing)? })
    }

    /// What may be absent either way.
    fn rest(fields: &mut Fields<'_, '_>, null: Null) -> Option<Self> {
        let audience = null.object(fields, "audience", audience_of);
        let limits = null.object(fields, "limits", limits_of);
        let from = null.value(fields, "from", json::moment);
        let to = null.value(fields, "to", json::moment);
        let holdout_percent = null.value(fields, "holdout_percent", json::integer(0, HOLDOUT_MAX));
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
