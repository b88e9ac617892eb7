//! The auditor's program: whether the log is what was sealed, and whether it follows from the rules.
//!
//! It shares `ledger_core` with the service — what an event is, and what the rules make of one —, and with `projectors check` what
//! ClickHouse may hear and how it is asked (`ledger_warehouse`); nothing else: the tree, its proofs and the signed notes are written
//! here once more, from the standards alone, so that a mistake of the one shows in the other.
//!
//! | where | what |
//! |---|---|
//! | `tree/` | RFC 6962 trees and proofs |
//! | `note/` | signed notes, checkpoints, cosignatures, keys |
//! | `bundle/` | a log to take away |
//! | `verify/` | positions, hashes, bytes, checkpoints, signatures, the witness |
//! | `replay/` | every decision taken again, every balance |
//! | `scan.rs` | nothing personal, nothing medical |
//! | `audit.rs`, `report/` | one pass for all of it, and what it came to |
//! | `prove.rs`, `receipt.rs`, `balance.rs` | one event, one member |
//! | `witness.rs` | who keeps the log from having two faces |
//! | `database/` | the log where it is, and the read models |
//! | `warehouse/` | ClickHouse |
//! | `cli/` | the command line |

pub mod audit;
pub mod balance;
pub mod bundle;
pub mod cli;
pub mod database;
pub mod error;
pub mod note;
pub mod prove;
pub mod receipt;
pub mod replay;
pub mod report;
pub mod scan;
pub mod tree;
pub mod verify;
pub mod warehouse;
pub mod witness;
