//! Random histories run against the domain and against the plain model: no difference. Rules T, D, B, R, F, S, C, X, M.
//!
//! Every history has a seed of its own; a difference prints it and the shrunk history.
//! `PLAIN_MODEL_SEED=<seed>` runs that history alone; `PLAIN_MODEL_COMMANDS` says how many commands to run (100,000).

mod answers;
mod chains;
mod compare;
mod coupons;
mod domain;
mod policy;
mod reactions;
mod revisions;
mod run;
mod standing;
mod steps;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};

use chrono::TimeDelta;
use ledger_core::time::Timestamp;
use plain_model::calendar;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use run::Run;

/// What a run must have met.
const MUST_BE_SEEN: &[&str] = &[
    "Adjust AMOUNT_OUT_OF_RANGE",
    "Adjust Granted",
    "Adjust INSUFFICIENT_BONUSES",
    "ActivateCoupon Activated",
    "ActivateCoupon COUPON_CLOSED",
    "Block Standing",
    "CancelPremium PREMIUM_NOT_ACTIVE",
    "CancelPremium Standing",
    "Gift AMOUNT_OUT_OF_RANGE",
    "Gift Granted",
    "Hold MEMBER_BLOCKED",
    "IssueCoupon CouponIssued",
    "IssueCoupon MEMBER_NOT_FOUND",
    "IssueCoupon PERIOD_REVERSED",
    "Invite Standing",
    "PayPremium PERIOD_REVERSED",
    "PayPremium PREMIUM_OVERLAPS",
    "PayPremium Standing",
    "Purchase COUPON_MIN_BILL",
    "Purchase COUPON_NEW_CUSTOMERS_ONLY",
    "Purchase COUPON_NOT_VALID",
    "Purchase COUPON_NOT_WITH_BONUSES",
    "Purchase COUPON_NOT_YET_VALID",
    "Purchase COUPON_STATUS_REQUIRED",
    "Purchase MEMBER_BLOCKED",
    "Rank Done",
    "RevokeCoupon COUPON_CLOSED",
    "RevokeCoupon CouponRevoked",
    "Again Quarantined",
    "Again Recorded",
    "Apply QUARANTINE_CLOSED",
    "Apply Recorded",
    "Drop Done",
    "Drop QUARANTINE_CLOSED",
    "Available to Expired",
    "Available to Held",
    "Available to TakenBack",
    "Available to TakenFor",
    "Cancel Cancelled",
    "Cancel HOLD_ALREADY_CLOSED",
    "Cancel HOLD_LAPSED",
    "Cancel WRONG_BUSINESS",
    "ChangeConsents Done",
    "Due Done",
    "Funder to Available",
    "Funder to Pending",
    "Held to Available",
    "Held to Redeemed",
    "Hold Held",
    "Hold INSUFFICIENT_BONUSES",
    "Hold MEMBER_NOT_FOUND",
    "Hold OVER_REDEEM_LIMIT",
    "Pending to Available",
    "Pending to Expired",
    "Pending to TakenBack",
    "Purchase BeforeMembership",
    "Purchase HOLD_ALREADY_CLOSED",
    "Purchase HOLD_LAPSED",
    "Purchase OVER_REDEEM_LIMIT",
    "Purchase Quarantined",
    "Purchase Recorded",
    "Purchase Unmatched",
    "Purchase WRONG_BUSINESS",
    "Redeemed to Available",
    "Redeemed to Expired",
    "Refund NOT_FOUND",
    "Refund REFUND_EXCEEDS_PURCHASE",
    "Refund Refunded",
    "Review Done",
    "HandOver BeforeMembership",
    "HandOver MEMBER_BLOCKED",
    "HandOver MEMBER_CHANGE_WITH_REDEMPTION",
    "HandOver REFUND_EXCEEDS_PURCHASE",
    "HandOver Recorded",
    "HandOver Unmatched",
    "Revise COUPON_NOT_VALID",
    "Revise HOLD_NOT_FOUND",
    "Revise INSUFFICIENT_BONUSES",
    "Revise MEMBER_BLOCKED",
    "Revise OVER_REDEEM_LIMIT",
    "Revise REFUND_EXCEEDS_PURCHASE",
    "Revise Recorded",
    "Revise Unmatched",
    "a purchase that came back to who had it",
    "a purchase that was taken over and given back in part",
    "a revision of a bill paid in bonuses",
    "a revision with the amount it is paid with",
    "bonuses that came back and were taken again",
    "a revision of a bill with a discount",
    "a coupon's bonuses given anew",
    "CrossBonus CrossBonus",
    "TakeReward HeldOut",
    "TakeReward Promised",
    "TakeReward Rewarded",
    "a chain's coupon closed",
    "a chain's coupon used",
    "a conversion by a purchase known before",
    "a conversion held out",
    "a conversion",
    "a cross bonus after a refund",
    "no reward: a clinic's visit that may not be used so",
    "no reward: another status",
    "no reward: back where it came from",
    "no reward: beyond the limits",
    "no reward: given back",
    "no reward: more than the chain has left",
    "no reward: she knows the target",
    "no reward: the step ran no more",
    "no reward: too late",
    "no reward: too little",
    "bonuses of a coupon",
    "debt repaid",
    "discount of the coalition's",
    "ends as elite",
    "ends as inner_circle",
    "ends as vip",
    "ends before a fall",
];

