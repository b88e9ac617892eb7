//! The books: every posting, and the standing checks against the state at the same prefix.

use std::collections::BTreeMap;

use crate::ids::LotId;
use crate::log::Event;
use crate::member::event::Holding;
use crate::member::lot::Funder;
use crate::member::state::MemberState;
use crate::postings::{Account, Unit, postings};

use super::MEMBER;

/// The sums of postings at a prefix.
#[derive(Default)]
pub(super) struct Books {
    accounts: BTreeMap<(Unit, Account), i64>,
    lots: BTreeMap<(LotId, Account), i64>,
}

impl Books {
    pub(super) fn post(&mut self, event: &Event) {
        let mut sums = BTreeMap::<Unit, i64>::new();
        for posting in postings(MEMBER, event) {
            *sums.entry(posting.unit).or_default() += posting.kopecks;
            if posting.unit == Unit::Bon {
                *self.lots.entry((posting.lot_id, posting.account.clone())).or_default() += posting.kopecks;
            }
            *self.accounts.entry((posting.unit, posting.account)).or_default() += posting.kopecks;
        }
        assert!(sums.values().all(|sum| *sum == 0), "rule M1: {event:?} does not sum to zero");
    }

    pub(super) fn of(&self, unit: Unit, account: Account) -> i64 {
        self.accounts.get(&(unit, account)).copied().unwrap_or_default()
    }

    pub(super) fn total(&self, unit: Unit, is_wanted: impl Fn(&Account) -> bool) -> i64 {
        let wanted = |(of, account): &(Unit, Account)| *of == unit && is_wanted(account);
        self.accounts.iter().filter(|(key, _)| wanted(key)).map(|(_, sum)| sum).sum()
    }

    /// The standing checks against the state at the same prefix.
    pub(super) fn check(&self, state: &MemberState) {
        let held = |holding| {
            state.live_lots().filter(|lot| lot.holding == holding).map(|lot| lot.left.kopecks()).sum::<i64>()
        };
        let available = self.of(Unit::Bon, Account::MemberAvailable(MEMBER));
        assert_eq!(available, held(Holding::Available), "available = sum of lots");
        let in_holds = self.of(Unit::Bon, Account::MemberHeld(MEMBER));
        let of_lots = state.live_lots().map(|lot| lot.held.kopecks()).sum::<i64>();
        let of_holds =
            state.open_holds().map(|(_, hold)| hold.amount().expect("fits").kopecks()).sum::<i64>();
        assert_eq!((in_holds, in_holds), (of_lots, of_holds), "held = sum of lots = sum of holds");
        let debt = state.debt().expect("fits").kopecks();
        assert_eq!(-self.of(Unit::Bon, Account::MemberDebt(MEMBER)), debt, "rule F3: debt");
        let claims = self.total(Unit::Bon, |account| matches!(account, Account::Claims(_)));
        assert_eq!(claims, debt, "what is owed is claimed");
        assert_eq!(self.of(Unit::Bon, Account::MemberPending(MEMBER)), held(Holding::Pending), "pending");
        assert_eq!(
            self.of(Unit::Rub, Account::Float),
            available + in_holds,
            "RUB float = BON available + held"
        );
        for lot in state.live_lots() {
            let hers = [
                Account::MemberAvailable(MEMBER),
                Account::MemberPending(MEMBER),
                Account::MemberHeld(MEMBER),
            ];
            let live: i64 = hers
                .into_iter()
                .map(|account| self.lots.get(&(lot.lot_id, account)).copied().unwrap_or_default())
                .sum();
            assert!(!lot.left.kopecks().is_negative() && !lot.held.kopecks().is_negative());
            assert_eq!(
                live,
                lot.left.kopecks() + lot.held.kopecks(),
                "a lot's postings are what is left of it"
            );
        }
        for funder in self.funders() {
            let of_funder = state.live_lots().filter(|lot| lot.funder == funder);
            let outstanding: i64 = of_funder.map(|lot| lot.left.kopecks() + lot.held.kopecks()).sum();
            let issued = -self.of(Unit::Bon, Account::Issued(funder.clone()));
            let expired = self.of(Unit::Bon, Account::Expired(funder.clone()));
            let taken_back = self.of(Unit::Bon, Account::TakenBack(funder.clone()));
            let redeemed = self.redeemed_of(&funder);
            assert_eq!(issued, redeemed + expired + taken_back + outstanding, "rule M2: {funder}");
            assert!(expired >= 0 && outstanding >= 0 && taken_back >= 0 && redeemed >= 0);
        }
        let clearing = self.total(Unit::Rub, |account| matches!(account, Account::Clearing(_)));
        let breakage = self.of(Unit::Rub, Account::Breakage);
        assert_eq!(
            -clearing - breakage,
            available + in_holds,
            "what funders paid and did not get back is outstanding"
        );
    }

    /// What was redeemed of lots that `funder` issued, wherever.
    pub(super) fn redeemed_of(&self, funder: &Funder) -> i64 {
        let issued = Account::Issued(funder.clone());
        let of_funder = |lot: &LotId| self.lots.contains_key(&(*lot, issued.clone()));
        let redeemed = self
            .lots
            .iter()
            .filter(|((lot, account), _)| matches!(account, Account::Redeemed(_)) && of_funder(lot));
        redeemed.map(|(_, sum)| sum).sum()
    }

    pub(super) fn funders(&self) -> Vec<Funder> {
        let funder = |(_, account): &(Unit, Account)| match account {
            Account::Issued(funder) => Some(funder.clone()),
            _ => None,
        };
        self.accounts.keys().filter_map(funder).collect()
    }
}
