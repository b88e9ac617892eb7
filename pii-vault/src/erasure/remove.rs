//! What is done to the rows of who is forgotten.

use chrono::{DateTime, Utc};
use ledger_core::ids::{ActId, MemberId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::access::{self, Access, Action, Outcome};
use crate::auth::{self, approvals};
use crate::cipher::Field;
use crate::error::VaultError;

/// No credential of these accounts is good any more.
pub(super) async fn shut(
    connection: &mut PgConnection,
    act: ActId,
    accounts: &[MemberId],
    now: DateTime<Utc>,
) -> Result<(), VaultError> {
    let ids: Vec<Uuid> = accounts.iter().map(MemberId::as_uuid).collect();
    sqlx::query!(
        "INSERT INTO vault.erased_members (member_id, act_id, since)
         SELECT one.id, $1, $2 FROM UNNEST($3::uuid[]) AS one (id) ON CONFLICT (member_id) DO NOTHING",
        act.as_uuid(),
        now,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE auth.refresh_families SET ended_at = $2, end_reason = 'revoked'
         WHERE member_id = ANY($1) AND kind = 'member' AND ended_at IS NULL",
        &ids,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Every row about these accounts goes, and their keys. What hangs on the member's row goes with it: fields, registrations under
/// way, partners' index, reasons and words, codes of coupons.
pub(super) async fn remove(
    connection: &mut PgConnection,
    accounts: &[MemberId],
    access: &Access,
) -> Result<(), VaultError> {
    let ids: Vec<Uuid> = accounts.iter().map(MemberId::as_uuid).collect();
    let phones = sqlx::query_scalar!("SELECT phone_index FROM vault.members WHERE member_id = ANY($1)", &ids)
        .fetch_all(&mut *connection)
        .await?;
    auth::forget_phones(connection, &phones).await?;
    let gone =
        sqlx::query_scalar!("DELETE FROM vault.members WHERE member_id = ANY($1) RETURNING member_id", &ids)
            .fetch_all(&mut *connection)
            .await?;
    // Only now: a sign-in that had locked her row has ended, and no other finds it.
    sqlx::query!("DELETE FROM auth.refresh_families WHERE member_id = ANY($1) AND kind = 'member'", &ids)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM vault_keys.member_keys WHERE member_id = ANY($1)", &ids)
        .execute(&mut *connection)
        .await?;
    // Only now, too: a request that had locked her row stands there, and no other finds her.
    approvals::end(connection, &ids, access.at).await?;
    if gone.is_empty() {
        return Ok(());
    }
    let outcome =
        |id: &MemberId| if gone.contains(&id.as_uuid()) { Outcome::Done } else { Outcome::NotFound };
    let outcomes: Vec<_> = accounts.iter().map(|id| (Some(*id), outcome(id))).collect();
    access::record(connection, access, Action::Delete, &Field::ALL, &outcomes).await
}
