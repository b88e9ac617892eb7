//! Golden scenarios: YAML files that speak only the public HTTP contract, run against an installation of their own.
//!
//! Shape: [`Scenario`] is a parsed file; [`run`] plays it against a base URL; [`Fresh`] starts an empty installation for
//! it on a stack. The format is explained in `tests/golden/README.md`.
//!
//! Why a pass means something: unknown keys, unknown `$names` and unreadable files are failures, not skips; what an
//! expectation names must be there and equal; a step without an expectation must still succeed.

mod actor;
#[cfg(test)]
mod coverage;
mod error;
mod expect;
mod fresh;
mod names;
mod play;
mod prepare;
mod scenario;
mod service;

pub use error::GoldenError;
pub use fresh::Fresh;
pub use play::{Target, run};
pub use scenario::{Scenario, files_below};
