//! A chain tried on the past. Rules X1, X3–X6, X9, B9; compliance M4.

mod accounts;
mod town;

use proptest::prelude::*;

use crate::chain::definition::{Audience, ChainKind, CouponTemplate, Definition, Limits, Reward};
use crate::member::event::CouponBenefit;
use crate::member::reward::WhyNot;
use crate::member::status::Status;
use crate::member::testing::{chain_id, rub, steps};
use crate::rate::Percent;
use crate::rejection::Rejection;
use crate::simulation::chain::{ChainReport, ChainSimulation, ChainTrial, StepFigures};
use town::{Act, Done, Edit, Town, member};

const ANNA: usize = 0;
const VERA: usize = 1;

fn buys(who: usize, slug: &'static str, roubles: i64) -> Act {
    Act::Buy { who, slug, kopecks: roubles * 100, late: 0 }
}

/// Миндаль → Лисичкино: 500 ₽ off for 2,000 at least, within 14 days.
fn dinner() -> Definition {
    steps(ChainKind::Linear, &[("mindal", "lisichkino")])
}

/// What the chain would have done where there was none.
fn tried(definition: &Definition, acts: &[Act]) -> ChainReport {
    let mut town = Town::of(None);
    acts.iter().for_each(|act| town.act(act));
    town.simulated(definition)
}

fn first(report: &ChainReport) -> &StepFigures {
    report.steps[0].as_ref().expect("an ordinary step")
}

fn refused(report: &ChainReport) -> Vec<(WhyNot, u64)> {
    first(report).refused.iter().map(|(why, count)| (*why, *count)).collect()
}

#[test]
fn rule_x3_x4_each_purchase_is_a_trigger_or_says_why_not_and_what_followed_is_a_conversion() {
    let report = tried(
        &dinner(),
        &[
            buys(ANNA, "mindal", 2_000),
            buys(ANNA, "mindal", 1_999),
            Act::Later(24),
            buys(ANNA, "lisichkino", 3_000),
            buys(ANNA, "lisichkino", 700),
            buys(VERA, "mindal", 2_500),
            Act::Edit { which: 2, edit: Edit::GiveAPartBack },
            Act::Later(15 * 24),
            // The window was 14 days.
            buys(VERA, "lisichkino", 900),
        ],
    );
    let expected = StepFigures {
        purchases: 3,
        triggers: 2,
        refused: [(WhyNot::TooSmall, 1)].into(),
        rewards: 2,
        cost: rub("1000.00"),
        conversions: 1,
        // 3,000 less a quarter that came back.
        revenue: rub("2250.00"),
        ..StepFigures::default()
    };
    assert_eq!((first(&report), report.members, report.purchases), (&expected, 3, 3));
    let days: Vec<_> = report.days.values().map(|day| (day.triggers, day.rewards, day.cost)).collect();
    let nothing = (0, 0, rub("0.00"));
    let expected = [vec![(1, 1, rub("500.00")); 2], vec![nothing; 15]].concat();
    assert_eq!(days, expected, "17 days, the first and the second with a trigger");
}

#[test]
fn rule_x5_limits_and_budget_are_of_all_members_in_the_order_of_time() {
    let acts = [
        buys(VERA, "mindal", 2_000),
        Act::Later(30),
        buys(ANNA, "mindal", 2_000),
        buys(ANNA, "mindal", 2_000),
        Act::Later(1),
        buys(VERA, "mindal", 2_000),
        buys(VERA, "lisichkino", 1_000),
    ];
    let within = |limits| tried(&Definition { limits, ..dinner() }, &acts);
    let report = within(Limits { budget: Some(rub("1499.99")), ..Limits::default() });
    assert_eq!((first(&report).rewards, refused(&report)), (2, vec![(WhyNot::Budget, 2)]));
    let left: Vec<_> = report.budget_left().collect();
    assert_eq!(left, [Some(rub("999.99")), Some(rub("499.99"))]);
    let report = within(Limits { total: Some(3), ..Limits::default() });
    assert_eq!((first(&report).rewards, refused(&report)), (3, vec![(WhyNot::Limit, 1)]));
    assert_eq!(report.budget_left().collect::<Vec<_>>(), [None, None]);
    let report = within(Limits { per_member: Some(1), ..Limits::default() });
    assert_eq!((first(&report).rewards, refused(&report)), (2, vec![(WhyNot::Limit, 2)]));
    // What was not given leads to nothing: Vera's first purchase is the only one that counts.
    let report = within(Limits { total: Some(1), ..Limits::default() });
    assert_eq!((first(&report).rewards, first(&report).conversions), (1, 1));
}

