//! What operators do to the vault from the command line: another key-encryption key, and a look at the chain of accesses.

use std::io::Write;

use ledger_ops::clock::Clock;
use pii_vault::access::SEAL_BYTES;
use pii_vault::rotation::Progress;

use crate::settings::Settings;
use crate::startup::{self, StartError};

/// Makes a newer key-encryption key, or goes on with the newest if a rotation was stopped and `anew` does not say otherwise,
/// and wraps every key with it. Fails while another wraps any.
pub(crate) async fn rotate_kek(settings: &Settings, anew: bool) -> Result<(), StartError> {
    let vault = startup::vault(settings).await?;
    let rotation = vault.key_rotation();
    let kek = if anew { rotation.begin_anew().await? } else { rotation.begin().await? };
    say(&format!("wrapping all keys with {kek}"))?;
    let mut told = Ok(());
    let ended = rotation
        .rewrap(|progress| {
            let Progress { done, left, .. } = progress;
            told = say(&format!("{done} wrapped, {left} left"));
        })
        .await?;
    told?;
    let Progress { kek_id, done, left, unreadable, unreadable_rows } = ended;
    say(&format!("{kek_id}: {done} wrapped, {left} left, {unreadable} of them opened by no key"))?;
    for row in unreadable_rows {
        say(&format!("opened by no key: {row}"))?;
    }
    if left > 0 { Err(StartError::Rotation { left }) } else { Ok(()) }
}

/// Ends an old key-encryption key that wraps nothing any more.
pub(crate) async fn retire_kek(settings: &Settings, kek_id: &str) -> Result<(), StartError> {
    let vault = startup::vault(settings).await?;
    vault.key_rotation().retire(kek_id, Clock::machine_now().to_utc()).await?;
    say(&format!(
        "{kek_id} is retired. Destroy the key itself when the last backup of vault_keys from before the rotation is gone"
    ))
}

/// Works the chain of the access log out anew.
pub(crate) async fn verify_access_log(settings: &Settings, head: Option<&str>) -> Result<(), StartError> {
    let wanted = head.map(read_hash).transpose()?;
    let vault = startup::vault(settings).await?;
    let found = vault.access_log().check(wanted).await?;
    say(&format!(
        "{} seals over {} records, {} records not sealed yet, head {}",
        found.seals,
        found.records,
        found.unsealed,
        hex::encode(found.head)
    ))?;
    if let Some(seal) = found.broken {
        return Err(StartError::AccessLog(format!("seal {seal} does not fit its records")));
    }
    if !found.knows_head {
        return Err(StartError::AccessLog("the hash that was asked for is none of its seals".to_owned()));
    }
    Ok(())
}

fn read_hash(text: &str) -> Result<[u8; SEAL_BYTES], StartError> {
    let mut hash = [0; SEAL_BYTES];
    let wrong = |_| StartError::AccessLog("--head must be 64 hexadecimal digits".to_owned());
    hex::decode_to_slice(text, &mut hash).map_err(wrong)?;
    Ok(hash)
}

fn say(line: &str) -> Result<(), StartError> {
    let failed =
        |error: std::io::Error| StartError::System { what: "standard output", reason: error.to_string() };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(failed)
}
