//! What happens in a random history. A step names things by a number that is looked up when it runs, so that a history
//! from which steps were taken away still makes sense.

use proptest::prelude::*;

use crate::chains::{OfChain, PLACES, of_chains, wanted};
use crate::coupons::{OfCoupon, of_coupons};
use crate::revisions::{Edit, edits};
use crate::standing::{Hand, hands};

/// How many businesses there are; see `main.rs`.
pub(crate) const BUSINESSES: usize = 8;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Clock {
        seconds: i64,
    },
    Buy {
        business: usize,
        kopecks: i64,
        ago: i64,
        import: Option<Option<i64>>,
    },
    /// Another report of a purchase, or of a document that waits: by which system, how much later.
    Again {
        pick: usize,
        source: u8,
        later: i64,
        is_import: bool,
    },
    /// An admin's word on a document that waits, or waited.
    Decide {
        pick: usize,
        is_applied: bool,
    },
    Pay {
        pick: usize,
        business: Option<usize>,
        kopecks: i64,
        redeem: Option<i64>,
        ago: i64,
    },
    Hold {
        business: usize,
        permille: i64,
        is_small: bool,
    },
    Cancel {
        pick: usize,
        business: Option<usize>,
    },
    Refund {
        pick: usize,
        permille: i64,
        business: Option<usize>,
        ago: i64,
    },
    Revise(Edit),
    /// The same, but it names one of the other members.
    HandOver {
        edit: Edit,
        to: usize,
    },
    RefundAhead {
        business: usize,
        ahead: u32,
        kopecks: i64,
    },
    Consent {
        purpose: usize,
        is_granted: bool,
    },
    Register,
    Hand(Hand),
    Coupon(OfCoupon),
    Chain(OfChain),
    Due,
    Review,
    Policy {
        change: usize,
        in_days: Option<i64>,
    },
    Multiplier {
        business: usize,
        in_days: i64,
        days: i64,
        hundredths: i64,
    },
    Terms {
        business: usize,
        change: usize,
    },
}

pub(crate) fn businesses() -> impl Strategy<Value = usize> {
    0..BUSINESSES
}

/// Mostly the right one.
fn elsewhere() -> impl Strategy<Value = Option<usize>> {
    proptest::option::weighted(0.08, businesses())
}

pub(crate) fn bills() -> impl Strategy<Value = i64> {
    prop_oneof![
        1 => 1..300_i64,
        6 => 1_000..1_000_000_i64,
        4 => 1_000_000..9_000_000_i64,
        1 => Just(10_000_000_000_i64)
    ]
}

const MINUTE: i64 = 60;
pub(crate) const DAY: i64 = 86_400;

/// How long ago in seconds: mostly just now, sometimes late, sometimes in the tolerated future or beyond.
fn ages() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(0_i64),
        2 => -6 * MINUTE..60 * MINUTE,
        2 => 0..3 * DAY,
        2 => 0..100 * DAY,
        1 => 0..400 * DAY
    ]
}

fn permilles() -> impl Strategy<Value = i64> {
    prop_oneof![3 => Just(1_000_i64), 5 => 1..1_000_i64, 1 => 1_001..1_100_i64]
}

fn purchases() -> impl Strategy<Value = Step> {
    let since = proptest::option::weighted(0.2, 0..900 * DAY);
    let import = proptest::option::weighted(0.15, since);
    (businesses(), bills(), ages(), import).prop_map(|(business, kopecks, ago, import)| Step::Buy {
        business,
        kopecks,
        ago,
        import,
    })
}

fn reports() -> impl Strategy<Value = Step> {
    let later = prop_oneof![
        4 => -40 * MINUTE..40 * MINUTE, 2 => Just(30 * MINUTE), 1 => Just(-30 * MINUTE), 1 => -DAY..DAY
    ];
    prop_oneof![
        3 => (0..6_usize, 0..3_u8, later, proptest::bool::weighted(0.2))
            .prop_map(|(pick, source, later, is_import)| Step::Again { pick, source, later, is_import }),
        2 => (0..5_usize, proptest::bool::weighted(0.6))
            .prop_map(|(pick, is_applied)| Step::Decide { pick, is_applied }),
    ]
}

fn redemptions() -> impl Strategy<Value = Step> {
    let late = prop_oneof![5 => Just(0_i64), 1 => 0..3 * DAY];
    let redeem = proptest::option::weighted(0.4, permilles());
    prop_oneof![
        4 => (businesses(), permilles(), proptest::bool::weighted(0.05))
            .prop_map(|(business, permille, is_small)| Step::Hold { business, permille, is_small }),
        4 => (0..4_usize, elsewhere(), bills(), redeem, late)
            .prop_map(|(pick, business, kopecks, redeem, ago)| Step::Pay { pick, business, kopecks, redeem, ago }),
        1 => (0..4_usize, elsewhere()).prop_map(|(pick, business)| Step::Cancel { pick, business }),
    ]
}

