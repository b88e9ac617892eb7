//! The log, folded member by member: what each side must hold of her.
//!
//! A member's stream is read whole and in its own order, so memory holds one state at a time. Every side is judged at its
//! own place: an event counts for a side when that side has passed it, so a check needs no standstill.

use std::collections::BTreeMap;

use ledger_core::category::Confidentiality;
use ledger_core::ids::{LotId, MemberId};
use ledger_core::log::{Event, Position};
use ledger_core::member::event::MemberEvent;
use ledger_core::member::state::LiveLot;
use ledger_core::member::{CorruptHistory, MemberState};
use ledger_core::postings::{Account, Unit, postings};
use ledger_core::time::Timestamp;
use uuid::Uuid;

use super::tally::{Purchases, Sum};
use crate::analytics::ordinary_postings;

/// Up to where each side has applied the partition of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cuts {
    pub(super) balances: Position,
    pub(super) history: Position,
    pub(super) statuses: Position,
    pub(super) directory: Position,
    pub(super) journal: Position,
    pub(super) clickhouse: Position,
}

/// Kinds of movements, as ClickHouse names them.
pub(super) const KINDS: [&str; 3] = ["accrued", "matured", "expired"];

/// How many postings, and what they come to, by account.
pub(super) type Accounts = BTreeMap<(Unit, Account), Sum>;

/// What a member's stream says, for each side up to its cut.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// `balances`: her postings.
    pub(super) available: i128,
    pub(super) pending: i128,
    /// `balances`: her live lots.
    pub(super) lots: BTreeMap<Uuid, LiveLot>,
    /// `history`: available and pending together.
    pub(super) total: i128,
    /// `statuses`: both tracks and the consent that chooses between them.
    pub(super) state: MemberState,
    /// `statuses`: her bills.
    pub(super) bills: Purchases,
    /// `directory`: her purchases by business.
    pub(super) purchases: BTreeMap<Uuid, Purchases>,
    /// ClickHouse: her purchases at ordinary businesses, by business.
    pub(super) facts: BTreeMap<Uuid, Purchases>,
    /// ClickHouse: movements of lots earned at ordinary businesses, by kind ([`KINDS`]).
    pub(super) movements: [Sum; 3],
    /// `journal`: her postings, by account.
    pub(super) journal: Accounts,
    /// ClickHouse: her postings of lots that are no medical secret, by account.
    pub(super) ordinary: Accounts,
    /// Invariants that do not hold.
    pub(super) broken: Broken,
}

/// How often an invariant does not hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Broken {
    /// Rule M1: the postings of an event sum to zero in each unit.
    pub(super) unbalanced: u64,
    /// The float is what members have available (and held), after every event.
    pub(super) float: u64,
    /// Per lot: issued = expired + outstanding.
    pub(super) lots: u64,
    /// The stream cannot be folded.
    pub(super) corrupt: u64,
}

/// Folds one member's stream.
pub(super) struct Folding {
    member: MemberId,
    cuts: Cuts,
    expected: Expected,
    /// The state up to the cut of `balances`, whose lots are compared.
    balances: MemberState,
    /// The state up to the end of what is read, whose lots the invariants are about.
    newest: MemberState,
    /// Issued less expired, by lot, up to the end.
    lots: BTreeMap<LotId, i128>,
}

impl Folding {
    pub(super) fn new(member: MemberId, cuts: Cuts) -> Self {
        Self {
            member,
            cuts,
            expected: Expected::default(),
            balances: MemberState::default(),
            newest: MemberState::default(),
            lots: BTreeMap::new(),
        }
    }

    /// Applies one event.
    ///
    /// # Errors
    /// [`CorruptHistory`] for a fact that cannot follow from what was before.
    pub(super) fn apply(
        &mut self,
        position: Position,
        occurred_at: Timestamp,
        event: &Event,
    ) -> Result<(), CorruptHistory> {
        let Event::Member(fact) = event else {
            return Err(CorruptHistory { position, what: "a member's stream holds another's fact" });
        };
        self.newest.apply(position, occurred_at, fact)?;
        if position <= self.cuts.balances {
            self.balances.apply(position, occurred_at, fact)?;
        }
        if position <= self.cuts.statuses {
            self.expected.state.apply(position, occurred_at, fact)?;
        }
        self.purchases(position, fact);
        self.post(position, event);
        self.movements(position, fact);
        if position <= self.cuts.clickhouse {
            for (_, posting) in ordinary_postings(self.member, event) {
                let key = (posting.unit, posting.account);
                self.expected.ordinary.entry(key).or_default().add(posting.kopecks);
            }
        }
        Ok(())
    }

