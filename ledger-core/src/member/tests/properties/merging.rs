//! Two random histories, merged and parted.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;

use crate::ids::{LotId, MemberId};
use crate::member::MemberCommand::{Block, CancelPremium, DropQuarantined, Gift as Gives, WriteDue};
use crate::member::event::GiftKind;
use crate::member::gift::Gift;
use crate::member::state::{MemberState, StatusTrack};
use crate::member::testing::{HERS, OLD, Pair, World, grant_id};
use crate::postings::{Account, Unit, postings};

use super::steps::{Step, history, history_after, run, steps};

/// Both, with nothing in the way of their merging: no hold, document, debt or block, and Premium on one at most.
fn both(old: &[Step], hers: &[Step]) -> Pair {
    let Pair { old, hers } = Pair::of(history_after(120, old), history(hers));
    let hers = settled(hers);
    let goes_on = hers.state.premium().periods().iter().any(|period| period.to > hers.now);
    let hers = if goes_on { hers.after(CancelPremium) } else { hers };
    Pair { old: settled(old), hers }
}

fn settled(world: World) -> World {
    let mut world = world.later(TimeDelta::hours(1)).after(WriteDue).after(Block(None));
    for id in world.state.quarantined.keys().copied().collect::<Vec<_>>() {
        world = world.after(DropQuarantined(id));
    }
    let debt = world.state.debt().expect("fits");
    if !debt.is_positive() {
        return world;
    }
    let pays = Gift {
        grant_id: grant_id(world.after),
        kind: GiftKind::Goodwill,
        reason_id: None,
        amount: debt,
        life_days: None,
    };
    world.after(Gives(pays))
}

/// A state without what a review may change.
fn but_for_statuses(world: &World) -> MemberState {
    let mut state = world.state.clone();
    for track in [&mut state.ordinary, &mut state.with_medical] {
        *track = StatusTrack { status: Default::default(), scheduled: None, ..*track };
    }
    state
}

/// All that is on the books of both.
fn sums(both: &Pair) -> BTreeMap<(Unit, Account), i64> {
    let mut sums = BTreeMap::new();
    let of = |id: MemberId, world: &World| -> Vec<_> {
        world.log.iter().flat_map(|(_, event)| postings(id, event)).collect()
    };
    for posting in of(OLD, &both.old).into_iter().chain(of(HERS, &both.hers)) {
        *sums.entry((posting.unit, posting.account)).or_default() += posting.kopecks;
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

/// What is left of each lot, whosever it is.
fn lots(both: &Pair) -> BTreeMap<LotId, i64> {
    let mut lots = BTreeMap::new();
    for lot in both.old.state.live_lots().chain(both.hers.state.live_lots()) {
        *lots.entry(lot.lot_id).or_default() += lot.left.kopecks();
    }
    lots
}

/// The sums of postings are what the states hold, and nothing is on its way.
fn check(both: &Pair) {
    let sums = sums(both);
    let of = |account: Account| sums.get(&(Unit::Bon, account)).copied().unwrap_or_default();
    for (id, world) in [(OLD, &both.old), (HERS, &both.hers)] {
        let hers =
            of(Account::MemberAvailable(id)) + of(Account::MemberPending(id)) + of(Account::MemberHeld(id));
        let live: i64 = world.state.live_lots().map(|lot| lot.left.kopecks() + lot.held.kopecks()).sum();
        assert_eq!(hers, live);
        assert_eq!(-of(Account::MemberDebt(id)), world.state.debt().expect("fits").kopecks());
    }
    let between = |account: &Account| {
        matches!(
            account,
            Account::TransferAvailable(_) | Account::TransferPending(_) | Account::TransferDebt(_)
        )
    };
    assert!(!sums.keys().any(|(_, account)| between(account)), "{sums:?}");
    let available: i64 =
        [OLD, HERS].map(|id| of(Account::MemberAvailable(id)) + of(Account::MemberHeld(id))).iter().sum();
    let float = sums.get(&(Unit::Rub, Account::Float)).copied().unwrap_or_default();
    assert_eq!(float, available, "RUB float = BON available + held");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn merged_and_parted_both_are_as_before_to_the_kopeck(old in steps(), hers in steps()) {
        let before = both(&old, &hers);
        let merged = before.clone().merged();
        check(&merged);
        prop_assert_eq!(lots(&merged), lots(&before));
        let parted = merged.parted();
        check(&parted);
        prop_assert_eq!(but_for_statuses(&parted.old), but_for_statuses(&before.old));
        prop_assert_eq!(but_for_statuses(&parted.hers), but_for_statuses(&before.hers));
    }

    #[test]
    fn rule_m1_whatever_happens_meanwhile_and_afterwards_nothing_is_lost(
        old in steps(), hers in steps(), meanwhile in steps(), afterwards in steps(),
    ) {
        let merged = both(&old, &hers).merged();
        // Edits of the old account's purchases, too.
        let happened = merged.then(|world| {
            meanwhile.iter().enumerate().fold(world, |world, (nth, step)| {
                if nth % 2 == 0 { run(world, step) } else { as_of_old(world, step) }
            })
        });
        check(&happened);
        let settled = happened.then(|world| world.later(TimeDelta::hours(1)).after(WriteDue).after(Block(None)));
        let kept = lots(&settled);
        let parted = settled.parted();
        check(&parted);
        // A debt may be paid by what goes its own way now; nothing else changes.
        if parted.old.state.debts().is_empty() && parted.hers.state.debts().is_empty() {
            prop_assert_eq!(lots(&parted), kept);
        }
        let Pair { old, hers } = parted;
        let old = afterwards.iter().fold(old, run);
        let hers = afterwards.iter().fold(hers, run);
        check(&Pair { old, hers });
    }
}

/// The step, or an edit of the old account's purchases in the place of one of hers.
fn as_of_old(world: World, step: &Step) -> World {
    let of_old = match step {
        Step::Refund { purchase, permille } => Step::Refund { purchase: purchase + 120, permille: *permille },
        Step::Amend { purchase, kopecks } => Step::Amend { purchase: purchase + 120, kopecks: *kopecks },
        other => other.clone(),
    };
    run(world, &of_old)
}
