//! The rule book, rule by rule, as given, when, then.

mod bonuses;
mod documents;
mod lots;
mod medical;
mod model;
mod properties;
mod redemptions;
mod refunds;
mod statuses;
mod value;
