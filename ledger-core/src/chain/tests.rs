//! What can be drawn up, and the way of a chain. Rules X1, X2, X6.

mod changes;

use chrono::TimeDelta;

use super::decide::{ChainCommand, ChangeChain, Standing, decide};
use super::definition::{
    Audience, ChainFunder, ChainKind, CouponTemplate, Definition, Limits, Reward, Step, Wrong,
};
use super::{Chain, ChainState, Version};
use crate::context::{Context, Registry};
use crate::ids::{BusinessId, ChainId, ReasonId};
use crate::log::Event;
use crate::member::event::CouponBenefit;
use crate::member::testing::{NOON, at, business_id, given};
use crate::money::{Bonuses, Roubles};
use crate::rejection::Rejection;
use crate::time::Timestamp;
use uuid::Uuid;

const CHAIN: ChainId = ChainId::from_uuid(Uuid::from_u128(0xc4a1));

fn text(number: u128) -> ReasonId {
    ReasonId::from_uuid(Uuid::from_u128(number))
}

fn roubles(roubles: i64) -> Roubles {
    Roubles::from_kopecks(roubles * 100)
}

fn off(value: i64) -> CouponTemplate {
    CouponTemplate {
        gives: CouponBenefit::DiscountFixed { value: roubles(value) },
        min_bill: Some(roubles(1_500)),
        life_days: 30,
        description: Some(text(2)),
        gift: None,
    }
}

fn step(from: &str, to: &str) -> Step {
    let reward = Reward::Coupon { coupon: off(500) };
    Step { from: business_id(from), to: business_id(to), window_days: 14, min_amount: None, reward }
}

fn chain(kind: ChainKind, steps: &[(&str, &str)]) -> Definition {
    Definition {
        name: text(1),
        kind,
        steps: steps.iter().map(|(from, to)| step(from, to)).collect(),
        audience: Audience::default(),
        limits: Limits::default(),
        from: None,
        to: None,
        funded_by: ChainFunder::Source,
        holdout_percent: None,
    }
}

/// Миндаль → Лисичкино.
fn dinner() -> Definition {
    chain(ChainKind::Linear, &[("mindal", "lisichkino")])
}

/// The log of one chain.
struct World {
    registry: Registry,
    now: Timestamp,
}

fn nothing() -> World {
    World { registry: given([]).registry, now: at(NOON) }
}

impl World {
    fn when(&self, command: &ChainCommand) -> Result<(Vec<Event>, Standing), Rejection> {
        decide(CHAIN, command, &Context { recorded_at: self.now, registry: &self.registry })
    }

    fn after(mut self, command: ChainCommand) -> Self {
        let (events, standing) = self.when(&command).expect("accepted");
        for event in &events {
            self.registry.apply(CHAIN.as_uuid(), event).expect("history");
        }
        let chain = self.chain();
        let told = chain.versions().find(|version| version.version == standing.version).expect("known");
        assert_eq!(told.state, standing.state, "the fold stands where the answer says");
        self
    }

    fn agreed(self, slugs: &[&str]) -> Self {
        let submitted = self.after(ChainCommand::Submit);
        let consent = |world: Self, slug: &&str| world.after(consents(slug));
        slugs.iter().fold(submitted, consent).after(ChainCommand::Approve)
    }

    fn later(mut self) -> Self {
        self.now = self.now.plus(TimeDelta::hours(1));
        self
    }

    fn chain(&self) -> &Chain {
        self.registry.chains.get(CHAIN).expect("drafted")
    }

    fn state(&self) -> ChainState {
        self.chain().newest.state
    }
}

fn drafted() -> World {
    nothing().after(ChainCommand::Draft(Box::new(dinner())))
}

fn active() -> World {
    drafted().agreed(&["mindal", "lisichkino"]).after(ChainCommand::Activate)
}

/// The owner of this business consents to whichever version is the newest.
fn consents(slug: &str) -> ChainCommand {
    ChainCommand::Consent { of: business_id(slug), version: None }
}

fn changed() -> ChainCommand {
    ChainCommand::Change(Box::new(ChangeChain {
        funded_by: Some(ChainFunder::Target),
        ..ChangeChain::default()
    }))
}

fn wrong_of(definition: &Definition) -> Wrong {
    match nothing().when(&ChainCommand::Draft(Box::new(definition.clone()))) {
        Ok(_) => Wrong::new(),
        Err(Rejection::ChainDefinition { wrong }) => wrong,
        Err(other) => panic!("{other:?}"),
    }
}

