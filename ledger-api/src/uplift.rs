//! What rewards changed, worked out of what both groups bought. Rule X8, decision 13.
//!
//! Members are drawn by lot, so whatever else moves their purchases moves both groups alike; the difference is the chain's. The
//! incremental revenue is what the treated spent less what as many of the control group would have: Rᵗ − Rᶜ × nᵗ ÷ nᶜ, rounded once.

use ledger_core::chain::Version;
use ledger_core::chain::held_out::HeldOut;
use ledger_core::context::Registry;
use ledger_core::money::Roubles;
use ledger_core::time::Timestamp;

use crate::dto;
use crate::interval;
use crate::ratio::{Ratio, rounded};
use crate::read::control::{Group, Groups};
use crate::read::win_win::MEMBERS_LEAST;

/// Why the groups of a version cannot be compared; `None` when they can.
pub(crate) fn why_not(version: &Version, until: Timestamp, registry: &Registry) -> Option<dto::NoEffect> {
    match version.held_out(&registry.policies, until) {
        HeldOut::Nobody => Some(dto::NoEffect::NoControlGroup),
        HeldOut::Changed => Some(dto::NoEffect::ShareChanged),
        HeldOut::Some => None,
    }
}

/// What a step or a version changed; `cost` is that of its rewards, in kopecks.
pub(crate) fn effect(groups: &Groups, cost: i64, why_not: Option<dto::NoEffect>) -> dto::Effect {
    let reason = why_not.or_else(|| (!are_enough(groups)).then_some(dto::NoEffect::TooFew));
    if reason.is_some() {
        return dto::Effect { reason, ..dto::Effect::default() };
    }
    let incremental = incremental(groups);
    dto::Effect {
        treated: figures(groups.treated),
        control: figures(groups.control),
        uplift: uplift(groups),
        incremental_revenue: incremental.map(Roubles::from_kopecks),
        cost: Some(Roubles::from_kopecks(cost)),
        return_on_promotion: incremental.and_then(|more| Ratio::of(more, cost)),
        reason: None,
    }
}

/// What the steps from one business to another changed, each with its groups and the cost of its rewards.
pub(crate) fn of_way<'a>(steps: impl Iterator<Item = &'a (Groups, i64)>) -> dto::WayEffect {
    let told = steps.filter(|(groups, _)| are_enough(groups));
    let told = told.filter_map(|(groups, cost)| Some((incremental(groups)?, *cost)));
    let mut way = dto::WayEffect::default();
    let (mut more, mut cost) = (0_i64, 0_i64);
    for (of_step, its_cost) in told {
        way.steps = way.steps.saturating_add(1);
        more = more.saturating_add(of_step);
        cost = cost.saturating_add(its_cost);
    }
    if way.steps > 0 {
        way.incremental_revenue = Some(Roubles::from_kopecks(more));
        way.cost = Some(Roubles::from_kopecks(cost));
        way.return_on_promotion = Ratio::of(more, cost);
    }
    way
}

/// Compliance M4.
const fn are_enough(groups: &Groups) -> bool {
    groups.treated.members >= MEMBERS_LEAST && groups.control.members >= MEMBERS_LEAST
}

fn figures(group: Group) -> Option<dto::GroupFigures> {
    let each = rounded(group.revenue.into(), group.members.into())?;
    Some(dto::GroupFigures {
        members: group.members,
        purchased: group.purchased,
        rate: Ratio::of(group.purchased, group.members)?,
        revenue: Roubles::from_kopecks(group.revenue),
        revenue_per_member: Roubles::from_kopecks(i64::try_from(each).ok()?),
    })
}

fn uplift(Groups { treated, control }: &Groups) -> Option<dto::Uplift> {
    let [(x, n), (y, m)] = [treated, control].map(|it| (i128::from(it.purchased), i128::from(it.members)));
    let above = x.checked_mul(m)?.checked_sub(y.checked_mul(n)?)?;
    let of = |group: &Group| (group.purchased, group.members);
    let (low, high) = interval::of_difference(of(treated), of(control))?;
    Some(dto::Uplift { difference: Ratio::of(above, n.checked_mul(m)?)?, low, high })
}

