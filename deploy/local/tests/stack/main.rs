//! The local stack against the real servers: they answer, survive being killed, and never outlive their owner.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy knows only its `#[test]` functions"
)]

mod fetching;
mod owner;
mod processes;
mod servers;
mod wire;
