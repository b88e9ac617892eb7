//! Getting in: login, password, and a code that is good once.
//!
//! Why it is right:
//! 1. A place among the wrong tries of a login from one source, and one among those from everywhere, is taken before anything is
//!    looked at, and given back by a right one alone; so no number of tries at once gets past five from one source in a quarter of
//!    an hour, nor past fifty from all. Who guesses shuts the login for her own address, and not for whoever it belongs to. A
//!    login that nobody has is counted and takes as long as one that somebody has.
//! 2. A TOTP code is used up by one conditional `UPDATE` on the newest step that was used: of two requests with one code one gets
//!    in, and no code of that step or an older one is good again. It names the password's row as it was when it was checked, so
//!    a reset in between shuts the door.
//! 3. A recovery code is used up by one conditional `UPDATE`, too.
//! 4. Refusals are written down, ten of a kind a minute about one account from one source, and ten about logins that nobody has:
//!    a flood of them does not fill the log, and hides none about another account.
//! 5. The sign-in begins in the transaction that locks the account's row: a change of role, a reset or a closing comes before and
//!    is seen, or after and ends it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::secrets::{is_password, plain_code, step_of};
use super::{Login, Staff, note};
use crate::auth::refresh::begin;
use crate::auth::security_log::{By, SecurityEvent, SecurityKind, record};
use crate::auth::send_limits::{Window, take_one};
use crate::auth::{Holder, IssuedRefresh};
use crate::error::VaultError;
use crate::index::BlindIndex;

/// Wrong tries of a login from one source, on the machine's clock.
const TRIES: Window = Window { seconds: 900, hits_max: 5 };
/// Wrong tries of a login from all sources together: a code of six digits must not be found by asking from everywhere.
const TRIES_FROM_ALL: Window = Window { seconds: 900, hits_max: 50 };
/// Refusals of one kind, about one account, from one source that are written down.
const ENTRIES: Window = Window { seconds: 60, hits_max: 10 };

/// Where somebody tries to get in from, and when: what tries are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriedFrom {
    /// The network address; of IPv6 the first 48 bits count.
    pub address: Option<IpAddr>,
    /// The machine's time: a set clock opens no door.
    pub machine_now: DateTime<Utc>,
}

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
    /// Lets somebody in.
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
        from: TriedFrom,
    ) -> Result<SignedIn, VaultError> {
        let known = self.known(login).await?;
        let subject = known.as_ref().map(|known| known.staff_id);
        let business = known.as_ref().and_then(|known| known.business_id);
        let event = |kind| SecurityEvent::new(kind, *by, subject).at_business(business);
        if let Err(refused) = self.take_places(login, from).await {
            if matches!(refused, VaultError::SendLimit { .. }) {
                self.refused(&event(SecurityKind::LockedOut), from).await?;
            }
            return Err(refused);
        }
        let hash =
            known.as_ref().map(|known| self.opened(known.staff_id, "password", &known.password_sealed));
        let hash = hash.transpose()?.and_then(|hash| String::from_utf8(hash).ok());
        let is_right = is_password(password, hash).await?;
        let Some(known) = known.filter(|_| is_right) else {
            self.refused(&event(SecurityKind::SignInFailed), from).await?;
            return Err(VaultError::SignInRefused);
        };
        let mut transaction = self.pool.begin().await?;
        let Some(account) = self.use_up(&mut transaction, &known, factor, by.at).await? else {
            drop(transaction);
            self.refused(&event(SecurityKind::SignInFailed), from).await?;
            return Err(VaultError::SignInRefused);
        };
        for (place, _) in self.places(login, from) {
            sqlx::query("DELETE FROM auth.send_windows WHERE subject = $1")
                .bind(place.as_bytes())
                .execute(&mut *transaction)
                .await?;
        }
        let by_herself = By { actor: Some(known.staff_id), ..*by };
        let Account { business_id, role } = account;
        note(&mut transaction, SecurityKind::SignedIn, &by_herself, known.staff_id, business_id).await?;
        if matches!(factor, SecondFactor::Recovery(_)) {
            let kind = SecurityKind::RecoveryCodeUsed;
            note(&mut transaction, kind, &by_herself, known.staff_id, business_id).await?;
        }
        let refresh = begin(&mut transaction, Holder::Staff(known.staff_id), by.at).await?;
        transaction.commit().await?;
        Ok(SignedIn { refresh, business_id, role })
    }

    /// The windows in which a try of a login counts; in this order for all, so that two do not wait for each other.
    fn places(&self, login: &Login, from: TriedFrom) -> [(BlindIndex, Window); 2] {
        [
            (self.index.tries_to_sign_in_from(login.expose(), from.address), TRIES),
            (self.index.tries_to_sign_in(login.expose()), TRIES_FROM_ALL),
        ]
    }

    /// Takes a place in both windows, or in none.
    async fn take_places(&self, login: &Login, from: TriedFrom) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        for (place, window) in self.places(login, from) {
            take_one(&mut transaction, &place, window, from.machine_now).await?;
        }
        transaction.commit().await?;
        Ok(())
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

    /// Writes a refusal down, unless so many of its kind about the same account, or about none, from this source are there for
    /// this minute.
    async fn refused(&self, event: &SecurityEvent, from: TriedFrom) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        let source = self.index.entries_of(event.kind.as_str(), event.subject, from.address);
        match take_one(&mut transaction, &source, ENTRIES, from.machine_now).await {
            Err(VaultError::SendLimit { .. }) => return Ok(()),
            taken => taken?,
        }
        record(&mut *transaction, event).await?;
        transaction.commit().await?;
        Ok(())
    }
}
