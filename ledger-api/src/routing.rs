//! From an address to its call: what exists in a profile, in the order in which a router tries it.

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use ledger_ops::settings::Profile;

use crate::operations::{Exists, Operation};

/// The calls that exist in this profile.
fn all(profile: Profile) -> impl Iterator<Item = &'static Operation> {
    let exists =
        move |operation: &&Operation| operation.exists() == Exists::Everywhere || profile == Profile::Dev;
    Operation::ALL.iter().filter(exists)
}

/// Routes every call that exists in this profile.
pub(crate) fn configure(profile: Profile) -> impl FnOnce(&mut ServiceConfig) + Clone {
    move |config| {
        // A router tries one pattern after the other: first those that are compared as they stand.
        let mut operations: Vec<_> = all(profile).collect();
        operations.sort_by_key(|operation| operation.path().contains('{'));
        operations.into_iter().for_each(|operation| operation.route(config));
    }
}

/// The methods that some call of this profile has at this address.
pub(crate) fn methods_of(profile: Profile, path: &str) -> Vec<Method> {
    all(profile)
        .filter(|operation| matches(operation.path(), path))
        .map(|operation| operation.method())
        .collect()
}

/// Whether an address is one of a pattern's.
fn matches(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.split('/');
    let mut found = path.split('/');
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(part), Some(there)) if part.starts_with('{') && !there.is_empty() => {}
            (Some(part), Some(there)) if part == there => {}
            _ => return false,
        }
    }
}