    fn purchases(&mut self, position: Position, fact: &MemberEvent) {
        let (business, one, medical) = match fact {
            MemberEvent::PurchaseRecorded(fact) => {
                let one = Purchases { count: 1, amount: fact.amount.kopecks().into(), bonuses: 0 };
                (fact.business_id.as_uuid(), one, fact.confidentiality)
            }
            MemberEvent::BonusAccrued(fact) => {
                let one = Purchases { count: 0, amount: 0, bonuses: fact.amount.kopecks().into() };
                (fact.business_id.as_uuid(), one, fact.confidentiality)
            }
            _ => return,
        };
        if position <= self.cuts.statuses {
            self.expected.bills.add(Purchases { bonuses: 0, ..one });
        }
        if position <= self.cuts.directory {
            self.expected.purchases.entry(business).or_default().add(one);
        }
        if position <= self.cuts.clickhouse && medical == Confidentiality::Ordinary {
            self.expected.facts.entry(business).or_default().add(one);
        }
    }

    fn post(&mut self, position: Position, event: &Event) {
        let (mut bonuses, mut roubles, mut float, mut available) = (0_i128, 0_i128, 0_i128, 0_i128);
        for posting in postings(self.member, event) {
            if position <= self.cuts.journal {
                let key = (posting.unit, posting.account.clone());
                self.expected.journal.entry(key).or_default().add(posting.kopecks);
            }
            let kopecks = i128::from(posting.kopecks);
            match posting.unit {
                Unit::Bon => bonuses += kopecks,
                Unit::Rub => roubles += kopecks,
            }
            let mut hers = 0;
            match &posting.account {
                Account::MemberAvailable(_) => {
                    available += kopecks;
                    hers = kopecks;
                    if position <= self.cuts.balances {
                        self.expected.available += kopecks;
                    }
                }
                Account::MemberPending(_) => {
                    hers = kopecks;
                    if position <= self.cuts.balances {
                        self.expected.pending += kopecks;
                    }
                }
                Account::Issued(_) | Account::Expired(_) => {
                    *self.lots.entry(posting.lot_id).or_default() -= kopecks;
                }
                Account::Float => float += kopecks,
                Account::Clearing(_) | Account::Breakage => {}
            }
            if position <= self.cuts.history {
                self.expected.total += hers;
            }
        }
        let broken = &mut self.expected.broken;
        broken.unbalanced += u64::from(bonuses != 0 || roubles != 0);
        broken.float += u64::from(float != available);
    }

    fn movements(&mut self, position: Position, fact: &MemberEvent) {
        if position > self.cuts.clickhouse {
            return;
        }
        let [accrued, matured, expired] = &mut self.expected.movements;
        match fact {
            MemberEvent::BonusAccrued(fact) if fact.confidentiality == Confidentiality::Ordinary => {
                fact.lots.iter().for_each(|lot| accrued.add(lot.amount.kopecks()));
            }
            MemberEvent::BonusMatured(fact) if fact.confidentiality == Confidentiality::Ordinary => {
                matured.add(fact.amount.kopecks());
            }
            MemberEvent::BonusExpired(fact) if fact.confidentiality == Confidentiality::Ordinary => {
                expired.add(fact.amount.kopecks());
            }
            _ => {}
        }
    }

    /// What the stream says.
    pub(super) fn close(mut self) -> Expected {
        for lot in self.newest.live_lots() {
            *self.lots.entry(lot.lot_id).or_default() -= i128::from(lot.left.kopecks());
        }
        let broken = self.lots.values().filter(|rest| **rest != 0).count();
        self.expected.broken.lots = u64::try_from(broken).unwrap_or(u64::MAX);
        self.expected.lots =
            self.balances.live_lots().map(|lot| (lot.lot_id.as_uuid(), lot.clone())).collect();
        self.expected
    }

    /// The same, of a stream that cannot be folded.
    pub(super) fn close_corrupt(self) -> Expected {
        let mut expected = self.close();
        expected.broken.corrupt = 1;
        expected
    }
}
