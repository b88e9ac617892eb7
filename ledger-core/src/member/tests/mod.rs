//! The rule book, rule by rule, as given, when, then.

mod amendments;
mod bonuses;
mod chain_simulation;
mod coupons;
mod cross_bonus;
mod documents;
mod duplicates;
mod gifts;
mod hand_over;
mod hindsight;
mod histories;
mod lots;
mod medical;
mod merging;
mod model;
mod premium;
mod properties;
mod quarantine;
mod redemptions;
mod refunds;
mod rewards;
mod simulation;
mod standing;
mod statuses;
mod trails;
mod value;
