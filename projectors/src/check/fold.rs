//! The log, folded member by member: what each side must hold of her.
//!
//! A member's stream is read whole and in its own order, so memory holds one state at a time. Every side is judged at its
//! own place: an event counts for a side when that side has passed it, so a check needs no standstill.

use std::collections::BTreeMap;

use ledger_core::ids::{LotId, MemberId};
use ledger_core::log::{Event, Position};
use ledger_core::member::event::{MemberEvent, PurchaseAmended, PurchaseTakenOver, Way};
use ledger_core::member::state::LiveLot;
use ledger_core::member::{CorruptHistory, MemberState};
use ledger_core::postings::{Account, Unit, postings};
use ledger_core::time::Timestamp;
use ledger_warehouse::{KINDS, Purchases, Sum, Triggers, moved, ordinary_postings, purchased};
use uuid::Uuid;

use super::coupons::Coupons;

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

/// How many postings, and what they come to, by account.
pub(super) type Accounts = BTreeMap<(Unit, Account), Sum>;

/// What a member's stream says, for each side up to its cut.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// `balances`: her postings.
    pub(super) available: i128,
    pub(super) pending: i128,
    pub(super) held: i128,
    pub(super) debt: i128,
    /// `balances`: her live lots.
    pub(super) lots: BTreeMap<Uuid, LiveLot>,
    /// `history`: available, pending and held together.
    pub(super) total: i128,
    /// `statuses`: both tracks and the consent that chooses between them.
    pub(super) state: MemberState,
    /// `statuses`: her bills.
    pub(super) bills: Purchases,
    /// `directory`: her coupons.
    pub(super) coupons: Coupons,
    /// `directory`: her purchases by business.
    pub(super) purchases: BTreeMap<Uuid, Purchases>,
    /// ClickHouse: her purchases at ordinary businesses, by business.
    pub(super) facts: BTreeMap<Uuid, Purchases>,
    /// ClickHouse: movements of lots earned at ordinary businesses, by kind ([`KINDS`]).
    pub(super) movements: [Sum; KINDS.len()],
    /// ClickHouse: steps of chains that she triggered.
    pub(super) triggers: Triggers,
    /// `journal`: her postings, by account.
    pub(super) journal: Accounts,
    /// ClickHouse: her postings of lots that are no medical secret, by account.
    pub(super) ordinary: Accounts,
    /// Whether it is, or was, one with another account: then facts about the one's purchases, coupons and bills are on both
    /// streams, and only sums over all members say how many there are.
    pub(super) merges: bool,
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
    /// Per lot: issued = expired + taken back + outstanding.
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
    /// Issued less expired, redeemed and taken back, by lot, up to the end.
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
        if position <= self.cuts.directory {
            self.expected.coupons.see(fact);
        }
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
        let (business, one) = match fact {
            MemberEvent::PurchaseRecorded(fact) => {
                let one = Purchases { count: 1, amount: fact.amount.kopecks().into(), bonuses: 0 };
                (fact.business_id.as_uuid(), one)
            }
            // What a revision of the document adds is in what that revision says of the purchase (Rule D3).
            MemberEvent::BonusAccrued(fact) if fact.revision.is_some() => return,
            MemberEvent::PurchaseAmended(fact) => return self.amended(position, fact),
            MemberEvent::PurchaseTakenOver(fact) => return self.taken_over(position, fact),
            MemberEvent::BonusAccrued(fact) => {
                let one = Purchases { count: 0, amount: 0, bonuses: fact.amount.kopecks().into() };
                (fact.business_id.as_uuid(), one)
            }
            MemberEvent::PurchaseRefunded(fact) => {
                // Rule F6: only the bills for statuses are net of refunds.
                if position <= self.cuts.statuses {
                    let amount = -i128::from(fact.amount.kopecks());
                    self.expected.bills.add(Purchases { count: 0, amount, bonuses: 0 });
                }
                return;
            }
            other => return self.moved(position, other),
        };
        if position <= self.cuts.statuses {
            self.expected.bills.add(Purchases { bonuses: 0, ..one });
        }
        if position <= self.cuts.directory {
            self.expected.purchases.entry(business).or_default().add(one);
        }
    }

    /// Bills go with the account.
    fn moved(&mut self, position: Position, fact: &MemberEvent) {
        let Some((way, estate)) = fact.estate() else { return };
        let sign = if way == Way::In { 1 } else { -1 };
        self.expected.merges = true;
        if position <= self.cuts.statuses {
            let count = i128::try_from(estate.books.purchases().count()).unwrap_or(i128::MAX);
            let amount = i128::from(estate.books.spend.total().unwrap_or_default().kopecks());
            let all = Purchases { count: sign * count, amount: sign * amount, bonuses: 0 };
            self.expected.bills.add(all);
        }
    }

    /// Statuses count bills net of refunds; the directory shows the document as it is now; ClickHouse as it first was.
    fn amended(&mut self, position: Position, fact: &PurchaseAmended) {
        let more = |before: i64, after: i64| i128::from(after) - i128::from(before);
        let (before, after) = fact.counted();
        if position <= self.cuts.statuses {
            let amount = more(before.kopecks(), after.kopecks());
            self.expected.bills.add(Purchases { count: 0, amount, bonuses: 0 });
        }
        if position <= self.cuts.directory {
            let amount = more(fact.bill_before.kopecks(), fact.bill.kopecks());
            let bonuses = more(fact.accrual_before.kopecks(), fact.accrual.kopecks());
            let of_business = self.expected.purchases.entry(fact.business_id.as_uuid()).or_default();
            of_business.add(Purchases { count: 0, amount, bonuses });
        }
    }

    /// A bill of the other's; in the directory it is the same purchase.
    fn taken_over(&mut self, position: Position, fact: &PurchaseTakenOver) {
        if position <= self.cuts.statuses {
            let amount = fact.counted().kopecks().into();
            self.expected.bills.add(Purchases { count: 1, amount, bonuses: 0 });
        }
        if position <= self.cuts.directory {
            let of_business = self.expected.purchases.entry(fact.purchase.business_id.as_uuid()).or_default();
            let (amount, bonuses) = (fact.purchase.amount.kopecks(), fact.accrual.kopecks());
            of_business.add(Purchases { count: 0, amount: amount.into(), bonuses: bonuses.into() });
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
                Account::MemberHeld(_) => {
                    available += kopecks;
                    hers = kopecks;
                    if position <= self.cuts.balances {
                        self.expected.held += kopecks;
                    }
                }
                Account::MemberDebt(_) => {
                    if position <= self.cuts.balances {
                        self.expected.debt -= kopecks;
                    }
                }
                Account::Issued(_) | Account::Expired(_) | Account::TakenBack(_) | Account::Redeemed(_) => {
                    *self.lots.entry(posting.lot_id).or_default() -= kopecks;
                }
                // What is on its way is gone from one stream, and comes into another.
                Account::TransferAvailable(_) => {
                    available += kopecks;
                    *self.lots.entry(posting.lot_id).or_default() -= kopecks;
                }
                Account::TransferPending(_) => {
                    *self.lots.entry(posting.lot_id).or_default() -= kopecks;
                }
                Account::Float => float += kopecks,
                Account::Clearing(_) | Account::Claims(_) | Account::Breakage | Account::TransferDebt(_) => {}
            }
            if position <= self.cuts.history {
                self.expected.total += hers;
            }
        }
        let broken = &mut self.expected.broken;
        broken.unbalanced += u64::from(bonuses != 0 || roubles != 0);
        broken.float += u64::from(float != available);
    }

    /// Rule J6: what is about a lot that has anything to do with a clinic is not sent.
    fn movements(&mut self, position: Position, fact: &MemberEvent) {
        if position > self.cuts.clickhouse {
            return;
        }
        self.expected.triggers.see(fact);
        if let Some((business, one)) = purchased(fact) {
            self.expected.facts.entry(business).or_default().add(one);
        }
        for (kind, kopecks) in moved(fact) {
            self.expected.movements[kind].add(kopecks);
        }
    }

    /// What the stream says.
    pub(super) fn close(mut self) -> Expected {
        for lot in self.newest.live_lots() {
            let outstanding = i128::from(lot.left.kopecks()) + i128::from(lot.held.kopecks());
            *self.lots.entry(lot.lot_id).or_default() -= outstanding;
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
