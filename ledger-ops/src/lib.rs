//! What every process of the ledger needs at its edge: settings, the clock, logs and metrics.
//!
//! Nothing here knows a rule. The domain takes time as a value; this crate is where it comes from.

pub mod clock;
pub mod settings;
pub mod telemetry;
