//! Folds the log into each member's two statuses, her consents and her bills. Rules S1, S3, S6, S7.
//!
//! Both tracks are kept, with and without medical businesses; which one is shown is the consent's word, taken by the
//! reader. Bills are kept by moment, so that the sums of the window of Rule S1 are exact at any now.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::BoxFuture;
use ledger_core::category::Confidentiality;
use ledger_core::ids::MemberId;
use ledger_core::log::Position;
use ledger_core::member::event::{MemberEvent, PurchaseRecorded, PurchaseRefunded, Track};
use ledger_core::member::status::Status;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::engine::{Decoded, Fact, Projection};
use crate::error::ProjectError;

/// The read model `statuses`.
pub struct Statuses;

/// One track after the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TrackState {
    status: Status,
    falls: Option<(NaiveDate, Status)>,
}

/// What a batch says about one member; what it does not say stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Member {
    registered_at: Option<DateTime<Utc>>,
    ordinary: Option<TrackState>,
    with_medical: Option<TrackState>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Consent {
    granted: bool,
    version: String,
    at: DateTime<Utc>,
    position: Position,
}

#[derive(Default)]
struct Changes<'a> {
    members: BTreeMap<Uuid, Member>,
    consents: BTreeMap<(Uuid, String), Consent>,
    bills: Vec<(Uuid, &'a Decoded, &'a PurchaseRecorded)>,
    refunds: Vec<(Uuid, &'a PurchaseRefunded)>,
}

impl<'a> Changes<'a> {
    fn enter(&mut self, member_id: MemberId, event: &'a Decoded, fact: &'a MemberEvent) {
        let id = member_id.as_uuid();
        match fact {
            MemberEvent::MemberRegistered(fact) => {
                self.member(id).registered_at = Some(fact.registered_at.to_utc());
            }
            MemberEvent::MembershipBackdated(fact) => {
                self.member(id).registered_at = Some(fact.registered_at.to_utc());
            }
            MemberEvent::ConsentGranted(fact) => {
                self.consent(id, fact.purpose.to_string(), true, fact.version.to_string(), event);
            }
            MemberEvent::ConsentWithdrawn(fact) => {
                self.consent(id, fact.purpose.to_string(), false, fact.version.to_string(), event);
            }
            MemberEvent::PurchaseRecorded(fact) => {
                self.member(id);
                self.bills.push((id, event, fact));
            }
            MemberEvent::StatusChanged(fact) => {
                self.track(id, fact.track, TrackState { status: fact.to, falls: None });
            }
            MemberEvent::StatusDowngradeScheduled(fact) => {
                let falls = Some((fact.on.to_date(), fact.to));
                self.track(id, fact.track, TrackState { status: fact.from, falls });
            }
            MemberEvent::StatusDowngradeCancelled(fact) => {
                self.track(id, fact.track, TrackState { status: fact.status, falls: None });
            }
            MemberEvent::PurchaseRefunded(fact) => self.refunds.push((id, fact)),
            MemberEvent::PurchaseQuarantined(_)
            | MemberEvent::BonusesHeld(_)
            | MemberEvent::HoldReleased(_)
            | MemberEvent::BonusesRedeemed(_)
            | MemberEvent::BonusReturned(_)
            | MemberEvent::BonusTakenBack(_)
            | MemberEvent::DebtIncurred(_)
            | MemberEvent::DebtRepaid(_)
            | MemberEvent::WaitingRefundDropped(_)
            | MemberEvent::BonusAccrued(_)
            | MemberEvent::BonusMatured(_)
            | MemberEvent::BonusExpired(_) => {}
        }
    }

    fn member(&mut self, id: Uuid) -> &mut Member {
        self.members.entry(id).or_default()
    }

    fn track(&mut self, id: Uuid, which: Track, state: TrackState) {
        let member = self.member(id);
        if matches!(which, Track::Ordinary | Track::Both) {
            member.ordinary = Some(state);
        }
        if matches!(which, Track::WithMedical | Track::Both) {
            member.with_medical = Some(state);
        }
    }

