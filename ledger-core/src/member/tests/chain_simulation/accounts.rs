//! What is told on more than one stream: accounts that became one, purchases handed over, history that came in last. Rules D3,
//! T6, X1, X4.

use proptest::prelude::*;

use super::town::{Act, Done, Edit, Town};
use super::{ANNA, VERA, acts, buys, chains, dinner, first, refused};
use crate::chain::definition::{Audience, Definition};
use crate::member::reward::WhyNot;
use crate::member::testing::rub;
use crate::money::Roubles;
use crate::simulation::NotSimulated;
use crate::simulation::chain::ChainReport;

const MERGE: Act = Act::Merge { from: ANNA, into: VERA };

fn town(acts: &[Act]) -> Town {
    let mut town = Town::of(None);
    acts.iter().for_each(|act| town.act(act));
    town
}

fn tried(acts: &[Act]) -> ChainReport {
    town(acts).simulated(&dinner())
}

/// Rewards, conversions, revenue, and members left out.
fn figures(report: &ChainReport) -> (u64, u64, Roubles, u64) {
    let step = first(report);
    (step.rewards, step.conversions, step.revenue, report.left_out)
}

#[test]
fn rule_x4_what_the_survivor_buys_follows_from_what_the_other_account_bought() {
    let report = tried(&[buys(ANNA, "mindal", 2_000), MERGE, Act::Later(24), buys(VERA, "lisichkino", 900)]);
    assert_eq!(figures(&report), (1, 1, rub("900.00"), 0));
}

#[test]
fn rule_d3_a_purchase_handed_over_and_given_back_after_a_merging_ends_nobodys_simulation() {
    let acts = [
        buys(ANNA, "mindal", 2_000),
        Act::Later(1),
        buys(ANNA, "lisichkino", 900),
        Act::HandOver { which: 1, to: VERA },
        Act::Merge { from: VERA, into: ANNA },
        Act::Edit { which: 1, edit: Edit::GiveAllBack },
        buys(2, "mindal", 2_000),
        buys(2, "lisichkino", 700),
    ];
    assert_eq!(figures(&tried(&acts[..5])), (1, 1, rub("900.00"), 0), "hers again");
    assert_eq!(figures(&tried(&acts)), (2, 2, rub("700.00"), 0));
}

#[test]
fn rule_f6_a_refund_on_the_survivors_stream_is_of_the_other_accounts_purchase() {
    let acts = [
        buys(ANNA, "mindal", 2_000),
        Act::Later(1),
        buys(ANNA, "lisichkino", 1_000),
        MERGE,
        Act::Edit { which: 1, edit: Edit::GiveAPartBack },
        Act::Part { from: ANNA, into: VERA },
    ];
    assert_eq!(figures(&tried(&acts[..5])), (1, 1, rub("750.00"), 0));
    assert_eq!(figures(&tried(&acts)), (1, 1, rub("750.00"), 0), "and when they are two again");
}

#[test]
fn rule_x4_nothing_follows_from_a_trigger_that_was_given_back_on_the_survivors_stream() {
    let back = Act::Edit { which: 0, edit: Edit::GiveAllBack };
    let report = tried(&[buys(ANNA, "mindal", 2_000), MERGE, back, buys(VERA, "lisichkino", 900)]);
    assert_eq!(figures(&report), (1, 0, rub("0.00"), 0));
}

#[test]
fn rule_d3_a_purchase_taken_over_converts_with_its_bill() {
    // Vera had it before her own trigger came to the log.
    let acts = [
        Act::Later(10),
        buys(ANNA, "lisichkino", 900),
        Act::HandOver { which: 0, to: VERA },
        Act::Later(1),
        Act::Buy { who: VERA, slug: "mindal", kopecks: 200_000, late: 2 },
    ];
    assert_eq!(figures(&tried(&acts)), (1, 1, rub("900.00"), 0));
}

