//! A simulation of a policy in ledger-core, without I/O: a year of made-up members, told again under two policies.

use std::time::Instant;

use chrono::TimeDelta;
use ledger_core::context::{Context, Registry};
use ledger_core::ids::MemberId;
use ledger_core::log::Event;
use ledger_core::member::command::PurchaseMode;
use ledger_core::member::{MemberCommand, MemberState, decide};
use ledger_core::simulation::{Fact, Simulation, Trial};
use ledger_core::time::Timestamp;
use uuid::Uuid;

use crate::decide::{at, purchase, registration, registry, wrong};
use crate::error::BenchError;
use crate::report;

/// Members told again; all of them have the same history, each an id of her own.
const MEMBERS: u32 = 5_000;

/// Times the telling and prints it. On one core.
pub(crate) fn measure() -> Result<(), BenchError> {
    let registry = registry()?;
    report::line(
        "\none year of the log told again in ledger-core (each purchase twice: under what held, and the draft)",
    );
    for purchases in [4, 20, 100] {
        let facts = history(&registry, purchases)?;
        let changes = [("rates.insider".to_owned(), serde_json::json!("0.06"))].into();
        let trial = Trial { from: at("2025-06-01T00:00:00Z")?, to: at("2026-06-01T00:00:00Z")?, changes };
        let mut simulation = Simulation::begin(&registry, trial).map_err(wrong)?;
        let started = Instant::now();
        for member in 0..MEMBERS {
            let member = MemberId::from_uuid(Uuid::from_u128(u128::from(member)));
            simulation.member(member, &facts).map_err(wrong)?;
        }
        let seconds = started.elapsed().as_secs_f64();
        let told = simulation.report().purchases;
        let a_second = f64::from(u32::try_from(told).map_err(wrong)?) / seconds;
        report::line(&format!(
            "  {purchases:>4} purchases of each of {MEMBERS} members {a_second:>12.0} purchases/s, {:>12.0} replays/s",
            2.0 * a_second
        ));
    }
    Ok(())
}

/// One member's facts: so many purchases, evenly over the year.
fn history(registry: &Registry, purchases: u32) -> Result<Vec<Fact>, BenchError> {
    let (mut state, mut facts) = (MemberState::default(), Vec::new());
    let mut run = |command: &MemberCommand, recorded_at: Timestamp| -> Result<(), BenchError> {
        let (draft, _) = decide(&state, command, &Context { recorded_at, registry }).map_err(wrong)?;
        for new in draft.events {
            let Event::Member(event) = new.event else { continue };
            let position = i64::try_from(facts.len() + 1).map_err(wrong)?;
            state.apply(position, new.occurred_at, &event).map_err(wrong)?;
            let (occurred_at, mode) = (new.occurred_at, PurchaseMode::Live);
            facts.push(Fact { position, occurred_at, recorded_at, mode, event });
        }
        Ok(())
    };
    let joined = at("2025-05-31T12:00:00Z")?;
    run(&registration(joined)?, joined)?;
    let spacing_hours = i64::from(365 * 24 / purchases);
    for number in 1..=purchases {
        let when = joined.plus(TimeDelta::hours(spacing_hours * i64::from(number)));
        run(&purchase(when, u128::from(number)), when)?;
    }
    Ok(facts)
}
