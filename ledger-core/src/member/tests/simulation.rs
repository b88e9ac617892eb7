//! A draft on a period of the log. Rules P3, P4, B1, B2, C3, C4, D3, R2, S3, S4, S7, T3, F2.

mod clinics;

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::context::Context;
use crate::ids::{MemberId, SourceKey};
use crate::log::{Event, Position};
use crate::member::command::{PurchaseDocument, PurchaseMode};
use crate::member::event::{CouponBenefit, CouponConditions, MemberEvent};
use crate::member::lot::Funder;
use crate::member::premium::PayPremium;
use crate::member::status::Status;
use crate::member::testing::{
    Ask, Pair, World, activate, amend, anna, at, bonus, buy, coupon, fixed, give_back, hold, quarantine_id,
    revoke,
};
use crate::member::{HandOver, MemberCommand, hand_over};
use crate::rejection::Rejection;
use crate::simulation::{Change, Fact, NotSimulated, Report, Sides, Simulation, Trial};

/// Anna's story, each fact with the moment at which the log took it.
struct Story {
    world: World,
    facts: Vec<Fact>,
}

/// Anna, registered on 2026-01-01.
fn story() -> Story {
    let story = Story { world: anna().at("2026-01-01T12:00:00+03:00"), facts: Vec::new() };
    story.kept(PurchaseMode::Live)
}

impl Story {
    fn kept(mut self, mode: PurchaseMode) -> Self {
        let recorded_at = self.world.now;
        for (occurred_at, event) in self.world.log.iter().skip(self.facts.len()) {
            let Event::Member(event) = event.clone() else { panic!("a member's fact") };
            let position = Position::try_from(self.facts.len() + 1).expect("short");
            self.facts.push(Fact { position, occurred_at: *occurred_at, recorded_at, mode, event });
        }
        self
    }

    fn on(mut self, when: &str, ask: impl Ask) -> Self {
        self.world = self.world.at(when).after(ask);
        self.kept(PurchaseMode::Live)
    }

    fn imported(mut self, when: &str, ask: impl Ask) -> Self {
        self.world = self.world.at(when).after(ask);
        self.kept(PurchaseMode::Import { registered_at: None })
    }

    /// A draft with one change, from one day to another.
    fn under(&self, [from, to]: [&str; 2], name: &str, value: Value) -> Report {
        let changes = [(name.to_owned(), value)].into();
        let moment = |day: &str| at(&format!("{day}T00:00:00+03:00"));
        let trial = Trial { from: moment(from), to: moment(to), changes };
        let mut simulation = Simulation::begin(&self.world.registry, trial).expect("a draft");
        simulation.member(member(), &self.facts).expect("holds");
        let report = simulation.report();
        assert_eq!(report.left_out, Sides { real: 0, draft: 0 });
        report
    }
}

fn member() -> MemberId {
    MemberId::from_uuid(Uuid::from_u128(7))
}

/// Issued, cost and outstanding of one funder: under what held, and under the draft.
fn of(report: &Report, funder: &str) -> [[String; 3]; 2] {
    let funder: Funder = funder.parse().expect("a funder");
    let sides = report.funders.get(&funder).copied().unwrap_or_default();
    [sides.real, sides.draft].map(|it| [it.issued, it.cost, it.outstanding].map(|sum| sum.to_string()))
}

fn same(issued: &str, cost: &str, outstanding: &str) -> [[String; 3]; 2] {
    let one = [issued, cost, outstanding].map(str::to_owned);
    [one.clone(), one]
}

const MARCH: [&str; 2] = ["2026-03-01", "2026-04-01"];

#[test]
fn rule_p3_a_higher_rate_costs_the_business_more_by_exactly_that() {
    let story = story()
        .on("2026-02-10T12:00:00+03:00", buy("mindal", "1000.00"))
        .on("2026-03-10T12:00:00+03:00", buy("mindal", "3000.00"))
        .on("2026-04-10T12:00:00+03:00", buy("mindal", "500.00"));
    let report = story.under(MARCH, "rates.insider", json!("0.06"));
    // In March 150.00 against 180.00; 50.00 of February is outstanding as well (Rule P4), 25.00 of April is not of March.
    let expected = [["150.00", "150.00", "200.00"], ["180.00", "180.00", "230.00"]];
    assert_eq!(of(&report, "mindal"), expected.map(|side| side.map(str::to_owned)));
    // The new category's extra was February's.
    assert_eq!(of(&report, "coalition"), same("0.00", "0.00", "25.00"));
    assert_eq!((report.members, report.purchases), (1, 1));
    let earned = Sides { real: "150.00".parse().expect("it"), draft: "180.00".parse().expect("it") };
    let status = Sides { real: Status::Insider, draft: Status::Insider };
    assert_eq!(report.largest, [Change { member: member(), earned, status }]);
    assert_eq!(report.total().map(|it| it.draft.outstanding.to_string()), Some("255.00".to_owned()));
}

