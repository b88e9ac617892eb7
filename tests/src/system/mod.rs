//! An installation of the product on real servers, and what a test of the whole system needs around it.
//!
//! | file | what |
//! |---|---|
//! | `servers.rs` | the servers, shared by the tests of one binary |
//! | `site.rs` | an installation: its databases, its processes, started, killed and started again |
//! | `programs.rs` | programs that are run to their end: the product's own check and audit among them |
//! | `client.rs` | one caller over HTTP |
//! | `people.rs` | businesses and members with made-up phones |
//! | `staff.rs` | people of a business or the programme, with an authenticator |
//! | `journal.rs` | every purchase that was ever sent, with what became of it |
//! | `sending.rs` | sending them, one by one or as an import, until the answer is known |
//! | `ledger.rs` | the log as it is, read and folded by code of its own |
//! | `audit.rs` | the comparison: journal = log = read models = ClickHouse |
//! | `proving.rs` | proofs and signatures of the log, verified by the standards' words |
//! | `warehouse.rs`, `topic.rs` | ClickHouse and Kafka by hand |
//! | `files.rs`, `needles.rs` | what servers and processes leave behind; looking for many values in all forms |
//! | `wait.rs`, `seeded.rs` | waiting with a deadline; random choices that a seed repeats |
//!
//! The audit shares no code with what it checks but the types of `ledger-core` that compute a leaf hash.
//! What is wrong is said by panicking: these are tests.

mod audit;
mod client;
mod files;
mod journal;
mod ledger;
mod needles;
mod people;
mod programs;
pub mod proving;
mod role;
mod seeded;
mod sending;
mod servers;
mod settle;
mod site;
mod staff;
mod topic;
mod wait;
mod warehouse;

pub use audit::{Audit, Duplicates};
pub use client::{Answer, Client};
pub use journal::{Fate, Journal, Sale};
pub use ledger::{Event, Log};
pub use needles::{Needles, Searched, forms_of, forms_of_bytes, forms_of_number};
pub use people::{Business, Member, Town};
pub use role::Role;
pub use seeded::Seeded;
pub use sending::{import_once, import_until_known, record, record_until_known};
pub use servers::{own, shared};
pub use site::Site;
pub use staff::{PASSWORD, Person, bearer};
pub use topic::{Record, Topic};
pub use wait::eventually;
pub use warehouse::Warehouse;
