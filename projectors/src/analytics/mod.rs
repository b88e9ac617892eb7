//! The ledger restricted to ordinary businesses, in ClickHouse, equal to the kopeck after any crash. Design J2, J3, J6.
//!
//! | file | what |
//! |---|---|
//! | `rows.rs` | what ClickHouse gets of an event: a pure function; medical facts give nothing |
//! | `postings.rs` | the rows of postings; which of them, and which lots, are no medical secret says `ledger_warehouse` |
//! | `promotion.rs`, `clinics.rs` | what of edited bills, chains and merged accounts it gets, and which steps of chains it must not |
//! | `triggers.rs` | who triggered steps of chains, and who of them was held out |
//! | `checksum.rs` | a hash of rows that both sides can work out |
//! | `sequence.rs` | all partitions put into the order of the log |
//! | `journal.rs` | the bounds of what is sent, fixed before an insert (read database, schema `analytics`) |
//! | `warehouse.rs` | inserts with a token, and what ClickHouse really holds |
//! | `sender.rs` | plan, insert, settle; audit and refill |
//! | `sink.rs` | the loop that follows the log |
//! | `rebuild.rs` | fresh tables beside the live ones, exchanged |
//! | `schema.rs` | the tables, from `migrations/clickhouse` |
//!
//! How far ClickHouse is complete stands in `projectors.progress` under the name [`NAME`], as for every projection.
//!
//! Analysts read `business_days` without FINAL; it is exact whatever was sent twice:
//!
//! ```sql
//! -- revenue per partner
//! SELECT business, sum(revenue) AS revenue, sum(purchases) AS purchases FROM business_days GROUP BY business ORDER BY 2 DESC;
//! -- per partner and month
//! SELECT business, toStartOfMonth(day) AS month, sum(revenue) AS revenue FROM business_days GROUP BY 1, 2 ORDER BY 1, 2;
//! -- a line chart by week
//! SELECT toMonday(day) AS week, sum(revenue) AS revenue FROM business_days GROUP BY week ORDER BY week;
//! -- different customers of a partner in a month (days do not add up: states do)
//! SELECT any(s.business), toStartOfMonth(day) AS month, uniqExactMerge(customers) FROM business_day_states AS s
//! GROUP BY business_id, month;
//! ```

mod checksum;
mod clinics;
mod journal;
mod postings;
mod promotion;
mod rebuild;
mod rows;
mod schema;
mod sender;
mod sequence;
mod sink;
#[cfg(test)]
mod tests;
mod triggers;
mod warehouse;

pub use rebuild::rebuild;
pub use sink::Sink;
pub use warehouse::client;

use crate::error::ProjectError;

/// The sink's name among the projections, and its schema in the read database.
pub const NAME: &str = "analytics";

/// Names what ClickHouse was asked to do when it failed.
pub(crate) fn clickhouse_failed(what: &'static str) -> impl FnOnce(clickhouse::error::Error) -> ProjectError {
    move |source| ProjectError::Sink { what, source: Box::new(source) }
}
