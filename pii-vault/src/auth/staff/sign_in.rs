//! Getting in: login, password, and a code that is good once.
//!
//! Why it is right:
//! 1. A place among the wrong tries of a login is taken before anything is looked at, and given back by a right one alone; so no
//!    number of tries at once gets past five in a quarter of an hour. A login that nobody has is counted and takes as long as one
//!    that somebody has.
//! 2. A TOTP code is used up by one conditional `UPDATE` on the newest step that was used: of two requests with one code one gets
//!    in, and no code of that step or an older one is good again. It names the password's row as it was when it was checked, so
//!    a reset in between shuts the door.
//! 3. A recovery code is used up by one conditional `UPDATE`, too.
//! 4. The sign-in begins in the transaction that locks the account's row: a change of role, a reset or a closing comes before and
//!    is seen, or after and ends it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::secrets::{is_password, plain_code, step_of};
use super::{Login, Staff, note};
use crate::auth::refresh::begin;
use crate::auth::security_log::{By, SecurityKind};
use crate::auth::send_limits::{Window, take_one};
use crate::auth::{Holder, IssuedRefresh};
use crate::error::VaultError;

/// Wrong tries of a login, on the machine's clock.
const TRIES: Window = Window { seconds: 900, hits_max: 5 };

/// What stands beside the password.
pub enum SecondFactor {
    /// Six digits of an authenticator.
    Totp(String),
    /// One of the codes that were shown at enrolment.
    Recovery(String),
}

impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecondFactor(***)")
    }
}

/// Who got in, and as what.
#[derive(Debug)]
pub struct SignedIn {
    /// The sign-in of the account.
    pub refresh: IssuedRefresh,
    /// Its business; none for the programme.
    pub business_id: Option<Uuid>,
    /// Its role's name.
    pub role: String,
}

#[derive(sqlx::FromRow)]
struct Account {
    business_id: Option<Uuid>,
    role: String,
}

#[derive(sqlx::FromRow)]
struct Known {
    staff_id: Uuid,
    business_id: Option<Uuid>,
    password_sealed: Vec<u8>,
    totp_sealed: Vec<u8>,
}

impl Staff {
    /// Lets somebody in. `machine_now` is the machine's time, on which tries are counted.
    ///
    /// # Errors
    /// [`VaultError::SignInRefused`] for whatever is wrong; [`VaultError::SendLimit`] after too many wrong tries;
    /// `Unavailable`, `Database`, [`VaultError::CorruptRow`].
    pub async fn sign_in(
        &self,
        login: &Login,
        password: &str,
        factor: &SecondFactor,
        by: &By,
        machine_now: DateTime<Utc>,
    ) -> Result<SignedIn, VaultError> {
        let tries = self.index.tries_to_sign_in(login.expose());
        let known = self.known(login).await?;
        let subject = known.as_ref().map(|known| known.staff_id);
        let business = known.as_ref().and_then(|known| known.business_id);
        let mut connection = self.pool.acquire().await?;
        if let Err(refused) = take_one(&mut connection, &tries, TRIES, machine_now).await {
            if matches!(refused, VaultError::SendLimit { .. }) {
                self.refused(SecurityKind::LockedOut, by, subject, business).await?;
            }
            return Err(refused);
        }
        drop(connection);
        let hash =
            known.as_ref().map(|known| self.opened(known.staff_id, "password", &known.password_sealed));
        let hash = hash.transpose()?.and_then(|hash| String::from_utf8(hash).ok());
        let is_right = is_password(password, hash).await?;
        let Some(known) = known.filter(|_| is_right) else {
            self.refused(SecurityKind::SignInFailed, by, subject, business).await?;
            return Err(VaultError::SignInRefused);
        };
        let mut transaction = self.pool.begin().await?;
        let Some(account) = self.use_up(&mut transaction, &known, factor, by.at).await? else {
            drop(transaction);
            self.refused(SecurityKind::SignInFailed, by, subject, business).await?;
            return Err(VaultError::SignInRefused);
        };
        sqlx::query("DELETE FROM auth.send_windows WHERE subject = $1")
            .bind(tries.as_bytes())
            .execute(&mut *transaction)
            .await?;
        let by_herself = By { actor: Some(known.staff_id), ..*by };
        let Account { business_id, role } = account;
        note(&mut transaction, SecurityKind::SignedIn, &by_herself, known.staff_id, business_id).await?;
        let refresh = begin(&mut transaction, Holder::Staff(known.staff_id), by.at).await?;
        transaction.commit().await?;
        Ok(SignedIn { refresh, business_id, role })
    }

    async fn known(&self, login: &Login) -> Result<Option<Known>, VaultError> {
        let row = sqlx::query_as(
            "SELECT staff_id, business_id, password_sealed, totp_sealed FROM auth.staff
             WHERE login_index = $1 AND disabled_at IS NULL AND password_sealed IS NOT NULL",
        );
        let index = self.index.login(login.expose());
        Ok(row.bind(index.as_bytes()).fetch_optional(&self.pool).await?)
    }

    /// Uses the second factor up; nothing when it is not good.
    async fn use_up(
        &self,
        connection: &mut PgConnection,
        known: &Known,
        factor: &SecondFactor,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, VaultError> {
        let step = match factor {
            SecondFactor::Totp(code) => {
                let secret = self.opened(known.staff_id, "totp", &known.totp_sealed)?;
                let Some(step) = step_of(&secret, code, now.timestamp()) else { return Ok(None) };
                Some(step)
            }
            SecondFactor::Recovery(code) => {
                let hash = self.index.recovery_code(known.staff_id, &plain_code(code));
                let used = sqlx::query(
                    "UPDATE auth.staff_recovery_codes SET used_at = $3
                     WHERE staff_id = $1 AND code_hash = $2 AND used_at IS NULL",
                );
                let used = used.bind(known.staff_id).bind(hash.as_bytes()).bind(now);
                if used.execute(&mut *connection).await?.rows_affected() == 0 {
                    return Ok(None);
                }
                None
            }
        };
        let row = sqlx::query_as(
            "UPDATE auth.staff SET totp_step = COALESCE($2, totp_step)
             WHERE staff_id = $1 AND ($2::bigint IS NULL OR totp_step < $2) AND password_sealed = $3
               AND disabled_at IS NULL
             RETURNING business_id, role",
        );
        let row = row.bind(known.staff_id).bind(step).bind(&known.password_sealed);
        Ok(row.fetch_optional(connection).await?)
    }

    async fn refused(
        &self,
        kind: SecurityKind,
        by: &By,
        subject: Option<Uuid>,
        business: Option<Uuid>,
    ) -> Result<(), VaultError> {
        use crate::auth::security_log::{SecurityEvent, record};
        record(&self.pool, &SecurityEvent::new(kind, *by, subject).at_business(business)).await
    }
}
