//! Strict reading of what comes in as JSON.

mod fields;
mod parse;

#[cfg(test)]
pub(crate) use fields::asked;
pub(crate) use fields::{
    FieldErrors, Fields, flag, integer, moment, money, parsed, read_uuid, signed_money, text, uuid,
};
pub(crate) use parse::{Json, NotJson, parse};
