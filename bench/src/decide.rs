//! One decision of the core, without I/O: a purchase of a member with 200 live lots, and of one with 10,000 past events.

use std::hint::black_box;
use std::time::Instant;

use ledger_core::business::event::{BusinessEvent, BusinessRegistered, Terms};
use ledger_core::category::{Category, Confidentiality};
use ledger_core::context::{Context, Registry};
use ledger_core::ids::{BusinessId, NaturalKey, QuarantineId, Slug};
use ledger_core::log::Event;
use ledger_core::member::command::{PurchaseDocument, PurchaseMode, RecordPurchase};
use ledger_core::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin, Purpose};
use ledger_core::member::event::PurchaseSource;
use ledger_core::member::{MemberCommand, MemberState, decide};
use ledger_core::money::Roubles;
use ledger_core::policy::decide::first_policy;
use ledger_core::policy::event::PolicyEvent;
use ledger_core::time::Timestamp;
use uuid::Uuid;

use crate::error::BenchError;
use crate::report;

/// Decisions timed.
const ROUNDS: u32 = 50_000;
const BUSINESS: BusinessId = BusinessId::from_uuid(Uuid::from_u128(0x42));

/// Times the decisions and prints them.
pub(crate) fn measure() -> Result<(), BenchError> {
    let registry = registry()?;
    report::line("\none decision in ledger-core (a purchase: accrual, lots, both statuses)");
    for (name, purchases, spacing_hours) in [
        ("a new member", 0, 0),
        ("200 purchases of the last days", 200, 1),
        ("5,000 purchases (10,000 events) over 14 years, live lots of 90 days", 5_000, 24),
    ] {
        let now = at("2026-06-01T12:00:00Z")?;
        let state = member(&registry, now, purchases, spacing_hours)?;
        let lots = state.live_lots().count();
        let context = Context { recorded_at: now, registry: &registry };
        let command = purchase(now, 1);
        let started = Instant::now();
        for _ in 0..ROUNDS {
            black_box(decide(black_box(&state), black_box(&command), &context).map_err(wrong)?);
        }
        let micros = started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS);
        report::line(&format!("  {name:<70} {lots:>4} lots {micros:>7.2} µs"));
    }
    Ok(())
}

pub(crate) fn wrong(error: impl std::fmt::Display) -> BenchError {
    BenchError::TooLong(format!("a decision went wrong: {error}"))
}

pub(crate) fn at(text: &str) -> Result<Timestamp, BenchError> {
    text.parse().map_err(wrong)
}

pub(crate) fn registry() -> Result<Registry, BenchError> {
    let mut registry = Registry::default();
    registry.policies.apply(&PolicyEvent::PolicyPublished(first_policy().map_err(wrong)?));
    let registered = BusinessRegistered {
        business_id: BUSINESS,
        slug: slug()?,
        name: "Миндаль".to_owned(),
        category: Category::BeautySalon,
        confidentiality: Confidentiality::Ordinary,
        terms: Terms::default(),
    };
    registry.businesses.apply(&BusinessEvent::BusinessRegistered(registered)).map_err(wrong)?;
    Ok(registry)
}

fn slug() -> Result<Slug, BenchError> {
    "mindal".parse().map_err(wrong)
}

/// A key of its own for every purchase: their ids follow from it.
fn natural_key(serial: u128) -> NaturalKey {
    let mut key = [7; 32];
    for (byte, of_serial) in key.iter_mut().zip(serial.to_be_bytes().iter().rev()) {
        *byte = *of_serial;
    }
    NaturalKey::from_bytes(key)
}

pub(crate) fn purchase(occurred_at: Timestamp, serial: u128) -> MemberCommand {
    MemberCommand::RecordPurchase(RecordPurchase {
        quarantine_id: QuarantineId::from_uuid(Uuid::from_u128(serial)),
        document: PurchaseDocument {
            business_id: BUSINESS,
            natural_key: natural_key(serial),
            revision: 1,
            amount: Roubles::from_kopecks(123_456),
            occurred_at,
            source: PurchaseSource::Api,
            source_system: None,
            cancelled: false,
            redemption_id: None,
            redeem_amount: None,
            coupon_code: None,
        },
        mode: PurchaseMode::Live,
    })
}

/// She joins, and lets the business report her purchases.
pub(crate) fn registration(registered_at: Timestamp) -> Result<MemberCommand, BenchError> {
    let consent = |purpose| -> Result<ConsentChange, BenchError> {
        let version = "1".parse().map_err(wrong)?;
        Ok(ConsentChange { purpose, choice: ConsentChoice::Granted, version })
    };
    let consents = vec![consent(Purpose::PersonalData)?, consent(Purpose::Partner(slug()?))?];
    let origin = ConsentOrigin::from_channel(ConsentChannel::App);
    Ok(MemberCommand::Register { registered_at, consents, origin })
}

/// A member who bought `purchases` times, the last time `spacing_hours` before `now`.
fn member(
    registry: &Registry,
    now: Timestamp,
    purchases: u32,
    spacing_hours: i64,
) -> Result<MemberState, BenchError> {
    let mut state = MemberState::default();
    let mut position = 0;
    let registered_at = at("2010-01-01T00:00:00Z")?;
    let register = registration(registered_at)?;
    let mut run = |command: &MemberCommand, recorded_at: Timestamp| -> Result<(), BenchError> {
        let (draft, _) = decide(&state, command, &Context { recorded_at, registry }).map_err(wrong)?;
        for new in draft.events {
            position += 1;
            if let Event::Member(event) = &new.event {
                state.apply(position, new.occurred_at, event).map_err(wrong)?;
            }
        }
        Ok(())
    };
    run(&register, registered_at)?;
    for number in (1..=purchases).rev() {
        let occurred_at = now.minus(chrono::TimeDelta::hours(i64::from(number) * spacing_hours));
        run(&purchase(occurred_at, u128::from(number) + 10), occurred_at)?;
    }
    Ok(state)
}
