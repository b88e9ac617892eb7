//! The rule book, rule by rule, as given, when, then.

mod amendments;
mod bonuses;
mod documents;
mod gifts;
mod hindsight;
mod lots;
mod medical;
mod model;
mod premium;
mod properties;
mod redemptions;
mod refunds;
mod simulation;
mod standing;
mod statuses;
mod value;
