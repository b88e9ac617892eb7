//! What a chain led to, as it may be shown. Rules X3–X5, X9; compliance M4.
//!
//! Why a business learns of nobody:
//! 1. A step from or to a medical business is not in ClickHouse, and so neither in a line nor in the whole.
//! 2. What fewer than [`MEMBERS_LEAST`] members did is withheld, nothing too: whoever knows of one member that she was to
//!    trigger a step would else read from a count what she did elsewhere.
//! 3. The whole is withheld where a line is, so that no subtraction gives it back.
//! 4. Days are told when they are over: a count that moves with one's own sale would name its buyer.
//!
//! What a business sees of its own sales anyway it is told exactly: how many coupons were used with it, and their cost. An admin is told all.

use ledger_core::business::Businesses;
use ledger_core::category::Confidentiality;
use ledger_core::chain::Chain;
use ledger_core::chain::definition::Step;
use ledger_core::ids::BusinessId;
use ledger_core::money::Roubles;
use ledger_core::time::Timestamp;

use crate::dto;
use crate::ratio::Ratio;
use crate::read::promotion::{BySteps, Count, Tally};
use crate::read::win_win::MEMBERS_LEAST;

/// Who looks: `None` for an admin.
pub(crate) type Viewer = Option<BusinessId>;

/// Which parts of a tally may be shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    triggers: bool,
    activated: bool,
    used: bool,
    conversions: bool,
}

impl Shown {
    const ALL: Self = Self { triggers: true, activated: true, used: true, conversions: true };

    /// What is of enough members.
    fn groups(tally: &Tally) -> Self {
        let is_group = |count: Count| count.members >= MEMBERS_LEAST;
        Self {
            triggers: is_group(tally.triggers),
            activated: is_group(tally.activated),
            used: is_group(tally.used),
            conversions: is_group(tally.conversions),
        }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            triggers: self.triggers && other.triggers,
            activated: self.activated && other.activated,
            used: self.used && other.used,
            conversions: self.conversions && other.conversions,
        }
    }
}

/// The figures of a chain up to `as_of`: `given` has what its steps led to.
pub(crate) fn stats(
    (chain, given): (&Chain, &BySteps),
    as_of: Timestamp,
    viewer: Viewer,
    businesses: &Businesses,
) -> dto::ChainStats {
    let mut versions: Vec<_> = chain.versions().collect();
    versions.sort_by_key(|version| version.version);
    let mut steps = Vec::new();
    let (mut all, mut shown, mut committed) = (Tally::default(), Shown::ALL, Some(Roubles::ZERO));
    for version in versions {
        for (place, step) in (0..).zip(&version.definition.steps) {
            if !is_ordinary(step, businesses) {
                continue;
            }
            let tally = given.get(&(version.version, place)).copied().unwrap_or_default();
            let (takes, groups) = (takes(step, &tally), Shown::groups(&tally));
            all = all.and(tally);
            shown = shown.and(groups);
            committed = committed.zip(takes).and_then(|(sum, more)| sum.checked_add(more));
            let own_sales = Shown { used: groups.used || viewer == Some(step.to), ..groups };
            steps.push(dto::StepFigures {
                version: version.version,
                step: place,
                from: step.from.as_uuid(),
                to: step.to.as_uuid(),
                figures: figures(&tally, takes, if viewer.is_none() { Shown::ALL } else { own_sales }),
            });
        }
    }
    let shown = if viewer.is_none() { Shown::ALL } else { shown };
    // Without a step there is nothing to say.
    let all =
        if steps.is_empty() { dto::PromotionFigures::default() } else { figures(&all, committed, shown) };
    dto::ChainStats { chain_id: chain.chain_id.as_uuid(), as_of, steps, all }
}

fn is_ordinary(step: &Step, businesses: &Businesses) -> bool {
    let is_ordinary =
        |id| businesses.get(id).is_some_and(|business| business.confidentiality == Confidentiality::Ordinary);
    is_ordinary(step.from) && is_ordinary(step.to)
}

/// What the rewards of a step take of a budget. Rule X5.
fn takes(step: &Step, tally: &Tally) -> Option<Roubles> {
    let many = i64::try_from(tally.triggers.many).ok()?;
    step.reward.costs_at_most()?.kopecks().checked_mul(many).map(Roubles::from_kopecks)
}

fn figures(tally: &Tally, committed: Option<Roubles>, shown: Shown) -> dto::PromotionFigures {
    let both = shown.used && shown.conversions;
    let gain = i128::from(tally.revenue).checked_sub(i128::from(tally.cost));
    dto::PromotionFigures {
        triggers: shown.triggers.then_some(tally.triggers.many),
        activated: shown.activated.then_some(tally.activated.many),
        used: shown.used.then_some(tally.used.many),
        conversions: shown.conversions.then_some(tally.conversions.many),
        conversion_rate: Ratio::of(tally.conversions.many, tally.triggers.many)
            .filter(|_| shown.triggers && shown.conversions),
        revenue: shown.conversions.then(|| Roubles::from_kopecks(tally.revenue)),
        cost: shown.used.then(|| Roubles::from_kopecks(tally.cost)),
        committed: committed.filter(|_| shown.triggers),
        gain: gain.and_then(|gain| Ratio::of(gain, tally.cost)).filter(|_| both),
    }
}

/// All of a tally, for an admin.
pub(crate) fn all_of(tally: &Tally) -> dto::PromotionFigures {
    figures(tally, None, Shown::ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn count(many: u64, members: u64) -> Count {
        Count { many, members }
    }

    fn tally() -> Tally {
        Tally {
            triggers: count(30, 20),
            activated: count(15, 12),
            used: count(12, 9),
            conversions: count(12, 10),
            revenue: 1_200_000,
            cost: 300_000,
        }
    }

    #[test]
    fn compliance_m4_what_fewer_than_ten_members_did_is_withheld_with_all_that_tells_it() {
        let shown = figures(&tally(), Some(Roubles::from_kopecks(1_500_000)), Shown::groups(&tally()));
        assert_eq!((shown.triggers, shown.activated, shown.used), (Some(30), Some(15), None));
        assert_eq!((shown.conversions, shown.revenue), (Some(12), Some(Roubles::from_kopecks(1_200_000))));
        // Cost and return would tell how many coupons were used.
        assert_eq!((shown.cost, shown.gain), (None, None));
        assert_eq!(shown.conversion_rate.map(|rate| rate.to_string()).as_deref(), Some("0.4000"));
        let nothing = figures(&Tally::default(), Some(Roubles::ZERO), Shown::groups(&Tally::default()));
        assert_eq!(nothing, dto::PromotionFigures::default(), "nothing is a group of fewer than ten, too");
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
