//! A chain tried on the past. Rules X1, X3–X6.

use ledger_core::chain::definition::{DAYS_MAX, Step};
use ledger_core::log::Position;
use ledger_core::member::reward::WhyNot;
use ledger_core::money::Roubles;
use ledger_core::simulation::chain::{ChainReport, StepFigures};
use ledger_core::time::{MoscowDay, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ChainWanted, SimulateDraftChain};
use crate::json::{self, Fields};

/// How many days are tried when nobody says it.
const DAYS: u32 = 30;

/// Try the newest version of a chain that was drawn up.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct SimulateStoredChain {
    /// The chain.
    chain_id: Uuid,
    /// How many of the last Moscow days, today among them; 30 when absent.
    #[schema(minimum = 1, maximum = 365, nullable = false)]
    days: Option<u32>,
}

/// Try a chain on the last days.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) enum SimulateChain {
    Stored(SimulateStoredChain),
    Draft(SimulateDraftChain),
}

/// Which chain is to be tried.
pub(crate) enum ChainToTry {
    /// The newest version of this one.
    Stored(Uuid),
    /// One that nobody has drawn up.
    Draft(Box<ChainWanted>),
}

/// A chain, and on how many days to try it.
pub(crate) struct ChainTrialWanted {
    pub(crate) chain: ChainToTry,
    pub(crate) days: u32,
}

impl ChainTrialWanted {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let days = fields.optional("days", json::integer(1, DAYS_MAX)).unwrap_or(DAYS);
        let is_stored = fields.names().any(|name| name == "chain_id");
        let stored = fields.optional("chain_id", json::uuid);
        let chain = if is_stored {
            ChainToTry::Stored(stored?)
        } else {
            ChainToTry::Draft(Box::new(ChainWanted::draft(fields)?))
        };
        Some(Self { chain, days })
    }
}

/// Purchases for which a step would have given nothing, by the reason.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct RefusedSimulated {
    /// The net amount is below the step's smallest, or nothing is left of it.
    pub(crate) too_small: u64,
    /// Her status is another, or she is no new customer of the target.
    pub(crate) audience: u64,
    /// So many rewards were given to her, or in all.
    pub(crate) limit: u64,
    /// Not enough was left of the budget.
    pub(crate) budget: u64,
    /// She was blocked, had no room for another coupon, the purchase was told after the window, or was made with a coupon that
    /// came from the target.
    pub(crate) other: u64,
}

/// What a step would have come to. Each purchase is a trigger, held out, or refused.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChainStepFigures {
    /// Purchases where the step begins.
    pub(crate) purchases: u64,
    /// Those for which something would have been given or promised.
    pub(crate) triggers: u64,
    /// Those of members who get nothing, so that it can be told what the chain brings.
    pub(crate) held_out: u64,
    /// The others.
    pub(crate) refused: RefusedSimulated,
    /// Coupons given, or cross bonuses accrued.
    pub(crate) rewards: u64,
    /// What the rewards take of the budget: of a coupon the most that it can cost, of a cross bonus what it comes to. Null
    /// where nothing says what a coupon costs at most.
    #[schema(value_type = Option<String>)]
    pub(crate) cost: Option<Roubles>,
    /// Triggers after which a purchase at the target followed within the window, without any reward: the least that can be
    /// expected. Of the last triggers the window is not over.
    pub(crate) conversions: u64,
    /// What these purchases come to, net of refunds.
    #[schema(value_type = String)]
    pub(crate) revenue: Roubles,
}

/// One step of the chain.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChainStepSimulated {
    /// Its place, from 0.
    pub(crate) step: usize,
    /// Where it begins.
    pub(crate) from: Uuid,
    /// Where it leads.
    pub(crate) to: Uuid,
    /// Null from or to a medical business: nothing is told of it, and it takes nothing of the limits.
    pub(crate) figures: Option<ChainStepFigures>,
}

/// One Moscow day, all steps together.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChainDaySimulated {
    /// Which.
    #[schema(value_type = String, format = Date)]
    pub(crate) day: MoscowDay,
    /// Triggers.
    pub(crate) triggers: u64,
    /// Rewards given.
    pub(crate) rewards: u64,
    /// What they take of the budget.
    #[schema(value_type = String)]
    pub(crate) cost: Roubles,
    /// What is left of the budget at its end; null without one.
    #[schema(value_type = Option<String>)]
    pub(crate) budget_left: Option<Roubles>,
}

/// What the chain would have come to in the period.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChainSimulationResult {
    /// The log up to this position was told again.
    pub(crate) position: Position,
    /// The first moment of the period.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Timestamp,
    /// The first moment after it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) to: Timestamp,
    /// Members whose facts were told again.
    pub(crate) members: u64,
    /// Their purchases of the period where a step begins.
    pub(crate) purchases: u64,
    /// Members whose purchases do not hold together: what comes after that is not in the figures.
    pub(crate) left_out: u64,
    /// By step.
    pub(crate) steps: Vec<ChainStepSimulated>,
    /// By day.
    pub(crate) days: Vec<ChainDaySimulated>,
}

impl RefusedSimulated {
    fn of(figures: &StepFigures) -> Self {
        let mut all = Self::default();
        for (why, count) in &figures.refused {
            let sum = match why {
                WhyNot::TooSmall => &mut all.too_small,
                WhyNot::Audience => &mut all.audience,
                WhyNot::Limit => &mut all.limit,
                WhyNot::Budget => &mut all.budget,
                WhyNot::NotActive
                | WhyNot::TooLate
                | WhyNot::Way
                | WhyNot::Blocked
                | WhyNot::NoConsent
                | WhyNot::NoRoom => &mut all.other,
            };
            *sum = sum.saturating_add(*count);
        }
        all
    }
}

impl ChainSimulationResult {
    /// The report on the log up to `position`.
    pub(crate) fn of(report: &ChainReport, (from, to): (Timestamp, Timestamp), position: Position) -> Self {
        let steps = report.definition.steps.iter().zip(&report.steps).enumerate();
        let step = |(place, (step, figures)): (usize, (&Step, &Option<StepFigures>))| ChainStepSimulated {
            step: place,
            from: step.from.as_uuid(),
            to: step.to.as_uuid(),
            figures: figures.as_ref().map(|it| ChainStepFigures {
                purchases: it.purchases,
                triggers: it.triggers,
                held_out: it.held_out,
                refused: RefusedSimulated::of(it),
                rewards: it.rewards,
                cost: Some(it.cost).filter(|_| !report.is_cost_unknown(place)),
                conversions: it.conversions,
                revenue: it.revenue,
            }),
        };
        let days = report.days.iter().zip(report.budget_left()).map(|((day, it), budget_left)| {
            let (triggers, rewards, cost) = (it.triggers, it.rewards, it.cost);
            ChainDaySimulated { day: *day, triggers, rewards, cost, budget_left }
        });
        Self {
            position,
            from,
            to,
            members: report.members,
            purchases: report.purchases,
            left_out: report.left_out,
            steps: steps.map(step).collect(),
            days: days.collect(),
        }
    }
}
