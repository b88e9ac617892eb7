//! Coupons given by hand, by a business or by an admin. Rules C1, C4.
//!
//! One whose bonuses the coalition bears is bonuses by an admin's hand, given at a till: more of them than `approval.manual_bonus`
//! need a second person, as a gift does. What takes something off a bill is not: it gives no bonuses.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::{BusinessId, CouponId, MemberId};
use ledger_core::log::Position;
use ledger_core::member::coupon::{FundedBy, IssueCoupon};
use ledger_core::member::event::{CouponBenefit, CouponConditions};
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use ledger_store::{Command, Idempotency, Outcome, Repeat};
use metrics::counter;
use pii_vault::access::Purpose;
use pii_vault::auth::{Approval, ApprovalKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::approvals::{Ask, Permit, approved_reason, carried_out, is_finished, is_much, permit, waited};
use super::businesses::execute_as;
use super::redemptions::other_outcome;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, CouponWanted, forbidden_on_coupon};
use crate::intake;
use crate::json::parse;
use crate::natural_key::fingerprint;
use crate::problem::ApiError;
use crate::query;
use crate::words::{Acting, Texts, Whose};

/// A coupon as it is given, and as it waits for a second person. Its words are kept apart: they may name her.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issue {
    member_id: Uuid,
    business_id: Uuid,
    gives: CouponBenefit,
    conditions: CouponConditions,
    expires_at: Timestamp,
    by_coalition: bool,
    /// Whether words of hers wait beside it: a clinic's coupon has none.
    is_described: bool,
}

/// What a coupon says.
#[derive(Debug, Clone, Copy)]
struct Words<'a> {
    description: Option<&'a str>,
    gift: Option<&'a str>,
}

/// What was given, and where the log says so.
type Issued = (dto::CouponIssuedAnswer, Option<Position>);

pub(crate) async fn issue(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let key = call.idempotency_key()?;
    let body = call.body(payload, Limit::Document).await?;
    let (business, wanted) = read(&call, &body).await?;
    if wanted.funded_by == FundedBy::Coalition && !call.caller()?.is_admin() {
        // What the coalition bears is its own to give.
        return Err(ApiError::Forbidden);
    }
    let member = intake::find(&call, business, &wanted.member, &key).await?;
    let member = member.ok_or(Rejection::MemberNotFound)?;
    let CouponWanted { gives, gift, conditions, expires_at, description, funded_by, .. } = wanted;
    let issue = Issue {
        member_id: member.as_uuid(),
        business_id: business.as_uuid(),
        gives,
        conditions,
        expires_at,
        by_coalition: funded_by == FundedBy::Coalition,
        is_described: description.is_some(),
    };
    issue.answer(&call, key, Words { description: description.as_deref(), gift: gift.as_deref() }).await
}

/// The business that the body or the caller names, and what is wanted.
async fn read(call: &Call, body: &[u8]) -> Result<(BusinessId, CouponWanted), ApiError> {
    let mut json = parse(body)?;
    let registry = intake::registry_for(call, std::slice::from_ref(&json)).await?;
    let business = intake::business_of(call, &registry, &mut json, "")?;
    let forbidden = forbidden_on_coupon(&json, business.confidentiality);
    if !forbidden.is_empty() {
        tracing::warn!(business.id = %business.business_id, "a coupon of a medical business has a field it may not");
        return Err(ApiError::FieldNotAllowed(forbidden));
    }
    let mut errors = crate::json::FieldErrors::default();
    let read =
        |fields: &mut crate::json::Fields<'_, '_>| CouponWanted::read(fields, business.confidentiality);
    let wanted = dto::object(json, "", &mut errors, read);
    let wanted = wanted.filter(|_| errors.is_empty()).ok_or(ApiError::Validation(errors))?;
    Ok((business.business_id, wanted))
}

impl Issue {
    /// Gives it now, or has it wait.
    async fn answer(self, call: &Call, key: [u8; 32], words: Words<'_>) -> Answer {
        let (issued, position) = if self.needs_approval(call)? && !is_finished(call, &key).await? {
            let ask = Ask {
                kind: ApprovalKind::CoalitionCoupon,
                about: Some(self.member()),
                words: words.description,
                key,
                fingerprint: self.fingerprint(),
                inputs: &self,
            };
            match permit(call, ask).await? {
                Permit::Waits(asked) => return call.answer(StatusCode::ACCEPTED, &*asked, None),
                // What was approved, and not what this request says: its words may be others.
                Permit::Given(approval) => Self::carry_out(call, &approval).await?,
            }
        } else {
            self.execute(call, key, Acting::of(call)?, words).await?
        };
        let status = if issued.replayed { StatusCode::OK } else { StatusCode::CREATED };
        call.answer(status, &issued, position)
    }