#[test]
fn rule_p3_b5_what_a_new_category_and_premium_add_is_the_coalitions() {
    let story = story().on("2026-03-10T12:00:00+03:00", buy("mindal", "1000.00"));
    let report = story.under(MARCH, "new_category.insider", json!("2.0"));
    assert_eq!(of(&report, "mindal"), same("50.00", "50.00", "50.00"));
    let [real, draft] = of(&report, "coalition");
    assert_eq!((real[0].as_str(), draft[0].as_str()), ("25.00", "50.00"));

    let payment = PayPremium {
        payment: crate::ids::NaturalKey::from_bytes([9; 32]),
        from: at("2026-03-01T00:00:00+03:00"),
        to: at("2026-04-01T00:00:00+03:00"),
    };
    let story = self::story()
        .on("2026-02-10T12:00:00+03:00", buy("mindal", "1000.00"))
        .on("2026-03-01T00:00:00+03:00", MemberCommand::PayPremium(payment))
        .on("2026-03-10T12:00:00+03:00", buy("mindal", "1000.00"));
    let report = story.under(MARCH, "rates.premium", json!("0.12"));
    // At least vip: 7 % are the business's; the coalition pays up to 10 % or 12 %.
    assert_eq!(of(&report, "mindal"), same("70.00", "70.00", "120.00"));
    let [real, draft] = of(&report, "coalition");
    assert_eq!((real[0].as_str(), draft[0].as_str()), ("30.00", "50.00"));
}

/// Vip since 2026-01-12.
fn vip() -> Story {
    story()
        .on("2026-01-10T12:00:00+03:00", buy("mindal", "10000.00"))
        .on("2026-01-11T12:00:00+03:00", buy("buket", "10000.00"))
        .on("2026-01-12T12:00:00+03:00", buy("zakon", "10000.00"))
}

fn statuses(report: &Report) -> Vec<(Status, u64, u64)> {
    report.statuses.iter().map(|(status, it)| (*status, it.real, it.draft)).collect()
}

#[test]
fn rule_p3_s3_a_higher_threshold_loses_statuses_after_their_grace() {
    let both = [(Status::Insider, 0, 1), (Status::Vip, 1, 0)];
    let report = vip().under(["2026-02-01", "2026-03-02"], "status.vip.spent", json!("30001.00"));
    assert_eq!(
        (statuses(&report), report.lost),
        (vec![(Status::Vip, 1, 1)], 0),
        "29 days of grace have passed"
    );
    let report = vip().under(["2026-02-01", "2026-03-03"], "status.vip.spent", json!("30001.00"));
    let mut fallen = statuses(&report);
    fallen.sort_unstable();
    assert_eq!((fallen, report.won, report.lost), (both.to_vec(), 0, 1), "the 30th is 3 March");
    let report = vip().under(["2026-02-01", "2026-02-02"], "status.elite.spent", json!("30000.00"));
    assert_eq!((report.won, report.lost), (0, 0), "five categories are wanted, too");
    let report = vip().under(["2026-02-01", "2026-02-02"], "status.elite.categories", json!(3));
    assert_eq!((report.won, report.lost), (0, 0), "and 100,000.00");
}

#[test]
fn rule_p3_s2_a_lower_threshold_wins_a_status_at_the_first_review() {
    let story = story().on("2026-01-10T12:00:00+03:00", buy("mindal", "10000.00"));
    let changes =
        [("status.vip.spent".to_owned(), json!("10000.00")), ("status.vip.categories".to_owned(), json!(1))];
    let (from, to) = (at("2026-02-01T00:00:00+03:00"), at("2026-02-02T00:00:00+03:00"));
    let trial = Trial { from, to, changes: changes.into() };
    let mut simulation = Simulation::begin(&story.world.registry, trial).expect("a draft");
    simulation.member(member(), &story.facts).expect("holds");
    assert_eq!(simulation.progress(), (1, 0));
    let report = simulation.report();
    assert_eq!((report.won, statuses(&report)), (1, vec![(Status::Insider, 1, 0), (Status::Vip, 0, 1)]));
}

