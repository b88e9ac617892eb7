//! A chain as it is shown: its newest version and the one that runs, with the words of the vault.

use ledger_core::chain::definition::{ChainFunder, ChainKind, CouponTemplate, Definition, Reward, Step};
use ledger_core::chain::{Chain, Version};
use ledger_core::ids::{BusinessId, ReasonId};

use crate::dto;
use crate::shown_coupon::{Texts, worth};

/// The texts of the newest version, and of the one that runs.
pub(crate) fn texts_of(chain: &Chain) -> Vec<ReasonId> {
    let versions = chain.running().into_iter().chain([&chain.newest]);
    versions.flat_map(|version| version.definition.texts()).chain(chain.newest.reason).collect()
}

/// The newest version, and the one that runs: the terms of that one for those alone who are part of it, or an admin.
pub(crate) fn shown(chain: &Chain, texts: &Texts, business: Option<BusinessId>) -> dto::Chain {
    let Version { definition, consents, reason, .. } = &chain.newest;
    let is_told = |version: &Version| business.is_none_or(|own| version.definition.parties().contains(&own));
    let running = |version: &Version| dto::RunningChain {
        standing: standing(version),
        definition: is_told(version).then(|| terms(&version.definition, texts)),
    };
    dto::Chain {
        chain_id: chain.chain_id.as_uuid(),
        standing: standing(&chain.newest),
        running: chain.running().map(running),
        terms: terms(definition, texts),
        consents: consents.iter().map(|business| business.as_uuid()).collect(),
        reason: reason.and_then(|reason| texts.get(&reason).cloned()),
    }
}

fn terms(definition: &Definition, texts: &Texts) -> dto::ChainTerms {
    let (audience, limits) = (&definition.audience, &definition.limits);
    dto::ChainTerms {
        name: texts.get(&definition.name).cloned(),
        kind: match definition.kind {
            ChainKind::Linear => "linear",
            ChainKind::Mutual => "mutual",
            ChainKind::Fan => "fan",
        },
        steps: definition.steps.iter().map(|it| step(it, texts)).collect(),
        audience: dto::ShownAudience {
            statuses: audience.statuses.iter().map(|status| status.as_str()).collect(),
            new_customers_of_target: audience.new_customers_of_target,
        },
        limits: dto::ShownLimits {
            per_member: limits.per_member,
            total: limits.total,
            budget: limits.budget,
        },
        from: definition.from,
        to: definition.to,
        funded_by: match definition.funded_by {
            ChainFunder::Source => "source",
            ChainFunder::Target => "target",
            ChainFunder::Coalition => "coalition",
        },
        holdout_percent: definition.holdout_percent,
    }
}

const fn standing(version: &Version) -> dto::ChainStanding {
    dto::ChainStanding { version: version.version, state: version.state.as_str() }
}

fn step(step: &Step, texts: &Texts) -> dto::ShownStep {
    let reward = match &step.reward {
        Reward::Coupon { coupon: given } => {
            dto::ShownReward { kind: "coupon", coupon: Some(coupon(given, texts)), rate: None }
        }
        Reward::CrossBonus { rate } => dto::ShownReward { kind: "cross_bonus", coupon: None, rate: *rate },
    };
    dto::ShownStep {
        from: step.from.as_uuid(),
        to: step.to.as_uuid(),
        window_days: step.window_days,
        min_amount: step.min_amount,
        reward,
    }
}

fn coupon(given: &CouponTemplate, texts: &Texts) -> dto::ShownCoupon {
    let (value, cap) = worth(&given.gives, given.gift, texts);
    dto::ShownCoupon {
        kind: given.gives.kind(),
        value,
        cap,
        min_bill: given.min_bill,
        life_days: given.life_days,
        description: given.description.and_then(|id| texts.get(&id).cloned()),
    }
}