/// In kopecks.
fn incremental(Groups { treated, control }: &Groups) -> Option<i64> {
    let ([r, s], [n, m]) = (
        [treated, control].map(|it| i128::from(it.revenue)),
        [treated, control].map(|it| i128::from(it.members)),
    );
    let above = r.checked_mul(m)?.checked_sub(s.checked_mul(n)?)?;
    rounded(above, m).and_then(|more| i64::try_from(more).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 56 of 70 who were given something bought, and 48 of 80 who were not: the first example of Newcombe's table II.
    const GROUPS: Groups = Groups {
        treated: Group { members: 70, purchased: 56, revenue: 7_000_000 },
        control: Group { members: 80, purchased: 48, revenue: 4_800_001 },
    };

    #[test]
    fn rule_x8_the_return_is_what_was_bought_beyond_the_control_group_for_each_rouble_of_reward() {
        let shown = effect(&GROUPS, 1_400_000, None);
        let control = shown.control.expect("a group");
        assert_eq!(
            (control.rate.to_string(), control.revenue_per_member.to_string()),
            ("0.6000".into(), "600.00".into())
        );
        let uplift = shown.uplift.expect("an uplift");
        let texts = [uplift.difference, uplift.low, uplift.high].map(|it| it.to_string());
        assert_eq!(texts, ["0.2000", "0.0524", "0.3339"]);
        // 70,000 − 48,000.01 × 70 ÷ 80 = 27,999.99125, which is 1.999999375 × 14,000.
        assert_eq!(shown.incremental_revenue, Some(Roubles::from_kopecks(2_799_999)));
        assert_eq!(shown.return_on_promotion.map(|it| it.to_string()).as_deref(), Some("2.0000"));
        assert_eq!(shown.reason, None);
        let free = effect(&GROUPS, 0, None);
        assert_eq!((free.cost, free.return_on_promotion), (Some(Roubles::ZERO), None));
    }

    #[test]
    fn compliance_m4_groups_below_ten_or_that_cannot_be_compared_are_not_shown() {
        let small = Group { members: 9, purchased: 3, revenue: 300 };
        for (groups, why_not, reason) in [
            (Groups { control: small, ..GROUPS }, None, dto::NoEffect::TooFew),
            (Groups { treated: small, ..GROUPS }, None, dto::NoEffect::TooFew),
            (Groups::default(), None, dto::NoEffect::TooFew),
            (GROUPS, Some(dto::NoEffect::NoControlGroup), dto::NoEffect::NoControlGroup),
            (GROUPS, Some(dto::NoEffect::ShareChanged), dto::NoEffect::ShareChanged),
        ] {
            let nothing = dto::Effect { reason: Some(reason), ..dto::Effect::default() };
            assert_eq!(effect(&groups, 100, why_not), nothing);
        }
    }

    #[test]
    fn rule_x8_a_way_is_the_sum_of_the_steps_of_which_it_can_be_told() {
        let small = Groups { control: Group { members: 9, ..GROUPS.control }, ..GROUPS };
        let less = Groups { treated: Group { revenue: 0, ..GROUPS.treated }, ..GROUPS };
        let way = of_way([(GROUPS, 1_000_000), (small, 5), (less, 400_000)].iter());
        // 27,999.99 − 42,000.01 = −14,000.02 for 14,000.
        assert_eq!((way.steps, way.incremental_revenue), (2, Some(Roubles::from_kopecks(-1_400_002))));
        assert_eq!(way.return_on_promotion.map(|it| it.to_string()).as_deref(), Some("-1.0000"));
        assert_eq!(of_way([(small, 5)].iter()), dto::WayEffect::default());
    }
}
