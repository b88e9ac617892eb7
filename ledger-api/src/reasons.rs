//! What is said in words (an admin's reason, a coupon's description) goes to the vault, and the command that names it to the
//! ledger. Rules B10, C1, compliance D1.
//!
//! The text is kept first: a fact on the log never names a reason that is not there. Its id follows from the request's
//! key and from what else makes the request this one, so that a repeat finds it and another request that uses the key
//! does not; what led to nothing leaves no text. The fingerprint does not cover the text: a hash of
//! it would be a value derived from what may be personal, outside the vault.

use ledger_core::ids::{MemberId, ReasonId};
use ledger_core::member::MemberCommand;
use ledger_core::rejection::Rejection;
use ledger_store::{Command, Idempotency, Receipt, Repeat};
use pii_vault::VaultError;
use pii_vault::access::Purpose;
use uuid::Uuid;

use crate::call::Call;
use crate::natural_key::fingerprint;
use crate::problem::ApiError;
use crate::routes::businesses::execute;

/// The namespace of all reasons.
const REASONS: Uuid = Uuid::from_u128(0x6f77_6e63_6972_636c_8000_7265_6173_6f6e);

/// A command to a member for a reason.
pub(crate) struct Reasoned<'a> {
    /// To whom.
    pub(crate) member: MemberId,
    /// The request's key.
    pub(crate) key: [u8; 32],
    /// Why.
    pub(crate) text: &'a str,
    /// What else makes the request this one.
    pub(crate) parts: &'a [&'a [u8]],
}

impl Reasoned<'_> {
    /// Keeps the reason and has the ledger decide.
    pub(crate) async fn execute(
        self,
        call: &Call,
        command: impl FnOnce(ReasonId) -> MemberCommand,
    ) -> Result<Receipt, ApiError> {
        let member_id = self.member;
        self.has(call, |reason| Command::Member { member_id, command: command(reason) }).await
    }

    /// The same, for a command that is about more than her.
    pub(crate) async fn has(
        self,
        call: &Call,
        command: impl FnOnce(ReasonId) -> Command,
    ) -> Result<Receipt, ApiError> {
        let Self { member, key, text, parts } = self;
        let id = member.as_uuid();
        let all: Vec<&[u8]> =
            std::iter::once(id.as_bytes().as_slice()).chain(parts.iter().copied()).collect();
        let idempotency = Idempotency { key, revision: 1, fingerprint: fingerprint(&all) };
        let reason = ReasonId::from_uuid(Uuid::new_v5(&REASONS, &of_request(&idempotency)));
        let words = Words { member, purpose: Purpose::Support, texts: &[(reason, text)] };
        words.around(call, command(reason), idempotency).await
    }
}

/// What a command to a member says in words, by the ids under which its facts name them.
pub(crate) struct Words<'a> {
    /// To whom.
    pub(crate) member: MemberId,
    /// What the vault is asked for.
    pub(crate) purpose: Purpose,
    /// The words.
    pub(crate) texts: &'a [(ReasonId, &'a str)],
}

impl Words<'_> {
    /// Keeps the words, has the ledger decide, and removes the new ones again when nothing came of it.
    pub(crate) async fn around(
        self,
        call: &Call,
        command: Command,
        idempotency: Idempotency,
    ) -> Result<Receipt, ApiError> {
        let Self { member, purpose, texts } = self;
        let access = call.vault_access(call.caller()?.accessor(), purpose);
        let members = call.app.vault.members();
        let keep = async |id: ReasonId, text: &str| match members.keep_reason(member, id, text, &access).await
        {
            Err(VaultError::UnknownMember) => Err(ApiError::from(Rejection::MemberNotFound)),
            kept => Ok(kept?),
        };
        let (mut new, mut found) = (Vec::new(), Vec::new());
        for (id, text) in texts {
            if keep(*id, text).await? { new.push(*id) } else { found.push((*id, *text)) }
        }
        let result = execute(call, command, idempotency).await;
        if is_nothing(&result) {
            for id in new {
                members.forget_reason(member, id, &access).await?;
            }
        } else if result.is_ok() {
            // Who had kept it may have been refused meanwhile, and have taken it away.
            for (id, text) in found {
                keep(id, text).await?;
            }
        }
        result
    }
}

/// A name of a request: of its key and of what it asks.
fn of_request(Idempotency { key, fingerprint: asks, .. }: &Idempotency) -> [u8; 32] {
    fingerprint(&[key, asks])
}

/// Whether a command is known to have written nothing.
pub(crate) fn is_nothing(result: &Result<Receipt, ApiError>) -> bool {
    match result {
        Ok(receipt) => receipt.repeat == Repeat::First && receipt.position.is_none(),
        Err(ApiError::Rejected(_)) => true,
        // It may be on the log all the same.
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_requests_under_one_key_do_not_share_their_words() {
        let of = |key, fingerprint| of_request(&Idempotency { key, revision: 1, fingerprint });
        let one = of([1; 32], [2; 32]);
        assert_eq!(one, of([1; 32], [2; 32]), "a repeat finds its own");
        assert_ne!(one, of([1; 32], [3; 32]));
        assert_ne!(one, of([2; 32], [2; 32]));
    }
}
