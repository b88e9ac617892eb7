//! The domain of the loyalty ledger: decisions, folds and postings, and nothing else.
//!
//! A *decision* is a pure function: state, command and context (now, policies, businesses, fresh ids) in, events and an
//! outcome or a typed [`Rejection`](rejection::Rejection) out. A *fold* applies one event to a state in one exhaustive
//! `match`. There is no I/O, clock, randomness, async or float in this crate (a test over the dependency graph and the
//! crate's own `clippy.toml` keep it so): whatever a rule needs from outside comes in as a value.
//!
//! Where a rule lives: `member/` bonuses B, statuses S, purchases T and D; `policy/` P; `business/` terms of a partner
//! (B3, B5 hold); `chain/` X; `offer/` offers; `postings.rs` M; `simulation/` P3; `time.rs` T2; `money.rs` kopecks. The log's envelope, hash and versions: `log/`.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::wildcard_enum_match_arm
    )
)]

pub mod business;
pub mod category;
pub mod chain;
pub mod context;
pub mod deadlines;
pub mod ids;
pub mod log;
pub mod member;
pub mod money;
pub mod offer;
pub mod policy;
pub mod postings;
pub mod rate;
pub mod rejection;
#[cfg(feature = "schema")]
pub mod schema;
pub mod simulation;
pub mod time;
