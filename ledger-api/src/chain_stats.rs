//! What a chain led to, as admins are shown it, and what its businesses are told of it. Rules F5, X3–X5, X9; compliance M4.
//!
//! A business knows its own sales, and could read from a count, from what it comes to or from how both change with a sale or a
//! bill of its own, which of its buyers had been elsewhere. Groups of ten alone would not stop that (decision 13). So it is told
//! what Rule F5 says it must hear of, and what its own tills know: of its own steps alone, once a month is over, as it was known
//! by then, of ten members at least and in whole tens.
//!
//! A step from or to a medical business is not in ClickHouse, and so neither in a line nor in the whole.

use chrono::{Datelike, TimeDelta};
use ledger_core::business::Businesses;
use ledger_core::category::Confidentiality;
use ledger_core::chain::definition::Step;
use ledger_core::chain::{Chain, Version};
use ledger_core::context::Registry;
use ledger_core::ids::BusinessId;
use ledger_core::money::Roubles;
use ledger_core::time::{MoscowDay, Timestamp};

use crate::dto;
use crate::ratio::Ratio;
use crate::read::control::ByWhich;
use crate::read::promotion::{BySteps, Count, Tally, Used, UsedBySteps};
use crate::uplift;

/// Fewer members are told to no business, and no number between its multiples (compliance M4).
const TOLD_IN: u64 = 10;

/// The figures of a chain up to `as_of`: `given` has what its steps led to, `groups` what was bought by those who were given
/// something, and by those held out.
pub(crate) fn stats(
    (chain, given, groups): (&Chain, &BySteps, &ByWhich),
    as_of: Timestamp,
    registry: &Registry,
) -> dto::ChainStats {
    let mut all_versions: Vec<&Version> = chain.versions().collect();
    all_versions.sort_by_key(|version| version.version);
    let (mut steps, mut versions) = (Vec::new(), Vec::new());
    let (mut all, mut committed) = (Tally::default(), Some(Roubles::ZERO));
    for version in all_versions {
        let why_not = uplift::why_not(version, as_of, registry);
        let effect = |place: Option<u32>, tally: &Tally| {
            let groups = groups.get(&(chain.chain_id, version.version, place)).copied().unwrap_or_default();
            uplift::effect(&groups, tally.cost, why_not)
        };
        let (mut whole, mut is_told) = (Tally::default(), false);
        for (place, step) in (0..).zip(&version.definition.steps) {
            if !is_ordinary(step, &registry.businesses) {
                continue;
            }
            let tally = given.get(&(version.version, place)).copied().unwrap_or_default();
            let takes = takes(step, &tally);
            (whole, is_told) = (whole.and(tally), true);
            all = all.and(tally);
            committed = committed.zip(takes).and_then(|(sum, more)| sum.checked_add(more));
            steps.push(dto::StepFigures {
                version: version.version,
                step: place,
                from: step.from.as_uuid(),
                to: step.to.as_uuid(),
                figures: figures(&tally, takes),
                effect: effect(Some(place), &tally),
            });
        }
        if is_told {
            versions.push(dto::VersionEffect { version: version.version, effect: effect(None, &whole) });
        }
    }
    // Without a step there is nothing to say.
    let all = if steps.is_empty() { dto::PromotionFigures::default() } else { figures(&all, committed) };
    dto::ChainStats { chain_id: chain.chain_id.as_uuid(), as_of, steps, all, versions }
}

/// The end of the last Moscow month that is over: up to there businesses are told. Rule T2.
pub(crate) fn closed(now: Timestamp) -> Timestamp {
    let today = now.moscow_day().to_date();
    let first = MoscowDay::from_date(today.with_day(1).unwrap_or(today));
    first.start().minus(TimeDelta::microseconds(1))
}

