//! A chain on the last days of the real log, before anybody agrees to it. Rules X1, X3–X6.
//!
//! It is told as a policy's draft is (`simulation.rs`). The chain's words are read and kept nowhere.

use actix_web::web::Payload;
use chrono::TimeDelta;
use ledger_core::ids::{ChainId, MemberId};
use ledger_core::log::Position;
use ledger_core::simulation::chain::{ChainSimulation, ChainTrial};
use ledger_core::simulation::{Fact, NotSimulated};
use ledger_core::time::Timestamp;

use super::chains::{definition_of, named};
use super::simulation::{Telling, answered, not_told};
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{ChainSimulationResult, ChainToTry, ChainTrialWanted, document};
use crate::problem::ApiError;
use crate::query;
use crate::words::Texts;

/// What stands for the key of a chain that has none.
const NOBODY_S: [u8; 32] = [0; 32];

/// A simulation, and its period.
struct Tried {
    simulation: ChainSimulation,
    period: (Timestamp, Timestamp),
}

impl Telling for Tried {
    type Result = ChainSimulationResult;

    fn member(&mut self, member: MemberId, facts: &[Fact]) -> Result<(), NotSimulated> {
        self.simulation.member(member, facts)
    }

    fn progress(&self) -> (u64, u64) {
        self.simulation.progress()
    }

    fn result(self, head: Position) -> Result<ChainSimulationResult, ApiError> {
        let report = self.simulation.report().map_err(not_told)?;
        Ok(ChainSimulationResult::of(&report, self.period, head))
    }
}

pub(crate) async fn run(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let ChainTrialWanted { chain, days } = document(&body, ChainTrialWanted::read)?;
    call.app.ledger.refresh().await;
    let (chain_id, definition) = match chain {
        ChainToTry::Stored(id) => {
            let chain = named(&call, ChainId::from_uuid(id)).await?;
            (chain.chain_id, chain.newest.definition.as_ref().clone())
        }
        ChainToTry::Draft(wanted) => {
            let definition = definition_of(&call, &wanted, &mut Texts::unsaid()).await?;
            (ChainId::of_key(&NOBODY_S), definition)
        }
    };
    let to = call.now();
    let first = to.minus(TimeDelta::days(i64::from(days.saturating_sub(1))));
    let from = first.moscow_day().start();
    let trial = ChainTrial { chain_id, definition, from, to };
    let simulation = ChainSimulation::begin(&call.app.ledger.registry(), trial)?;
    answered(&call, Tried { simulation, period: (from, to) })
}
