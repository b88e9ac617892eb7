//! Coupons by id: what a member has, and what a business gave. Rules C.

use ledger_core::category::Confidentiality;
use ledger_core::ids::{CouponId, MemberId};
use ledger_core::member::event::{CouponBenefit, CouponIssued, CouponReckoned, CouponRedeemed, MemberEvent};
use ledger_core::member::lot::Funder;
use ledger_core::member::status::Status;
use ledger_core::money::Roubles;
use sqlx::PgConnection;
use sqlx::postgres::PgQueryResult;

use crate::engine::Decoded;
use crate::error::ProjectError;

/// Applies a fact; most are not about a coupon.
pub(super) async fn apply(
    connection: &mut PgConnection,
    event: &Decoded,
    member: MemberId,
    fact: &MemberEvent,
) -> Result<(), ProjectError> {
    match fact {
        MemberEvent::CouponIssued(fact) => issued(connection, event, member, fact).await,
        MemberEvent::CouponActivated(fact) => {
            let activated = sqlx::query(
                "UPDATE coupons SET state = 'activated', code_hash = $2, code_until = $3 \
                 WHERE coupon_id = $1",
            )
            .bind(fact.coupon_id.as_uuid())
            .bind(String::from(fact.code))
            .bind(fact.valid_until.to_utc());
            known(event, activated.execute(connection).await?)
        }
        MemberEvent::CouponRedeemed(fact) => redeemed(connection, event, fact).await,
        MemberEvent::CouponReckoned(fact) => reckoned(connection, event, fact).await,
        MemberEvent::CouponExpired(fact) => ended(connection, event, fact.coupon_id, "expired").await,
        MemberEvent::CouponRevoked(fact) => ended(connection, event, fact.coupon_id, "revoked").await,
        _ => Ok(()),
    }
}

async fn issued(
    connection: &mut PgConnection,
    event: &Decoded,
    member: MemberId,
    fact: &CouponIssued,
) -> Result<(), ProjectError> {
    let (value, cap) = match &fact.gives {
        CouponBenefit::DiscountFixed { value } => (Some(value.to_string()), None),
        CouponBenefit::DiscountPercent { value, cap } => (Some(value.to_string()), *cap),
        CouponBenefit::Bonus { value } => (Some(value.to_string()), None),
        CouponBenefit::Gift {} => (None, None),
    };
    let conditions = &fact.conditions;
    let of_chain = fact.chain.as_ref().map(|chain| (chain.description, chain.gift));
    let of_offer = fact.offer.as_ref().map(|offer| (offer.description, offer.gift));
    let (description, gift) = of_chain.or(of_offer).unwrap_or((fact.description, fact.gift));
    sqlx::query(
        "INSERT INTO coupons (coupon_id, member_id, business_id, medical, type, value, cap_kopecks, min_bill_kopecks, \
                              new_customers_only, statuses, with_bonuses, by_coalition, valid_from, expires_at, state, \
                              issued_at, position, description_id, gift_id, offer_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'issued', $15, $16, $17, $18, $19)",
    )
    .bind(fact.coupon_id.as_uuid())
    .bind(member.as_uuid())
    .bind(fact.business_id.as_uuid())
    .bind(fact.confidentiality == Confidentiality::Medical)
    .bind(fact.gives.kind())
    .bind(value)
    .bind(cap.map(Roubles::kopecks))
    .bind(conditions.min_bill.map(Roubles::kopecks))
    .bind(conditions.new_customers_only)
    .bind(conditions.statuses.iter().map(|status| Status::as_str(*status)).collect::<Vec<&str>>())
    .bind(conditions.with_bonuses)
    .bind(fact.funded_by == Funder::Coalition)
    .bind(conditions.valid_from.map(|from| from.to_utc()))
    .bind(fact.expires_at.to_utc())
    .bind(event.recorded_at.to_utc())
    .bind(event.position)
    .bind(description.map(|id| id.as_uuid()))
    .bind(gift.map(|id| id.as_uuid()))
    .bind(fact.offer.as_ref().map(|offer| offer.offer_id.as_uuid()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn redeemed(
    connection: &mut PgConnection,
    event: &Decoded,
    fact: &CouponRedeemed,
) -> Result<(), ProjectError> {
    let redeemed = sqlx::query(
        "UPDATE coupons SET state = 'redeemed', purchase_id = $2, discount_kopecks = $3, bonuses_kopecks = $4, \
                            ended_at = $5 \
         WHERE coupon_id = $1",
    )
    .bind(fact.coupon_id.as_uuid())
    .bind(fact.purchase_id.as_uuid())
    .bind(fact.discount.kopecks())
    .bind(fact.lot.as_ref().map_or(0, |lot| lot.amount.kopecks()))
    .bind(event.recorded_at.to_utc());
    known(event, redeemed.execute(connection).await?)
}

/// The discount net of refunds.
async fn reckoned(
    connection: &mut PgConnection,
    event: &Decoded,
    fact: &CouponReckoned,
) -> Result<(), ProjectError> {
    let reckoned = sqlx::query("UPDATE coupons SET discount_kopecks = $2 WHERE coupon_id = $1")
        .bind(fact.coupon_id.as_uuid())
        .bind(fact.discount.kopecks());
    known(event, reckoned.execute(connection).await?)
}

async fn ended(
    connection: &mut PgConnection,
    event: &Decoded,
    coupon: CouponId,
    state: &str,
) -> Result<(), ProjectError> {
    let ended = sqlx::query("UPDATE coupons SET state = $2, ended_at = $3 WHERE coupon_id = $1")
        .bind(coupon.as_uuid())
        .bind(state)
        .bind(event.occurred_at.to_utc());
    known(event, ended.execute(connection).await?)
}

/// A coupon that nobody issued cannot change. Design J4.
fn known(event: &Decoded, changed: PgQueryResult) -> Result<(), ProjectError> {
    if changed.rows_affected() == 1 {
        return Ok(());
    }
    let reason = "an unknown coupon changes".to_owned();
    Err(ProjectError::Unapplicable { position: event.position, reason })
}
