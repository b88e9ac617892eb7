//! What staff do to a member's account: blocking, Premium, gifts, adjustments.

use ledger_core::money::Bonuses;
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::values::{Amount, SignedAmount};
use crate::json::{self, Fields};

/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 500;
/// The longest number of a payment, in characters.
const PAYMENT_CHARS_MAX: usize = 128;
/// The longest life of a gift, in days: ten years.
const LIFE_DAYS_MAX: u32 = 3_650;

/// A block.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    /// Why; kept in the vault.
    #[schema(max_length = 500)]
    pub(crate) reason: String,
}

impl Block {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Some(Self { reason: fields.required("reason", json::text(REASON_CHARS_MAX))? })
    }
}

/// Two accounts of one woman that become one, or two again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeAccounts {
    /// The account that goes into the one in the address, or leaves it.
    pub(crate) from_member_id: Uuid,
    /// Why; kept in the vault.
    #[schema(max_length = 500)]
    pub(crate) reason: String,
}

impl MergeAccounts {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let from_member_id = fields.required("from_member_id", json::uuid);
        let reason = fields.required("reason", json::text(REASON_CHARS_MAX));
        Some(Self { from_member_id: from_member_id?, reason: reason? })
    }
}

/// A manual adjustment. Rule B10.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Adjust {
    /// How much, up or down.
    #[schema(value_type = SignedAmount)]
    pub(crate) amount: Bonuses,
    /// Why; kept in the vault.
    #[schema(max_length = 500)]
    pub(crate) reason: String,
}

impl Adjust {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let amount = fields.required("amount", json::signed_money);
        let reason = fields.required("reason", json::text(REASON_CHARS_MAX));
        Some(Self { amount: Bonuses::from_kopecks(amount?.kopecks()), reason: reason? })
    }
}

/// A goodwill gift. Rule B10.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gift {
    /// How much.
    #[schema(value_type = Amount)]
    pub(crate) amount: Bonuses,
    /// Why; kept in the vault.
    #[schema(max_length = 500)]
    pub(crate) reason: String,
    /// How many days it lives after today; as long as what is earned when absent.
    #[schema(minimum = 1, maximum = 3650, nullable = false)]
    pub(crate) life_days: Option<u32>,
}

impl Gift {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let amount = fields.required("amount", json::money);
        let reason = fields.required("reason", json::text(REASON_CHARS_MAX));
        let life_days = fields.optional("life_days", json::integer(1, LIFE_DAYS_MAX));
        Some(Self { amount: Bonuses::from_kopecks(amount?.kopecks()), reason: reason?, life_days })
    }
}

/// A payment for Premium. Rule S4.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PayPremium {
    /// The first moment paid for.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) from: Timestamp,
    /// The first moment after it.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) to: Timestamp,
    /// The payment's own number, by which it counts once; kept as a keyed hash alone.
    #[schema(max_length = 128)]
    pub(crate) payment_ref: String,
}

impl PayPremium {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let from = fields.required("from", json::moment);
        let to = fields.required("to", json::moment);
        let payment_ref = fields.required("payment_ref", json::text(PAYMENT_CHARS_MAX));
        Some(Self { from: from?, to: to?, payment_ref: payment_ref? })
    }
}

/// Her standing after what was asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct Standing {
    /// The member.
    pub(crate) member_id: Uuid,
    /// Her status.
    #[schema(value_type = String)]
    pub(crate) status: &'static str,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A gift or an adjustment.
#[derive(Serialize, ToSchema)]
pub(crate) struct Granted {
    /// Names it.
    pub(crate) grant_id: Uuid,
    /// How much, with a sign when it was taken.
    #[schema(value_type = String)]
    pub(crate) amount: Bonuses,
    /// The last moment of what was given; null for what was taken.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) expires_at: Option<Timestamp>,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}
