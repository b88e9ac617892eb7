//! Real servers for the demo, the tests and the benchmarks: PostgreSQL, Apache Kafka and ClickHouse on 127.0.0.1,
//! fetched, checked, configured, started, waited for and stopped, without Docker, as an ordinary user or as root.
//!
//! ```no_run
//! use local_stack::{Stack, StackOptions};
//! let stack = Stack::start(&StackOptions::temporary())?;
//! let url = stack.postgres().address()?;
//! stack.kafka().kill()?;
//! stack.kafka().start()?;
//! # let _ = url;
//! # Ok::<(), local_stack::StackError>(())
//! ```
//!
//! Nothing outlives its owner: `watched` explains how. What our own programs need to run on a stack is in
//! [`installation`].

mod account;
mod cache;
mod clickhouse;
mod digest;
mod error;
mod folder;
pub mod installation;
mod kafka;
mod package;
mod port;
mod postgres;
mod probe;
mod process;
mod process_tree;
mod random;
mod server;
mod stack;
mod tool;
mod watched;

pub use cache::Cache;
pub use digest::Digests;
pub use error::StackError;
pub use folder::DataFolder;
pub use installation::Installation;
pub use port::Port;
pub use process::{Process, ProcessOptions};
pub use server::{Server, ServerKind};
pub use stack::{Existing, Stack, StackOptions};