/// Steps by where they begin and lead.
type Pairs = &'static [(&'static str, &'static str)];

#[test]
fn rule_x1_each_kind_has_its_shape() {
    let (linear, mutual, fan) = (ChainKind::Linear, ChainKind::Mutual, ChainKind::Fan);
    let right: [(ChainKind, Pairs); 5] = [
        (linear, &[("mindal", "lisichkino")]),
        (linear, &[("mindal", "lisichkino"), ("lisichkino", "buket"), ("buket", "linza")]),
        (mutual, &[("mindal", "lisichkino"), ("lisichkino", "mindal")]),
        (fan, &[("mindal", "lisichkino"), ("mindal", "buket"), ("mindal", "linza")]),
        (fan, &[("mindal", "lisichkino")]),
    ];
    for (kind, steps) in right {
        assert_eq!(wrong_of(&chain(kind, steps)), Wrong::new(), "{kind:?} {steps:?}");
    }
    let of_another: [(ChainKind, Pairs, &str); 9] = [
        (linear, &[], "steps"),
        (linear, &[("mindal", "buket"), ("linza", "zakon")], "steps[1].from"),
        (linear, &[("mindal", "buket"), ("buket", "mindal")], "steps[1].to"),
        (mutual, &[("mindal", "buket")], "steps"),
        (mutual, &[("mindal", "buket"), ("buket", "linza")], "steps[1].from"),
        (mutual, &[("mindal", "buket"), ("mindal", "buket")], "steps[1].from"),
        (fan, &[("mindal", "buket"), ("linza", "zakon")], "steps[1].from"),
        (fan, &[("mindal", "buket"), ("mindal", "buket")], "steps[1].to"),
        (fan, &[], "steps"),
    ];
    for (kind, steps, field) in of_another {
        let wrong = wrong_of(&chain(kind, steps));
        assert_eq!(wrong.keys().collect::<Vec<_>>(), [field], "{kind:?} {steps:?}");
    }
}

/// The definition changed in one place.
fn with(change: impl FnOnce(&mut Definition)) -> Definition {
    let mut definition = chain(ChainKind::Linear, &[("mindal", "lisichkino"), ("lisichkino", "buket")]);
    change(&mut definition);
    definition
}

/// Its second step gives this.
fn giving(coupon: CouponTemplate) -> Definition {
    with(|it| it.steps[1].reward = Reward::Coupon { coupon })
}

#[test]
fn rule_x1_what_is_wrong_is_said_under_the_step_where_it_is() {
    let percent = |cap| CouponBenefit::DiscountPercent { value: "10".parse().expect("a percentage"), cap };
    let budget = Limits { budget: Some(roubles(400)), ..Limits::default() };
    let dear = giving(CouponTemplate { min_bill: Some(roubles(300)), ..off(300) });
    let day = at(NOON);
    for (definition, fields) in [
        (with(|it| it.steps[1].to = BusinessId::from_uuid(Uuid::nil())), vec!["steps[1].to"]),
        (with(|it| it.steps[1].to = it.steps[1].from), vec!["steps[1].to"]),
        (with(|it| it.steps[1].window_days = 0), vec!["steps[1].window_days"]),
        (with(|it| it.steps[0].window_days = 366), vec!["steps[0].window_days"]),
        (giving(off(1_501)), vec!["steps[1].reward.coupon.value"]),
        (giving(off(1_500)), vec![]),
        (giving(CouponTemplate { gives: percent(Some(roubles(2_000))), ..off(1) }), vec![]),
        (giving(CouponTemplate { life_days: 0, ..off(1) }), vec!["steps[1].reward.coupon.life_days"]),
        (giving(CouponTemplate { description: None, ..off(1) }), vec!["steps[1].reward.coupon.description"]),
        (with(|it| (it.from, it.to) = (Some(day), Some(day))), vec!["to"]),
        (with(|it| (it.from, it.to) = (Some(day), Some(day.plus(TimeDelta::seconds(1))))), vec![]),
        (Definition { limits: budget.clone(), ..dear.clone() }, vec!["steps[0].reward"]),
        (Definition { limits: Limits { budget: Some(roubles(500)), ..Limits::default() }, ..dear }, vec![]),
        (
            Definition { limits: budget, ..giving(CouponTemplate { gives: percent(None), ..off(1) }) },
            vec!["steps[0].reward", "steps[1].reward.coupon.cap"],
        ),
        (
            with(|it| it.limits = Limits { per_member: Some(0), total: Some(0), budget: None }),
            vec!["limits.per_member", "limits.total"],
        ),
    ] {
        let wrong = wrong_of(&definition);
        assert_eq!(wrong.keys().map(String::as_str).collect::<Vec<_>>(), fields, "{definition:?}");
    }
}

