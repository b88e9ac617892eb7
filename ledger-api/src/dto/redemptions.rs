//! Paying with bonuses. Rules R.

use ledger_core::member::event::PurchaseSource;
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::purchase_documents::MemberSelector;
use super::purchases::{Form, Member, Report, member};
use super::values::{Amount, moment};
use crate::json::{self, Fields};
use crate::natural_key::DEFAULT_SOURCE;
use ledger_core::ids::{MemberId, RedemptionId};

/// Reserve bonuses for a purchase. Rules R1, R2.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct HoldBonuses {
    member: MemberSelector,
    /// The bill as it looks.
    bill_amount: Amount,
    /// How much of it in bonuses.
    amount: Amount,
    /// Only from an admin, who must: id or slug.
    #[schema(max_length = 64, nullable = false)]
    business_id: Option<String>,
}

/// A hold as asked for.
pub(crate) struct Hold {
    /// Whose bonuses.
    pub(crate) member: Member,
    /// The bill.
    pub(crate) bill_amount: Roubles,
    /// How much of it.
    pub(crate) amount: Bonuses,
}

impl Hold {
    /// Reads a body whose `business_id` was taken before.
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let member = member(fields, Form::Single);
        let bill_amount = fields.required("bill_amount", json::money);
        let amount = fields.required("amount", json::money);
        let (member, _) = member?;
        let amount = Bonuses::from_kopecks(amount?.kopecks());
        Some(Self { member, bill_amount: bill_amount?, amount })
    }
}

/// Bonuses are reserved.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldAnswer {
    /// What the purchase names them by.
    pub(crate) redemption_id: Uuid,
    /// Whose they are.
    pub(crate) member_id: Uuid,
    /// How much.
    #[schema(value_type = String)]
    pub(crate) held: Bonuses,
    /// The first moment at which they no longer are.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
    /// Present and true when the same request came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}

/// The purchase that captures a hold: its member is the hold's. Rule R3.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct CaptureHold {
    /// The partner's own number of the purchase.
    #[schema(max_length = 128, min_length = 1)]
    external_id: String,
    /// Which of the partner's systems; `api` when absent.
    #[schema(max_length = 32, min_length = 1, nullable = false)]
    source_system: Option<String>,
    /// The bill.
    amount: Amount,
    /// How much of the hold; the rest is released.
    #[schema(nullable = false)]
    redeem_amount: Option<Amount>,
    #[schema(schema_with = moment)]
    occurred_at: String,
    /// Only from an admin, who must: id or slug.
    #[schema(max_length = 64, nullable = false)]
    business_id: Option<String>,
}

/// Reads the purchase that captures `redemption`, a hold of `member`'s.
pub(crate) fn capture(
    fields: &mut Fields<'_, '_>,
    redemption: RedemptionId,
) -> Option<impl FnOnce(MemberId) -> Report + use<>> {
    let external_id = fields.required("external_id", json::text(128));
    let source_system = fields.optional("source_system", json::text(32));
    let amount = fields.required("amount", json::money);
    let redeem_amount = fields.optional("redeem_amount", json::money);
    let occurred_at = fields.required("occurred_at", json::moment);
    let (external_id, amount, occurred_at) = (external_id?, amount?, occurred_at?);
    Some(move |member| Report {
        external_id,
        source_system: source_system.unwrap_or_else(|| DEFAULT_SOURCE.to_owned()),
        revision: 1,
        cancelled: false,
        member: Member::Id(member),
        registered_at: None,
        amount,
        occurred_at,
        redemption_id: Some(redemption),
        redeem_amount: redeem_amount.map(|amount| Bonuses::from_kopecks(amount.kopecks())),
        coupon_code: None,
        source: PurchaseSource::Api,
    })
}

/// Call a hold off.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documents fields")]
pub(crate) struct CancelHold {
    /// Only from an admin, who must: id or slug.
    #[schema(max_length = 64, nullable = false)]
    business_id: Option<String>,
}

/// A hold is called off.
#[derive(Serialize, ToSchema)]
pub(crate) struct CancelAnswer {
    /// Which.
    pub(crate) redemption_id: Uuid,
    /// What went back.
    #[schema(value_type = String)]
    pub(crate) released: Bonuses,
    /// Present and true when the same request came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replayed: bool,
}
