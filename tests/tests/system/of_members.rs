//! What the vault has of members: how many rows, and what of it is theirs alone. Compliance E1, E2.

use sqlx::PgPool;
use system_tests::system::{Member, Needles, forms_of_bytes};

/// How many rows the vault has of these members, in any table.
pub(crate) async fn rows_of(vault: &PgPool, members: &[Member]) -> i64 {
    let ids: Vec<uuid::Uuid> = members.iter().map(|member| member.id.parse().expect("an id")).collect();
    sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM vault.members WHERE member_id = ANY($1))
              + (SELECT count(*) FROM vault.member_fields WHERE member_id = ANY($1))
              + (SELECT count(*) FROM vault.partner_members WHERE member_id = ANY($1))
              + (SELECT count(*) FROM vault.reasons WHERE member_id = ANY($1))
              + (SELECT count(*) FROM vault.coupon_codes WHERE member_id = ANY($1))
              + (SELECT count(*) FROM vault.registrations WHERE member_id = ANY($1))
              + (SELECT count(*) FROM vault_keys.member_keys WHERE member_id = ANY($1))
              + (SELECT count(*) FROM auth.refresh_families WHERE member_id = ANY($1))",
    )
    .bind(ids)
    .fetch_one(vault)
    .await
    .expect("a count")
}

/// What only she has in the vault's files: what stays as long as she is a member, and what waits to be used up or to end.
pub(crate) async fn secrets_of(vault: &PgPool, members: &[Member]) -> Vec<Vec<u8>> {
    let mut secrets = lasting_of(vault, members).await;
    let passing = "SELECT fields.sealed FROM vault.registration_fields AS fields
                   JOIN vault.registrations AS tries USING (try_id) WHERE tries.member_id = ANY($1)
         UNION ALL SELECT codes.phone_sealed FROM auth.otp_requests AS codes
                   JOIN vault.members USING (phone_index) WHERE member_id = ANY($1)
         UNION ALL SELECT messages.sealed FROM auth.dev_outbox AS messages
                   JOIN vault.members USING (phone_index) WHERE member_id = ANY($1)";
    secrets.extend(bytes_of(vault, passing, members).await);
    secrets
}

/// The part of it that nothing but a change of hers changes: her phone's index, her phone's hash for each business, her sealed
/// fields, words about her, codes of her coupons, her wrapped key.
pub(crate) async fn lasting_of(vault: &PgPool, members: &[Member]) -> Vec<Vec<u8>> {
    let lasting = "SELECT phone_index FROM vault.members WHERE member_id = ANY($1)
         UNION ALL SELECT phone_hash FROM vault.partner_members
                   WHERE member_id = ANY($1) AND phone_hash IS NOT NULL
         UNION ALL SELECT sealed FROM vault.member_fields WHERE member_id = ANY($1)
         UNION ALL SELECT sealed FROM vault.reasons WHERE member_id = ANY($1)
         UNION ALL SELECT sealed FROM vault.coupon_codes WHERE member_id = ANY($1)
         UNION ALL SELECT wrapped FROM vault_keys.member_keys WHERE member_id = ANY($1)";
    bytes_of(vault, lasting, members).await
}

async fn bytes_of(vault: &PgPool, query: &'static str, members: &[Member]) -> Vec<Vec<u8>> {
    let ids: Vec<uuid::Uuid> = members.iter().map(|member| member.id.parse().expect("an id")).collect();
    sqlx::query_scalar(query).bind(ids).fetch_all(vault).await.expect("rows")
}

/// These bytes as files have them, each named `what` and its number.
pub(crate) fn forms_of_secrets(what: &str, secrets: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    for (number, secret) in secrets.iter().enumerate() {
        forms.push((format!("{what} {number} bytes"), secret.clone()));
        forms.extend(forms_of_bytes(&format!("{what} {number}"), secret));
    }
    forms
}

/// The same, to be looked for.
pub(crate) fn needles_of_secrets(secrets: &[Vec<u8>]) -> Needles {
    Needles::new(forms_of_secrets("secret", secrets))
}
