//! Handlers, one file per resource.

pub(crate) mod api_keys;
pub(crate) mod auth;
pub(crate) mod batch;
pub(crate) mod businesses;
pub(crate) mod chain_simulation;
pub(crate) mod chains;
pub(crate) mod consents;
pub(crate) mod coupons;
pub(crate) mod dev;
pub(crate) mod grants;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod loyalty;
pub(crate) mod members;
pub(crate) mod offer_figures;
pub(crate) mod offers;
pub(crate) mod policies;
pub(crate) mod profile;
pub(crate) mod promotion;
pub(crate) mod purchases;
pub(crate) mod quarantine;
pub(crate) mod redemptions;
pub(crate) mod refunds;
pub(crate) mod simulation;
pub(crate) mod standing;
pub(crate) mod trial_balance;
