//! What must be the same after a history and after its final document.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::story::Story;
use crate::log::Event;
use crate::member::event::MemberEvent;
use crate::member::lot::Funder;
use crate::member::spend::WindowSums;
use crate::member::testing::{HERS, World, at, purchase_id};
use crate::member::tests::amendments::lots;
use crate::postings::{Account, Unit, postings};

/// She has it: everything about it is as if the final document had been posted once.
pub(super) fn same(world: &World, once: &World, story: &Story) -> Result<(), TestCaseError> {
    let (file, plain) = (world.file(2).expect("a purchase"), once.file(2).expect("a purchase"));
    prop_assert_eq!(file.bill.kopecks(), story.told.bill().unwrap_or(0));
    prop_assert_eq!(
        (file.bill, file.accrual, file.of_business),
        (plain.bill, plain.accrual, plain.of_business)
    );
    prop_assert_eq!((file.left(), file.kept), (plain.left(), plain.kept));
    prop_assert_eq!(file.kept.kopecks(), story.told.kept, "what of it is paid in bonuses");
    let returned = file.captured.kopecks() - file.redeemed().expect("fits").kopecks();
    prop_assert_eq!(returned, story.told.returned, "what came back of it");
    let moved = moved(world);
    prop_assert_eq!(&moved, &self::moved(once), "by funder, what she got less what was taken back");
    prop_assert!(
        moved.values().all(|kopecks| *kopecks > 0),
        "nobody gets back more than it gave: {:?}",
        moved
    );
    prop_assert_eq!(discount(world), discount(once));
    known(world, once, story)?;
    if story.is_plain {
        prop_assert_eq!(has(world), has(once));
        prop_assert_eq!(lots(world), lots(once), "lot by lot of the same life");
        prop_assert_eq!(accounts(world), accounts(once));
    }
    Ok(())
}

/// She has nothing of it: everything is as it was before.
pub(super) fn as_ever(world: &World, start: &World, story: &Story) -> Result<(), TestCaseError> {
    let mut start = start.clone();
    start.now = world.now;
    prop_assert_eq!(moved(world), BTreeMap::new());
    known(world, &start, story)?;
    if story.is_plain {
        prop_assert_eq!(lots(world), lots(&start));
        prop_assert_eq!(accounts(world), accounts(&start));
    }
    Ok(())
}

/// What counts for statuses, for new categories and for other reports of the same sale. Rules S1, B2, C3, D5.
fn known(world: &World, other: &World, story: &Story) -> Result<(), TestCaseError> {
    prop_assert_eq!(sums(world), sums(other));
    let visits = |world: &World| {
        let mut books = world.state.books.clone();
        books.visited.retain(|_, visits| *visits > 0);
        books.visited_medical.retain(|_, visits| *visits > 0);
        books.customer_of.retain(|_, visits| *visits > 0);
        (books.visited, books.visited_medical, books.customer_of)
    };
    prop_assert_eq!(visits(world), visits(other));
    prop_assert_eq!(&world.state.books.sales, &other.state.books.sales);
    prop_assert_eq!(story.next(world), story.next(other), "what the next purchase is paid by");
    Ok(())
}

fn sums(world: &World) -> Option<WindowSums> {
    world.state.window(at("2025-03-01T00:00:00Z"), at("2027-01-01T00:00:00Z"))
}

/// Her bonuses less her debt.
fn has(world: &World) -> i64 {
    let (total, debt) = world.total_and_debt();
    total.kopecks() - debt.kopecks()
}

/// What stands in each account. What was issued and taken back again is as if it had not been.
fn accounts(world: &World) -> BTreeMap<(Unit, Account), i64> {
    let mut accounts = BTreeMap::new();
    for posting in world.log.iter().flat_map(|(_, event)| postings(HERS, event)) {
        let account = match posting.account {
            Account::TakenBack(funder) => Account::Issued(funder),
            account => account,
        };
        *accounts.entry((posting.unit, account)).or_default() += posting.kopecks;
    }
    accounts.retain(|_, kopecks| *kopecks != 0);
    accounts
}

/// What the coupon takes off the bill, net of refunds.
fn discount(world: &World) -> i64 {
    let of = |event: &Event| match event {
        Event::Member(MemberEvent::CouponRedeemed(fact)) => Some(fact.discount.kopecks()),
        Event::Member(MemberEvent::CouponReckoned(fact)) => Some(fact.discount.kopecks()),
        _ => None,
    };
    world.log.iter().filter_map(|(_, event)| of(event)).next_back().unwrap_or_default()
}

/// What the second purchase gave by funder, less what was taken back for it.
fn moved(world: &World) -> BTreeMap<String, i64> {
    let mut moved = BTreeMap::<String, i64>::new();
    let mut add = |funder: &Funder, kopecks: i64| *moved.entry(funder.to_string()).or_default() += kopecks;
    let id = purchase_id(2);
    for (_, event) in &world.log {
        let Event::Member(event) = event else { continue };
        match event {
            MemberEvent::BonusAccrued(fact) if fact.purchase_id == id => {
                fact.lots.iter().for_each(|lot| add(&lot.funder, lot.amount.kopecks()));
            }
            MemberEvent::CouponRedeemed(fact) if fact.purchase_id == id => {
                fact.lot.iter().for_each(|lot| add(&lot.funder, lot.amount.kopecks()));
            }
            MemberEvent::CouponReckoned(fact) if fact.purchase_id == id => {
                fact.lot.iter().for_each(|lot| add(&lot.funder, lot.amount.kopecks()));
            }
            MemberEvent::BonusTakenBack(fact) if fact.purchase_id == id => {
                fact.own.iter().for_each(|own| add(&own.part.funder, -own.part.amount.kopecks()));
                fact.others.iter().for_each(|other| add(&other.creditor, -other.part.amount.kopecks()));
                for expired in &fact.expired {
                    let all = world.log.iter().find_map(|(_, event)| match event {
                        Event::Member(MemberEvent::BonusExpired(fact)) if fact.lot_id == expired.lot_id => {
                            Some(fact.funder.clone())
                        }
                        _ => None,
                    });
                    add(&all.expect("it expired"), -expired.amount.kopecks());
                }
            }
            MemberEvent::DebtIncurred(fact) if fact.purchase_id == id => {
                add(&fact.creditor, -fact.amount.kopecks());
            }
            _ => {}
        }
    }
    moved.retain(|_, kopecks| *kopecks != 0);
    moved
}
