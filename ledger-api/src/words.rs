//! What is said in words (an admin's reason, what a coupon says, the name of a chain) goes to the vault, and the command that
//! names it to the ledger. Rules B10, C1, X1, compliance D1.
//!
//! Why it is right:
//! 1. The texts are kept first: a fact on the log never names one that is not there.
//! 2. Their ids follow from the request's key and from what else makes the request this one: a repeat finds them, and another
//!    request that uses the key, be it at the same time, has its own. The facts say the ids.
//! 3. What led to nothing leaves none: the vault counts who keeps a text, and it goes with the last that did nothing, so that
//!    a refused request takes nothing away from one with its key that was accepted meanwhile.
//! 4. The words that stay are those of the request that did something.
//!
//! The fingerprint does not cover the words: a hash of them would be a value derived from what may be personal, outside the
//! vault.

use std::collections::HashMap;

use ledger_core::ids::{CorrelationId, MemberId, ReasonId};
use ledger_core::log::{Actor, ActorKind};
use ledger_core::member::MemberCommand;
use ledger_core::rejection::Rejection;
use ledger_store::{Command, Idempotency, Receipt, Repeat};
use pii_vault::VaultError;
use pii_vault::access::{Access, Purpose};
use pii_vault::auth::Approval;
use uuid::Uuid;

use crate::app::App;
use crate::call::Call;
use crate::natural_key::fingerprint;
use crate::problem::ApiError;
use crate::routes::businesses::execute_as;

/// The namespace of all texts.
const TEXTS: Uuid = Uuid::from_u128(0x6f77_6e63_6972_636c_8000_6f66_6665_7273);

/// Whose words they are: with whose key they are sealed, and who takes them along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// A member's.
    Hers(MemberId),
    /// No member's: a partner's, about what is nobody's.
    Partners,
}

/// Texts of one request.
pub(crate) struct Texts {
    /// Where their ids come from; none while all that counts is whether something is said.
    of: Option<Uuid>,
    /// What is said at a place already, and may stay: two places may say the same.
    known: HashMap<String, (ReasonId, String)>,
    new: Vec<(ReasonId, String)>,
}

impl Texts {
    /// Of a request: two of them under one key that ask something else do not share their words.
    pub(crate) fn of(Idempotency { key, fingerprint: asks, .. }: &Idempotency) -> Self {
        let of = Some(Uuid::new_v5(&TEXTS, &fingerprint(&[key, asks])));
        Self { of, known: HashMap::new(), new: Vec::new() }
    }

    /// For what makes a request this one, which its words do not.
    pub(crate) fn unsaid() -> Self {
        Self { of: None, known: HashMap::new(), new: Vec::new() }
    }

    /// With texts that are there already, each at its place of what is changed.
    pub(crate) fn with(self, places: Vec<(String, ReasonId)>, words: &HashMap<ReasonId, String>) -> Self {
        let said = |(place, id)| Some((place, (id, words.get(&id)?.clone())));
        Self { known: places.into_iter().filter_map(said).collect(), ..self }
    }

    /// The same texts, as another account keeps them that they are about, too.
    fn of_other(&self) -> Self {
        let new = self.new.iter().map(|(id, text)| (id.of_other(), text.clone())).collect();
        Self { of: None, known: HashMap::new(), new }
    }

    /// The id of a text that stands at `place` of the request.
    pub(crate) fn id(&mut self, place: &str, text: &str) -> ReasonId {
        let Some(of) = self.of else { return ReasonId::from_uuid(Uuid::nil()) };
        if let Some((id, _)) = self.known.get(place).filter(|(_, known)| known == text) {
            return *id;
        }
        let id = ReasonId::from_uuid(Uuid::new_v5(&of, place.as_bytes()));
        self.new.push((id, text.to_owned()));
        id
    }

    /// Keeps the new ones, has the ledger decide, and lets go of them when nothing came of it.
    ///
    /// # Errors
    /// What `run` answers; a member whom the vault does not know is not found; what the vault cannot do.
    pub(crate) async fn around(
        self,
        call: &Call,
        (whose, purpose): (Whose, Purpose),
        run: impl Future<Output = Result<Receipt, ApiError>>,
    ) -> Result<Receipt, ApiError> {
        let texts: Vec<(ReasonId, &str)> = self.new.iter().map(|(id, text)| (*id, text.as_str())).collect();
        if texts.is_empty() {
            return run.await;
        }
        let access = call.vault_access(call.caller()?.accessor(), purpose);
        let shelf = Shelf { app: &call.app, whose, access: &access };
        let new = shelf.keep(&texts).await?;
        let result = run.await;
        match became(&result) {
            Became::Nothing => shelf.let_go(&texts).await?,
            Became::Fact => {
                // Another request with its key may have said it in other words, and have been refused.
                let found: Vec<_> = texts.into_iter().filter(|(id, _)| !new.contains(id)).collect();
                shelf.put(&found).await?;
            }
            Became::Known => {}
        }
        result
    }
}