#[test]
fn rule_x1_the_audience_is_who_she_was_then() {
    let acts = [
        buys(ANNA, "mindal", 2_000),
        buys(ANNA, "lisichkino", 1_000),
        Act::Later(1),
        buys(ANNA, "mindal", 2_000),
        buys(VERA, "mindal", 2_000),
    ];
    let to = |audience| tried(&Definition { audience, ..dinner() }, &acts);
    let report = to(Audience { new_customers_of_target: true, statuses: Vec::new() });
    assert_eq!((first(&report).rewards, refused(&report)), (2, vec![(WhyNot::Audience, 1)]));
    let report = to(Audience { new_customers_of_target: false, statuses: vec![Status::Vip] });
    assert_eq!((first(&report).rewards, refused(&report)), (0, vec![(WhyNot::Audience, 3)]));
}

#[test]
fn who_would_be_held_out_is_who_will_be() {
    let half = Definition { holdout_percent: Some(50), ..dinner() };
    let acts: Vec<Act> = (0..3).map(|who| buys(who, "mindal", 2_000)).collect();
    let report = tried(&half, &acts);
    let running = crate::member::testing::anna().running(1, half).registry.chains;
    let version = &running.get(chain_id(1)).expect("runs").newest;
    let default: Percent = "0".parse().expect("a share");
    let held_out = (0..3).filter(|who| version.holds_out(chain_id(1), member(*who), default)).count();
    let held_out = u64::try_from(held_out).expect("few");
    assert_eq!((first(&report).held_out, first(&report).triggers), (held_out, 3 - held_out));
    assert!((1..3).contains(&held_out), "a draw that shows something");
}

#[test]
fn compliance_m4_no_step_from_or_to_a_clinic_is_told_and_none_takes_of_the_limits() {
    let mut fan = steps(ChainKind::Fan, &[("mindal", "steam-center"), ("mindal", "lisichkino")]);
    fan.limits.total = Some(1);
    let acts = [
        buys(ANNA, "mindal", 2_000),
        Act::Later(1),
        buys(ANNA, "steam-center", 4_000),
        buys(ANNA, "lisichkino", 1_000),
    ];
    let report = tried(&fan, &acts);
    assert_eq!(report.steps[0], None);
    let step = report.steps[1].as_ref().expect("an ordinary step");
    assert_eq!((step.rewards, step.conversions, report.purchases), (1, 1, 1));
    assert_eq!(report.days.values().map(|day| day.triggers).sum::<u64>(), 1);
    let mut from = steps(ChainKind::Linear, &[("steam-center", "lisichkino")]);
    from.funded_by = crate::chain::definition::ChainFunder::Coalition;
    let report = tried(&from, &acts);
    assert_eq!((report.steps.as_slice(), report.purchases), ([None].as_slice(), 0));
}

#[test]
fn rule_x1_what_cannot_be_drawn_up_cannot_be_tried() {
    let registry = crate::member::testing::anna().registry;
    let (from, to) = (
        crate::member::testing::at("2026-03-01T00:00:00Z"),
        crate::member::testing::at("2026-03-09T00:00:00Z"),
    );
    let definition = steps(ChainKind::Linear, &[("mindal", "mindal")]);
    let trial = ChainTrial { chain_id: chain_id(1), definition, from, to };
    let answer = ChainSimulation::begin(&registry, trial).map(|_| ());
    assert!(matches!(answer, Err(Rejection::ChainDefinition { .. })), "{answer:?}");
}

#[test]
fn rule_t6_imported_history_is_told_as_of_its_own_time() {
    let acts = [
        buys(ANNA, "mindal", 2_000),
        Act::Later(30),
        buys(VERA, "mindal", 2_000),
        buys(ANNA, "lisichkino", 1_000),
        buys(ANNA, "mindal", 2_000),
    ];
    let limits = Limits { budget: Some(rub("1500.00")), ..Limits::default() };
    let new = Audience { new_customers_of_target: true, statuses: Vec::new() };
    let chain = Definition { limits, audience: new, ..dinner() };
    let mut town = Town::of(None);
    acts.iter().for_each(|act| town.act(act));
    let live = town.simulated(&chain);
    town.imported();
    assert_eq!(town.simulated(&chain), live);
    assert_eq!((first(&live).rewards, first(&live).conversions), (2, 1));
    assert_eq!(refused(&live), [(WhyNot::Audience, 1)]);
}

