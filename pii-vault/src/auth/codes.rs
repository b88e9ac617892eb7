//! Confirming codes: six digits, 300 s, five wrong tries.
//!
//! Why it is right:
//! 1. A check is one `UPDATE` that compares and counts: however many run at once, at most five wrong ones are counted
//!    and every later one is refused, the right code too.
//! 2. A right check counts no try. [`CodeUse::Keep`] leaves the code good (a stranger who must register), and
//!    [`CodeUse::Burn`] lets exactly one caller through.
//! 3. The stored value is an HMAC over the request's id and the code, so a copy of the table gives no codes and equal
//!    codes do not look equal.
//!
//! Codes live on the installation's clock, sending limits on the machine's. A phone that is kept or handed out is an access to
//! personal data, so the access log says so.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::hmac;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::security_log::{self, By, SecurityEvent, SecurityKind};
use super::send_limits::{self, SendLimits, whole_seconds};
use crate::access::{self, Access, Accessor, Action, Outcome, Purpose};
use crate::cipher::{self, Field};
use crate::error::VaultError;
use crate::index::{BlindIndexer, to_array};
use crate::keys::{KeyError, Secret};
use crate::phone::Phone;
use crate::random;

/// How long a code is good, in seconds of the installation's clock.
const CODE_SECONDS: i64 = 300;
/// Wrong tries per code; the check in the migration says the same.
const WRONG_TRIES_MAX: i16 = 5;
const CODE_DIGITS: usize = 6;

/// A code as it is sent and typed: six digits 0 to 9.
#[derive(Clone, PartialEq, Eq)]
pub struct OtpCode(String);

impl OtpCode {
    /// Reads a typed code; `None` unless it is exactly six digits 0 to 9.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == CODE_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned()))
    }

    /// The digits, for the one who sends them.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn generate() -> Result<Self, KeyError> {
        Ok(Self(format!("{:06}", random::below(1_000_000)?)))
    }
}

impl fmt::Debug for OtpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtpCode(***)")
    }
}

/// The two clocks of a request for a code; they differ in the `dev` profile alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendMoment {
    /// The installation's clock: when the code is made and expires.
    pub installation: DateTime<Utc>,
    /// The machine's clock: what sending limits count on.
    pub machine: DateTime<Utc>,
}

/// A code to be sent.
#[derive(Debug)]
pub struct IssuedCode {
    /// Names the request; goes back to the one who asked.
    pub code_id: Uuid,
    /// Goes by SMS to the phone and nowhere else.
    pub code: OtpCode,
    /// Seconds the code is good.
    pub expires_in_s: u32,
}

/// What becomes of a code that was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeUse {
    /// It stays good: nobody has this phone yet, or the call's work is still to be done.
    Keep,
    /// It is used up; only one of several callers gets through.
    Burn,
}

/// A right code.
#[derive(Debug)]
pub struct VerifiedCode {
    /// The phone that was proved.
    pub phone: Phone,
}

/// Confirming codes. Cheap to clone.
#[derive(Clone)]
pub struct Codes {
    pool: PgPool,
    index: Arc<BlindIndexer>,
    mac: hmac::Key,
    seal: [u8; 32],
}

impl Codes {
    pub(crate) fn new(
        pool: PgPool,
        index: Arc<BlindIndexer>,
        mac: &Secret,
        seal: &Secret,
    ) -> Result<Self, KeyError> {
        let seal = seal.expose().try_into().map_err(|_| KeyError::NotOurs)?;
        Ok(Self { pool, index, mac: hmac::Key::new(hmac::HMAC_SHA256, mac.expose()), seal })
    }

    /// Makes a code for a phone, known or not. Earlier codes of the phone stay good until they expire.
    ///
    /// # Errors
    /// [`VaultError::SendLimit`]; then nothing was counted or made.
    pub async fn issue(
        &self,
        phone: &Phone,
        address: Option<IpAddr>,
        limits: &SendLimits,
        moment: SendMoment,
        request_id: Option<Uuid>,
    ) -> Result<IssuedCode, VaultError> {
        let (code_id, code) = (random::uuid()?, OtpCode::generate()?);
        let sealed = cipher::seal(&self.seal, &phone_context(code_id), phone.expose().as_bytes())?;
        let index = self.index.phone(phone);
        let address = address.map(|address| self.index.address(address));
        let mut transaction = self.pool.begin().await?;
        send_limits::take(&mut transaction, limits, &index, address.as_ref(), moment.machine).await?;
        sqlx::query!(
            "INSERT INTO auth.otp_requests (code_id, phone_index, phone_sealed, code_mac, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            code_id,
            index.as_bytes(),
            sealed,
            &self.mac_of(code_id, &code)[..],
            moment.installation,
            moment.installation + TimeDelta::seconds(CODE_SECONDS),
        )
        .execute(&mut *transaction)
        .await?;
        let by = Accessor::CodeHolder(code_id);
        let access = Access { by, purpose: Purpose::SignIn, request_id, at: moment.installation };
        record(&mut transaction, &access, Action::Write).await?;
        transaction.commit().await?;
        Ok(IssuedCode {
            code_id,
            code,
            expires_in_s: CODE_SECONDS.unsigned_abs().try_into().unwrap_or(u32::MAX),
        })
    }

