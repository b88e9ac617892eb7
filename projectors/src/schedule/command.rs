//! Sends the commands of a reactor, each under a key that follows from its cause. Design J5.

use futures::StreamExt;
use ledger_core::ids::{CorrelationId, MemberId};
use ledger_core::log::{Actor, Position};
use ledger_core::member::MemberCommand;
use ledger_core::time::MoscowDay;
use ledger_store::{Command, ExecuteError, Idempotency, Ledger, Request};
use uuid::Uuid;

use super::COMMANDS_AT_ONCE;
use crate::error::ProjectError;

/// The namespace of all causes.
const CAUSES: Uuid = Uuid::from_u128(0x6f77_6e63_6972_636c_8000_7363_6865_6475);

/// A command to a member, with what caused it.
pub(super) struct Caused {
    pub(super) member: MemberId,
    pub(super) command: MemberCommand,
    /// Says everything that makes this occasion this one.
    pub(super) cause: Vec<u8>,
}

/// The request of the reactor `source` for `command`, which may be made of its key, once for a `cause`.
pub(crate) fn request(
    source: &'static str,
    cause: &[u8],
    command: impl FnOnce(&[u8; 32]) -> Command,
) -> Request {
    let (id, key) = key(cause);
    Request {
        command: command(&key),
        idempotency: Idempotency { key, revision: 1, fingerprint: key },
        actor: Actor::SYSTEM,
        source,
        correlation_id: CorrelationId::from_uuid(id),
    }
}

/// What the commands led to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// The newest position any of them wrote, or had written.
    pub(super) newest: Position,
    /// The members that cannot be helped by trying again.
    pub(super) hopeless: Vec<MemberId>,
}

/// The idempotency key of a cause: its UUIDv5, and that of the UUIDv5.
fn key(cause: &[u8]) -> (Uuid, [u8; 32]) {
    let first = Uuid::new_v5(&CAUSES, cause);
    let second = Uuid::new_v5(&first, b"second half");
    let mut key = [0; 32];
    let (left, right) = key.split_at_mut(16);
    left.copy_from_slice(first.as_bytes());
    right.copy_from_slice(second.as_bytes());
    (first, key)
}

/// Sends them, some at a time, and waits for all answers.
///
/// # Errors
/// [`ProjectError::Sink`] when the ledger is away or stopping: what was not answered is sent again, under the same key.
pub(super) async fn send(
    ledger: &Ledger,
    commands: impl IntoIterator<Item = Caused>,
) -> Result<Sent, ProjectError> {
    let answers = futures::stream::iter(commands).map(|caused| async move {
        let Caused { member: member_id, command, cause } = caused;
        let request = request("schedule", &cause, |_| Command::Member { member_id, command });
        (member_id, ledger.execute(request).await)
    });
    let mut answers = answers.buffer_unordered(COMMANDS_AT_ONCE);
    let mut sent = Sent::default();
    while let Some((member, answer)) = answers.next().await {
        match answer {
            Ok(receipt) => sent.newest = sent.newest.max(receipt.position.unwrap_or(0)),
            Err(error @ (ExecuteError::Unavailable | ExecuteError::Stopped)) => {
                return Err(ProjectError::Sink {
                    what: "a command of the schedule",
                    source: Box::new(error),
                });
            }
            Err(error @ (ExecuteError::Refused(_) | ExecuteError::Corrupt)) => {
                tracing::error!(member.id = %member, %error, "a scheduled command cannot be carried out");
                metrics::counter!("schedule_refused_total").increment(1);
                sent.hopeless.push(member);
            }
        }
    }
    Ok(sent)
}

/// Sends what `today` asks of each of `members`; the newest position any of them wrote.
///
/// # Errors
/// As [`send`].
pub(super) async fn send_daily(
    ledger: &Ledger,
    (what, today): (&str, MoscowDay),
    members: Vec<Uuid>,
    command: MemberCommand,
) -> Result<Position, ProjectError> {
    let (what, day) = (format!("{what} "), today.to_string());
    let caused = members.into_iter().map(move |member| Caused {
        member: MemberId::from_uuid(member),
        command: command.clone(),
        cause: [what.as_bytes(), member.as_bytes(), day.as_bytes()].concat(),
    });
    Ok(send(ledger, caused).await?.newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn design_j5_a_cause_always_has_the_same_key_and_another_cause_another() {
        assert_eq!(key(b"due a"), key(b"due a"));
        assert_ne!(key(b"due a").1, key(b"due b").1);
        assert_eq!(
            hex::encode(key(b"golden").1),
            "bcffc0bd10435e798927b1ae631fef6cb8386d4901485281a52416eee4120999"
        );
    }
}
