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
use ledger_core::member::event::{MemberEvent, PremiumRenewed, PremiumStarted, PurchaseRecorded, Track};
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

/// What a batch says beside the tracks about one member: who she is to an admin and to the daily ranking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Flags {
    invited: Option<bool>,
    blocked: Option<bool>,
    top_ordinary: Option<bool>,
    top_with_medical: Option<bool>,
}

/// One thing that happens to what she paid for Premium. Rule S4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paid {
    Period { from: DateTime<Utc>, to: DateTime<Utc> },
    Cancelled { at: DateTime<Utc> },
    Lapsed { at: DateTime<Utc> },
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
    flags: BTreeMap<Uuid, Flags>,
    paid: Vec<(Uuid, Paid)>,
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
            MemberEvent::InnerCircleInvited(_) => self.flags(id).invited = Some(true),
            MemberEvent::InnerCircleInvitationWithdrawn(_) => self.flags(id).invited = Some(false),
            MemberEvent::MemberBlocked(_) => self.flags(id).blocked = Some(true),
            MemberEvent::MemberUnblocked(_) => self.flags(id).blocked = Some(false),
            MemberEvent::TopSpendersEntered(fact) => self.top(id, fact.track, true),
            MemberEvent::TopSpendersLeft(fact) => self.top(id, fact.track, false),
            MemberEvent::PremiumStarted(PremiumStarted { from, to, .. })
            | MemberEvent::PremiumRenewed(PremiumRenewed { from, to, .. }) => {
                self.paid.push((id, Paid::Period { from: from.to_utc(), to: to.to_utc() }));
            }
            MemberEvent::PremiumCancelled(fact) => {
                self.paid.push((id, Paid::Cancelled { at: fact.at.to_utc() }));
            }
            MemberEvent::PremiumLapsed(fact) => {
                self.paid.push((id, Paid::Lapsed { at: fact.ended_at.to_utc() }));
            }
            MemberEvent::PurchaseQuarantined(_)
            | MemberEvent::BonusAccrued(_)
            | MemberEvent::BonusMatured(_)
            | MemberEvent::BonusExpired(_)
            | MemberEvent::BonusGifted(_)
            | MemberEvent::BonusAdjusted(_)
            | MemberEvent::BonusWithdrawn(_) => {}
        }
    }

    fn member(&mut self, id: Uuid) -> &mut Member {
        self.members.entry(id).or_default()
    }

    fn flags(&mut self, id: Uuid) -> &mut Flags {
        self.member(id);
        self.flags.entry(id).or_default()
    }

    fn top(&mut self, id: Uuid, which: Track, is_top: bool) {
        let flags = self.flags(id);
        if matches!(which, Track::Ordinary | Track::Both) {
            flags.top_ordinary = Some(is_top);
        }
        if matches!(which, Track::WithMedical | Track::Both) {
            flags.top_with_medical = Some(is_top);
        }
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
            write_flags(connection, &changes.flags).await?;
            write_paid(connection, &changes.paid).await
        })
    }
}

/// What the batch does not say (NULL in `b`) stays as it is in `m`; a new member begins as insider (Rule S6).
const WRITE_MEMBERS: &str = "\
    INSERT INTO members (member_id, registered_at, ordinary_status, ordinary_falls_on, ordinary_falls_to, \
        with_medical_status, with_medical_falls_on, with_medical_falls_to) \
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

/// What the batch does not say (NULL in `b`) stays as it is; the rows are there.
async fn write_flags(
    connection: &mut PgConnection,
    flags: &BTreeMap<Uuid, Flags>,
) -> Result<(), ProjectError> {
    if flags.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Flags) -> Option<bool>| flags.values().map(of).collect::<Vec<Option<bool>>>();
    sqlx::query(
        "UPDATE members AS m SET invited = coalesce(b.invited, m.invited), blocked = coalesce(b.blocked, m.blocked), \
            top_ordinary = coalesce(b.o, m.top_ordinary), top_with_medical = coalesce(b.w, m.top_with_medical) \
         FROM UNNEST($1::uuid[], $2::bool[], $3::bool[], $4::bool[], $5::bool[]) AS b (member_id, invited, blocked, o, w) \
         WHERE m.member_id = b.member_id",
    )
    .bind(flags.keys().copied().collect::<Vec<Uuid>>())
    .bind(column(|flags| flags.invited))
    .bind(column(|flags| flags.blocked))
    .bind(column(|flags| flags.top_ordinary))
    .bind(column(|flags| flags.top_with_medical))
    .execute(connection)
    .await?;
    Ok(())
}

/// One by one in their order: they are few, and each builds on the one before.
async fn write_paid(connection: &mut PgConnection, paid: &[(Uuid, Paid)]) -> Result<(), ProjectError> {
    for (member, paid) in paid {
        match paid {
            Paid::Period { from, to } => {
                sqlx::query("INSERT INTO premium (member_id, from_time, to_time) VALUES ($1, $2, $3)")
                    .bind(member)
                    .bind(from)
                    .bind(to)
                    .execute(&mut *connection)
                    .await?;
            }
            Paid::Cancelled { at } => {
                sqlx::query("DELETE FROM premium WHERE member_id = $1 AND from_time >= $2")
                    .bind(member)
                    .bind(at)
                    .execute(&mut *connection)
                    .await?;
                sqlx::query(
                    "UPDATE premium SET to_time = least(to_time, $2), closed = true WHERE member_id = $1",
                )
                .bind(member)
                .bind(at)
                .execute(&mut *connection)
                .await?;
            }
            Paid::Lapsed { at } => {
                sqlx::query("UPDATE premium SET closed = true WHERE member_id = $1 AND to_time <= $2")
                    .bind(member)
                    .bind(at)
                    .execute(&mut *connection)
                    .await?;
            }
        }
    }
    Ok(())
}