#[test]
fn who_cannot_be_told_in_the_order_of_time_is_left_out_and_nobody_else() {
    let mut town = town(&[
        buys(ANNA, "mindal", 2_000),
        buys(2, "mindal", 2_000),
        buys(VERA, "mindal", 2_000),
        MERGE,
        Act::Later(24),
        buys(2, "lisichkino", 900),
    ]);
    town.without_bounds();
    let report = town.simulated(&dinner());
    let step = first(&report);
    assert_eq!((step.purchases, step.triggers, step.conversions, report.left_out), (3, 2, 1, 1));
}

#[test]
fn rule_x1_who_is_new_there_is_judged_in_the_order_of_time() {
    let mut town = town(&[
        buys(ANNA, "mindal", 2_000),
        Act::Later(24),
        buys(ANNA, "lisichkino", 900),
        Act::Later(24),
        buys(ANNA, "mindal", 2_000),
    ]);
    let audience = Audience { new_customers_of_target: true, statuses: Vec::new() };
    let chain = Definition { audience, ..dinner() };
    let live = town.simulated(&chain);
    town.imported_last("mindal");
    assert_eq!(town.simulated(&chain), live);
    assert_eq!((figures(&live), refused(&live)), ((1, 1, rub("900.00"), 0), vec![(WhyNot::Audience, 1)]));
}

#[test]
fn rule_x1_a_purchase_at_the_target_counts_however_long_ago_it_was() {
    let audience = Audience { new_customers_of_target: true, statuses: Vec::new() };
    let mut acts = [
        Act::Buy { who: ANNA, slug: "lisichkino", kopecks: 90_000, late: 40 * 24 },
        Act::Later(1),
        buys(ANNA, "mindal", 2_000),
    ];
    let report = town(&acts).simulated(&Definition { audience: audience.clone(), ..dinner() });
    assert_eq!((figures(&report).0, refused(&report)), (0, vec![(WhyNot::Audience, 1)]));
    acts[0] = Act::Later(1);
    let report = town(&acts).simulated(&Definition { audience, ..dinner() });
    assert_eq!((figures(&report).0, refused(&report)), (1, Vec::new()));
}

#[test]
fn more_than_a_simulation_keeps_is_an_error() {
    let town = town(&[buys(ANNA, "mindal", 2_000), buys(VERA, "mindal", 2_000)]);
    // Of each a purchase and what it asks for.
    let within = |most| town.told(&mut town.trial(&dinner()).keeping(most));
    assert_eq!((within(4), within(3)), (Ok(()), Err(NotSimulated::TooMuch)));
}

/// What Vera did Anna did.
fn as_one(act: &Act) -> Act {
    match act.clone() {
        Act::Buy { who: VERA, slug, kopecks, late } => Act::Buy { who: ANNA, slug, kopecks, late },
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    /// Rules D3, X4, X5: two accounts that are one by now come to what one account would have, whenever they became one.
    #[test]
    fn accounts_that_are_one_are_one_from_the_first(
        mut chain in chains(),
        acts in acts(),
        merged in 0..30_usize,
    ) {
        // Statuses are of each stream alone.
        chain.audience.statuses.clear();
        // What changes hands between the two changes no hands in the one.
        let is_told = |act: &&Act| !matches!(act, Act::HandOver { to: ANNA | VERA, .. });
        let acts: Vec<Act> = acts.iter().filter(is_told).cloned().collect();
        let (before, after) = acts.split_at(merged.min(acts.len()));
        let (mut one, mut two) = (Town::of(None), Town::of(None));
        before.iter().for_each(|act| two.act(act));
        two.act(&Act::Merge { from: VERA, into: ANNA });
        after.iter().for_each(|act| two.act(&as_one(act)));
        before.iter().for_each(|act| one.act(&as_one(act)));
        one.act(&Act::Later(0));
        after.iter().for_each(|act| one.act(&as_one(act)));
        let (one, two) = (one.simulated(&chain), two.simulated(&chain));
        prop_assert_eq!(Done::simulated(&one), Done::simulated(&two));
        prop_assert_eq!((one.purchases, one.left_out, two.left_out), (two.purchases, 0, 0));
    }
}