/// What is said of something that waits: kept from then on, until the member it is about is forgotten.
pub(crate) struct Saying {
    whose: Whose,
    id: ReasonId,
}

impl Saying {
    /// What a request with this key says at `place`.
    pub(crate) fn of(whose: Whose, key: &[u8; 32], place: &str) -> Self {
        let about = match whose {
            Whose::Hers(member) => member.as_uuid(),
            Whose::Partners => Uuid::nil(),
        };
        let asked = fingerprint(&[b"waits", key, about.as_bytes(), place.as_bytes()]);
        Self { whose, id: ReasonId::from_uuid(Uuid::new_v5(&TEXTS, &asked)) }
    }

    /// Keeps the text for one request more; what was said before stays.
    ///
    /// # Errors
    /// A member whom the vault does not know is not found; what the vault cannot do.
    pub(crate) async fn keep(&self, call: &Call, text: &str) -> Result<(), ApiError> {
        let access = call.vault_access(call.caller()?.accessor(), Purpose::Support);
        let shelf = Shelf { app: &call.app, whose: self.whose, access: &access };
        shelf.keep(&[(self.id, text)]).await.map(|_| ())
    }

    /// One request keeps it no more.
    ///
    /// # Errors
    /// What the vault cannot do.
    pub(crate) async fn let_go(&self, call: &Call) -> Result<(), ApiError> {
        let access = call.vault_access(call.caller()?.accessor(), Purpose::Support);
        let shelf = Shelf { app: &call.app, whose: self.whose, access: &access };
        shelf.let_go(&[(self.id, "")]).await
    }

    /// The text, unless it went with her.
    ///
    /// # Errors
    /// What the vault cannot do.
    pub(crate) async fn text(&self, call: &Call) -> Result<Option<String>, ApiError> {
        let access = call.vault_access(call.caller()?.accessor(), Purpose::Support);
        match self.whose {
            Whose::Hers(member) => Ok(call.app.vault.members().reason(member, self.id, &access).await?),
            Whose::Partners => {
                let mut texts = call.app.vault.words().texts(&[self.id], &access).await?;
                Ok(texts.remove(&self.id))
            }
        }
    }
}

/// Where texts are kept.
struct Shelf<'a> {
    app: &'a App,
    whose: Whose,
    access: &'a Access,
}

impl Shelf<'_> {
    /// Which of them were new.
    async fn keep(&self, texts: &[(ReasonId, &str)]) -> Result<Vec<ReasonId>, ApiError> {
        let Whose::Hers(member) = self.whose else {
            return Ok(self.app.vault.words().keep(texts, self.access).await?);
        };
        let mut new = Vec::new();
        for (id, text) in texts {
            match self.app.vault.members().keep_reason(member, *id, text, self.access).await {
                Err(VaultError::UnknownMember) => return Err(Rejection::MemberNotFound.into()),
                kept => new.extend(kept?.then_some(*id)),
            }
        }
        Ok(new)
    }

    async fn let_go(&self, texts: &[(ReasonId, &str)]) -> Result<(), ApiError> {
        let ids: Vec<ReasonId> = texts.iter().map(|(id, _)| *id).collect();
        let Whose::Hers(member) = self.whose else {
            return Ok(self.app.vault.words().forget(&ids, self.access).await?);
        };
        for id in ids {
            self.app.vault.members().forget_reason(member, id, self.access).await?;
        }
        Ok(())
    }

    async fn put(&self, texts: &[(ReasonId, &str)]) -> Result<(), ApiError> {
        if texts.is_empty() {
            return Ok(());
        }
        let Whose::Hers(member) = self.whose else {
            return Ok(self.app.vault.words().put(texts, self.access).await?);
        };
        for (id, text) in texts {
            self.app.vault.members().put_reason(member, *id, text, self.access).await?;
        }
        Ok(())
    }
}

/// What a command is known to have led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    /// It wrote nothing.
    Nothing,
    /// It wrote what it says, now.
    Fact,
    /// It had done so before, or may have.
    Known,
}

fn became(result: &Result<Receipt, ApiError>) -> Became {
    match result {
        Ok(receipt) if receipt.repeat != Repeat::First => Became::Known,
        Ok(receipt) if receipt.position.is_some() => Became::Fact,
        Ok(_) | Err(ApiError::Rejected(_)) => Became::Nothing,
        // It may be on the log all the same.
        Err(_) => Became::Known,
    }
}

