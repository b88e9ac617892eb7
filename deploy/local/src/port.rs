//! Ports on 127.0.0.1 that stay ours while a server is down.
//!
//! Why it is right: ports are taken from below the range the kernel gives to outgoing connections, so no client's
//! connection can occupy the port of a stopped server (or connect to itself there). A lock file per port keeps two
//! stacks of this machine apart from reservation to drop. A program that is not a stack can still be faster; then
//! the server ends with "address already in use", and the stack starts it again with other ports.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use crate::StackError;

const FIRST: u16 = 15_000;
const EPHEMERAL_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// A port reserved until this is dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Reserves a free port.
    ///
    /// # Errors
    /// `NoPort` when all are taken; `Io` when the lock folder cannot be written.
    pub fn reserve() -> Result<Self, StackError> {
        let folder = lock_folder();
        fs::create_dir_all(&folder).map_err(StackError::io(format!("creating {}", folder.display())))?;
        let last = lowest_ephemeral().saturating_sub(1).max(FIRST + 1_000);
        let span = u64::from(last - FIRST);
        let start = random_u64()? % span;
        for step in 0..span {
            let Ok(offset) = u16::try_from((start + step) % span) else { continue };
            let number = FIRST + offset;
            let path = folder.join(number.to_string());
            let lock = File::create(&path).map_err(StackError::io(format!("creating {}", path.display())))?;
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        Err(StackError::NoPort { from: FIRST, to: last })
    }

    /// The port's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

fn lock_folder() -> PathBuf {
    std::env::temp_dir().join(format!("own-circle-ports-{}", rustix::process::geteuid().as_raw()))
}

fn lowest_ephemeral() -> u16 {
    let text = fs::read_to_string(EPHEMERAL_RANGE).unwrap_or_default();
    text.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(32_768)
}

fn random_u64() -> Result<u64, StackError> {
    let bytes = crate::random::bytes::<8>()?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reservations_never_share_a_port_and_lie_below_the_ephemeral_range() {
        let ports: Vec<Port> = (0..20).map(|_| Port::reserve().unwrap()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 20);
        assert!(numbers.iter().all(|number| *number < lowest_ephemeral()), "{numbers:?}");
    }
}
