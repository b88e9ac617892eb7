//! The plain model itself, on what can be worked out by hand. Rules B4, B5, D2, F2, F4, F7, S3, S5, T6, X3–X6.

use ledger_core::category::Category;
use ledger_core::ids::{ChainId, CouponId, PurchaseId, RedemptionId, RefundId};
use ledger_core::time::Timestamp;
use plain_model::calendar;
use plain_model::chain::{Bears, Chain, Reward, Step, Version};
use plain_model::circle::{Business, Circle, Policy, Terms};
use plain_model::coupon::Gives;
use plain_model::hand_over::hand_over;
use plain_model::journey::{Journey, Line, OfBusiness, OfMember};
use plain_model::lot::Place;
use plain_model::member::{Command, Document, Member, Outcome};
use plain_model::revision::Revision;
use plain_model::reward::{Reaction, TriggeredStep};
use plain_model::status::Status;
use uuid::Uuid;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn business(slug: &str, category: Category) -> Business {
    Business {
        slug: slug.to_owned(),
        category,
        is_medical: false,
        terms: vec![(Timestamp::FIRST, Terms::default())],
        periods: Vec::new(),
        waiting: Vec::new(),
    }
}

fn circle() -> Circle {
    let businesses = vec![
        business("mindal", Category::BeautySalon),
        business("kozha", Category::Cosmetology),
        business("buket", Category::Floristry),
    ];
    Circle { policies: vec![Policy::default()], businesses, chains: Vec::new() }
}

fn purchase_id(serial: u8) -> PurchaseId {
    PurchaseId::of_key(&[serial; 32])
}

#[test]
fn rule_t2_days_are_moscows_and_months_end_where_they_end() {
    let late = at("2028-02-28T21:00:00Z");
    assert_eq!(calendar::day(late).to_string(), "2028-02-29");
    assert_eq!(calendar::end_of(calendar::day(late)), at("2028-02-29T20:59:59.999999Z"));
    assert_eq!(calendar::day(at("2028-02-28T20:59:59.999999Z")).to_string(), "2028-02-28");
    assert_eq!(calendar::days_after(late, 90).to_string(), "2028-05-29");
    assert_eq!(calendar::months_before(late, 12), at("2027-02-27T21:00:00Z"));
    assert_eq!(calendar::months_before(at("2026-03-31T09:30:00Z"), 13), at("2025-02-28T09:30:00Z"));
    assert_eq!(calendar::months_before(at("2026-01-31T09:30:00Z"), 2), at("2025-11-30T09:30:00Z"));
}

fn bill(serial: u8, business: &str, amount: i128, occurred_at: &str) -> Document {
    Document {
        id: purchase_id(serial),
        business: business.to_owned(),
        revision: 1,
        amount,
        occurred_at: at(occurred_at),
        source: 0,
        redemption: None,
        redeem_amount: None,
        coupon: None,
        import: None,
    }
}

fn anna(circle: &Circle) -> Member {
    let mut anna = Member::default();
    let mut consents: Vec<_> = circle.businesses.iter().map(|it| (it.consent(), true)).collect();
    consents.push(("personal_data".to_owned(), true));
    let since = at("2026-01-01T09:00:00Z");
    anna.command(circle, since, &Command::Register { at: since, consents }).expect("registered");
    anna
}

const MARCH: &str = "2026-03-02T09:00:00.000000Z";

