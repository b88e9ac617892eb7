//! Folds the log into what is looked up by id: businesses and their terms, policies, the quarantine, purchases, coupons.
//!
//! Businesses and policies are few and written one by one, and so are coupons; purchases come by batch.

mod coupons;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use ledger_core::business::event::{BusinessEvent, BusinessRegistered, Terms};
use ledger_core::category::Confidentiality;
use ledger_core::ids::{BusinessId, MemberId, QuarantineId};
use ledger_core::member::event::{
    BonusAccrued, MemberEvent, PurchaseAmended, PurchaseQuarantined, PurchaseRecorded, PurchaseTakenOver,
};
use ledger_core::policy::event::PolicyEvent;
use ledger_core::policy::event::PolicyPublished;
use ledger_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::engine::{Decoded, Fact, Projection};
use crate::error::ProjectError;

/// The read model `directory`.
pub struct Directory;

/// What a purchase earned, and the life of its lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Earned {
    bonuses: i64,
    available_from: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
}

impl Earned {
    fn of(fact: &BonusAccrued) -> Self {
        let first = fact.lots.first();
        Self {
            bonuses: fact.amount.kopecks(),
            available_from: first.map(|lot| lot.available_from.to_utc()),
            expires_at: first.map(|lot| lot.expires_at.to_utc()),
        }
    }
}

/// What a newer revision makes of a purchase. Rule D3.
enum Edit<'a> {
    Amended(&'a PurchaseAmended),
    TakenOver(MemberId, &'a PurchaseTakenOver),
}

impl Projection for Directory {
    fn name(&self) -> &'static str {
        "directory"
    }

    fn tables(&self) -> &'static str {
        include_str!("../../migrations/read/directory.sql")
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Decoded],
    ) -> BoxFuture<'a, Result<(), ProjectError>> {
        Box::pin(async move {
            let (mut recorded, mut earned, mut amended) = (Vec::new(), BTreeMap::new(), Vec::new());
            for event in events {
                match &event.fact {
                    Fact::Business(fact) => business(connection, event, fact).await?,
                    Fact::Policy(PolicyEvent::PolicyPublished(fact)) => {
                        policy(connection, event, fact).await?
                    }
                    // What is asked about chains and offers is answered out of the registry.
                    Fact::Chain(_) | Fact::Offer(_) => {}
                    Fact::Member(member, MemberEvent::PurchaseQuarantined(fact)) => {
                        quarantine(connection, event, *member, fact).await?;
                    }
                    Fact::Member(_, MemberEvent::QuarantineApplied(fact)) => {
                        leave_quarantine(connection, fact.quarantine_id, "applied").await?;
                    }
                    Fact::Member(_, MemberEvent::QuarantineDropped(fact)) => {
                        leave_quarantine(connection, fact.quarantine_id, "dropped").await?;
                    }
                    Fact::Member(member, MemberEvent::PurchaseRecorded(fact)) => {
                        recorded.push((*member, event, fact));
                    }
                    // What a revision of the document adds is in what that revision says of the purchase (Rule D3).
                    Fact::Member(_, MemberEvent::BonusAccrued(fact)) if fact.revision.is_some() => {}
                    Fact::Member(_, MemberEvent::PurchaseAmended(fact)) => {
                        amended.push((event, Edit::Amended(fact)))
                    }
                    Fact::Member(member, MemberEvent::PurchaseTakenOver(fact)) => {
                        amended.push((event, Edit::TakenOver(*member, fact)));
                    }
                    Fact::Member(_, MemberEvent::BonusAccrued(fact)) => {
                        earned.insert(fact.purchase_id.as_uuid(), Earned::of(fact));
                    }
                    Fact::Member(member, fact) => coupons::apply(connection, event, *member, fact).await?,
                }
            }
            write_purchases(connection, &recorded, &mut earned).await?;
            write_earned(connection, &earned).await?;
            write_amended(connection, &amended).await
        })
    }
}

async fn business(
    connection: &mut PgConnection,
    event: &Decoded,
    fact: &BusinessEvent,
) -> Result<(), ProjectError> {
    match fact {
        BusinessEvent::BusinessRegistered(fact) => register(connection, event, fact).await,
        BusinessEvent::BusinessRenamed(fact) => {
            sqlx::query("UPDATE businesses SET name = $2 WHERE business_id = $1")
                .bind(fact.business_id.as_uuid())
                .bind(&fact.name)
                .execute(connection)
                .await?;
            Ok(())
        }
        BusinessEvent::BusinessTermsChanged(fact) => {
            terms(connection, event, fact.business_id, fact.effective_from, &fact.terms).await
        }
        BusinessEvent::RefundWaiting(_) | BusinessEvent::WaitingRefundsClosed(_) => Ok(()),
        BusinessEvent::BusinessMultiplierSet(fact) => {
            sqlx::query("INSERT INTO multipliers VALUES ($1, $2, $3, $4, $5, $6)")
                .bind(fact.business_id.as_uuid())
                .bind(event.position)
                .bind(fact.from.to_utc())
                .bind(fact.to.to_utc())
                .bind(fact.value.to_string())
                .bind(fact.offer_id.map(|id| id.as_uuid()))
                .execute(connection)
                .await?;
            Ok(())
        }
        BusinessEvent::BusinessMultiplierEnded(fact) => {
            sqlx::query(
                "UPDATE multipliers SET to_time = LEAST(to_time, $3) WHERE business_id = $1 AND offer_id = $2",
            )
            .bind(fact.business_id.as_uuid())
            .bind(fact.offer_id.as_uuid())
            .bind(fact.at.to_utc())
            .execute(connection)
            .await?;
            Ok(())
        }
    }
}