/// On whose behalf something is done, and which way it came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acting {
    /// Who.
    pub(crate) actor: Actor,
    /// Which way.
    pub(crate) source: &'static str,
    /// What it has in common with all it leads to.
    pub(crate) correlation_id: CorrelationId,
}

impl Acting {
    /// The caller herself.
    pub(crate) fn of(call: &Call) -> Result<Self, ApiError> {
        let actor = call.caller()?.actor();
        Ok(Self { actor, source: "api", correlation_id: call.correlation_id() })
    }

    /// Whoever asked for what somebody else approved: the approval is what its events have in common.
    pub(crate) fn approved(approval: &Approval) -> Self {
        let actor = Actor { kind: ActorKind::Admin, id: approval.asked_by };
        Self { actor, source: "approval", correlation_id: CorrelationId::from_uuid(approval.approval_id) }
    }
}

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
        self.execute_as(call, Acting::of(call)?, command).await
    }

    /// The same, on behalf of somebody.
    pub(crate) async fn execute_as(
        self,
        call: &Call,
        acting: Acting,
        command: impl FnOnce(ReasonId) -> MemberCommand,
    ) -> Result<Receipt, ApiError> {
        let member_id = self.member;
        let command = |reason| Command::Member { member_id, command: command(reason) };
        let (texts, command, idempotency) = self.said(command);
        let run = execute_as(call, acting, command, idempotency);
        texts.around(call, (Whose::Hers(member_id), Purpose::Support), run).await
    }

    /// The same, for a command that is about another account, too. Each keeps the words, with its own key: the two may part, and
    /// one be forgotten without the other.
    pub(crate) async fn of_two(
        self,
        call: &Call,
        other: MemberId,
        command: impl FnOnce(ReasonId) -> Command,
    ) -> Result<Receipt, ApiError> {
        let member = self.member;
        let acting = Acting::of(call)?;
        let (texts, command, idempotency) = self.said(command);
        let of_other = texts.of_other();
        let run = execute_as(call, acting, command, idempotency);
        let run = of_other.around(call, (Whose::Hers(other), Purpose::Support), run);
        texts.around(call, (Whose::Hers(member), Purpose::Support), run).await
    }

    /// What is said, what is asked for, and what makes the request this one.
    fn said(&self, command: impl FnOnce(ReasonId) -> Command) -> (Texts, Command, Idempotency) {
        let id = self.member.as_uuid();
        let all: Vec<&[u8]> =
            std::iter::once(id.as_bytes().as_slice()).chain(self.parts.iter().copied()).collect();
        let idempotency = Idempotency { key: self.key, revision: 1, fingerprint: fingerprint(&all) };
        let mut texts = Texts::of(&idempotency);
        let command = command(texts.id("reason", self.text));
        (texts, command, idempotency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_requests_under_one_key_do_not_share_their_words() {
        let id = |key, asks| {
            let idempotency = Idempotency { key, revision: 1, fingerprint: asks };
            Texts::of(&idempotency).id("title", "Спасибо")
        };
        assert_eq!(id([1; 32], [2; 32]), id([1; 32], [2; 32]), "a repeat finds its own");
        assert_ne!(id([1; 32], [2; 32]), id([1; 32], [3; 32]));
        assert_ne!(id([1; 32], [2; 32]), id([2; 32], [2; 32]));
    }

    #[test]
    fn a_text_that_is_there_keeps_its_id_and_another_place_has_another() {
        let [title, text] = [7, 8].map(|serial| ReasonId::from_uuid(Uuid::from_u128(serial)));
        let idempotency = Idempotency { key: [1; 32], revision: 1, fingerprint: [2; 32] };
        let places = vec![("title".to_owned(), title), ("text".to_owned(), text)];
        let words = [title, text].map(|id| (id, "Спасибо".to_owned())).into();
        let mut texts = Texts::of(&idempotency).with(places, &words);
        assert_eq!(texts.id("title", "Спасибо"), title);
        assert_eq!(texts.id("text", "Спасибо"), text, "the same words, at another place");
        assert!(![title, text].contains(&texts.id("gift", "Спасибо")));
        assert_ne!(texts.id("title", "Другое"), texts.id("text", "Другое"));
        let other = texts.of_other();
        assert_eq!(other.new.len(), texts.new.len());
        assert!(
            other.new.iter().zip(&texts.new).all(|(copy, of)| copy.0 == of.0.of_other() && copy.1 == of.1)
        );
        assert_eq!(Texts::unsaid().id("title", "Спасибо"), Texts::unsaid().id("text", "Другое"));
    }
}
