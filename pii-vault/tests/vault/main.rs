//! The vault on a real PostgreSQL, under its own role: registration, look-ups, profiles, partners' hashes, credentials.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod accesses;
mod apart;
mod auth;
mod erasure;
mod keys;
mod kms;
mod kms_double;
mod members;
mod partners;
mod rotation;
mod schema;
mod staff;
mod support;
mod words;
