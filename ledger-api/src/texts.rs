//! What a chain or an offer, or somebody about it, says in words, by the ids under which its facts name them.

use std::collections::HashMap;

use ledger_core::ids::ReasonId;
use ledger_store::{Idempotency, Receipt};
use pii_vault::access::Access;
use pii_vault::words::Words;
use uuid::Uuid;

use crate::natural_key::fingerprint;
use crate::problem::ApiError;
use crate::reasons::is_nothing;

/// The namespace of all texts.
const TEXTS: Uuid = Uuid::from_u128(0x6f77_6e63_6972_636c_8000_6f66_6665_7273);

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

    /// Keeps the new ones, has the ledger decide, and removes them again when nothing came of it.
    pub(crate) async fn around(
        self,
        words: &Words,
        access: &Access,
        run: impl Future<Output = Result<Receipt, ApiError>>,
    ) -> Result<Receipt, ApiError> {
        let texts: Vec<(ReasonId, &str)> = self.new.iter().map(|(id, text)| (*id, text.as_str())).collect();
        let kept = if texts.is_empty() { Vec::new() } else { words.keep(&texts, access).await? };
        let result = run.await;
        if is_nothing(&result) {
            if !kept.is_empty() {
                words.forget(&kept, access).await?;
            }
        } else if result.is_ok() && kept.len() < texts.len() {
            // Who had kept the others may have been refused meanwhile, and have taken them away.
            words.keep(&texts, access).await?;
        }
        result
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
        assert_eq!(Texts::unsaid().id("title", "Спасибо"), Texts::unsaid().id("text", "Другое"));
    }
}
