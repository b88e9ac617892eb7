//! Personal data and credentials of an installation: the only crate that sees a name, a phone or a key in the clear.
//!
//! Everything here lives in the `vault` database under its own role (design, "Personal data"; compliance D1-D5):
//! - [`keys`]: key-encryption keys and named secrets, behind [`keys::KeyProvider`];
//! - [`cipher`]: sealing of fields with a member's own data key;
//! - [`phone`], [`personal`], [`index`]: the checked types of personal data and their keyed look-up values;
//! - [`members`]: registration, look-up, profile, consents to partners as far as `phone_hash` needs them;
//! - [`words`]: what partners say in words about what is no member's;
//! - [`access`]: who did what to whose data, and why, as a chain;
//! - [`erasure`]: a member is forgotten;
//! - [`rotation`]: another key-encryption key while the service goes on;
//! - [`auth`]: confirming codes, refresh tokens, API keys, QR tokens, signing keys.
//!
//! Bounds: a member is known to the rest of the system by `MemberId` alone. Nothing here knows HTTP, the log or Kafka;
//! consents as facts are events of the ledger. Time is always an argument.

pub mod access;
pub mod auth;
pub mod cipher;
pub mod erasure;
mod error;
pub mod index;
pub mod keys;
pub mod members;
pub mod personal;
pub mod phone;
mod random;
pub mod rotation;
mod vault;
pub mod words;

pub use error::VaultError;
pub use vault::Vault;

/// The migrations of the `vault` database, to be run by its owner (never by the service's role).
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/vault");
