//! Tests of the whole product on real servers, and what they share.

pub mod golden;
pub mod system;
