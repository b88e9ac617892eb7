//! What postings add to the totals of accounts and to lots: pure, and the same however postings are cut into batches.

use std::collections::BTreeMap;

use ledger_core::ids::LotId;
use ledger_core::postings::{Posting, Unit};

/// What some postings come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// By unit and account, all members as one ([`Account::folded`](ledger_core::postings::Account::folded)).
    pub(super) totals: BTreeMap<(Unit, String), i64>,
    /// By lot.
    pub(super) lots: BTreeMap<LotId, Lot>,
}

/// What became of a lot: issued = redeemed + expired + taken back + outstanding. Rule M2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Lot {
    pub(super) issued: i64,
    pub(super) redeemed: i64,
    pub(super) expired: i64,
    pub(super) taken_back: i64,
    pub(super) outstanding: i64,
}

impl Sums {
    /// Adds a posting; `None` when a sum does not fit.
    pub(super) fn add(&mut self, posting: &Posting) -> Option<()> {
        let account = posting.account.folded();
        if posting.unit == Unit::Bon {
            self.lots.entry(posting.lot_id).or_default().add(&account, posting.kopecks)?;
        }
        let total = self.totals.entry((posting.unit, account)).or_default();
        *total = total.checked_add(posting.kopecks)?;
        Some(())
    }
}

impl Lot {
    fn add(&mut self, account: &str, kopecks: i64) -> Option<()> {
        let (sum, kopecks) = match account.rsplit_once('/').unwrap_or_default() {
            (_, "issued") => (&mut self.issued, kopecks.checked_neg()?),
            (_, "redeemed") => (&mut self.redeemed, kopecks),
            (_, "expired") => (&mut self.expired, kopecks),
            (_, "taken_back") => (&mut self.taken_back, kopecks),
            // What is on its way from one account to another is outstanding, too.
            ("member" | "transfer", "pending" | "available" | "held") => (&mut self.outstanding, kopecks),
            // Debt and claims are about a creditor, not about what is left of the lot.
            _ => return Some(()),
        };
        *sum = sum.checked_add(kopecks)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use ledger_core::ids::MemberId;
    use ledger_core::member::lot::Funder;
    use ledger_core::postings::Account;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn account() -> impl Strategy<Value = Account> {
        let funder = prop_oneof![
            Just(Funder::Coalition),
            Just(Funder::Business("mindal".parse().expect("a slug"))),
            // A business may have the name of a member's account.
            Just(Funder::Business("available".parse().expect("a slug"))),
        ];
        (0..7_u8, 1..4_u128, funder).prop_map(|(kind, member, funder)| {
            let member = MemberId::from_uuid(Uuid::from_u128(member));
            match kind {
                0 => Account::MemberPending(member),
                1 => Account::MemberAvailable(member),
                2 => Account::Issued(funder),
                3 => Account::Expired(funder),
                4 => Account::Clearing(funder),
                5 => Account::Float,
                _ => Account::Breakage,
            }
        })
    }

    /// An amount of one lot that moves from one account to another.
    fn movement() -> impl Strategy<Value = [Posting; 2]> {
        (any::<bool>(), account(), account(), 1..1_000_000_i64, 1..4_u128).prop_map(
            |(bonuses, from, to, kopecks, lot)| {
                let unit = if bonuses { Unit::Bon } else { Unit::Rub };
                let lot_id = LotId::from_uuid(Uuid::from_u128(lot));
                let post =
                    |account, kopecks| Posting { unit, account, kopecks, lot_id, funder: Funder::Coalition };
                [post(from, -kopecks), post(to, kopecks)]
            },
        )
    }

    fn sums<'a>(postings: impl IntoIterator<Item = &'a Posting>) -> Sums {
        let mut sums = Sums::default();
        postings.into_iter().try_for_each(|posting| sums.add(posting)).expect("they fit");
        sums
    }

    proptest! {
        /// Rule M1: totals sum to zero per unit; Rule M2: a lot adds up.
        #[test]
        fn rule_m1_movements_sum_to_zero_and_each_total_is_the_sum_of_its_accounts(
            movements in prop::collection::vec(movement(), 0..40)
        ) {
            let all = sums(movements.iter().flatten());
            for unit in [Unit::Bon, Unit::Rub] {
                let of_unit = all.totals.iter().filter(|((one, _), _)| *one == unit);
                prop_assert_eq!(of_unit.map(|(_, kopecks)| kopecks).sum::<i64>(), 0);
            }
            let hers = |account: &Account| matches!(account, Account::MemberAvailable(_));
            let naive: i64 = movements.iter().flatten()
                .filter(|posting| posting.unit == Unit::Bon && hers(&posting.account))
                .map(|posting| posting.kopecks).sum();
            let kept = all.totals.get(&(Unit::Bon, "member/available".to_owned()));
            prop_assert_eq!(kept.copied().unwrap_or(0), naive);
        }

        #[test]
        fn rule_m2_a_lot_that_moves_among_its_accounts_adds_up(
            movements in prop::collection::vec(movement(), 0..40)
        ) {
            let about_lots = |posting: &Posting| {
                matches!(posting.account, Account::MemberPending(_) | Account::MemberAvailable(_)
                    | Account::Issued(_) | Account::Expired(_))
            };
            let within = movements.iter().filter(|pair| pair.iter().all(about_lots));
            for lot in sums(within.flatten()).lots.values() {
                prop_assert_eq!(lot.issued, lot.redeemed + lot.expired + lot.taken_back + lot.outstanding);
            }
        }

        #[test]
        fn batches_may_be_cut_anywhere(movements in prop::collection::vec(movement(), 0..40), cut in 0..80_usize) {
            let postings: Vec<&Posting> = movements.iter().flatten().collect();
            let (one, other) = postings.split_at(cut.min(postings.len()));
            let (mut totals, whole) = (sums(one.iter().copied()).totals, sums(postings.iter().copied()).totals);
            for (account, kopecks) in sums(other.iter().copied()).totals {
                *totals.entry(account).or_default() += kopecks;
            }
            prop_assert_eq!(totals, whole);
        }
    }

    #[test]
    fn only_members_are_folded() {
        let member = MemberId::from_uuid(Uuid::nil());
        let business = Funder::Business("member".parse().expect("a slug"));
        let names = [
            (Account::MemberAvailable(member), "member/available"),
            (Account::TransferPending(member), "transfer/pending"),
            (Account::Issued(business.clone()), "funder/member/issued"),
            (Account::Clearing(business), "business/member/clearing"),
            (Account::Clearing(Funder::Coalition), "coalition/promo"),
        ];
        for (account, name) in names {
            assert_eq!(account.folded(), name);
        }
    }

    #[test]
    fn a_sum_that_does_not_fit_is_told() {
        let posting = Posting {
            unit: Unit::Rub,
            account: Account::Float,
            kopecks: i64::MAX,
            lot_id: LotId::from_uuid(Uuid::nil()),
            funder: Funder::Coalition,
        };
        let mut sums = Sums::default();
        assert_eq!(sums.add(&posting), Some(()));
        assert_eq!(sums.add(&posting), None);
    }
}