async fn register(
    connection: &mut PgConnection,
    event: &Decoded,
    fact: &BusinessRegistered,
) -> Result<(), ProjectError> {
    sqlx::query("INSERT INTO businesses VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(fact.business_id.as_uuid())
        .bind(fact.slug.as_str())
        .bind(&fact.name)
        .bind(fact.category.as_str())
        .bind(fact.confidentiality == Confidentiality::Medical)
        .bind(event.recorded_at.to_utc())
        .bind(event.position)
        .execute(&mut *connection)
        .await?;
    terms(connection, event, fact.business_id, Timestamp::BEGINNING, &fact.terms).await
}

async fn terms(
    connection: &mut PgConnection,
    event: &Decoded,
    business: BusinessId,
    from: Timestamp,
    terms: &Terms,
) -> Result<(), ProjectError> {
    sqlx::query("INSERT INTO terms VALUES ($1, $2, $3, $4)")
        .bind(business.as_uuid())
        .bind(from.to_utc())
        .bind(event.position)
        .bind(json(event, terms)?)
        .execute(connection)
        .await?;
    Ok(())
}

async fn policy(
    connection: &mut PgConnection,
    event: &Decoded,
    fact: &PolicyPublished,
) -> Result<(), ProjectError> {
    sqlx::query("INSERT INTO policies VALUES ($1, $2, $3, $4, $5)")
        .bind(i64::from(fact.version))
        .bind(fact.effective_from.to_utc())
        .bind(event.recorded_at.to_utc())
        .bind(json(event, &fact.parameters)?)
        .bind(event.position)
        .execute(connection)
        .await?;
    Ok(())
}

async fn quarantine(
    connection: &mut PgConnection,
    event: &Decoded,
    member: MemberId,
    fact: &PurchaseQuarantined,
) -> Result<(), ProjectError> {
    let purchase = &fact.purchase;
    sqlx::query(
        "INSERT INTO quarantine VALUES ($1, 'waiting', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(fact.quarantine_id.as_uuid())
    .bind(word(event, &fact.reason)?)
    .bind(member.as_uuid())
    .bind(purchase.business_id.as_uuid())
    .bind(purchase.business.as_str())
    .bind(purchase.confidentiality == Confidentiality::Medical)
    .bind(purchase.purchase_id.as_uuid())
    .bind(purchase.amount.kopecks())
    .bind(event.occurred_at.to_utc())
    .bind(event.recorded_at.to_utc())
    .bind(event.position)
    .bind(fact.resembles.map(|id| id.as_uuid()))
    .bind(purchase.source_system.map(|key| key.to_string()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn leave_quarantine(
    connection: &mut PgConnection,
    id: QuarantineId,
    state: &str,
) -> Result<(), ProjectError> {
    sqlx::query("UPDATE quarantine SET state = $2 WHERE quarantine_id = $1")
        .bind(id.as_uuid())
        .bind(state)
        .execute(connection)
        .await?;
    Ok(())
}

/// Inserts the purchases; one that another member has taken over (Rule D3) may be there: her stream may be read before.
/// What they earned in the same batch is taken out of `earned`.
async fn write_purchases(
    connection: &mut PgConnection,
    recorded: &[(MemberId, &Decoded, &PurchaseRecorded)],
    earned: &mut BTreeMap<Uuid, Earned>,
) -> Result<(), ProjectError> {
    if recorded.is_empty() {
        return Ok(());
    }
    let own: Vec<Option<Earned>> =
        recorded.iter().map(|(_, _, fact)| earned.remove(&fact.purchase_id.as_uuid())).collect();
    let sources = recorded
        .iter()
        .map(|(_, event, fact)| word(event, &fact.source))
        .collect::<Result<Vec<String>, ProjectError>>()?;
    let medical = recorded
        .iter()
        .map(|(_, _, fact)| fact.confidentiality == Confidentiality::Medical)
        .collect::<Vec<bool>>();
    sqlx::query(
        "INSERT INTO purchases (purchase_id, business_id, medical, member_id, amount_kopecks, bonuses_kopecks, \
                                available_from, expires_at, source, occurred_at, recorded_at, position) \
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::bool[], $4::uuid[], $5::bigint[], $6::bigint[], \
                $7::timestamptz[], $8::timestamptz[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::bigint[]) \
         ON CONFLICT (purchase_id) DO UPDATE SET available_from = excluded.available_from, \
            expires_at = excluded.expires_at, source = excluded.source, recorded_at = excluded.recorded_at, \
            position = excluded.position",
    )
    .bind(recorded.iter().map(|(_, _, fact)| fact.purchase_id.as_uuid()).collect::<Vec<Uuid>>())
    .bind(recorded.iter().map(|(_, _, fact)| fact.business_id.as_uuid()).collect::<Vec<Uuid>>())
    .bind(medical)
    .bind(recorded.iter().map(|(member, _, _)| member.as_uuid()).collect::<Vec<Uuid>>())
    .bind(recorded.iter().map(|(_, _, fact)| fact.amount.kopecks()).collect::<Vec<i64>>())
    .bind(own.iter().map(|earned| earned.map_or(0, |earned| earned.bonuses)).collect::<Vec<i64>>())
    .bind(own.iter().map(|earned| earned.and_then(|earned| earned.available_from)).collect::<Vec<_>>())
    .bind(own.iter().map(|earned| earned.and_then(|earned| earned.expires_at)).collect::<Vec<_>>())
    .bind(sources)
    .bind(recorded.iter().map(|(_, event, _)| event.occurred_at.to_utc()).collect::<Vec<_>>())
    .bind(recorded.iter().map(|(_, event, _)| event.recorded_at.to_utc()).collect::<Vec<_>>())
    .bind(recorded.iter().map(|(_, event, _)| event.position).collect::<Vec<i64>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// What purchases of earlier batches earned.
async fn write_earned(
    connection: &mut PgConnection,
    earned: &BTreeMap<Uuid, Earned>,
) -> Result<(), ProjectError> {
    if earned.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE purchases SET bonuses_kopecks = CASE edited WHEN 0 THEN b.bonuses ELSE bonuses_kopecks END, \
            available_from = b.available_from, expires_at = b.expires_at \
         FROM UNNEST($1::uuid[], $2::bigint[], $3::timestamptz[], $4::timestamptz[]) \
              AS b (purchase_id, bonuses, available_from, expires_at) \
         WHERE purchases.purchase_id = b.purchase_id",
    )
    .bind(earned.keys().copied().collect::<Vec<Uuid>>())
    .bind(earned.values().map(|earned| earned.bonuses).collect::<Vec<i64>>())
    .bind(earned.values().map(|earned| earned.available_from).collect::<Vec<_>>())
    .bind(earned.values().map(|earned| earned.expires_at).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// One by one in their order: a batch may hold several of one purchase, and they are few. Rule D3.
async fn write_amended(
    connection: &mut PgConnection,
    edits: &[(&Decoded, Edit<'_>)],
) -> Result<(), ProjectError> {
    for (event, edit) in edits {
        match edit {
            Edit::Amended(fact) => amend(connection, event, fact).await?,
            Edit::TakenOver(member, fact) => take_over(connection, event, *member, fact).await?,
        }
    }
    Ok(())
}

async fn amend(
    connection: &mut PgConnection,
    event: &Decoded,
    fact: &PurchaseAmended,
) -> Result<(), ProjectError> {
    sqlx::query(
        "UPDATE purchases SET amount_kopecks = $2, bonuses_kopecks = $3, edited = $4 \
         WHERE purchase_id = $1 AND edited < $4",
    )
    .bind(fact.purchase_id.as_uuid())
    .bind(fact.bill.kopecks())
    .bind(fact.accrual.kopecks())
    .bind(event.position)
    .execute(connection)
    .await?;
    Ok(())
}

/// It is on another stream than what came before, which may be behind: then it makes the row.
async fn take_over(
    connection: &mut PgConnection,
    event: &Decoded,
    member: MemberId,
    fact: &PurchaseTakenOver,
) -> Result<(), ProjectError> {
    let purchase = &fact.purchase;
    sqlx::query(
        "INSERT INTO purchases (purchase_id, business_id, medical, member_id, amount_kopecks, bonuses_kopecks, source, \
                                occurred_at, recorded_at, position, edited) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) \
         ON CONFLICT (purchase_id) DO UPDATE SET member_id = excluded.member_id, \
            amount_kopecks = excluded.amount_kopecks, bonuses_kopecks = excluded.bonuses_kopecks, edited = excluded.edited \
         WHERE purchases.edited < excluded.edited",
    )
    .bind(purchase.purchase_id.as_uuid())
    .bind(purchase.business_id.as_uuid())
    .bind(purchase.confidentiality == Confidentiality::Medical)
    .bind(member.as_uuid())
    .bind(purchase.amount.kopecks())
    .bind(fact.accrual.kopecks())
    .bind(word(event, &purchase.source)?)
    .bind(event.occurred_at.to_utc())
    .bind(event.recorded_at.to_utc())
    .bind(event.position)
    .execute(connection)
    .await?;
    Ok(())
}

fn json(event: &Decoded, value: &impl Serialize) -> Result<Value, ProjectError> {
    serde_json::to_value(value)
        .map_err(|error| ProjectError::Unapplicable { position: event.position, reason: error.to_string() })
}

/// The wire name of a unit variant.
fn word(event: &Decoded, value: &impl Serialize) -> Result<String, ProjectError> {
    match json(event, value)? {
        Value::String(text) => Ok(text),
        _ => {
            Err(ProjectError::Unapplicable { position: event.position, reason: "no single word".to_owned() })
        }
    }
}
