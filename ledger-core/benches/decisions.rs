//! One decision of the core, without I/O: decisions are O(live lots), not O(history). The target is 50 µs for a member with
//! 10,000 past events and 200 live lots; a new member is beside her, so that a slow machine shows as one.
//!
//! `cargo bench -p ledger-core --bench decisions`

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ledger_core::context::{Context, Registry};
use ledger_core::ids::RefundId;
use ledger_core::member::command::RefundPurchase;
use ledger_core::member::{MemberCommand, MemberState, Refund, decide};
use ledger_core::money::Roubles;
use ledger_core::time::Timestamp;
use support::{BUSINESS, Life, at, every, hold, purchase, registry};

const NOW: &str = "2026-06-01T12:00:00+03:00";

/// A new member; one with a few hundred events; and one with 10,000, of whose lots as many live.
fn members(registry: &Registry, now: Timestamp) -> [(String, Life); 3] {
    let joined = at("2010-01-01T00:00:00Z");
    // Bonuses live for 90 days: the last 200 purchases are within them, the others are not.
    let recent = || every(10, 200, now);
    let long_ago = every(24, 4_800, now.minus(chrono::TimeDelta::days(91)));
    let lives = [
        Life::of(registry, joined, every(1, 2, now)),
        Life::of(registry, joined, recent()),
        Life::of(registry, joined, long_ago.chain(recent())),
    ];
    lives.map(|life| {
        let name = format!("{} events, {} live lots", life.facts.len(), life.state.live_lots().count());
        (name, life)
    })
}

fn refund(life: &Life, now: Timestamp) -> MemberCommand {
    MemberCommand::RefundPurchase(Box::new(RefundPurchase {
        file: life.last_file(),
        business_id: BUSINESS,
        refund: Refund {
            refund_id: RefundId::of_key(&[1; 32]),
            amount: Roubles::from_kopecks(123_456),
            occurred_at: now,
        },
    }))
}

fn decisions(criterion: &mut Criterion) {
    let registry = registry();
    let now = at(NOW);
    let context = Context { recorded_at: now, registry: &registry };
    for (name, life) in members(&registry, now) {
        let mut group = criterion.benchmark_group(name);
        let mut time = |what: &str, state: &MemberState, command: &MemberCommand| {
            group.bench_function(what, |bencher| {
                bencher.iter(|| decide(black_box(state), black_box(command), &context).expect("accepted"));
            });
        };
        let refund = refund(&life, now);
        time("purchase", &life.state, &purchase(now, 1_000_000, false));
        time("refund in full", &life.state, &refund);
        let mut rich = life;
        if rich.state.live_lots().count() < 10 {
            continue;
        }
        time("hold", &rich.state, &hold());
        rich.run(&registry, &hold(), now);
        time("purchase that captures a hold", &rich.state, &purchase(now, 1_000_000, true));
    }
}

criterion_group!(benches, decisions);
criterion_main!(benches);
