//! Where coupons came from, and how long that is remembered. Rule X6.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;

use crate::chain::definition::{ChainKind, Definition};
use crate::ids::{BusinessId, PurchaseId};
use crate::member::testing::{World, activate, anna, buy, steps, take};

/// The serial of the coupon that a purchase gets from the first step of chain 1.
fn coupon_of(purchase: u8) -> u8 {
    110 + purchase
}

/// As long as a window may be.
fn long(kind: ChainKind, pairs: &[(&str, &str)]) -> Definition {
    let mut chain = steps(kind, pairs);
    for step in &mut chain.steps {
        (step.window_days, step.min_amount) = (365, None);
    }
    chain
}

/// Миндаль ⇄ Лисичкино, and Лисичкино → Букет.
fn world() -> World {
    let mutual = long(ChainKind::Mutual, &[("mindal", "lisichkino"), ("lisichkino", "mindal")]);
    anna().running(1, mutual).running(2, long(ChainKind::Linear, &[("lisichkino", "buket")]))
}

/// Her `first`th purchase gives a coupon, and days later the next is made with it, told later still.
fn dines(world: World, first: u8, days: i64, late: i64) -> World {
    let given = world.after(buy("mindal", "2000.00")).after(take(1, 0, first)).later(TimeDelta::days(days));
    let given = given.after(activate(coupon_of(first), first));
    let when = given.now.minus(TimeDelta::hours(late));
    given.after(buy("lisichkino", "3000.00").using(first).on_moment(when))
}

fn trails(world: &World) -> &BTreeMap<PurchaseId, Vec<BusinessId>> {
    &world.state.books.chains.trails
}

#[test]
fn rule_x6_a_trail_is_forgotten_when_no_step_can_follow_it_any_more() {
    let world = dines(world(), 1, 1, 0);
    let a_year = dines(world.clone(), 3, 1, 0);
    assert_eq!(trails(&a_year).len(), 2);
    let at_its_end = dines(world.clone().later(TimeDelta::days(364)), 3, 1, 0);
    assert_eq!(trails(&at_its_end).len(), 2, "365 days after the purchase a window may still be open");
    let behind_it = dines(world.later(TimeDelta::days(364) + TimeDelta::microseconds(1)), 3, 1, 0);
    assert_eq!(trails(&behind_it).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 1_000, ..ProptestConfig::default() })]

    /// Whatever is asked, at whatever time: who remembers all trails decides the same.
    #[test]
    fn rule_x6_what_is_forgotten_decides_nothing(
        rounds in proptest::collection::vec((0..25_i64, 0..100_i64, 0..400_i64), 1..7),
    ) {
        let (mut world, mut all) = (world(), BTreeMap::new());
        for (round, (days, late, gap)) in (0_u8..).zip(rounds) {
            world = dines(world, 2 * round + 1, days, late);
            all.extend(trails(&world).clone());
            for later in [0, gap] {
                world = world.later(TimeDelta::days(later));
                let mut remembers = world.clone();
                remembers.state.books.chains.trails = all.clone();
                for purchase in (0..=round).map(|round| 2 * round + 2) {
                    for step in [take(1, 1, purchase), take(2, 0, purchase)] {
                        let decided = world.clone().when(step).answer;
                        prop_assert_eq!(&decided, &remembers.clone().when(step).answer);
                    }
                }
            }
        }
    }
}
