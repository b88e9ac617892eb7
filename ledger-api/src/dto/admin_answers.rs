//! What administration answers.

use ledger_core::category::Confidentiality;
use ledger_core::money::Roubles;
use ledger_core::policy::Parameters;
use ledger_core::rate::{Multiplier, Rate};
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A business's id.
#[derive(Serialize, ToSchema)]
pub(crate) struct BusinessId {
    /// The business.
    pub(crate) business_id: Uuid,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// All businesses.
#[derive(Serialize, ToSchema)]
pub(crate) struct Businesses {
    /// By id.
    pub(crate) items: Vec<Business>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}

/// One business with its terms in force now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Business {
    /// The business.
    pub(crate) business_id: Uuid,
    /// Its short name.
    pub(crate) slug: String,
    /// Its name as members see it.
    pub(crate) name: String,
    /// What it does.
    #[schema(value_type = String)]
    pub(crate) category: &'static str,
    /// ordinary or medical.
    #[schema(value_type = String)]
    pub(crate) confidentiality: Confidentiality,
    /// Its multiplier now.
    #[schema(value_type = String)]
    pub(crate) cashback_multiplier: Multiplier,
    /// Its own hold; null: the policy's.
    pub(crate) hold_days: Option<u32>,
    /// Its own share; null: the policy's.
    #[schema(value_type = Option<String>)]
    pub(crate) max_redeem_share: Option<Rate>,
    /// The systems that report its purchases.
    pub(crate) purchase_sources: Vec<String>,
}

/// A key, shown once.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct IssuedKey {
    /// Names it.
    pub(crate) key_id: Uuid,
    /// For `Authorization: ApiKey`.
    pub(crate) key: String,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A business's keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKeys {
    /// Oldest first.
    pub(crate) items: Vec<ApiKey>,
}

/// A key without the key itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKey {
    /// Names it.
    pub(crate) key_id: Uuid,
    /// What it is for.
    pub(crate) name: String,
    /// What it may do; null: everything.
    pub(crate) scopes: Option<Vec<String>>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) revoked_at: Option<Timestamp>,
}

/// The programme's keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProgrammeKeys {
    /// Oldest first.
    pub(crate) items: Vec<ProgrammeKey>,
}

/// A key of an admin, a superadmin or an auditor, without the key itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProgrammeKey {
    /// Names it.
    pub(crate) key_id: Uuid,
    /// admin, superadmin or auditor.
    #[schema(value_type = String)]
    pub(crate) role: &'static str,
    /// What it is for.
    pub(crate) name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) revoked_at: Option<Timestamp>,
}

/// The key of a business's `phone_hash`, shown once.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct PhoneKey {
    /// 64 hexadecimal digits; the HMAC key is the 32 bytes.
    pub(crate) key: String,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A member's id.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemberId {
    /// The member.
    pub(crate) member_id: Uuid,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A policy was published.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyPublished {
    /// Its version.
    pub(crate) version: u32,
    /// From when it is in force.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) effective_from: Timestamp,
    /// Present and true when an earlier request of the same key did this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// All policies.
#[derive(Serialize, ToSchema)]
pub(crate) struct Policies {
    /// Newest first.
    pub(crate) items: Vec<Policy>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}

/// One policy.
#[derive(Serialize, ToSchema)]
pub(crate) struct Policy {
    /// Its version.
    pub(crate) version: u32,
    /// From when it is in force.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) effective_from: Timestamp,
    /// Every parameter by name.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    pub(crate) parameters: Parameters,
}

/// Documents that wait.
#[derive(Serialize, ToSchema)]
pub(crate) struct Quarantine {
    /// Oldest first.
    pub(crate) items: Vec<QuarantineItem>,
    /// For the next page.
    pub(crate) next_cursor: Option<String>,
}

/// A document that waited is dropped.
#[derive(Serialize, ToSchema)]
pub(crate) struct Dropped {
    /// Which.
    pub(crate) quarantine_id: Uuid,
    /// Present and true when the same request came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// A document that waits for an admin.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuarantineItem {
    /// Names it.
    pub(crate) quarantine_id: Uuid,
    /// Why it waits: too_old or suspected_duplicate.
    pub(crate) reason: String,
    /// The purchase that it may be another system's report of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resembles: Option<Uuid>,
    /// Which system sent it, if it is one of the business's `purchase_sources` or the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_system: Option<String>,
    /// Whose purchase it would be.
    pub(crate) member_id: Uuid,
    /// Where.
    pub(crate) business_id: Uuid,
    /// The bill.
    #[schema(value_type = String)]
    pub(crate) amount: Roubles,
    /// When it is said to have happened.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) occurred_at: Timestamp,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) recorded_at: Timestamp,
}
