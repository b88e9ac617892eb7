//! A policy tried on the past. Rule P3.

use std::collections::BTreeMap;

use ledger_core::log::Position;
use ledger_core::member::lot::Funder;
use ledger_core::member::status::Status;
use ledger_core::money::Bonuses;
use ledger_core::simulation::{Change, Figures, Report, Sides};
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ChainSimulationResult;
use super::admin::changed_parameters;
use super::values::parameters;
use crate::json::{self, Fields};

/// A draft of a policy, and the period to try it on.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SimulatePolicy {
    /// The first moment of the period.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Timestamp,
    /// The first moment after it; not in the future.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) to: Timestamp,
    /// The parameters that change against the newest policy, by name; at least one.
    #[schema(schema_with = parameters)]
    pub(crate) parameters: BTreeMap<String, serde_json::Value>,
}

impl SimulatePolicy {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let from = fields.required("from", json::moment);
        let to = fields.required("to", json::moment);
        let parameters = changed_parameters(fields);
        Some(Self { from: from?, to: to?, parameters: parameters? })
    }
}

/// One line of the answer: how far it is, at most a few times a second; last of all the result, or why there is none.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToldLine<R> {
    /// How far it is.
    Progress(SimulationProgress),
    /// What it came to.
    Result(Box<R>),
    /// Why it ended before.
    Error(SimulationError),
}

macro_rules! lines {
    ($($(#[$doc:meta])* $name:ident of $result:ident;)*) => {$(
        $(#[$doc])*
        #[derive(ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[expect(dead_code, reason = "documents an answer")]
        pub(crate) enum $name {
            /// How far it is.
            Progress(SimulationProgress),
            /// What it came to.
            Result($result),
            /// Why it ended before.
            Error(SimulationError),
        }
    )*};
}

lines! {
    /// One line of the answer: how far it is, at most a few times a second; last of all the result, or why there is none.
    SimulationLine of SimulationResult;
    /// One line of the answer: how far it is, at most a few times a second; last of all the result, or why there is none.
    ChainSimulationLine of ChainSimulationResult;
}

/// How far a simulation is.
#[derive(Serialize, ToSchema)]
pub(crate) struct SimulationProgress {
    /// Members whose facts were told again.
    pub(crate) members: u64,
    /// Of so many.
    pub(crate) of: u64,
    /// Their purchases of the period.
    pub(crate) purchases: u64,
}

/// Why a simulation ended without a result.
#[derive(Serialize, ToSchema)]
pub(crate) struct SimulationError {
    /// As of any failure.
    pub(crate) code: String,
    /// A sentence.
    pub(crate) message: String,
}

/// An amount under the policies that held and under the draft.
#[derive(Serialize, ToSchema)]
pub(crate) struct BothAmounts {
    /// Under the policies that held.
    #[schema(value_type = String)]
    pub(crate) real: Bonuses,
    /// Under the draft.
    #[schema(value_type = String)]
    pub(crate) draft: Bonuses,
    /// The draft's less the real one.
    #[schema(value_type = String)]
    pub(crate) change: Bonuses,
}

/// A count under the policies that held and under the draft.
#[derive(Serialize, ToSchema)]
pub(crate) struct BothCounts {
    /// Under the policies that held.
    pub(crate) real: u64,
    /// Under the draft.
    pub(crate) draft: u64,
}

/// A status under the policies that held and under the draft.
#[derive(Serialize, ToSchema)]
pub(crate) struct BothStatuses {
    /// Under the policies that held.
    #[schema(value_type = String)]
    pub(crate) real: Status,
    /// Under the draft.
    #[schema(value_type = String)]
    pub(crate) draft: Status,
}

/// What the draft would have come to in the period.
#[derive(Serialize, ToSchema)]
pub(crate) struct SimulationResult {
    /// The log up to this position was told again.
    pub(crate) position: Position,
    /// Members at the end of the period.
    pub(crate) members: u64,
    /// Purchases of the period; medical businesses left out, here and in all that follows but the statuses as shown.
    pub(crate) purchases: u64,
    /// Facts of the period that could not be told again.
    pub(crate) left_out: BothCounts,
    /// Bonuses issued in the period.
    pub(crate) issued: BothAmounts,
    /// What bonuses cost in the period: issued, less what expired, was taken back or paid by a debtor.
    pub(crate) cost: BothAmounts,
    /// What is outstanding at the end of the period; of bonuses that a medical business touched, what was by then.
    pub(crate) liability: BothAmounts,
    /// The same by who funds the bonuses; by name, the coalition last.
    pub(crate) funders: Vec<FunderSimulated>,
    /// Members by status at the end, as shown.
    pub(crate) statuses: Vec<StatusSimulated>,
    /// Members whose status at the end is higher under the draft.
    pub(crate) statuses_won: u64,
    /// Members whose status at the end is lower under the draft.
    pub(crate) statuses_lost: u64,
    /// Up to twenty members whose earnings change most, the largest change first.
    pub(crate) largest_changes: Vec<ChangeSimulated>,
}

/// What a period came to for one funder.
#[derive(Serialize, ToSchema)]
pub(crate) struct FunderSimulated {
    /// A business's slug, or `coalition`.
    #[schema(value_type = String)]
    pub(crate) funder: Funder,
    /// Bonuses issued in the period.
    pub(crate) issued: BothAmounts,
    /// What they cost.
    pub(crate) cost: BothAmounts,
    /// What is outstanding at the end.
    pub(crate) liability: BothAmounts,
}

/// How many members have a status.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusSimulated {
    /// Which.
    #[schema(value_type = String)]
    pub(crate) status: Status,
    /// Under the policies that held.
    pub(crate) real: u64,
    /// Under the draft.
    pub(crate) draft: u64,
}

/// A member who would have earned more or less.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangeSimulated {
    /// Who.
    pub(crate) member_id: Uuid,
    /// What she earned in the period, less what refunds took back; medical businesses left out.
    pub(crate) earned: BothAmounts,
    /// Her status at the end, as shown.
    pub(crate) status: BothStatuses,
}

