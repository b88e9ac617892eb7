//! A second, plain model of the loyalty rules: simple, slow, and written from the rule book alone.
//!
//! It shares no code with the domain but ids, categories and the type of a moment, and it is made to be read beside the rule book. It keeps
//! everything that ever happened in lists (purchases, lots with each of their moves, holds, refunds, debts) and works every
//! answer out from them anew: no caches, no running sums. `tests/differential.rs` holds it against the domain.
//!
//! | file | rules |
//! |---|---|
//! | `calendar.rs` | T1, T2: a calendar of its own |
//! | `chain.rs` | X1, X2, X5: chains, when they ran, what they gave |
//! | `circle.rs` | P1, B3: policies, businesses and what waits for purchases |
//! | `command.rs` | what is asked and answered |
//! | `coupon.rs` | C |
//! | `lot.rs` | B5–B7, M1: lots as lists of moves between places |
//! | `member.rs` | what is kept of one member; B6 |
//! | `due.rs` | B5, B8, R1, F3: what time alone brings about |
//! | `purchase.rs` | T, D, B1–B5, R3 |
//! | `redemption.rs` | R |
//! | `refund.rs` | F, D4 |
//! | `revision.rs` | D3 |
//! | `hand_over.rs` | D3: a revision that names another member |
//! | `reward.rs` | X3–X6, X9, B9: what chains bring a member |
//! | `status.rs` | S |
//! | `standing.rs` | B10, S3, S4: what an admin's hand brings about |
//! | `books.rs` | M1: the chart of accounts |
//! | `journey.rs` | T6: totals of a whole history |
//!
//! Amounts are whole kopecks in an `i128`; rates are whole numbers of ten-thousandths, multipliers of hundredths. Each file
//! says at its top how it reads what the rule book leaves open.

pub mod books;
pub mod calendar;
pub mod chain;
pub mod circle;
pub mod command;
pub mod coupon;
mod due;
pub mod hand_over;
pub mod journey;
pub mod lot;
pub mod member;
pub mod purchase;
pub mod redemption;
pub mod refund;
pub mod revision;
pub mod reward;
pub mod standing;
pub mod status;

/// Kopecks, or hundredths of a bonus.
pub type Kopecks = i128;

/// The code of a refusal. Rule Z.
pub type Refusal = &'static str;

/// `over ÷ under` rounded half away from zero; neither is below zero. Rules B4, F2.
#[must_use]
pub const fn rounded(over: i128, under: i128) -> i128 {
    (2 * over + under) / (2 * under)
}
