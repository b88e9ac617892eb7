//! A simulation of a policy, without I/O: a year of made-up members told again, each purchase twice, on one core. Rule P3. The
//! target is 200,000 purchases a second replayed.
//!
//! `cargo bench -p ledger-core --bench simulation`

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::ids::MemberId;
use ledger_core::simulation::{Simulation, Trial};
use support::{Life, at, every, registry};
use uuid::Uuid;

/// Members told again in one round; all of them have the same history, each an id of her own.
const MEMBERS: u32 = 200;

fn simulation(criterion: &mut Criterion) {
    let registry = registry();
    let (from, to) = (at("2025-06-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
    let mut group = criterion.benchmark_group("a year told again under two policies");
    for purchases in [4, 20, 100_i64] {
        let life =
            Life::of(&registry, at("2025-05-31T12:00:00Z"), every(365 * 24 / (purchases + 1), purchases, to));
        let replayed = u64::from(MEMBERS) * purchases.unsigned_abs() * 2;
        group.throughput(Throughput::Elements(replayed));
        group.bench_function(format!("{purchases} purchases a member, each replayed twice"), |bencher| {
            bencher.iter(|| {
                let changes = [("rates.insider".to_owned(), serde_json::json!("0.06"))].into();
                let mut simulation =
                    Simulation::begin(&registry, Trial { from, to, changes }).expect("a draft");
                for member in 0..MEMBERS {
                    let member = MemberId::from_uuid(Uuid::from_u128(u128::from(member)));
                    simulation.member(member, &life.facts).expect("a history that holds");
                }
                simulation.report()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, simulation);
criterion_main!(benches);