fn refunds() -> impl Strategy<Value = Step> {
    let ages = prop_oneof![6 => Just(0_i64), 1 => -6 * MINUTE..5 * DAY];
    prop_oneof![
        8 => (0..8_usize, permilles(), elsewhere(), ages)
            .prop_map(|(pick, permille, business, ago)| Step::Refund { pick, permille, business, ago }),
        1 => (businesses(), 0..3_u32, bills())
            .prop_map(|(business, ahead, kopecks)| Step::RefundAhead { business, ahead, kopecks }),
    ]
}

fn hand_overs() -> impl Strategy<Value = Step> {
    (edits(), 0..2_usize).prop_map(|(edit, to)| Step::HandOver { edit, to })
}

fn surroundings() -> impl Strategy<Value = Step> {
    let in_days = proptest::option::weighted(0.4, 0..60_i64);
    prop_oneof![
        3 => (0..41_usize, in_days).prop_map(|(change, in_days)| Step::Policy { change, in_days }),
        2 => (businesses(), 0..20_i64, 1..60_i64, prop_oneof![10..1_001_i64, Just(150_i64)])
            .prop_map(|(business, in_days, days, hundredths)| Step::Multiplier { business, in_days, days, hundredths }),
        2 => (businesses(), 0..8_usize).prop_map(|(business, change)| Step::Terms { business, change }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let clock = prop_oneof![
        2 => 0..30 * MINUTE, 2 => Just(15 * MINUTE), 4 => 0..3 * DAY, 3 => 0..40 * DAY, 1 => 0..400 * DAY
    ];
    prop_oneof![
        10 => purchases(),
        8 => clock.prop_map(|seconds| Step::Clock { seconds }),
        4 => reports(),
        10 => redemptions(),
        7 => refunds(),
        2 => (0..12_usize, proptest::bool::weighted(0.6))
            .prop_map(|(purpose, is_granted)| Step::Consent { purpose, is_granted }),
        1 => Just(Step::Register),
        3 => hands().prop_map(Step::Hand),
        9 => of_coupons().prop_map(Step::Coupon),
        8 => edits().prop_map(Step::Revise),
        3 => hand_overs(),
        2 => (0..2_usize).prop_map(|pick| Step::Chain(OfChain::Meet { pick })),
        2 => Just(Step::Due),
        3 => Just(Step::Review),
        2 => surroundings(),
    ]
}

/// A history.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..70)
}

/// Purchases where chains lead, mostly in time for them.
fn purchases_of_chains() -> impl Strategy<Value = Step> {
    let ages = prop_oneof![6 => Just(0_i64), 3 => 0..3 * DAY, 2 => 0..30 * DAY, 1 => 0..100 * DAY];
    let bills = prop_oneof![1 => 1..300_i64, 8 => 1_000..1_000_000_i64, 1 => 1_000_000..9_000_000_i64];
    let import = proptest::option::weighted(0.1, Just(None));
    (0..PLACES.len(), bills, ages, import).prop_map(|(place, kopecks, ago, import)| Step::Buy {
        business: PLACES[place],
        kopecks,
        ago,
        import,
    })
}

fn step_of_chains() -> impl Strategy<Value = Step> {
    let clock = prop_oneof![2 => 0..30 * MINUTE, 4 => 0..DAY, 3 => 0..6 * DAY, 1 => 0..40 * DAY];
    let consents = (prop_oneof![3 => Just(12_usize), 1 => 0..12_usize], proptest::bool::weighted(0.7));
    prop_oneof![
        20 => purchases_of_chains(),
        8 => clock.prop_map(|seconds| Step::Clock { seconds }),
        4 => refunds(),
        4 => edits().prop_map(Step::Revise),
        2 => hand_overs(),
        2 => redemptions(),
        2 => reports(),
        3 => consents.prop_map(|(purpose, is_granted)| Step::Consent { purpose, is_granted }),
        2 => hands().prop_map(Step::Hand),
        8 => of_coupons().prop_map(Step::Coupon),
        14 => of_chains().prop_map(Step::Chain),
        1 => Just(Step::Review),
        1 => surroundings(),
    ]
}

/// A history with chains.
pub(crate) fn chain_steps() -> impl Strategy<Value = Vec<Step>> {
    let chains = proptest::collection::vec(wanted().prop_map(OfChain::Run).prop_map(Step::Chain), 1..4);
    (chains, proptest::collection::vec(step_of_chains(), 1..120)).prop_map(|(mut chains, steps)| {
        chains.extend(steps);
        chains
    })
}