fn both(amounts: Sides<Bonuses>) -> Option<BothAmounts> {
    let Sides { real, draft } = amounts;
    Some(BothAmounts { real, draft, change: draft.checked_sub(real)? })
}

fn of(figures: &Sides<Figures>, amount: fn(&Figures) -> Bonuses) -> Option<BothAmounts> {
    both(Sides { real: amount(&figures.real), draft: amount(&figures.draft) })
}

impl SimulationResult {
    /// The report on the log up to `position`; `None` when a sum does not fit.
    pub(crate) fn of(report: &Report, position: Position) -> Option<Self> {
        let total = report.total()?;
        let funder = |(funder, figures): (&Funder, &Sides<Figures>)| {
            Some(FunderSimulated {
                funder: funder.clone(),
                issued: of(figures, |it| it.issued)?,
                cost: of(figures, |it| it.cost)?,
                liability: of(figures, |it| it.outstanding)?,
            })
        };
        let change = |change: &Change| {
            let Sides { real, draft } = change.status;
            let (member_id, earned) = (change.member.as_uuid(), both(change.earned)?);
            Some(ChangeSimulated { member_id, earned, status: BothStatuses { real, draft } })
        };
        let status = |status: Status| {
            let Sides { real, draft } = report.statuses.get(&status).copied().unwrap_or_default();
            StatusSimulated { status, real, draft }
        };
        let statuses = std::iter::successors(Some(Status::Insider), |status| status.next());
        Some(Self {
            position,
            members: report.members,
            purchases: report.purchases,
            left_out: BothCounts { real: report.left_out.real, draft: report.left_out.draft },
            issued: of(&total, |it| it.issued)?,
            cost: of(&total, |it| it.cost)?,
            liability: of(&total, |it| it.outstanding)?,
            funders: report.funders.iter().map(funder).collect::<Option<_>>()?,
            statuses: statuses.map(status).collect(),
            statuses_won: report.won,
            statuses_lost: report.lost,
            largest_changes: report.largest.iter().map(change).collect::<Option<_>>()?,
        })
    }
}
