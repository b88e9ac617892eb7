//! Writes what a batch says: each table by a few statements.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use ledger_core::category::Confidentiality;
use ledger_core::member::event::PurchaseRecorded;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{BillChange, Consent, Flags, Member, Moved, Paid, TrackState};
use crate::engine::Decoded;
use crate::error::ProjectError;

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

pub(super) async fn write_members(
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

pub(super) async fn write_consents(
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

pub(super) async fn write_bills(
    connection: &mut PgConnection,
    bills: &[(Uuid, &Decoded, &PurchaseRecorded)],
) -> Result<(), ProjectError> {
    if bills.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO bills (member_id, occurred_at, position, purchase_id, category, medical, amount_kopecks, business_id) \
         SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::bigint[], $4::uuid[], $5::text[], $6::bool[], $7::bigint[], \
                              $8::uuid[])",
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
    .bind(bills.iter().map(|(_, _, fact)| fact.business_id.as_uuid()).collect::<Vec<Uuid>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Rules F6, D3: bills are net of refunds, and as the newest revision says. One by one: a batch may hold several of one purchase, and they are few. One that went to another member and came back
/// has two bills: it is about the newest one until then.
pub(super) async fn write_bill_changes(
    connection: &mut PgConnection,
    changes: &[BillChange],
) -> Result<(), ProjectError> {
    for change in changes {
        sqlx::query(
            "UPDATE bills SET amount_kopecks = amount_kopecks + $4 \
             WHERE member_id = $1 AND occurred_at = $2 AND position = ( \
                SELECT max(position) FROM bills WHERE member_id = $1 AND occurred_at = $2 AND purchase_id = $3 AND position <= $5)",
        )
        .bind(change.member)
        .bind(change.bought_at)
        .bind(change.purchase)
        .bind(change.kopecks)
        .bind(change.position)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// What the batch does not say (NULL in `b`) stays as it is; the rows are there.
pub(super) async fn write_flags(
    connection: &mut PgConnection,
    flags: &BTreeMap<Uuid, Flags>,
) -> Result<(), ProjectError> {
    if flags.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Flags) -> Option<bool>| flags.values().map(of).collect::<Vec<Option<bool>>>();
    sqlx::query(
        "UPDATE members AS m SET invited = coalesce(b.invited, m.invited), blocked = coalesce(b.blocked, m.blocked), \
            top_ordinary = coalesce(b.o, m.top_ordinary), top_with_medical = coalesce(b.w, m.top_with_medical), \
            erased = coalesce(b.erased, m.erased), \
            processing_blocked = coalesce(b.processing_blocked, m.processing_blocked) \
         FROM UNNEST($1::uuid[], $2::bool[], $3::bool[], $4::bool[], $5::bool[], $6::bool[], $7::bool[]) \
            AS b (member_id, invited, blocked, o, w, erased, processing_blocked) \
         WHERE m.member_id = b.member_id",
    )
    .bind(flags.keys().copied().collect::<Vec<Uuid>>())
    .bind(column(|flags| flags.invited))
    .bind(column(|flags| flags.blocked))
    .bind(column(|flags| flags.top_ordinary))
    .bind(column(|flags| flags.top_with_medical))
    .bind(column(|flags| flags.erased))
    .bind(column(|flags| flags.processing_blocked))
    .execute(connection)
    .await?;
    Ok(())
}

/// What goes with an account that becomes one with another, or two again: bills, and what was paid for Premium.
pub(super) async fn write_moved(connection: &mut PgConnection, moved: &[Moved]) -> Result<(), ProjectError> {
    for moved in moved {
        match moved {
            Moved::Whole { from, into } => {
                for table in [
                    "UPDATE bills SET member_id = $2 WHERE member_id = $1",
                    "UPDATE premium SET member_id = $2 WHERE member_id = $1",
                ] {
                    sqlx::query(table).bind(from).bind(into).execute(&mut *connection).await?;
                }
            }
            Moved::Back { from, into, purchases } => {
                sqlx::query("UPDATE bills SET member_id = $2 WHERE member_id = $1 AND purchase_id = ANY($3)")
                    .bind(from)
                    .bind(into)
                    .bind(purchases)
                    .execute(&mut *connection)
                    .await?;
                sqlx::query("UPDATE premium SET member_id = $2 WHERE member_id = $1 AND home = $2")
                    .bind(from)
                    .bind(into)
                    .execute(&mut *connection)
                    .await?;
            }
        }
    }
    Ok(())
}

/// One by one in their order: they are few, and each builds on the one before.
pub(super) async fn write_paid(
    connection: &mut PgConnection,
    paid: &[(Uuid, Paid)],
) -> Result<(), ProjectError> {
    for (member, paid) in paid {
        match paid {
            Paid::Period { from, to } => {
                sqlx::query(
                    "INSERT INTO premium (member_id, from_time, to_time, home) VALUES ($1, $2, $3, $1)",
                )
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
