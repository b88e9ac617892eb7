//! Double entry over the whole log. Rules M1, M2: every event's postings sum to zero in each unit, what members have and hold
//! is what the float is, and each member's sums are her balance.

use std::collections::HashMap;

use ledger_core::ids::MemberId;
use ledger_core::log::Event;
use ledger_core::member::MemberState;
use ledger_core::member::event::Holding;
use ledger_core::postings::{Account, Unit, postings};
use uuid::Uuid;

/// What the postings of one member come to, in hundredths of a bonus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Spendable.
    pub available: i64,
    /// Not yet.
    pub pending: i64,
    /// Reserved.
    pub held: i64,
    /// Owed; not below zero.
    pub debt: i64,
}

/// The books so far.
#[derive(Debug, Default)]
pub(super) struct Books {
    members: HashMap<Uuid, Sums>,
    float: i128,
    owed: i128,
}

impl Books {
    /// Enters an event on the stream of `member`; says what does not hold after it.
    pub(super) fn enter(&mut self, member: MemberId, event: &Event) -> Option<String> {
        let (mut bonuses, mut roubles) = (0_i128, 0_i128);
        for posting in postings(member, event) {
            let kopecks = posting.kopecks;
            let amount = i128::from(kopecks);
            match posting.unit {
                Unit::Bon => bonuses += amount,
                Unit::Rub => roubles += amount,
            }
            self.post(&posting.account, kopecks);
        }
        if (bonuses, roubles) != (0, 0) {
            return Some(format!("its postings sum to {bonuses} bonuses and {roubles} kopecks, not to zero"));
        }
        let is_off = self.float != self.owed;
        is_off.then(|| {
            format!("the float is {} and what members have available and held {}", self.float, self.owed)
        })
    }

    fn post(&mut self, account: &Account, kopecks: i64) {
        let (of, is_owed) = match account {
            Account::MemberAvailable(id) => (&mut self.sums(*id).available, true),
            Account::MemberHeld(id) => (&mut self.sums(*id).held, true),
            Account::MemberPending(id) => (&mut self.sums(*id).pending, false),
            Account::MemberDebt(id) => {
                // What is owed is below zero in the books.
                let debt = &mut self.sums(*id).debt;
                *debt = debt.saturating_sub(kopecks);
                return;
            }
            Account::TransferAvailable(_) => {
                self.owed += i128::from(kopecks);
                return;
            }
            Account::Float => {
                self.float += i128::from(kopecks);
                return;
            }
            Account::TakenBack(_)
            | Account::Redeemed(_)
            | Account::Claims(_)
            | Account::Issued(_)
            | Account::Expired(_)
            | Account::Clearing(_)
            | Account::Breakage
            | Account::TransferPending(_)
            | Account::TransferDebt(_) => return,
        };
        *of = of.saturating_add(kopecks);
        self.owed += if is_owed { i128::from(kopecks) } else { 0 };
    }

    fn sums(&mut self, member: MemberId) -> &mut Sums {
        self.members.entry(member.as_uuid()).or_default()
    }

    /// Every member's sums.
    pub(super) fn into_members(self) -> HashMap<Uuid, Sums> {
        self.members
    }
}

/// What a member's state holds.
pub(super) fn of_state(state: &MemberState) -> Sums {
    let mut sums = Sums::default();
    for lot in state.live_lots() {
        let left = lot.left.kopecks();
        let holding = match lot.holding {
            Holding::Available => &mut sums.available,
            Holding::Pending => &mut sums.pending,
        };
        *holding = holding.saturating_add(left);
        sums.held = sums.held.saturating_add(lot.held.kopecks());
    }
    sums.debt = state.debt().map_or(i64::MIN, ledger_core::money::Bonuses::kopecks);
    sums
}