#[test]
fn compliance_m1_a_clinics_coupon_has_no_words_and_is_no_gift() {
    let at_the_clinic = |coupon| {
        let mut definition = chain(ChainKind::Linear, &[("mindal", "steam-center")]);
        definition.steps[0].reward = Reward::Coupon { coupon };
        wrong_of(&definition).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(at_the_clinic(CouponTemplate { description: None, ..off(500) }), Vec::<String>::new());
    let gift = CouponTemplate { gives: CouponBenefit::Gift {}, description: None, ..off(1) };
    assert_eq!(at_the_clinic(gift), ["steps[0].reward.coupon.type"]);
}

#[test]
fn compliance_m1_a_clinic_does_not_bear_what_its_visits_bring_elsewhere() {
    let by = |funded_by, steps: Pairs| {
        wrong_of(&Definition { funded_by, ..chain(ChainKind::Linear, steps) }).into_keys().collect::<Vec<_>>()
    };
    let from_the_clinic: Pairs = &[("steam-center", "mindal"), ("mindal", "buket")];
    assert_eq!(by(ChainFunder::Source, from_the_clinic), ["funded_by"]);
    assert_eq!(by(ChainFunder::Target, from_the_clinic), Vec::<String>::new());
    assert_eq!(by(ChainFunder::Coalition, from_the_clinic), Vec::<String>::new());
}

#[test]
fn rule_x5_what_a_reward_costs_at_most() {
    let of = |gives| Reward::Coupon { coupon: CouponTemplate { gives, ..off(1) } }.costs_at_most();
    let percent = |cap| CouponBenefit::DiscountPercent { value: "10".parse().expect("a percentage"), cap };
    assert_eq!(of(CouponBenefit::DiscountFixed { value: roubles(500) }), Some(roubles(500)));
    assert_eq!(of(CouponBenefit::Bonus { value: Bonuses::from_kopecks(30_000) }), Some(roubles(300)));
    assert_eq!(of(CouponBenefit::Gift {}), Some(Roubles::ZERO));
    assert_eq!((of(percent(Some(roubles(700)))), of(percent(None))), (Some(roubles(700)), None));
    assert_eq!(Reward::CrossBonus { rate: None }.costs_at_most(), None);
}

#[test]
fn rule_x2_a_chain_goes_from_draft_to_its_end() {
    let world = drafted();
    assert_eq!(world.state(), ChainState::Draft);
    let world = world.after(ChainCommand::Submit);
    assert_eq!(world.state(), ChainState::Submitted);
    let one = world.after(consents("mindal"));
    let refused = one.when(&ChainCommand::Approve);
    let of = vec!["lisichkino".parse().expect("a slug")];
    assert_eq!(refused, Err(Rejection::ChainConsentMissing { of }));
    let world = one.after(consents("lisichkino")).after(ChainCommand::Approve);
    assert_eq!(world.state(), ChainState::Approved);
    for (command, state) in [
        (ChainCommand::Activate, ChainState::Active),
        (ChainCommand::Pause, ChainState::Paused),
        (ChainCommand::Activate, ChainState::Active),
        (ChainCommand::End, ChainState::Ended),
    ] {
        assert_eq!(active_after(command), state);
    }
}

/// Where the chain stands after `command`, asked where it can be.
fn active_after(command: ChainCommand) -> ChainState {
    match command {
        ChainCommand::Activate => active().after(ChainCommand::Pause).after(ChainCommand::Activate).state(),
        other => active().after(other).state(),
    }
}

#[test]
fn rule_x2_each_step_is_refused_where_it_cannot_be() {
    use ChainCommand::{Activate, Approve, End, Pause, Reject, Submit};
    let reject = || Reject(text(9));
    let consent = || consents("mindal");
    let submitted = || drafted().after(Submit);
    let approved = || drafted().agreed(&["mindal", "lisichkino"]);
    let cases = [
        (drafted(), ChainState::Draft, vec![Approve, reject(), Activate, Pause]),
        (submitted(), ChainState::Submitted, vec![Submit, Activate, Pause]),
        (approved(), ChainState::Approved, vec![Submit, consent(), Approve, Pause]),
        (
            submitted().after(reject()),
            ChainState::Rejected,
            vec![Submit, consent(), Approve, Activate, Pause, reject()],
        ),
        (active(), ChainState::Active, vec![Submit, consent(), Approve, reject(), Activate]),
        (active().after(Pause), ChainState::Paused, vec![Submit, consent(), Approve, reject(), Pause]),
        (
            active().after(End),
            ChainState::Ended,
            vec![Submit, consent(), Approve, reject(), Activate, Pause, End, changed()],
        ),
    ];
    for (world, state, commands) in cases {
        for command in commands {
            assert_eq!(world.when(&command), Err(Rejection::ChainState { state }), "{command:?}");
        }
    }
}

#[test]
fn rule_x2_only_the_owner_of_a_business_in_it_consents_and_once() {
    let world = drafted().after(ChainCommand::Submit);
    let stranger = consents("buket");
    assert_eq!(world.when(&stranger), Err(Rejection::ChainNotFound));
    let hers = consents("mindal");
    let world = world.after(hers.clone());
    assert_eq!(world.when(&hers).expect("a repeat").0, []);
    assert_eq!(nothing().when(&hers), Err(Rejection::ChainNotFound));
}

#[test]
fn rule_x2_a_change_is_a_new_version_that_needs_every_consent_anew() {
    let world = drafted().agreed(&["mindal", "lisichkino"]).after(changed());
    let Version { version, state, consents, .. } = &world.chain().newest;
    assert_eq!((*version, *state, consents.len()), (2, ChainState::Draft, 0));
    assert_eq!(world.chain().running(), None);
    let same = ChangeChain { funded_by: Some(ChainFunder::Target), ..ChangeChain::default() };
    let (events, standing) = world.when(&ChainCommand::Change(Box::new(same))).expect("accepted");
    assert_eq!((events, standing.version), (vec![], 2), "a change to what is writes nothing");
}

#[test]
fn rule_x2_what_runs_goes_on_until_the_new_version_is_activated() {
    let began = at(NOON);
    let world = active().later().after(changed());
    let running = |world: &World| world.chain().running().map(|it| (it.version, it.state));
    assert_eq!(running(&world), Some((1, ChainState::Active)));
    assert_eq!(running(&active().after(changed()).after(ChainCommand::Pause)), Some((1, ChainState::Paused)));
    let world = world.agreed(&["mindal", "lisichkino"]).later();
    assert_eq!(running(&world), Some((1, ChainState::Active)));
    let switched = world.now;
    let world = world.after(ChainCommand::Activate);
    assert_eq!(running(&world), Some((2, ChainState::Active)));
    let trigger = |when: Timestamp| {
        let at = |version: &&Version| version.triggers_at(when);
        world.chain().versions().filter(at).map(|version| version.version).collect::<Vec<_>>()
    };
    let before = |moment: Timestamp| moment.minus(TimeDelta::microseconds(1));
    assert_eq!(trigger(before(began)), Vec::<u32>::new());
    assert_eq!((trigger(began), trigger(before(switched)), trigger(switched)), (vec![1], vec![1], vec![2]));
    let sources: Vec<_> = world.registry.chains.from_source(business_id("mindal")).collect();
    assert_eq!(sources, [world.chain()]);
    assert_eq!(world.registry.chains.from_source(business_id("lisichkino")).count(), 0);
    assert_eq!(running(&world.after(changed()).after(ChainCommand::End)), None);
}

#[test]
fn rule_x3_a_pause_and_the_dates_of_a_chain_leave_purchases_out() {
    let began = at(NOON);
    let hour = |hours| began.plus(TimeDelta::hours(hours));
    let world = active().later().after(ChainCommand::Pause).later().after(ChainCommand::Activate);
    let triggers = |hours| world.chain().newest.triggers_at(hour(hours));
    assert_eq!([0, 1, 2, 3].map(triggers), [true, false, true, true]);
    let dated = Definition { from: Some(hour(2)), to: Some(hour(3)), ..dinner() };
    let world = nothing().after(ChainCommand::Draft(Box::new(dated)));
    let world = world.agreed(&["mindal", "lisichkino"]).after(ChainCommand::Activate);
    let triggers = |hours| world.chain().newest.triggers_at(hour(hours));
    assert_eq!([1, 2, 3].map(triggers), [false, true, false]);
}

#[test]
fn a_fact_that_cannot_follow_is_an_error() {
    let (events, _) = drafted().when(&ChainCommand::Submit).expect("accepted");
    let mut registry = nothing().registry;
    let submitted = events.first().expect("a fact");
    let answer = registry.apply(CHAIN.as_uuid(), submitted);
    assert!(answer.is_err(), "{answer:?}");
}
