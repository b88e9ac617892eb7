//! Every purchase that was ever sent, written down before it was, with what became of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::people::{Business, Member};

/// A purchase as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The partner's own number.
    pub external_id: String,
    /// Where.
    pub business: Business,
    /// Whose.
    pub member: Member,
    /// The bill.
    pub kopecks: i64,
    /// When, in RFC 3339, UTC, with microseconds.
    pub occurred_at: String,
}

/// What is known of a purchase that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Acknowledged: it must be there exactly once.
    Recorded {
        /// As the service named it.
        transaction_id: String,
    },
    /// Refused: it must not be there.
    Refused(String),
    /// No answer, or one that leaves it open: it may be there once.
    Unknown,
}

/// What was sent.
#[derive(Debug, Default)]
pub struct Journal(Mutex<BTreeMap<(String, String), (Sale, Fate)>>);

impl Sale {
    /// The body of `POST /transactions`.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({
            "external_id": self.external_id,
            "member": {"member_id": self.member.id},
            "amount": roubles(self.kopecks),
            "occurred_at": self.occurred_at,
        })
    }

    /// The line of an import.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = self.body();
        line["business_id"] = json!(self.business.slug);
        format!("{line}\n")
    }
}

/// An amount as the wire has it.
#[must_use]
pub(super) fn roubles(kopecks: i64) -> String {
    format!("{}.{:02}", kopecks / 100, kopecks % 100)
}

impl Journal {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<(String, String), (Sale, Fate)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before anything leaves this process.
    pub fn about_to_send(&self, sale: &Sale) {
        let key = (sale.business.slug.clone(), sale.external_id.clone());
        self.entries().entry(key).or_insert_with(|| (sale.clone(), Fate::Unknown));
    }

    /// An answer. What was acknowledged once stays so, under one id.
    ///
    /// # Panics
    /// When the service says two different things of one purchase.
    pub fn heard(&self, slug: &str, external_id: &str, fate: Fate) {
        let mut entries = self.entries();
        let entry = entries.get_mut(&(slug.to_owned(), external_id.to_owned()));
        let (_, known) =
            entry.unwrap_or_else(|| panic!("an answer about {slug}/{external_id}, which nobody sent"));
        match (&*known, fate) {
            (_, Fate::Unknown) => {}
            (Fate::Unknown, fate) => *known = fate,
            (before, fate) => assert_eq!(*before, fate, "two answers about {slug}/{external_id}"),
        }
    }

    /// Everything, by slug and number.
    #[must_use]
    pub fn all(&self) -> Vec<(Sale, Fate)> {
        self.entries().values().cloned().collect()
    }

    /// What is not known yet.
    #[must_use]
    pub fn unknown(&self) -> Vec<Sale> {
        let entries = self.entries();
        entries.values().filter(|(_, fate)| *fate == Fate::Unknown).map(|(sale, _)| sale.clone()).collect()
    }

    /// How many are acknowledged.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.entries().values().filter(|(_, fate)| matches!(fate, Fate::Recorded { .. })).count()
    }
}