#[test]
fn the_dates_of_its_future_do_not_count() {
    let ahead = crate::member::testing::at("2030-01-01T00:00:00Z");
    let report = tried(&Definition { from: Some(ahead), ..dinner() }, &[buys(ANNA, "mindal", 2_000)]);
    assert_eq!(first(&report).rewards, 1);
}

fn slugs() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("mindal"), 3 => Just("lisichkino"), 2 => Just("buket"), 1 => Just("kozha")]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let amount = prop_oneof![1..3_000_i64, 100_000..400_000_i64];
    let late = prop_oneof![3 => Just(0_i64), 1 => 1..200_i64];
    let buy = (0..3_usize, slugs(), amount, late).prop_map(|(who, slug, kopecks, late)| Act::Buy {
        who,
        slug,
        kopecks,
        late,
    });
    let edit = prop_oneof![
        Just(Edit::GiveAllBack),
        Just(Edit::GiveAPartBack),
        Just(Edit::Cancel),
        Just(Edit::Raise)
    ];
    let act = prop_oneof![
        6 => buy,
        2 => (0..40_usize, edit).prop_map(|(which, edit)| Act::Edit { which, edit }),
        1 => (0..40_usize, 0..3_usize).prop_map(|(which, to)| Act::HandOver { which, to }),
        3 => (1..120_i64).prop_map(Act::Later),
    ];
    proptest::collection::vec(act, 1..30)
}

fn chains() -> impl Strategy<Value = Definition> {
    let shapes = prop_oneof![
        Just(steps(ChainKind::Linear, &[("mindal", "lisichkino"), ("lisichkino", "buket")])),
        Just(steps(ChainKind::Mutual, &[("mindal", "lisichkino"), ("lisichkino", "mindal")])),
        Just(steps(ChainKind::Fan, &[("mindal", "lisichkino"), ("mindal", "buket"), ("mindal", "kozha")])),
    ];
    let limits = (
        proptest::option::weighted(0.3, 1..4_u32),
        proptest::option::weighted(0.3, 1..8_u32),
        proptest::option::weighted(0.5, 50_000..300_000_i64),
    );
    let of_steps = proptest::collection::vec((any::<bool>(), 1..20_u32, any::<bool>(), 1..500_i64), 3);
    let audience = (any::<bool>(), any::<bool>());
    (shapes, limits, of_steps, audience).prop_map(|(mut chain, limits, of_steps, (new, insiders))| {
        let (per_member, total, budget) = limits;
        chain.limits = Limits { per_member, total, budget: budget.map(crate::money::Roubles::from_kopecks) };
        chain.audience = Audience {
            new_customers_of_target: new,
            statuses: if insiders { vec![Status::Insider] } else { Vec::new() },
        };
        chain.holdout_percent = Some(0);
        for (step, (is_bonus, window_days, is_any, value)) in chain.steps.iter_mut().zip(of_steps) {
            step.window_days = window_days;
            step.min_amount = step.min_amount.filter(|_| !is_any);
            if is_bonus {
                step.reward = Reward::CrossBonus { rate: Some("0.15".parse().expect("a rate")) };
            } else if let Reward::Coupon { coupon } = &mut step.reward {
                let value = crate::money::Roubles::from_kopecks(value * 100);
                *coupon = CouponTemplate { gives: CouponBenefit::DiscountFixed { value }, ..coupon.clone() };
            }
        }
        chain
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    /// Rules D3, X1, X3–X6, B9: what a chain really did it would have done on the log of the same purchases without it.
    #[test]
    fn what_is_simulated_is_what_the_chain_does(chain in chains(), acts in acts()) {
        let (mut with, mut without) = (Town::of(Some(chain.clone())), Town::of(None));
        for act in &acts {
            with.act(act);
            without.act(act);
        }
        let report = without.simulated(&chain);
        prop_assert_eq!(Done::simulated(&report), with.done());
        for step in report.steps.iter().flatten() {
            let refused: u64 = step.refused.values().sum();
            prop_assert_eq!(step.purchases, step.triggers + step.held_out + refused);
        }
    }
}
