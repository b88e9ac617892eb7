//! What a chain would have come to, by step and by day.

use std::collections::BTreeMap;

use crate::business::Businesses;
use crate::chain::definition::{Definition, Reward};
use crate::member::reward::WhyNot;
use crate::money::Roubles;
use crate::simulation::NotSimulated;
use crate::time::{MoscowDay, Timestamp};

/// What one step would have come to. Of the purchases looked at each is a trigger, held out, or refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepFigures {
    /// Purchases of the period where it begins.
    pub purchases: u64,
    /// Those for which something was given or promised.
    pub triggers: u64,
    /// Those of members who get nothing, so that it can be told what the chain brings.
    pub held_out: u64,
    /// The others, by the reason.
    pub refused: BTreeMap<WhyNot, u64>,
    /// Coupons given, or cross bonuses accrued.
    pub rewards: u64,
    /// What they take of the budget.
    pub cost: Roubles,
    /// Triggers from which a purchase at the target followed within the window, without any reward.
    pub conversions: u64,
    /// What these purchases come to, net of refunds.
    pub revenue: Roubles,
}

/// What one day would have come to, of all steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayFigures {
    /// Triggers.
    pub triggers: u64,
    /// Rewards given.
    pub rewards: u64,
    /// What they take of the budget.
    pub cost: Roubles,
}

/// What a simulation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// What was tried.
    pub definition: Definition,
    /// Members on the log.
    pub members: u64,
    /// Their purchases of the period where a step begins.
    pub purchases: u64,
    /// Members whose purchases do not hold together: what comes after that is not in the figures.
    pub left_out: u64,
    /// By step, in the order of the definition; none for one from or to a clinic.
    pub steps: Vec<Option<StepFigures>>,
    /// The Moscow days of the period.
    pub days: BTreeMap<MoscowDay, DayFigures>,
}

fn more(count: &mut u64) {
    *count = count.saturating_add(1);
}

fn add(sum: &mut Roubles, amount: Roubles) -> Result<(), NotSimulated> {
    *sum = sum.checked_add(amount).ok_or(NotSimulated::OutOfRange)?;
    Ok(())
}

impl ChainReport {
    pub(super) fn of(
        definition: Definition,
        businesses: &Businesses,
        (from, to): (Timestamp, Timestamp),
    ) -> Self {
        let told = definition.steps.iter().map(|step| !step.concerns_clinic(businesses));
        let steps = told.map(|is_told| is_told.then(StepFigures::default)).collect();
        let days = std::iter::successors(Some(from.moscow_day()), |day| Some(day.plus_days(1)));
        let days = days.take_while(|day| *day <= to.moscow_day());
        let days = days.map(|day| (day, DayFigures::default())).collect();
        Self { definition, members: 0, purchases: 0, left_out: 0, steps, days }
    }

    /// After each day what is left of the budget, if there is one.
    pub fn budget_left(&self) -> impl Iterator<Item = Option<Roubles>> {
        let mut left = self.definition.limits.budget;
        self.days.values().map(move |day| {
            left = left.and_then(|left| left.checked_sub(day.cost));
            left
        })
    }

    /// Whether nothing says what a reward of the step at `place` costs at most.
    #[must_use]
    pub fn is_cost_unknown(&self, place: usize) -> bool {
        let reward = self.definition.steps.get(place).map(|step| &step.reward);
        reward
            .is_some_and(|reward| matches!(reward, Reward::Coupon { .. }) && reward.costs_at_most().is_none())
    }

    fn step(&mut self, place: u32) -> Option<&mut StepFigures> {
        self.steps.get_mut(usize::try_from(place).ok()?)?.as_mut()
    }

    fn day(&mut self, at: Timestamp) -> &mut DayFigures {
        self.days.entry(at.moscow_day()).or_default()
    }

    pub(super) fn look(&mut self, place: u32) {
        self.step(place).into_iter().for_each(|step| more(&mut step.purchases));
    }

    pub(super) fn refuse(&mut self, place: u32, why: WhyNot) {
        self.step(place).into_iter().for_each(|step| more(step.refused.entry(why).or_default()));
    }

    pub(super) fn hold_out(&mut self, place: u32) {
        self.step(place).into_iter().for_each(|step| more(&mut step.held_out));
    }

    pub(super) fn trigger(&mut self, place: u32, at: Timestamp) {
        self.step(place).into_iter().for_each(|step| more(&mut step.triggers));
        more(&mut self.day(at).triggers);
    }

    pub(super) fn reward(&mut self, place: u32, at: Timestamp, cost: Roubles) -> Result<(), NotSimulated> {
        if let Some(step) = self.step(place) {
            more(&mut step.rewards);
            add(&mut step.cost, cost)?;
        }
        let day = self.day(at);
        more(&mut day.rewards);
        add(&mut day.cost, cost)
    }

    pub(super) fn convert(&mut self, place: u32) {
        self.step(place).into_iter().for_each(|step| more(&mut step.conversions));
    }

    pub(super) fn earn(&mut self, place: u32, revenue: Roubles) -> Result<(), NotSimulated> {
        self.step(place).map_or(Ok(()), |step| add(&mut step.revenue, revenue))
    }
}
