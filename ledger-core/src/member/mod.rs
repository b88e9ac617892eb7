//! One member: registration, consents, purchases, bonuses, status.
//!
//! | file | rules |
//! |---|---|
//! | `purchase.rs` | T3–T6, D1, S2: what a purchase document leads to |
//! | `accrual.rs` | B1–B5, P1, P5: how many bonuses, in which lots |
//! | `due.rs` | B5, B8: what has matured, expired or lapsed |
//! | `balance.rs` | B6: what she has |
//! | `status.rs` | S1, S3, S5: conditions, changes, progress |
//! | `review.rs` | S2, S3, S7: evaluating both tracks |
//! | `standing.rs` | S1, S3, S7, R4: invitation, top spenders, blocking |
//! | `premium.rs` | S4: the subscription |
//! | `gift.rs` | B10: gifts and manual adjustments |
//! | `spend.rs` | S1: the book of bills |
//! | `consents.rs` | consents given and withdrawn |
//! | `state.rs` | the fold |

pub mod accrual;
pub mod balance;
pub mod command;
pub mod consent;
mod consents;
mod due;
pub mod event;
pub mod gift;
pub mod lot;
pub mod premium;
mod purchase;
mod review;
pub mod spend;
pub mod standing;
pub mod state;
pub mod status;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use command::{MemberCommand, MemberOutcome, PurchaseOutcome, decide};
pub use state::{CorruptHistory, MemberState};
