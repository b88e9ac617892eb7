//! Bonuses by an admin's hand. Rule B10. More than `approval.manual_bonus` at once needs a second person.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use ledger_core::ids::{GrantId, MemberId, ReasonId};
use ledger_core::log::Position;
use ledger_core::member::event::GiftKind;
use ledger_core::member::gift::{Adjustment, Gift};
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::money::Bonuses;
use ledger_store::{Outcome, Receipt, Repeat};
use pii_vault::auth::{Approval, ApprovalKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::approvals::{Ask, Permit, approved_reason, carried_out, is_finished, is_much, permit, waited};
use super::standing::named;
use crate::body::Limit;
use crate::call::{Answer, Call};
use crate::dto::{self, document};
use crate::natural_key::fingerprint;
use crate::problem::{ApiError, Cause};
use crate::query;
use crate::words::{Acting, Reasoned};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Gift,
    Adjust,
}

/// What an admin gives or corrects: as it is carried out, and as it waits for a second person. Why is kept apart: it is words
/// about a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    call: Kind,
    member_id: Uuid,
    amount: Bonuses,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    life_days: Option<u32>,
}

pub(crate) async fn adjust(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let (member, key) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::Adjust { amount, reason, .. } = document(&body, dto::Adjust::read)?;
    let member_id = member.as_uuid();
    let grant = Grant { call: Kind::Adjust, member_id, amount, life_days: None };
    grant.answer(&call, key, &reason).await
}

pub(crate) async fn gift(call: Call, payload: Payload) -> Answer {
    query::none(&call)?;
    let (member, key) = named(&call)?;
    let body = call.body(payload, Limit::Document).await?;
    let dto::Gift { amount, reason, life_days, .. } = document(&body, dto::Gift::read)?;
    let grant = Grant { call: Kind::Gift, member_id: member.as_uuid(), amount, life_days };
    grant.answer(&call, key, &reason).await
}

impl Grant {
    /// Carries it out now, or has it wait.
    async fn answer(self, call: &Call, key: [u8; 32], reason: &str) -> Answer {
        let (granted, position) = if is_much(call, self.amount)? && !is_finished(call, &key).await? {
            let ask = Ask {
                kind: ApprovalKind::ManualBonus,
                about: Some(MemberId::from_uuid(self.member_id)),
                words: Some(reason),
                key,
                fingerprint: self.asks(),
                inputs: &self,
            };
            match permit(call, ask).await? {
                Permit::Waits(asked) => return call.answer(StatusCode::ACCEPTED, &*asked, None),
                // What was approved, and not what this request says: its words may be others.
                Permit::Given(approval) => Self::carry_out(call, &approval).await?,
            }
        } else {
            self.execute(call, key, Acting::of(call)?, reason).await?
        };
        let status = if granted.replayed { StatusCode::OK } else { StatusCode::CREATED };
        call.answer(status, &granted, position)
    }

    /// Carries out what somebody else has approved, on behalf of whoever asked.
    pub(super) async fn carry_out(
        call: &Call,
        approval: &Approval,
    ) -> Result<(dto::Granted, Option<Position>), ApiError> {
        let grant: Self = waited(approval)?;
        let reason = approved_reason(call, approval).await?;
        let granted = grant.execute(call, approval.key, Acting::approved(approval), &reason).await?;
        carried_out(call, &approval.key).await?;
        Ok(granted)
    }

    /// What makes its request this one.
    fn asks(&self) -> [u8; 32] {
        let (amount, life) = self.parts();
        let kind: &[u8] = if self.call == Kind::Gift { b"gift" } else { b"adjust" };
        fingerprint(&[kind, self.member_id.as_bytes(), &amount, &life])
    }

    fn parts(&self) -> ([u8; 8], Vec<u8>) {
        let life = self.life_days.map(u32::to_be_bytes);
        (self.amount.kopecks().to_be_bytes(), life.map(Vec::from).unwrap_or_default())
    }

    async fn execute(
        &self,
        call: &Call,
        key: [u8; 32],
        acting: Acting,
        reason: &str,
    ) -> Result<(dto::Granted, Option<Position>), ApiError> {
        let (amount, life) = self.parts();
        let both: [&[u8]; 2] = [&amount, &life];
        let parts = if self.call == Kind::Gift { &both[..] } else { &both[..1] };
        let member = MemberId::from_uuid(self.member_id);
        let reasoned = Reasoned { member, key, text: reason, parts };
        let receipt = reasoned.execute_as(call, acting, |reason_id| self.command(reason_id)).await?;
        granted(self.amount, &receipt)
    }

    fn command(&self, reason_id: ReasonId) -> MemberCommand {
        let grant_id = GrantId::from_uuid(Uuid::now_v7());
        let amount = self.amount;
        match self.call {
            Kind::Adjust => MemberCommand::Adjust(Adjustment { grant_id, reason_id, amount }),
            Kind::Gift => MemberCommand::Gift(Gift {
                grant_id,
                kind: GiftKind::Goodwill,
                reason_id: Some(reason_id),
                amount,
                life_days: self.life_days,
            }),
        }
    }
}

fn granted(amount: Bonuses, receipt: &Receipt) -> Result<(dto::Granted, Option<Position>), ApiError> {
    let Outcome::Member(MemberOutcome::Granted { grant_id, expires_at }) = receipt.outcome else {
        return Err(ApiError::Unavailable(Cause::Impossible("a grant was answered with another outcome")));
    };
    let replayed = receipt.repeat != Repeat::First;
    let data = dto::Granted { grant_id: grant_id.as_uuid(), amount, expires_at, replayed };
    Ok((data, receipt.position))
}
