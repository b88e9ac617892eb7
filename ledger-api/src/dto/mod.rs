//! What goes in and out: one type per body and answer, with its strict reader where it comes in.

mod accesses;
mod admin;
mod admin_answers;
mod approvals;
mod chain_answers;
mod chain_simulation;
mod chain_wanted;
mod chains;
mod consents;
mod coupons;
mod dev;
mod effect;
mod erasure;
mod explanation;
mod members;
mod offer_answers;
mod offer_figures;
mod offer_wanted;
mod offers;
mod promotion;
mod proof;
mod purchase_answers;
mod purchase_documents;
mod purchases;
mod redemptions;
mod refunds;
mod registration;
mod rights;
mod simulation;
mod staff;
mod standing;
mod trial_balance;
mod values;

pub(crate) use accesses::*;
pub(crate) use admin::*;
pub(crate) use admin_answers::*;
pub(crate) use approvals::*;
pub(crate) use chain_answers::*;
pub(crate) use chain_simulation::*;
pub(crate) use chain_wanted::*;
pub(crate) use chains::*;
pub(crate) use consents::*;
pub(crate) use coupons::*;
pub(crate) use dev::*;
pub(crate) use effect::*;
pub(crate) use erasure::*;
pub(crate) use explanation::*;
pub(crate) use members::*;
pub(crate) use offer_answers::*;
pub(crate) use offer_figures::*;
pub(crate) use offer_wanted::*;
pub(crate) use offers::*;
pub(crate) use promotion::*;
pub(crate) use proof::*;
pub(crate) use purchase_answers::*;
pub(crate) use purchase_documents::*;
pub(crate) use purchases::*;
pub(crate) use redemptions::*;
pub(crate) use refunds::*;
pub(crate) use registration::*;
pub(crate) use rights::*;
pub(crate) use simulation::*;
pub(crate) use staff::*;
pub(crate) use standing::*;
pub(crate) use trial_balance::*;

use crate::json::{FieldErrors, Fields, Json, parse};
use crate::problem::ApiError;

/// Reads one document: every mistake at once, or the value.
pub(crate) fn document<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Fields<'a, '_>) -> Option<T>,
) -> Result<T, ApiError> {
    let mut errors = FieldErrors::default();
    let value = object(parse(bytes)?, "", &mut errors, read);
    value.filter(|_| errors.is_empty()).ok_or(ApiError::Validation(errors))
}

/// Reads one object of a document; mistakes go to `errors`.
pub(crate) fn object<'a, T>(
    json: Json<'a>,
    path: &str,
    errors: &mut FieldErrors,
    read: impl FnOnce(&mut Fields<'a, '_>) -> Option<T>,
) -> Option<T> {
    let mut fields = Fields::of(json, path, errors)?;
    let value = read(&mut fields);
    fields.finish();
    value
}

/// Reads each object of a list; mistakes go to `errors` under their place.
pub(crate) fn objects<T>(
    json: Json<'_>,
    path: &str,
    items_max: usize,
    errors: &mut FieldErrors,
    read: impl Fn(&mut Fields<'_, '_>) -> Option<T>,
) -> Option<Vec<T>> {
    let Json::List(items) = json else {
        errors.add(path, "must be a list");
        return None;
    };
    if items.len() > items_max {
        errors.add(path, format!("must have at most {items_max} items"));
        return None;
    }
    let mut values = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        values.push(object(item, &format!("{path}[{place}]"), errors, &read));
    }
    values.into_iter().collect()
}

/// A body without fields: `{}`.
#[derive(Default, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoFields {}