    /// Checks a typed code at the moment of `access`, which is on the installation's clock.
    ///
    /// # Errors
    /// [`VaultError::CodeUnknown`], `CodeUsed`, `CodeTriesSpent`, `CodeExpired`, `CodeWrong`, in this order.
    pub async fn check(
        &self,
        code_id: Uuid,
        code: &OtpCode,
        code_use: CodeUse,
        access: &Access,
    ) -> Result<VerifiedCode, VaultError> {
        let now = access.at;
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query!(
            r#"UPDATE auth.otp_requests
               SET wrong_tries = wrong_tries + CASE WHEN code_mac = $2 THEN 0 ELSE 1 END,
                   used_at = CASE WHEN code_mac = $2 AND $3 THEN $4::timestamptz END
               WHERE code_id = $1 AND used_at IS NULL AND wrong_tries < $5 AND expires_at > $4
               RETURNING (code_mac = $2) AS "right!", phone_sealed, wrong_tries"#,
            code_id,
            &self.mac_of(code_id, code)[..],
            code_use == CodeUse::Burn,
            now,
            WRONG_TRIES_MAX,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else {
            drop(transaction);
            return Err(self.closed_because(code_id, now).await?);
        };
        if row.right {
            record(&mut transaction, access, Action::Read).await?;
        } else {
            // At most five for a code, and of codes no more than are sent.
            let event = SecurityEvent::new(SecurityKind::CodeWrong, tried_by(access), Some(code_id));
            security_log::record(&mut *transaction, &event).await?;
        }
        transaction.commit().await?;
        if !row.right {
            let left = u8::try_from(WRONG_TRIES_MAX - row.wrong_tries).unwrap_or(0);
            return Err(VaultError::CodeWrong { tries_left: left });
        }
        let corrupt = || VaultError::CorruptRow { table: "auth.otp_requests" };
        let plain =
            cipher::open(&self.seal, &phone_context(code_id), &row.phone_sealed).map_err(|_| corrupt())?;
        let phone = String::from_utf8(plain).ok().and_then(|text| Phone::parse(&text).ok());
        Ok(VerifiedCode { phone: phone.ok_or_else(corrupt)? })
    }

    /// Why a check found nothing to count on.
    async fn closed_because(&self, code_id: Uuid, now: DateTime<Utc>) -> Result<VaultError, VaultError> {
        let row = sqlx::query!(
            "SELECT expires_at, wrong_tries, used_at FROM auth.otp_requests WHERE code_id = $1",
            code_id
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(match row {
            None => VaultError::CodeUnknown,
            Some(row) if row.used_at.is_some() => VaultError::CodeUsed,
            Some(row) if row.expires_at <= now => VaultError::CodeExpired,
            Some(row) => VaultError::CodeTriesSpent { retry_after_s: whole_seconds(row.expires_at - now) },
        })
    }

    /// Removes code requests that expired before `cutoff` (the installation's clock), and sending windows that opened
    /// before `windows_cutoff` (the machine's clock; give it at least the longest window).
    ///
    /// # Errors
    /// `Unavailable`, `Database`.
    pub async fn purge(
        &self,
        cutoff: DateTime<Utc>,
        windows_cutoff: DateTime<Utc>,
    ) -> Result<(), VaultError> {
        sqlx::query!("DELETE FROM auth.otp_requests WHERE expires_at < $1", cutoff)
            .execute(&self.pool)
            .await?;
        sqlx::query!("DELETE FROM auth.send_windows WHERE opened_at < $1", windows_cutoff)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    fn mac_of(&self, code_id: Uuid, code: &OtpCode) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(code_id.as_bytes());
        context.update(code.expose().as_bytes());
        to_array(context.sign().as_ref())
    }
}

/// Who tries a code; nobody that is known yet, when it is to sign in with.
fn tried_by(access: &Access) -> By {
    let actor = match access.by {
        Accessor::Member(member) => Some(member.as_uuid()),
        _ => None,
    };
    By { actor, request_id: access.request_id, at: access.at }
}

/// Of whom it is the phone is not known here.
async fn record(connection: &mut PgConnection, access: &Access, action: Action) -> Result<(), VaultError> {
    access::record(connection, access, action, &[Field::Phone], &[(None, Outcome::Done)]).await
}

fn phone_context(code_id: Uuid) -> Vec<u8> {
    [b"otp-phone\0".as_slice(), code_id.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_plain_digits_are_a_code() {
        assert_eq!(OtpCode::parse("012345").unwrap().expose(), "012345");
        for bad in ["", "12345", "1234567", "12345a", " 12345", "１２３４５６", "-12345", "12345\0"] {
            assert!(OtpCode::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_made_code_is_six_digits_and_does_not_show() {
        let code = OtpCode::generate().unwrap();
        assert!(OtpCode::parse(code.expose()).is_some());
        assert_eq!(format!("{code:?}"), "OtpCode(***)");
    }
}