#[test]
fn rules_b2_b5_a_new_category_pays_half_as_much_again_and_the_coalition_pays_the_extra() {
    let circle = circle();
    let mut anna = anna(&circle);
    // 3,033.30 × 5 % × 1.5 = 227.4975 → 227.50; the business's 151.665 → 151.67; the coalition's 75.83.
    let outcome = anna.command(&circle, at(MARCH), &Command::Purchase(bill(1, "mindal", 303_330, MARCH)));
    let Ok(Outcome::Recorded { earned, expire_at, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((earned, expire_at), (22_750, at("2026-05-31T20:59:59.999999Z")));
    let lots: Vec<_> = anna.lots.iter().map(|lot| (lot.funder.as_str(), lot.issued())).collect();
    assert_eq!(lots, [("mindal", 15_167), ("coalition", 7_583)]);
    assert_eq!(anna.progress(&circle, at(MARCH)), Some(21), "floor(100 × mean(3033.30 / 30000, 1 / 3))");
}

#[test]
fn rule_d2_a_document_is_known_again() {
    let circle = circle();
    let mut anna = anna(&circle);
    let first = Document { revision: 3, ..bill(1, "mindal", 10_000, MARCH) };
    let mut send = |document: Document| anna.command(&circle, at(MARCH), &Command::Purchase(document));
    assert!(matches!(send(first.clone()), Ok(Outcome::Recorded { .. })));
    assert_eq!(send(first.clone()), Ok(Outcome::Replayed));
    assert_eq!(send(Document { amount: 1, ..first.clone() }), Err("IDEMPOTENCY_KEY_REUSED"));
    assert_eq!(send(Document { revision: 2, ..first }), Ok(Outcome::Stale));
}

/// Purchase 3: 100.00, of which 50.00 are paid with the bonuses of another. Gives the hold that paid.
fn half_paid_in_bonuses(circle: &Circle, anna: &mut Member) -> RedemptionId {
    let mut ask = |command: Command| anna.command(circle, at(MARCH), &command);
    ask(Command::Purchase(bill(1, "mindal", 100_000, MARCH))).expect("earns 75.00");
    let hold = RedemptionId::of_key(&[2; 32]);
    let held = Command::Hold { id: hold, business: "kozha".to_owned(), bill: 10_000, amount: 5_000 };
    ask(held).expect("half of the bill");
    let paid = Document { redemption: Some(hold), ..bill(3, "kozha", 10_000, MARCH) };
    assert_eq!(comes_to(&ask(Command::Purchase(paid))), (375, 5_000, 0), "7.5 % of what is paid in money");
    hold
}

#[test]
fn rules_f2_f4_a_refund_in_three_parts_returns_what_was_paid_and_takes_back_what_was_earned() {
    let circle = circle();
    let mut anna = anna(&circle);
    half_paid_in_bonuses(&circle, &mut anna);
    let mut ask = |command: Command| anna.command(&circle, at(MARCH), &command);
    let mut give_back = |serial: u8, amount: i128| {
        let id = RefundId::of_key(&[serial; 32]);
        let (purchase, business) = (purchase_id(3), "kozha".to_owned());
        ask(Command::Refund { purchase, business, id, amount, occurred_at: at(MARCH) })
    };
    // Cumulative: 16.67, 33.33, 50.00 come back; 1.25, 2.50, 3.75 are taken.
    let parts = [(4, 3_333, 1_667, 125), (5, 3_333, 1_666, 125), (6, 3_334, 1_667, 125)];
    for (serial, amount, returned, taken_back) in parts {
        assert_eq!(give_back(serial, amount), Ok(Outcome::Refunded { taken_back, returned, debt: 0 }));
    }
    assert_eq!(give_back(7, 1), Err("REFUND_EXCEEDS_PURCHASE"));
    assert_eq!(anna.balance(&circle, at(MARCH)).available, 7_500);
}

/// Earned, paid in bonuses, taken off.
fn comes_to(answer: &Result<Outcome, &'static str>) -> (i128, i128, i128) {
    let Ok(Outcome::Recorded { earned, redeemed, discount, .. }) = answer else { panic!("{answer:?}") };
    (*earned, *redeemed, *discount)
}

fn revision(serial: u8, revision: u32, bill: Option<i128>) -> Revision {
    let purchase = purchase_id(serial);
    Revision { purchase, revision, bill, redemption: None, redeem_amount: None, coupon: None }
}

#[test]
fn rules_d3_r3_f4_a_revised_bill_is_paid_in_bonuses_in_the_same_share_and_what_came_back_is_taken_again() {
    let circle = circle();
    let mut anna = anna(&circle);
    let hold = half_paid_in_bonuses(&circle, &mut anna);
    let mut ask = |command: Command| anna.command(&circle, at(MARCH), &command);
    let mut revise = |number, bill| ask(Command::Revise(revision(3, number, bill)));
    // 61.99 × 50 % = 30.995, of which half a kopeck comes back; 31.00 × 7.5 % = 2.325.
    assert_eq!(comes_to(&revise(2, Some(6_199))), (233, 3_099, 0));
    assert_eq!(comes_to(&revise(3, Some(20_000))), (1_125, 5_000, 0), "150.00 × 7.5 % = 11.25");
    assert_eq!(comes_to(&revise(4, None)), (0, 0, 0));
    assert_eq!(comes_to(&revise(5, Some(10_000))), (375, 5_000, 0), "50.00 × 7.5 % = 3.75");
    let says = |amount| Revision {
        redemption: Some(hold),
        redeem_amount: Some(amount),
        ..revision(3, 6, Some(20_000))
    };
    assert_eq!(ask(Command::Revise(says(5_001))), Err("INSUFFICIENT_BONUSES"));
    assert_eq!(ask(Command::Revise(says(10_001))), Err("OVER_REDEEM_LIMIT"));
    assert_eq!(anna.balance(&circle, at(MARCH)).available, 7_500 - 5_000 + 375);
}

#[test]
fn rules_d3_x4_what_another_gets_is_what_the_document_earns_her() {
    let circle = circle();
    let (mut one, mut other) = (anna(&circle), anna(&circle));
    one.command(&circle, at(MARCH), &Command::Purchase(bill(1, "mindal", 10_000, MARCH)))
        .expect("earns 7.50");
    other.command(&circle, at(MARCH), &Command::Purchase(bill(2, "mindal", 10_000, MARCH))).expect("7.50");
    // The category is not new to her: 200.00 × 5 %.
    let handed = hand_over(&circle, at(MARCH), (&mut one, &mut other), &revision(1, 2, Some(20_000)));
    assert_eq!(comes_to(&handed), (1_000, 0, 0));
    let have = [&one, &other].map(|member| member.balance(&circle, at(MARCH)).total);
    assert_eq!(have, [0, 1_750]);
    // And back: it is new to her once more.
    let handed = hand_over(&circle, at(MARCH), (&mut other, &mut one), &revision(1, 3, Some(20_000)));
    assert_eq!(comes_to(&handed), (1_500, 0, 0));
    let have = [&one, &other].map(|member| member.balance(&circle, at(MARCH)).total);
    assert_eq!(have, [1_500, 750]);
}

#[test]
fn rule_s3_a_downgrade_waits_for_its_day() {
    let circle = circle();
    let mut anna = anna(&circle);
    for (serial, slug) in [(1, "mindal"), (2, "kozha"), (3, "buket")] {
        anna.command(&circle, at(MARCH), &Command::Purchase(bill(serial, slug, 1_000_000, MARCH)))
            .expect("recorded");
    }
    assert_eq!(anna.shown(at(MARCH)), Status::Vip);
    let mut review = |text: &str| {
        anna.command(&circle, at(text), &Command::Review).expect("never refused");
        anna.shown(at(text))
    };
    assert_eq!(review("2027-03-02T08:59:59Z"), Status::Vip, "the window still holds it");
    assert_eq!(review("2027-03-02T09:00:00Z"), Status::Vip, "after the same moment a year ago: scheduled");
    assert_eq!(review("2027-03-31T20:59:59Z"), Status::Vip, "a day before");
    assert_eq!(review("2027-03-31T21:00:00Z"), Status::Insider, "1 April in Moscow");
}

#[test]
fn rule_t6_the_totals_of_a_small_journey() {
    let now = at("2018-01-10T00:00:00Z");
    let mut journey = Journey::new(circle(), now);
    let lines = [
        // 1,000.00 × 5 % × 1.5 = 75.00, of which 50.00 the business's; ends with 2017-04-01 + 90 days.
        ("anna", "mindal", 100_000, "2017-04-01T09:00:00Z"),
        // The category is known: 20,000.00 × 5 % = 1,000.00; ends with 2017-12-30.
        ("anna", "mindal", 2_000_000, "2017-10-01T09:00:00Z"),
        // 33.33 × 5 % × 1.5 = 2.49975 → 2.50, of which 1.6665 → 1.67 the business's.
        ("bella", "mindal", 3_333, "2017-12-01T09:00:00Z"),
        ("anna", "kozha", 100_000, "2017-12-02T09:00:00Z"),
        // The third category, and 31,000.00 in all: vip from here on; still paid as insider.
        ("anna", "buket", 1_000_000, "2017-12-03T09:00:00Z"),
        // 100.00 × 7 %.
        ("anna", "buket", 10_000, "2017-12-04T09:00:00Z"),
    ];
    for (serial, (member, business, amount, occurred_at)) in (1..).zip(lines) {
        let line = Line {
            id: purchase_id(serial),
            member: member.to_owned(),
            business: business.to_owned(),
            amount,
            occurred_at: at(occurred_at),
        };
        journey.take(&line).expect("recorded");
    }
    let (members, businesses) = journey.totals(now);
    let anna = OfMember {
        purchases: 5,
        accrued: 7_500 + 100_000 + 7_500 + 75_000 + 700,
        expired: 7_500 + 100_000,
        balance: 7_500 + 75_000 + 700,
        status: Status::Vip,
    };
    assert_eq!(members["anna"], anna);
    let bella = OfMember { purchases: 1, accrued: 250, expired: 0, balance: 250, status: Status::Insider };
    assert_eq!(members["bella"], bella);
    let mindal = OfBusiness {
        purchases: 3,
        accrued: 107_750,
        funded: 5_000 + 100_000 + 167,
        expired: 107_500,
        outstanding: 250,
    };
    assert_eq!(businesses["mindal"], mindal);
    assert_eq!(businesses["buket"].accrued, 75_700);
    journey.review(at("2018-12-10T00:00:00Z"));
    journey.review(at("2019-01-10T00:00:00Z"));
    assert_eq!(journey.totals(now).0["anna"].status, Status::Insider, "a year and a grace later");
}

fn step(from: &str, to: &str, reward: Reward) -> Step {
    Step { from: from.to_owned(), to: to.to_owned(), window_days: 14, min_amount: Some(200_000), reward }
}

/// One that runs since the first of March and gives so many rewards.
fn running(circle: &mut Circle, steps: Vec<Step>, total: Option<usize>) {
    let version = Version {
        number: 1,
        steps,
        statuses: Vec::new(),
        new_customers_of_target: false,
        per_member: None,
        total,
        budget: None,
        from: None,
        to: None,
        bears: Bears::Source,
        holdout: None,
        runs: vec![(at("2026-03-01T09:00:00Z"), None)],
    };
    let id = ChainId::from_uuid(Uuid::from_u128(1));
    circle.chains.push(Chain { id, versions: vec![version], given: Vec::new() });
}

/// What her last purchase triggers, asked at `now`.
fn triggered(anna: &mut Member, circle: &mut Circle, now: &str) -> Vec<Outcome> {
    let bought = anna.purchases.last().expect("she bought").clone();
    let steps = circle.triggered_by(&bought).into_iter();
    let ask = steps.map(|step| {
        let (coupon, draw) = (CouponId::from_uuid(bought.id.as_uuid()), 0);
        let asked = TriggeredStep { step, purchase: bought.id, draw, coupon };
        let answer = anna.command(circle, at(now), &Command::TakeReward(asked)).expect("answered");
        if let Outcome::Rewarded { cost } = answer {
            circle.gave(step.chain, cost);
        }
        answer
    });
    ask.collect()
}

#[test]
fn rules_x4_b9_f7_what_follows_brings_a_tenth_which_falls_with_it() {
    let (mut circle, hour_later) = (circle(), "2026-03-02T10:00:00Z");
    running(&mut circle, vec![step("mindal", "buket", Reward::CrossBonus { rate: None })], None);
    let mut anna = anna(&circle);
    anna.command(&circle, at(MARCH), &Command::Purchase(bill(1, "mindal", 200_000, MARCH))).expect("bought");
    assert_eq!(triggered(&mut anna, &mut circle, MARCH), [Outcome::Promised]);
    anna.to_react.clear();
    let follows = Command::Purchase(bill(2, "buket", 100_050, hour_later));
    anna.command(&circle, at(hour_later), &follows).expect("bought");
    let [Reaction::Bought(_), Reaction::Followed(followed)] = anna.to_react[..] else {
        panic!("{:?}", anna.to_react)
    };
    assert_eq!((followed.trigger, followed.purchase), (purchase_id(1), purchase_id(2)));
    let given = anna.command(&circle, at(hour_later), &Command::CrossBonus(followed));
    assert_eq!(given, Ok(Outcome::CrossBonus { amount: 10_005, cost: 10_005 }));
    let half = Command::Refund {
        purchase: purchase_id(2),
        business: "buket".to_owned(),
        id: RefundId::of_key(&[3; 32]),
        amount: 50_025,
        occurred_at: at(hour_later),
    };
    anna.command(&circle, at(hour_later), &half).expect("refunded");
    let lot = anna.lots.iter().find(|lot| lot.funder == "mindal" && lot.purchase == Some(purchase_id(2)));
    let left = lot.map(|lot| lot.amount_at(&Place::Available));
    assert_eq!(left, Some(5_002), "100.05 less 50.025, rounded to 50.03");
}

#[test]
fn rules_x3_x5_x6_a_reward_is_for_enough_within_the_limit_and_in_time() {
    let coupon = |value| Reward::Coupon { gives: Gives::Fixed(value), min_bill: None, life_days: 30 };
    let asked = |amount, total, now: &str| {
        let mut circle = circle();
        let steps = vec![step("mindal", "buket", coupon(50_000)), step("mindal", "kozha", coupon(30_000))];
        running(&mut circle, steps, Some(total));
        let mut anna = anna(&circle);
        let bought = Command::Purchase(bill(1, "mindal", amount, MARCH));
        anna.command(&circle, at(MARCH), &bought).expect("bought");
        let answers = triggered(&mut anna, &mut circle, now).into_iter().map(|answer| match answer {
            Outcome::NoReward { why, .. } => why,
            Outcome::Rewarded { .. } => "given",
            other => panic!("{other:?}"),
        });
        answers.collect::<Vec<_>>()
    };
    assert_eq!(asked(200_000, 2, MARCH), ["given", "given"]);
    assert_eq!(asked(200_000, 1, MARCH), ["given", "beyond the limits"]);
    assert_eq!(asked(199_999, 2, MARCH), ["too little", "too little"]);
    assert_eq!(asked(200_000, 2, "2026-03-16T09:00:00Z"), ["given", "given"]);
    assert_eq!(asked(200_000, 2, "2026-03-16T09:00:00.000001Z"), ["too late", "too late"]);
}