    fn needs_approval(&self, call: &Call) -> Result<bool, ApiError> {
        match self.gives {
            // A business gives what is its own; an admin gives what is others', whoever bears it.
            CouponBenefit::Bonus { value } if self.by_coalition || call.caller()?.is_admin() => {
                is_much(call, value)
            }
            _ => Ok(false),
        }
    }

    /// Gives what somebody else has approved, on behalf of whoever asked.
    pub(super) async fn carry_out(call: &Call, approval: &Approval) -> Result<Issued, ApiError> {
        let issue: Self = waited(approval)?;
        let description =
            if issue.is_described { Some(approved_reason(call, approval).await?) } else { None };
        let words = Words { description: description.as_deref(), gift: None };
        let issued = issue.execute(call, approval.key, Acting::approved(approval), words).await?;
        carried_out(call, &approval.key).await?;
        Ok(issued)
    }

    fn member(&self) -> MemberId {
        MemberId::from_uuid(self.member_id)
    }

    /// What makes the request this one: all of it but its words, which may name a person.
    fn fingerprint(&self) -> [u8; 32] {
        // Never an error: texts, numbers and lists.
        let terms = serde_json::to_vec(&(&self.gives, &self.conditions, self.by_coalition));
        fingerprint(&[
            self.member_id.as_bytes(),
            self.business_id.as_bytes(),
            &self.expires_at.micros().to_be_bytes(),
            &terms.unwrap_or_default(),
        ])
    }

    async fn execute(
        &self,
        call: &Call,
        key: [u8; 32],
        acting: Acting,
        words: Words<'_>,
    ) -> Result<Issued, ApiError> {
        let idempotency = Idempotency { key, revision: 1, fingerprint: self.fingerprint() };
        let (mut said, mut given) = (Texts::of(&idempotency), Texts::of(&idempotency));
        let command = self.command(&idempotency, [&mut said, &mut given], words);
        // What it gives goes with the coupon, which is of the account that stands for hers. What is said to her does not: the two
        // may part, and be two women.
        let (member, owner) = (self.member(), call.survivor(self.member()));
        let run = execute_as(call, acting, command, idempotency);
        let run = given.around(call, (Whose::Hers(owner), Purpose::Coupons), run);
        let receipt = said.around(call, (Whose::Hers(member), Purpose::Coupons), run).await?;
        let Outcome::Member(MemberOutcome::CouponIssued { coupon_id }) = receipt.outcome else {
            return Err(other_outcome());
        };
        let replayed = receipt.repeat != Repeat::First;
        counter!("coupons_issued_total").increment(u64::from(!replayed));
        let (coupon_id, member_id) = (coupon_id.as_uuid(), owner.as_uuid());
        Ok((dto::CouponIssuedAnswer { coupon_id, member_id, replayed }, receipt.position))
    }

    fn command(
        &self,
        idempotency: &Idempotency,
        [said, given]: [&mut Texts; 2],
        words: Words<'_>,
    ) -> Command {
        let command = MemberCommand::IssueCoupon(Box::new(IssueCoupon {
            coupon_id: CouponId::of_key(&idempotency.key),
            business_id: BusinessId::from_uuid(self.business_id),
            gives: self.gives.clone(),
            conditions: self.conditions.clone(),
            expires_at: self.expires_at,
            funded_by: if self.by_coalition { FundedBy::Coalition } else { FundedBy::Business },
            description: words.description.map(|text| said.id("description", text)),
            gift: words.gift.map(|text| given.id("gift", text)),
        }));
        Command::Member { member_id: self.member(), command }
    }
}

#[cfg(test)]
mod tests {
    use ledger_core::money::Bonuses;

    use super::*;

    /// What waits is read back as it was asked for, and it is the same request then.
    #[test]
    fn what_waits_is_what_was_asked_for() {
        let issue = Issue {
            member_id: Uuid::from_u128(1),
            business_id: Uuid::from_u128(2),
            gives: CouponBenefit::Bonus { value: Bonuses::from_kopecks(600_000) },
            conditions: CouponConditions {
                min_bill: None,
                new_customers_only: false,
                statuses: Vec::new(),
                with_bonuses: true,
                valid_from: None,
            },
            expires_at: Timestamp::BEGINNING,
            by_coalition: true,
            is_described: true,
        };
        let kept = serde_json::to_vec(&issue).expect("json");
        let read: Issue = serde_json::from_slice(&kept).expect("an issue");
        assert_eq!((&read, read.fingerprint()), (&issue, issue.fingerprint()));
        let by_business = Issue { by_coalition: false, ..issue.clone() };
        assert_ne!(by_business.fingerprint(), issue.fingerprint());
    }
}
