//! The auditor's program: whether the log is what was sealed, and whether it follows from the rules.
//!
//! It shares `ledger_core` with the service — what an event is, and what the rules make of one — and nothing else: the tree,
//! its proofs and the signed notes are written here once more, from the standards alone, so that a mistake of the one shows
//! in the other.
//!
//! | folder | what |
//! |---|---|
//! | `tree/` | RFC 6962 trees and proofs |
//! | `note/` | signed notes, checkpoints, cosignatures, keys |
//! | `bundle/` | a log to take away |
//! | `replay/` | every decision taken again, every balance |
//! | `verify/` | positions, hashes, bytes, checkpoints, signatures, the witness |

pub mod bundle;
pub mod error;
pub mod note;
pub mod replay;
pub mod tree;
pub mod verify;
