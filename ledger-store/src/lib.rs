//! The Postgres log: append, read, idempotency, snapshots; and the command runner in front of it.
//!
//! One idea: all commands of a process go through one decider ([`Ledger`]), which decides the waiting ones one after the
//! other on warm state and writes what they lead to in one statement and one fsync (*group commit*, design L1).
//!
//! | file | what |
//! |---|---|
//! | `command.rs` | what can be asked, and what is answered |
//! | `runner/` | the decider: collect, look up, decide, append, answer |
//! | `log.rs` | reading the log, for projectors and audits |
//! | `audience.rs` | whom an offer is for, as the read models know |
//! | `snapshot.rs` | the fold of long streams, cached |
//! | `published/` | how far the log was published: read models, topic, ClickHouse (design L9) |
//! | `seal/` | the Merkle tree over the log, its signed heads, proofs (design L7, L8) |
//! | `start.rs` | what start-up refuses (design L9) |
//! | `dev_clock.rs` | the installation's clock in the `dev` profile |
//! | `migrate.rs` | databases, roles and tables |

pub mod audience;
mod command;
pub mod dev_clock;
mod error;
pub mod log;
pub mod migrate;
pub mod published;
mod runner;
pub mod seal;
mod snapshot;
pub mod start;

pub use command::{
    Command, CrossBonusRequest, Idempotency, Outcome, Receipt, RefundRequest, Repeat, Request, Unknown,
};
pub use error::{ExecuteError, StoreError};
pub use runner::{Ledger, LedgerOptions, coupon_issued, member_of_redemption};
