//! The relay, the projections, the reactors: everything that follows the log. Design J1–J8.
//!
//! `source` brings records, `engine` keeps a read model in PostgreSQL, one file per read model says what it holds; `relay`
//! fills the topic, `schedule` turns time into commands, `react` purchases that trigger a chain, `seal`
//! signs the log, `rebuild` makes a read model anew. `roles` starts them.

pub mod analytics;
pub mod balances;
pub mod check;
pub mod cli;
pub mod directory;
pub mod engine;
pub mod error;
#[cfg(test)]
mod fixture;
pub mod history;
mod http;
pub mod journal;
pub mod react;
pub mod rebuild;
pub mod relay;
pub mod roles;
pub mod schedule;
pub mod seal;
pub mod settings;
pub mod source;
pub mod statuses;

use engine::Projection;

/// Every PostgreSQL read model, by name.
#[must_use]
pub fn projections() -> Vec<Box<dyn Projection>> {
    vec![
        Box::new(balances::Balances),
        Box::new(history::History),
        Box::new(statuses::Statuses),
        Box::new(directory::Directory),
        Box::new(journal::Journal),
    ]
}