    fn consent(&mut self, id: Uuid, purpose: String, granted: bool, version: String, event: &Decoded) {
        self.member(id);
        let consent = Consent { granted, version, at: event.recorded_at.to_utc(), position: event.position };
        self.consents.insert((id, purpose), consent);
    }
}

impl Projection for Statuses {
    fn name(&self) -> &'static str {
        "statuses"
    }

    fn tables(&self) -> &'static str {
        include_str!("../../migrations/read/statuses.sql")
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut PgConnection,
        events: &'a [Decoded],
    ) -> BoxFuture<'a, Result<(), ProjectError>> {
        Box::pin(async move {
            let mut changes = Changes::default();
            for event in events {
                if let Fact::Member(member, fact) = &event.fact {
                    changes.enter(*member, event, fact);
                }
            }
            write_members(connection, &changes.members).await?;
            write_consents(connection, &changes.consents).await?;
            write_bills(connection, &changes.bills).await?;
            write_refunds(connection, &changes.refunds).await
        })
    }
}

/// What the batch does not say (NULL in `b`) stays as it is in `m`; a new member begins as insider (Rule S6).
const WRITE_MEMBERS: &str = "\
    INSERT INTO members \
    SELECT b.member_id, coalesce(b.registered_at, m.registered_at), \
           coalesce(b.o, m.ordinary_status, 'insider'), \
           CASE WHEN b.o IS NULL THEN m.ordinary_falls_on ELSE b.o_on END, \
           CASE WHEN b.o IS NULL THEN m.ordinary_falls_to ELSE b.o_to END, \
           coalesce(b.w, m.with_medical_status, 'insider'), \
           CASE WHEN b.w IS NULL THEN m.with_medical_falls_on ELSE b.w_on END, \
           CASE WHEN b.w IS NULL THEN m.with_medical_falls_to ELSE b.w_to END \
    FROM UNNEST($1::uuid[], $2::timestamptz[], $3::text[], $4::date[], $5::text[], $6::text[], $7::date[], $8::text[]) \
         AS b (member_id, registered_at, o, o_on, o_to, w, w_on, w_to) \
    LEFT JOIN members m USING (member_id) \
    ON CONFLICT (member_id) DO UPDATE SET registered_at = excluded.registered_at, \
        ordinary_status = excluded.ordinary_status, ordinary_falls_on = excluded.ordinary_falls_on, \
        ordinary_falls_to = excluded.ordinary_falls_to, with_medical_status = excluded.with_medical_status, \
        with_medical_falls_on = excluded.with_medical_falls_on, with_medical_falls_to = excluded.with_medical_falls_to";