#[test]
fn rule_p3_f2_a_refund_takes_back_what_the_draft_gave() {
    let story = story()
        .on("2026-02-10T12:00:00+03:00", buy("mindal", "1000.00"))
        .on("2026-03-10T12:00:00+03:00", buy("mindal", "2000.00"))
        .on("2026-03-11T12:00:00+03:00", give_back(1, 2, "500.00"))
        .on("2026-03-12T12:00:00+03:00", give_back(2, 1, "1000.00"));
    let report = story.under(MARCH, "rates.insider", json!("0.10"));
    // February's 50.00 are taken back as they were earned; March's 100.00 or 200.00 by a quarter.
    let expected = [["100.00", "25.00", "75.00"], ["200.00", "100.00", "150.00"]];
    assert_eq!(of(&report, "mindal"), expected.map(|side| side.map(str::to_owned)));
    let earned = report.largest.first().map(|change| change.earned);
    assert_eq!(
        earned.map(|it| [it.real, it.draft].map(|sum| sum.to_string())),
        Some(["0.00", "75.00"].map(str::to_owned))
    );
}

#[test]
fn rule_p3_r2_she_pays_what_the_drafts_share_allows_and_what_she_has() {
    let story = story()
        .on("2026-02-10T12:00:00+03:00", buy("mindal", "4000.00"))
        .on("2026-03-10T12:00:00+03:00", hold(1, "mindal", "400.00", "200.00"))
        .on("2026-03-10T12:01:00+03:00", buy("mindal", "400.00").paying(1, None));
    // 300.00 of February; 200.00 or 100.00 paid, so 10.00 or 15.00 earned.
    let report = story.under(MARCH, "redeem.max_share", json!("0.25"));
    assert_eq!(outstanding(&report), Some(["110.00", "215.00"].map(str::to_owned)));
    // In a period from before February at a twentieth of the rate she has 15.00, and pays with those.
    let report = story.under(["2026-02-01", "2026-04-01"], "rates.insider", json!("0.0025"));
    // 300 + 10 − 200; 15 − 15 + 385 × 0.0025, rounded.
    assert_eq!(outstanding(&report), Some(["110.00", "0.96"].map(str::to_owned)));
}

#[test]
fn rule_p3_t6_imported_history_is_of_its_own_time() {
    let import = buy("mindal", "1000.00").on("2026-03-10T12:00:00+03:00").imported();
    let story = story().imported("2026-06-01T12:00:00+03:00", import);
    let issued =
        |period| of(&story.under(period, "rates.insider", json!("0.06")), "mindal").map(|it| it[0].clone());
    assert_eq!(issued(MARCH), ["50.00", "60.00"].map(str::to_owned));
    assert_eq!(issued(["2026-04-01", "2026-07-01"]), ["0.00", "0.00"].map(str::to_owned));
}

#[test]
fn rule_p3_s7_a_line_with_a_members_name_does_not_tell_of_a_clinic() {
    let story = story().on("2026-03-10T12:00:00+03:00", buy("steam-center", "1000.00"));
    let report = story.under(MARCH, "rates.insider", json!("0.06"));
    assert_eq!(report.largest, []);
}

fn issued(report: &Report, funder: &str) -> [String; 2] {
    of(report, funder).map(|[issued, _, _]| issued)
}

fn outstanding(report: &Report) -> Option<[String; 2]> {
    report.total().map(|it| [it.real, it.draft].map(|it| it.outstanding.to_string()))
}

#[test]
fn rule_p3_t3_d5_what_waited_for_an_admin_counts_from_the_word() {
    let story = story()
        .on("2026-02-20T12:00:00+03:00", buy("mindal", "1000.00").on("2026-02-20T11:00:00+03:00"))
        .on(
            "2026-02-20T12:00:00+03:00",
            buy("mindal", "1000.00").on("2026-02-20T11:10:00+03:00").with(of_the_crm),
        )
        .on("2026-03-10T12:00:00+03:00", MemberCommand::ApplyQuarantined(quarantine_id(2)))
        .on("2026-03-11T12:00:00+03:00", give_back(1, 2, "500.00"))
        .on("2026-03-12T12:00:00+03:00", buy("kozha", "1000.00").with(of_the_crm))
        .on("2026-03-12T12:00:00+03:00", buy("kozha", "1000.00"))
        .on("2026-03-13T12:00:00+03:00", MemberCommand::DropQuarantined(quarantine_id(4)));
    let report = story.under(MARCH, "rates.insider", json!("0.06"));
    // Applied in March: 1,000 at 5 % or 6 %, of which a half came back; 50.00 of February stand.
    let expected = [["50.00", "25.00", "75.00"], ["60.00", "30.00", "80.00"]];
    assert_eq!(of(&report, "mindal"), expected.map(|side| side.map(str::to_owned)));
    // What was dropped is no purchase, whatever the draft's word on duplicates.
    assert_eq!(issued(&report, "kozha"), ["50.00", "60.00"].map(str::to_owned));
    assert_eq!(report.purchases, 2);
    let report = story.under(MARCH, "purchase.duplicate_minutes", json!(0));
    assert_eq!(
        (report.total().map(|it| it.real), report.largest.len()),
        (report.total().map(|it| it.draft), 0)
    );
}

