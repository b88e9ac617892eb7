//! One member: registration, consents, purchases, bonuses, status.
//!
//! | file | rules |
//! |---|---|
//! | `purchase.rs` | T3–T6, D1, S2: what a purchase document leads to |
//! | `quarantine.rs` | T3, D5: documents that an admin applies or drops |
//! | `sales.rs` | D5: what another system may report again |
//! | `books.rs` | S1, B2, C3, D5: what one account bought |
//! | `merge.rs`, `absorbed.rs` | two accounts of one woman: one, and two again |
//! | `accrual.rs` | B1–B5, P1, P5: how many bonuses, in which lots |
//! | `redemption.rs` | R1–R4: holds, captures, cancellations |
//! | `refund.rs` | F1, F2, F4, F6, D4: money given back |
//! | `shares.rs` | F2, F5, M2: who gets what a refund takes back |
//! | `amend.rs` | D2, D3: newer revisions of a document |
//! | `taken_again.rs` | D3: bonuses that a revision gave back, and a later one takes again |
//! | `hand_over.rs` | D3: one that names another member |
//! | `debt.rs` | F3: what becomes available pays debts |
//! | `due.rs` | B5, B8, R1, S4: what has matured, expired or lapsed |
//! | `balance.rs` | B6: what she has |
//! | `status.rs` | S1, S3, S5: conditions, changes, progress |
//! | `review.rs` | S2, S3, S7: evaluating both tracks |
//! | `standing.rs` | S1, S3, S7, R4: invitation, top spenders, blocking |
//! | `rights.rs`, `requests.rs` | 152-ФЗ: processing that is blocked, demands and their terms |
//! | `premium.rs` | S4: the subscription |
//! | `coupon.rs` | C1–C4: coupons, and a purchase that uses one |
//! | `reward.rs` | X3, X5, X6, X9: what a purchase gets from a chain |
//! | `offered.rs` | what an offer gives a member of its audience |
//! | `conversion.rs` | X4: what follows from a trigger |
//! | `erasure.rs` | a member is forgotten |
//! | `gift.rs` | B10: gifts and manual adjustments |
//! | `spend.rs` | S1: the book of bills |
//! | `consents.rs` | consents given and withdrawn |
//! | `state.rs`, `live_lots.rs`, `holds.rs`, `debts.rs`, `coupons.rs` | the fold |
//! | `purchase_file.rs` | the fold of one purchase, for its edits |
//! | `movement.rs` | what a fact does to the total: the lines of her history |
//! | `hindsight.rs` | T1: as it was, and as it was known |
//! | `command.rs`, `decide.rs`, `draft.rs` | what can be asked, which decision it is, what it wants written |
//! | `working.rs` | a decision of several steps |

mod absorbed;
pub mod accrual;
pub mod amend;
pub mod balance;
pub mod books;
pub mod command;
pub mod consent;
pub mod consent_text;
mod consents;
pub(crate) mod conversion;
pub mod coupon;
pub mod coupons;
pub mod cross_bonus;
mod debt;
pub mod debts;
pub mod decide;
pub mod draft;
mod due;
pub mod erasure;
pub mod event;
pub mod extras;
pub mod gift;
pub(crate) mod hand_over;
pub mod hindsight;
pub mod holds;
mod live_lots;
pub mod lot;
pub mod merge;
pub mod movement;
pub mod offered;
pub mod premium;
mod purchase;
pub mod purchase_file;
mod quarantine;
mod redemption;
pub mod refund;
pub mod requests;
mod review;
pub mod reward;
pub(crate) mod rights;
pub(crate) mod sales;
mod shares;
pub mod spend;
pub mod standing;
pub mod state;
pub mod status;
mod taken_again;
mod working;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use amend::AmendPurchase;
pub use command::{MemberCommand, MemberOutcome, PurchaseOutcome};
pub use decide::decide;
pub use erasure::Erase;
pub use hand_over::{HandOver, HandedOver, hand_over};
pub use merge::{Accounts, Joined, merge, unmerge};
pub use purchase_file::PurchaseFile;
pub use refund::Refund;
pub use state::{CorruptHistory, MemberState};