/// What a business is told of its own steps of a chain: those that begin or end there. Rule F5.
pub(crate) fn own(
    (chain, own): (&Chain, BusinessId),
    used: &UsedBySteps,
    as_of: Timestamp,
    businesses: &Businesses,
) -> dto::ChainStats {
    let mut all_versions: Vec<&Version> = chain.versions().collect();
    all_versions.sort_by_key(|version| version.version);
    let (mut steps, mut all) = (Vec::new(), None::<u64>);
    for version in all_versions {
        for (place, step) in (0..).zip(&version.definition.steps) {
            if !is_ordinary(step, businesses) || (step.from != own && step.to != own) {
                continue;
            }
            let Used { used, though_refunded } =
                used.get(&(version.version, place)).copied().unwrap_or_default();
            let though_refunded = told(though_refunded);
            all = though_refunded.map(|more| all.unwrap_or_default().saturating_add(more)).or(all);
            steps.push(dto::StepFigures {
                version: version.version,
                step: place,
                from: step.from.as_uuid(),
                to: step.to.as_uuid(),
                figures: dto::PromotionFigures {
                    // Its own tills took them; where its members went from here is not told.
                    used: told(used).filter(|_| step.to == own),
                    used_though_refunded: though_refunded,
                    ..dto::PromotionFigures::default()
                },
                effect: dto::Effect { reason: Some(dto::NoEffect::AdminsAlone), ..dto::Effect::default() },
            });
        }
    }
    let all = dto::PromotionFigures { used_though_refunded: all, ..dto::PromotionFigures::default() };
    dto::ChainStats { chain_id: chain.chain_id.as_uuid(), as_of, steps, all, versions: Vec::new() }
}

/// What a business is told of a count; nothing of fewer than ten members.
fn told(count: Count) -> Option<u64> {
    let tens = count.rewards.saturating_sub(count.rewards % TOLD_IN);
    (count.members >= TOLD_IN).then_some(tens)
}

fn is_ordinary(step: &Step, businesses: &Businesses) -> bool {
    let is_ordinary =
        |id| businesses.get(id).is_some_and(|business| business.confidentiality == Confidentiality::Ordinary);
    is_ordinary(step.from) && is_ordinary(step.to)
}

/// What the rewards of a step take of a budget. Rule X5.
fn takes(step: &Step, tally: &Tally) -> Option<Roubles> {
    let many = i64::try_from(tally.triggers).ok()?;
    step.reward.costs_at_most()?.kopecks().checked_mul(many).map(Roubles::from_kopecks)
}

fn figures(tally: &Tally, committed: Option<Roubles>) -> dto::PromotionFigures {
    let gain = i128::from(tally.revenue).checked_sub(i128::from(tally.cost));
    dto::PromotionFigures {
        triggers: Some(tally.triggers),
        activated: Some(tally.activated),
        used: Some(tally.used),
        used_though_refunded: Some(tally.used_though_refunded),
        conversions: Some(tally.conversions),
        conversion_rate: Ratio::of(tally.conversions, tally.triggers),
        revenue: Some(Roubles::from_kopecks(tally.revenue)),
        cost: Some(Roubles::from_kopecks(tally.cost)),
        committed,
        gain: gain.and_then(|gain| Ratio::of(gain, tally.cost)),
    }
}

/// All of a tally of several chains.
pub(crate) fn all_of(tally: &Tally) -> dto::PromotionFigures {
    figures(tally, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn tally() -> Tally {
        Tally {
            triggers: 30,
            activated: 15,
            used: 12,
            used_though_refunded: 1,
            conversions: 12,
            revenue: 1_200_000,
            cost: 300_000,
        }
    }

    #[test]
    fn rule_f5_a_business_is_told_once_a_moscow_month_is_over() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let end = at("2026-02-28T23:59:59.999999+03:00");
        assert_eq!(closed(at("2026-03-31T23:59:59+03:00")), end);
        assert_eq!(closed(at("2026-03-01T00:00:00+03:00")), end);
        assert_eq!(closed(at("2026-02-28T22:00:00Z")), end, "it is March in Moscow");
        assert_eq!(closed(end), at("2026-01-31T23:59:59.999999+03:00"));
    }

    #[test]
    fn rule_f5_a_business_is_told_in_whole_tens_and_of_ten_members_at_least() {
        let of = |rewards, members| told(Count { rewards, members });
        assert_eq!((of(9, 9), of(1_000, 9), of(0, 0)), (None, None, None));
        assert_eq!((of(10, 10), of(19, 10), of(20, 11)), (Some(10), Some(10), Some(20)));
    }

    #[test]
    fn rule_x5_the_return_is_what_a_rouble_of_reward_brought_beyond_itself() {
        let shown = all_of(&tally());
        // (12000 − 3000) ÷ 3000
        assert_eq!(shown.gain.map(|gain| gain.to_string()).as_deref(), Some("3.0000"));
        let free = all_of(&Tally { cost: 0, ..tally() });
        assert_eq!((free.cost, free.gain), (Some(Roubles::ZERO), None));
    }
}