fn of_the_crm(document: &mut PurchaseDocument) {
    document.source_system = Some(SourceKey::from_bytes([1; 8]));
}

/// In March she gets a coupon of the coalition for `slug`, and uses it for 1,000.00.
fn used(gives: CouponBenefit, change: fn(&mut CouponConditions)) -> Story {
    story()
        .on("2026-03-10T12:00:00+03:00", coupon(1, "mindal", gives).by_coalition().with(change))
        .on("2026-03-10T13:00:00+03:00", activate(1, 7))
        .on("2026-03-10T14:00:00+03:00", buy("mindal", "1000.00").using(7))
}

#[test]
fn rule_p3_c4_a_coupon_is_used_with_its_purchase_again() {
    // (1,000 − 200) × 5 % or 6 %.
    let report = used(fixed("200.00"), |_| {}).under(MARCH, "rates.insider", json!("0.06"));
    assert_eq!(issued(&report, "mindal"), ["40.00", "48.00"].map(str::to_owned));
    // A coupon's bonuses are issued by who bears it; they live as the draft says.
    let story = used(bonus("300.00"), |_| {}).on("2026-03-11T12:00:00+03:00", give_back(1, 1, "500.00"));
    let report = story.under(MARCH, "rates.insider", json!("0.06"));
    assert_eq!(issued(&report, "coalition"), ["325.00", "330.00"].map(str::to_owned));
    assert_eq!(outstanding(&report), Some(["187.50", "195.00"].map(str::to_owned)));
    let earned = report.largest.first().map(|change| change.earned);
    let expected = Sides { real: "187.50".parse().expect("it"), draft: "195.00".parse().expect("it") };
    assert_eq!(earned, Some(expected));
}

#[test]
fn rule_p3_c3_a_coupon_for_a_status_that_the_draft_does_not_give_is_not_used() {
    let for_vips = |conditions: &mut CouponConditions| conditions.statuses = vec![Status::Vip];
    let story = vip()
        .on("2026-03-10T12:00:00+03:00", coupon(1, "mindal", fixed("200.00")).with(for_vips))
        .on("2026-03-10T13:00:00+03:00", activate(1, 7))
        .on("2026-03-10T14:00:00+03:00", buy("mindal", "1000.00").using(7));
    let report = story.under(["2026-01-01", "2026-04-01"], "status.vip.spent", json!("30000.01"));
    // 500 of the 10,000 as an insider; then 800 × 0.07, or the whole bill at 5 %.
    assert_eq!(issued(&report, "mindal"), ["556.00", "550.00"].map(str::to_owned));
    // Nobody used it: it is given, and ends.
    let revoked = story_of_a_coupon().on("2026-03-12T12:00:00+03:00", revoke(1));
    let report = revoked.under(["2026-03-01", "2026-05-01"], "rates.insider", json!("0.06"));
    assert_eq!((report.purchases, report.funders.len()), (0, 0));
    let report = story_of_a_coupon().under(["2026-03-01", "2026-05-01"], "coupon.activation_days", json!(1));
    assert_eq!((report.purchases, report.funders.len()), (0, 0));
}

fn story_of_a_coupon() -> Story {
    story()
        .on("2026-03-10T12:00:00+03:00", coupon(1, "mindal", fixed("200.00")))
        .on("2026-03-10T13:00:00+03:00", activate(1, 7))
}

/// A purchase of 1,000.00 at mindal changes hands by a revision of 1,500.00; first who gave it up, then who has it.
fn handed_over(bought: &str, handed: &str) -> [Story; 2] {
    let from = story().on(bought, buy("mindal", "1000.00"));
    let (mut from, mut to) = (Story { world: from.world.at(handed), ..from }, story());
    to.world = to.world.at(handed);
    let MemberCommand::AmendPurchase(command) = amend(1, 2, Some("1500.00")).command(&mut from.world) else {
        panic!("a revision")
    };
    let context = Context { recorded_at: at(handed), registry: &from.world.registry };
    let decided = hand_over(&from.world.state, &to.world.state, &HandOver::Recorded(command), &context);
    let decided = decided.expect("accepted");
    for (story, draft) in [(&mut from, decided.from), (&mut to, decided.to)] {
        draft.events.into_iter().for_each(|new| story.world.write(new.occurred_at, new.event));
    }
    [from, to].map(|story| story.kept(PurchaseMode::Live))
}

