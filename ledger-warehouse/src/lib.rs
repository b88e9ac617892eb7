//! What ClickHouse may hear of the log, and what it says that it holds. Design J6, `compliance.md` M4.
//!
//! | file | what |
//! |---|---|
//! | `lots.rs`, `postings.rs`, `triggers.rs` | what of an event is no medical secret: told once, for who sends it and who compares it |
//! | `movements.rs` | what an event adds to purchases and to movements, told apart from who sends it, so that the two can be compared |
//! | `held.rs` | what ClickHouse holds up to a place of the log, asked in a few questions |
//! | `tally.rs` | counts and sums |
//!
//! `projectors` sends, and checks; `ledger-audit` compares with what it has decided again. Nothing here writes.

mod held;
mod lots;
mod movements;
mod postings;
mod tally;
mod triggers;

pub use held::{Balance, Held, Seen, balances, facts, held, seen};
pub use lots::{LotOf, lots_of};
pub use movements::{KINDS, moved, purchased};
pub use postings::ordinary_postings;
pub use tally::{Kopecks, Purchases, Sum};
pub use triggers::{Businesses, Groups, Trigger, Triggers, trigger_of};
