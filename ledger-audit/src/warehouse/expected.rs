//! What ClickHouse is to hold of a log: folded on the way through it, of what is no medical secret. Design J6.
//!
//! Bounds: about 120 bytes for each member and business where she has bought, and for each member.

use std::collections::{BTreeMap, HashMap};

use ledger_core::business::event::BusinessEvent;
use ledger_core::category::Confidentiality;
use ledger_core::ids::MemberId;
use ledger_core::log::{Event, Position, Row};
use ledger_core::member::event::MemberEvent;
use ledger_core::postings::{Account, Posting, Unit};
use ledger_warehouse::{
    Balance, Businesses, KINDS, Purchases, Sum, Triggers, moved, ordinary_postings, purchased,
};
use uuid::Uuid;

use crate::tree::Hash;

/// How much of a log is folded for ClickHouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The last position that is.
    pub until: Position,
    /// The position whose leaf hash is kept; 0 for none.
    pub at: Position,
}

/// What ClickHouse is to hold.
#[derive(Debug, Clone)]
pub struct Expected {
    pub(super) cut: Cut,
    /// The leaf hash at the place of the cut.
    pub(super) leaf: Option<Hash>,
    /// By member and business.
    pub(super) purchases: HashMap<(Uuid, Uuid), Purchases>,
    /// By member.
    pub(super) balances: HashMap<Uuid, Balance>,
    /// By unit and account, all members as one.
    pub(super) postings: BTreeMap<(String, String), Sum>,
    /// By kind, as [`KINDS`].
    pub(super) movements: [Sum; KINDS.len()],
    pub(super) triggers: Triggers,
    pub(super) businesses: Businesses,
}

impl Expected {
    /// Nothing yet.
    #[must_use]
    pub fn of(cut: Cut) -> Self {
        Self {
            cut,
            leaf: None,
            purchases: HashMap::new(),
            balances: HashMap::new(),
            postings: BTreeMap::new(),
            movements: [Sum::default(); KINDS.len()],
            triggers: Triggers::default(),
            businesses: Businesses::new(),
        }
    }

    /// The next event of the log, whose leaf hash is `leaf`.
    pub fn see(&mut self, row: &Row, event: &Event, leaf: Hash) {
        if row.position > self.cut.until {
            return;
        }
        if row.position == self.cut.at {
            self.leaf = Some(leaf);
        }
        match event {
            Event::Member(fact) => self.fact(row.stream_id, event, fact),
            Event::Business(BusinessEvent::BusinessRegistered(fact)) => {
                let is_medical = fact.confidentiality == Confidentiality::Medical;
                let name = fact.slug.as_str().to_owned();
                self.businesses.insert(fact.business_id.as_uuid(), (name, is_medical));
            }
            Event::Business(_) | Event::Policy(_) | Event::Chain(_) | Event::Offer(_) => {}
        }
    }

    fn fact(&mut self, member: Uuid, event: &Event, fact: &MemberEvent) {
        if let Some((business, one)) = purchased(fact) {
            self.purchases.entry((member, business)).or_default().add(one);
        }
        for (kind, kopecks) in moved(fact) {
            self.movements[kind].add(kopecks);
        }
        self.triggers.see(fact);
        for (_, posting) in ordinary_postings(MemberId::from_uuid(member), event) {
            let key = (posting.unit.as_str().to_owned(), posting.account.folded());
            self.postings.entry(key).or_default().add(posting.kopecks);
            self.balance(member, &posting);
        }
    }

    fn balance(&mut self, member: Uuid, posting: &Posting) {
        if posting.unit != Unit::Bon {
            return;
        }
        let balance = self.balances.entry(member).or_default();
        let (sum, kopecks) = match &posting.account {
            Account::MemberAvailable(_) => (&mut balance.available, posting.kopecks),
            Account::MemberPending(_) => (&mut balance.pending, posting.kopecks),
            Account::MemberHeld(_) => (&mut balance.held, posting.kopecks),
            // What is owed is below zero in the books.
            Account::MemberDebt(_) => (&mut balance.debt, 0_i64.saturating_sub(posting.kopecks)),
            _ => return,
        };
        *sum = sum.saturating_add(kopecks);
    }
}