async fn write_members(
    connection: &mut PgConnection,
    members: &BTreeMap<Uuid, Member>,
) -> Result<(), ProjectError> {
    // A member already there, of whom the batch says nothing, needs no new version of her row.
    let (silent, said): (Vec<_>, Vec<_>) =
        members.iter().partition(|(_, member)| **member == Member::default());
    if !silent.is_empty() {
        sqlx::query("INSERT INTO members (member_id) SELECT UNNEST($1::uuid[]) ON CONFLICT DO NOTHING")
            .bind(silent.into_iter().map(|(id, _)| *id).collect::<Vec<Uuid>>())
            .execute(&mut *connection)
            .await?;
    }
    if said.is_empty() {
        return Ok(());
    }
    let statuses = |of: fn(&Member) -> Option<TrackState>| {
        said.iter().map(|(_, member)| of(member).map(|track| track.status.as_str())).collect::<Vec<_>>()
    };
    let days = |of: fn(&Member) -> Option<TrackState>| {
        let falls = said.iter().map(|(_, member)| of(member).and_then(|track| track.falls));
        falls.map(|falls| falls.map(|(on, _)| on)).collect::<Vec<Option<NaiveDate>>>()
    };
    let falls_to = |of: fn(&Member) -> Option<TrackState>| {
        let falls = said.iter().map(|(_, member)| of(member).and_then(|track| track.falls));
        falls.map(|falls| falls.map(|(_, to)| to.as_str())).collect::<Vec<Option<&str>>>()
    };
    sqlx::query(WRITE_MEMBERS)
        .bind(said.iter().map(|(id, _)| **id).collect::<Vec<Uuid>>())
        .bind(said.iter().map(|(_, member)| member.registered_at).collect::<Vec<_>>())
        .bind(statuses(|member| member.ordinary))
        .bind(days(|member| member.ordinary))
        .bind(falls_to(|member| member.ordinary))
        .bind(statuses(|member| member.with_medical))
        .bind(days(|member| member.with_medical))
        .bind(falls_to(|member| member.with_medical))
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_consents(
    connection: &mut PgConnection,
    consents: &BTreeMap<(Uuid, String), Consent>,
) -> Result<(), ProjectError> {
    if consents.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO consents (member_id, purpose, granted, version, at, position) \
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::bool[], $4::text[], $5::timestamptz[], $6::bigint[]) \
         ON CONFLICT (member_id, purpose) DO UPDATE SET granted = excluded.granted, version = excluded.version, \
            at = excluded.at, position = excluded.position",
    )
    .bind(consents.keys().map(|(id, _)| *id).collect::<Vec<Uuid>>())
    .bind(consents.keys().map(|(_, purpose)| purpose.as_str()).collect::<Vec<&str>>())
    .bind(consents.values().map(|consent| consent.granted).collect::<Vec<bool>>())
    .bind(consents.values().map(|consent| consent.version.as_str()).collect::<Vec<&str>>())
    .bind(consents.values().map(|consent| consent.at).collect::<Vec<DateTime<Utc>>>())
    .bind(consents.values().map(|consent| consent.position).collect::<Vec<i64>>())
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_bills(
    connection: &mut PgConnection,
    bills: &[(Uuid, &Decoded, &PurchaseRecorded)],
) -> Result<(), ProjectError> {
    if bills.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO bills (member_id, occurred_at, position, purchase_id, category, medical, amount_kopecks) \
         SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::bigint[], $4::uuid[], $5::text[], $6::bool[], $7::bigint[])",
    )
    .bind(bills.iter().map(|(id, _, _)| *id).collect::<Vec<Uuid>>())
    .bind(bills.iter().map(|(_, event, _)| event.occurred_at.to_utc()).collect::<Vec<DateTime<Utc>>>())
    .bind(bills.iter().map(|(_, event, _)| event.position).collect::<Vec<i64>>())
    .bind(bills.iter().map(|(_, _, fact)| fact.purchase_id.as_uuid()).collect::<Vec<Uuid>>())
    .bind(bills.iter().map(|(_, _, fact)| fact.category.as_str()).collect::<Vec<&str>>())
    .bind(
        bills.iter().map(|(_, _, fact)| fact.confidentiality == Confidentiality::Medical).collect::<Vec<bool>>(),
    )
    .bind(bills.iter().map(|(_, _, fact)| fact.amount.kopecks()).collect::<Vec<i64>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Rule F6: bills are net of refunds. One by one: a batch may hold several of one purchase, and they are few.
async fn write_refunds(
    connection: &mut PgConnection,
    refunds: &[(Uuid, &PurchaseRefunded)],
) -> Result<(), ProjectError> {
    for (member, fact) in refunds {
        sqlx::query(
            "UPDATE bills SET amount_kopecks = amount_kopecks - $4 \
             WHERE member_id = $1 AND occurred_at = $2 AND purchase_id = $3",
        )
        .bind(member)
        .bind(fact.bought_at.to_utc())
        .bind(fact.purchase_id.as_uuid())
        .bind(fact.amount.kopecks())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