/// One history from `seed`; how many commands it had, and what was seen.
fn history(seed: u64) -> (u64, BTreeSet<String>) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config =
        Config { cases: 1, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let seen = RefCell::default();
    // Every fourth history is one of chains.
    let steps = if seed.is_multiple_of(4) { steps::chain_steps().boxed() } else { steps::steps().boxed() };
    let outcome = runner.run(&steps, |steps| {
        let mut run = Run::new();
        steps.iter().try_for_each(|step| run.step(step))?;
        run.close()?;
        seen.replace((run.commands, run.seen));
        Ok(())
    });
    if let Err(difference) = outcome {
        panic!(
            "PLAIN_MODEL_SEED={seed} finds a difference (left the domain, right the model):\n{difference}"
        );
    }
    seen.into_inner()
}

/// How many times as many commands a run may have as it was told, until all has been seen that must be.
const PATIENCE: u64 = 10;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number")))
}

#[test]
fn random_histories_come_to_the_same() {
    if let Some(seed) = number("PLAIN_MODEL_SEED") {
        history(seed);
        return;
    }
    let wanted = number("PLAIN_MODEL_COMMANDS").unwrap_or(100_000);
    let mut seed = RandomState::new().build_hasher().finish();
    let (mut commands, mut seen) = (0, BTreeSet::new());
    let missing = |seen: &BTreeSet<String>| -> Vec<&str> {
        MUST_BE_SEEN.iter().copied().filter(|kind| !seen.contains(*kind)).collect()
    };
    // What never happens is not compared.
    while commands < wanted || (!missing(&seen).is_empty() && commands < PATIENCE * wanted) {
        let (more, what) = history(seed);
        commands += more;
        seen.extend(what);
        seed = seed.wrapping_add(1);
    }
    let missing = missing(&seen);
    assert!(missing.is_empty() || wanted < 100_000, "never seen: {missing:?} among {seen:#?}");
}

/// Rules T1, T2, S1. Random histories seldom meet the edge of a day, a month or a leap year: here is each of twenty years.
#[test]
fn the_calendars_are_the_same() {
    let edges = [0, 1, 30_000_000_000, 10_800_000_000 - 1, 10_800_000_000];
    for day in 0..20 * 365 {
        // The last microsecond of a Moscow day, and what follows it.
        let end = Timestamp::from_micros(1_577_825_999_999_999 + day * 86_400_000_000).expect("a moment");
        for moment in edges.map(|later| calendar::later(end, TimeDelta::microseconds(later))) {
            assert_eq!(calendar::day(moment), moment.moscow_day().to_date(), "{moment}");
            for days in [0, 1, 28, 90, 400] {
                let theirs = moment.moscow_day().plus_days(days);
                let ours = calendar::days_after(moment, days);
                assert_eq!((ours, calendar::end_of(ours)), (theirs.to_date(), theirs.end()), "{moment}");
                let some = TimeDelta::days(days.into()) + TimeDelta::microseconds(1);
                assert_eq!(calendar::later(moment, some), moment.plus(some), "{moment}");
                assert_eq!(calendar::earlier(moment, some), moment.minus(some), "{moment}");
                assert_eq!(calendar::between(moment, end), end.since(moment), "{moment}");
            }
            for months in [0, 1, 2, 11, 12, 25] {
                let ours = calendar::months_before(moment, months);
                assert_eq!(ours, moment.months_before(months), "{months} before {moment}");
            }
        }
    }
}

#[test]
fn the_first_policy_is_the_rule_books() {
    let first = ledger_core::policy::decide::first_policy().expect("defaults");
    let mut policies = ledger_core::policy::Policies::default();
    policies.apply(&ledger_core::policy::event::PolicyEvent::PolicyPublished(first));
    let first = policies.newest().expect("version 1");
    assert_eq!(policy::plain_policy(first), plain_model::circle::Policy::default());
}
