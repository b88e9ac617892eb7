//! The secrets of one of staff: a password (Argon2id), a TOTP secret (RFC 6238), recovery codes.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use totp_rs::{Builder, Secret, Totp};

use crate::error::VaultError;
use crate::keys::KeyError;
use crate::random;

/// Bytes of a TOTP secret, as RFC 4226 recommends.
pub(super) const TOTP_BYTES: usize = 20;
/// Recovery codes of an account.
const RECOVERY_CODES: usize = 10;
/// Without what is mistaken for something else: 32 signs, so that each is five bits.
const SIGNS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Signs of a code: 60 bits, which fifty tries in a quarter of an hour never find.
const SIGNS_OF_CODE: usize = 12;

/// Passwords that are hashed at the same time: each takes 19 MiB and a thread for as long.
static HASHING: Semaphore = Semaphore::const_new(2);

/// The PHC string of a password.
pub(super) async fn hashed(password: &str) -> Result<String, VaultError> {
    let (password, salt) = (password.to_owned(), random::bytes::<16>()?);
    let hash = off_the_runtime(move || {
        Argon2::default()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .ok()
            .map(|hash| hash.to_string())
    });
    Ok(hash.await?.ok_or(KeyError::NoRandomness)?)
}

/// Whether a password is the one of a PHC string. Without one it takes as long and is not.
pub(super) async fn is_password(password: &str, hash: Option<String>) -> Result<bool, VaultError> {
    let Some(hash) = hash else {
        hashed(password).await?;
        return Ok(false);
    };
    let password = password.to_owned();
    off_the_runtime(move || {
        let hash = PasswordHash::new(&hash);
        hash.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await
}

async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, VaultError> {
    let _turn = HASHING.acquire().await.map_err(|_| KeyError::Unavailable)?;
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| KeyError::Unavailable)?)
}

fn totp(secret: &[u8]) -> Option<Totp> {
    let secret: [u8; TOTP_BYTES] = secret.try_into().ok()?;
    // SHA-1, six digits, 30 seconds, one step to either side: what every authenticator knows.
    Builder::new().with_secret(Secret::new_stack(secret)).build().ok()
}

/// The step of time that a code is of, if it is one of now or of a step beside it.
pub(super) fn step_of(secret: &[u8], code: &str, unix: i64) -> Option<i64> {
    let is_code = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    let (totp, time) = totp(secret).zip(u64::try_from(unix).ok()).filter(|_| is_code)?;
    totp.check(code, time).and_then(|step| i64::try_from(step).ok())
}

/// What an authenticator reads from a QR code. A login has no sign that needs escaping in a path.
pub(super) fn otpauth_uri(secret: [u8; TOTP_BYTES], login: &str) -> String {
    let secret = Secret::new_stack(secret).to_base32();
    format!(
        "otpauth://totp/Own%20Circle:{login}?secret={secret}&issuer=Own%20Circle&algorithm=SHA1&digits=6&period=30"
    )
}

/// Fresh recovery codes, to be shown once.
pub(super) fn recovery_codes() -> Result<Vec<String>, VaultError> {
    let code = |_| -> Result<String, VaultError> {
        let bytes = random::bytes::<SIGNS_OF_CODE>()?;
        let signs =
            bytes.iter().filter_map(|byte| SIGNS.get(usize::from(byte % 32)).copied().map(char::from));
        let signs: String = signs.collect();
        let (one, other) = signs.split_at(SIGNS_OF_CODE / 2);
        Ok(format!("{one}-{other}"))
    };
    (0..RECOVERY_CODES).map(code).collect()
}

/// A recovery code in the one form that is hashed, however it was typed.
pub(super) fn plain_code(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).map(|sign| sign.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_6238_appendix_b_codes_are_of_their_steps() {
        let secret = b"12345678901234567890";
        // The last six digits of the RFC's eight, SHA-1.
        for (unix, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step_of(secret, code, unix), Some(unix / 30), "{unix}");
            assert_eq!(step_of(secret, code, unix + 30), Some(unix / 30), "a step late");
            assert_eq!(step_of(secret, code, unix + 90), None, "three steps late");
        }
        for wrong in ["", "28708", "2870820", "28708x", "２８７０８２"] {
            assert_eq!(step_of(secret, wrong, 59), None, "{wrong}");
        }
        assert_eq!(step_of(secret, "287082", -1), None);
    }

    #[test]
    fn the_uri_is_what_authenticators_read() {
        let uri = otpauth_uri(*b"12345678901234567890", "anna@mindal.ru");
        assert!(uri.starts_with(
            "otpauth://totp/Own%20Circle:anna@mindal.ru?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"
        ));
    }

    #[test]
    fn recovery_codes_differ_and_are_read_however_they_are_typed() {
        let codes = recovery_codes().expect("codes");
        let different: std::collections::HashSet<&String> = codes.iter().collect();
        assert_eq!(different.len(), RECOVERY_CODES);
        let first = codes.first().expect("a code");
        assert_eq!(plain_code(&first.to_lowercase().replace('-', " ")), first.replace('-', ""));
    }

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let hash = hashed("correct horse battery").await.expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_password("correct horse battery", Some(hash.clone())).await.expect("an answer"));
        assert!(!is_password("correct horse batterx", Some(hash)).await.expect("an answer"));
        assert!(!is_password("correct horse battery", None).await.expect("an answer"));
    }
}