#[test]
fn rule_p3_d3_what_changes_hands_is_taken_from_the_one_and_decided_for_the_other() {
    let [from, to] = handed_over("2026-03-10T12:00:00+03:00", "2026-03-20T12:00:00+03:00");
    let report = from.under(MARCH, "rates.insider", json!("0.06"));
    let expected = [["50.00", "0.00", "0.00"], ["60.00", "0.00", "0.00"]];
    assert_eq!(of(&report, "mindal"), expected.map(|side| side.map(str::to_owned)));
    // 1,500 × 0.05 or 0.06; it is counted as a purchase where it came in.
    let report = to.under(MARCH, "rates.insider", json!("0.06"));
    let expected = [["75.00", "75.00", "75.00"], ["90.00", "90.00", "90.00"]];
    assert_eq!(of(&report, "mindal"), expected.map(|side| side.map(str::to_owned)));
    assert_eq!(report.purchases, 0);
    // Her bonuses live as the draft says: to the end of the 20th.
    let report = to.under(MARCH, "bonus.life_days", json!(10));
    assert_eq!(outstanding(&report), Some(["112.50", "0.00"].map(str::to_owned)));
    // Rule P4: bought before the period, it is the original policy's.
    let [_, to] = handed_over("2026-02-10T12:00:00+03:00", "2026-03-20T12:00:00+03:00");
    let report = to.under(MARCH, "rates.insider", json!("0.06"));
    assert_eq!(of(&report, "mindal"), same("75.00", "75.00", "75.00"));
}

#[test]
fn rule_p3_b7_the_lots_of_another_account_keep_their_places_wherever_on_the_log_those_are() {
    let of_march = |world: World| world.at("2026-03-10T12:00:00+03:00").after(buy("mindal", "1000.00"));
    let Story { world: hers, facts } = story().on("2026-03-10T12:00:00+03:00", buy("mindal", "1000.00"));
    let one = Pair::of(of_march(anna().numbered_after(100)), hers).merged().hers;
    let story = Story { world: one, facts }.kept(PurchaseMode::Live);
    // Her purchase, told again, opens lots of the same day and the same funders.
    let last = story.facts.last().expect("the other came").position;
    for place in last - 20..last + 20 {
        let mut story = Story { world: story.world.clone(), facts: story.facts.clone() };
        for fact in &mut story.facts {
            if let MemberEvent::AccountTakenIn(other) = &mut fact.event {
                other.estate.lots.iter_mut().for_each(|moved| moved.lot.opened_at = place);
            }
        }
        let report = story.under(MARCH, "rates.insider", json!("0.06"));
        // 75.00 of the other as they are, and 75.00 or 90.00 of hers.
        assert_eq!(outstanding(&report), Some(["150.00", "165.00"].map(str::to_owned)), "{place}");
    }
}

#[test]
fn rule_p3_a_draft_that_cannot_be_published_cannot_be_simulated() {
    let registry = anna().registry;
    let (from, to) = (at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
    let begin = |from, to, name: &str, value: Value| {
        let trial = Trial { from, to, changes: [(name.to_owned(), value)].into() };
        Simulation::begin(&registry, trial).map(|_| ())
    };
    assert_eq!(begin(to, from, "rates.vip", json!("0.08")), Err(Rejection::PeriodReversed));
    assert_eq!(begin(from, from, "rates.vip", json!("0.08")), Err(Rejection::PeriodReversed));
    let wrong = begin(from, to, "rates.queen", json!("0.08"));
    assert!(matches!(wrong, Err(Rejection::PolicyParameters { .. })), "{wrong:?}");
}

#[test]
fn a_history_that_does_not_hold_is_an_error_that_names_its_place() {
    let mut story = story().on("2026-03-10T12:00:00+03:00", buy("mindal", "1000.00"));
    story.facts.insert(1, story.facts[0].clone());
    let trial = Trial {
        from: at("2026-06-01T00:00:00Z"),
        to: at("2026-06-01T00:00:00Z").plus(TimeDelta::days(1)),
        changes: [("rates.vip".to_owned(), json!("0.08"))].into(),
    };
    let mut simulation = Simulation::begin(&story.world.registry, trial).expect("a draft");
    let answer = simulation.member(member(), &story.facts);
    let Err(NotSimulated::Corrupt(corrupt)) = answer else { panic!("{answer:?}") };
    assert_eq!(corrupt.position, 1);
}
