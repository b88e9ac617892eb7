//! What the log says of a history with chains, told to the plain model fact by fact, stretch by stretch.
//!
//! Whenever everything has caught up, whatever a purchase asks of a chain has its answer. What has led to no fact by then is
//! asked of the model at once, while the limits are what they were: later ones could make up for a reward that was lost.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::category::Category;
use ledger_core::ids::{ChainId, CouponId, PurchaseId};
use ledger_core::time::Timestamp;
use plain_model::Kopecks;
use plain_model::chain::{Chain, StepId};
use plain_model::circle::{self, Circle, Policy, Terms};
use plain_model::member::{Command, Document, Member as Plain, Outcome};
use plain_model::reward::{Followed, Reaction, Trigger, TriggeredStep};
use serde_json::Value;
use sqlx::types::Uuid;
use sqlx::types::chrono::{DateTime, Utc};
use system_tests::system::{Member, Site};

use crate::journey::{Row, slug};
use crate::journey_chains::Times;

/// A fact on a member's stream.
#[derive(Clone)]
pub(crate) struct Fact {
    position: i64,
    kind: String,
    member: Uuid,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    payload: Value,
}

const FACTS: &str = "SELECT position, event_type, stream_id, occurred_at, recorded_at, payload FROM ledger.events
    WHERE event_type IN ('PurchaseRecorded', 'CouponIssued', 'ChainTriggered', 'CrossBonusAccrued', 'ChainConverted')
        AND position > $1
    ORDER BY position";

/// A row of [`FACTS`].
type Stored = (i64, String, Uuid, DateTime<Utc>, DateTime<Utc>, Value);

/// All of them after `heard` that matter here, in the log's order.
async fn facts(site: &Site, heard: i64) -> Vec<Fact> {
    let log = site.database("ledger").await;
    let rows: Vec<Stored> = sqlx::query_as(FACTS).bind(heard).fetch_all(&log).await.expect("the log");
    log.close().await;
    let moment =
        |at: DateTime<Utc>| Timestamp::from_micros(at.timestamp_micros()).expect("a moment of the log");
    let fact = |(position, kind, member, occurred_at, recorded_at, payload): Stored| Fact {
        position,
        kind,
        member,
        occurred_at: moment(occurred_at),
        recorded_at: moment(recorded_at),
        payload,
    };
    rows.into_iter().map(fact).collect()
}

fn uuid(value: &Value) -> Uuid {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no id: {value}"))
}

fn kopecks(value: &Value) -> Kopecks {
    let text = value.as_str().unwrap_or_else(|| panic!("no amount: {value}"));
    text.replace('.', "").parse().expect("two decimals")
}

fn step_id(of: &Value) -> StepId {
    let number = |name: &str| of[name].as_u64().expect("a number");
    StepId {
        chain: ChainId::from_uuid(uuid(&of["chain_id"])),
        version: u32::try_from(number("version")).expect("few"),
        step: usize::try_from(number("step")).expect("few"),
    }
}

/// One purchase asks one step.
type Asked = (Uuid, StepId, PurchaseId);

/// The model, and what it is told.
#[derive(Clone)]
pub(crate) struct Told {
    /// The position of the last fact.
    heard: i64,
    /// In how many stretches a reward that was left out was found to be missing.
    pub(crate) would_be_missed: usize,
    circle: Circle,
    members: BTreeMap<Uuid, Plain>,
    imported_until: Timestamp,
    /// Purchases of the history that the log has not told of: who, where, when, how much.
    awaited: BTreeMap<(Uuid, String, Timestamp, Kopecks), usize>,
    /// What was asked, and led to no fact yet.
    open: BTreeSet<Asked>,
    followed: BTreeSet<(Uuid, Followed)>,
    /// Conversions that the log told of, with whether she is held out.
    converted: BTreeSet<(Uuid, Followed, bool)>,
    /// How often what came of each chain; conversions are counted at the end.
    pub(crate) came_of: BTreeMap<(usize, &'static str), usize>,
}

impl Told {
    pub(crate) fn new(
        times: &Times,
        chains: Vec<Chain>,
        members: &BTreeMap<String, Member>,
        rows: &[Row],
    ) -> Self {
        let businesses = Category::ALL.into_iter().map(|category| circle::Business {
            slug: slug(category.as_str()),
            category,
            is_medical: category == Category::Medicine,
            terms: vec![(Timestamp::FIRST, Terms::default())],
            periods: Vec::new(),
            waiting: Vec::new(),
        });
        let circle = Circle { policies: vec![Policy::default()], businesses: businesses.collect(), chains };
        let mut consents: Vec<_> = circle.businesses.iter().map(|it| (it.consent(), true)).collect();
        consents.push(("personal_data".to_owned(), true));
        let joins = |member: &Member| {
            let (mut plain, at) = (Plain::default(), times.joined);
            let command = Command::Register { at, consents: consents.clone() };
            let _ = plain.command(&circle, times.chains, &command).expect("a new member");
            (uuid(&Value::String(member.id.clone())), plain)
        };
        let plain: BTreeMap<_, _> = members.values().map(joins).collect();
        let mut awaited = BTreeMap::new();
        for row in rows {
            let member = uuid(&Value::String(members[&row.household].id.clone()));
            let key = (member, slug(&row.category), row.moment(), Kopecks::from(row.kopecks));
            *awaited.entry(key).or_default() += 1;
        }
        Self {
            heard: 0,
            would_be_missed: 0,
            circle,
            members: plain,
            imported_until: times.import,
            awaited,
            open: BTreeSet::new(),
            followed: BTreeSet::new(),
            converted: BTreeSet::new(),
            came_of: BTreeMap::new(),
        }
    }

    /// Everything has caught up: what the log says since the last time is what the model says, and nothing is missing.
    pub(crate) async fn catch_up(&mut self, site: &Site) {
        let stretch = facts(site, self.heard).await;
        if let Some(left_out) = stretch.iter().rposition(|fact| fact.kind == "CouponIssued") {
            // It would be noticed: the model is told of all but one reward.
            let mut deaf = self.clone();
            let told = stretch.iter().enumerate().filter(|(place, _)| *place != left_out);
            told.for_each(|(_, fact)| deaf.hear(fact));
            let lost = deaf.lost();
            // And whatever the reward's share of a limit would have let through.
            assert!(!lost.is_empty(), "a reward is left out, and nothing is missed");
            self.would_be_missed += 1;
        }
        stretch.iter().for_each(|fact| self.hear(fact));
        assert_eq!(self.lost(), Vec::new(), "no reward is lost up to {}", self.heard);
        assert_eq!(self.followed, BTreeSet::new(), "every cross bonus was decided on up to {}", self.heard);
        assert_eq!(self.converted, self.conversions(), "conversions up to {}", self.heard);
    }

    /// The next fact of the log.
    fn hear(&mut self, fact: &Fact) {
        self.heard = fact.position;
        let of = &fact.payload;
        match fact.kind.as_str() {
            "PurchaseRecorded" => self.bought(fact),
            "CouponIssued" | "ChainTriggered" => self.rewarded(fact),
            "CrossBonusAccrued" => {
                let [trigger, purchase] =
                    ["trigger_id", "purchase_id"].map(|name| PurchaseId::from_uuid(uuid(&of[name])));
                let followed = Followed { step: step_id(of), trigger, purchase };
                assert!(self.followed.remove(&(fact.member, followed)), "asked for, once: {followed:?}");
                let answer = self.answer(fact.member, fact.recorded_at, &Command::CrossBonus(followed));
                let told = of["lot"]["amount"].as_str().map(|_| kopecks(&of["lot"]["amount"]));
                match (&answer, told) {
                    (Outcome::CrossBonus { amount, .. }, Some(told)) => assert_eq!(told, *amount),
                    (Outcome::NoReward { .. }, None) => {}
                    other => panic!("{followed:?} brings {other:?}"),
                }
            }
            _ => {
                let [trigger, purchase] =
                    ["trigger_id", "purchase_id"].map(|name| PurchaseId::from_uuid(uuid(&of[name])));
                let followed = Followed { step: step_id(of), trigger, purchase };
                let is_held_out = of["held_out"] == true;
                assert!(self.converted.insert((fact.member, followed, is_held_out)), "once: {followed:?}");
            }
        }
    }

    fn bought(&mut self, fact: &Fact) {
        let of = &fact.payload;
        let business = of["business"].as_str().expect("a slug").to_owned();
        let amount = kopecks(&of["amount"]);
        let key = (fact.member, business.clone(), fact.occurred_at, amount);
        let left = self.awaited.get_mut(&key).filter(|left| **left > 0);
        *left.unwrap_or_else(|| panic!("nobody bought this: {key:?}")) -= 1;
        let id = PurchaseId::from_uuid(uuid(&of["purchase_id"]));
        let document = Document {
            id,
            business,
            revision: 1,
            amount,
            occurred_at: fact.occurred_at,
            source: 0,
            redemption: None,
            redeem_amount: None,
            coupon: None,
            import: (fact.occurred_at < self.imported_until).then_some(None),
        };
        let answer = self.command(fact.member, fact.recorded_at, &Command::Purchase(document));
        assert!(matches!(answer, Outcome::Recorded { .. }), "{key:?}: {answer:?}");
    }

    fn rewarded(&mut self, fact: &Fact) {
        let of = &fact.payload["chain"];
        let asked = (fact.member, step_id(of), PurchaseId::from_uuid(uuid(&of["purchase_id"])));
        assert!(self.open.remove(&asked), "asked for, once: {asked:?}");
        let answer = self.ask(asked, fact.recorded_at);
        match (fact.kind.as_str(), fact.payload["promise"].as_str(), &answer) {
            ("CouponIssued", None, Outcome::Rewarded { .. })
            | ("ChainTriggered", Some("cross_bonus"), Outcome::Promised)
            | ("ChainTriggered", Some("held_out"), Outcome::HeldOut)
            | ("ChainTriggered", Some("nothing"), Outcome::NoReward { is_final: false, .. }) => {}
            (kind, promise, answer) => panic!("{asked:?}: {kind} {promise:?}, and {answer:?}"),
        }
    }

    fn ask(&mut self, (member, step, purchase): Asked, now: Timestamp) -> Outcome {
        let draw = Uuid::new_v5(&step.chain.as_uuid(), member.as_bytes()).as_fields().0 % 10_000;
        let coupon = CouponId::from_uuid(purchase.as_uuid());
        self.answer(member, now, &Command::TakeReward(TriggeredStep { step, purchase, draw, coupon }))
    }

    /// What a chain answers.
    fn answer(&mut self, member: Uuid, now: Timestamp, command: &Command) -> Outcome {
        let chain = match command {
            Command::TakeReward(asked) => asked.step.chain,
            Command::CrossBonus(followed) => followed.step.chain,
            other => panic!("{other:?} asks no chain"),
        };
        let answer = self.command(member, now, command);
        let what = match &answer {
            Outcome::Rewarded { .. } | Outcome::CrossBonus { .. } => "given",
            Outcome::HeldOut => "held out",
            Outcome::NoReward { why, .. } => why,
            _ => "promised",
        };
        let number = self.number(chain);
        *self.came_of.entry((number, what)).or_default() += 1;
        if let Outcome::Rewarded { cost } | Outcome::CrossBonus { cost, .. } = answer {
            self.circle.gave(chain, cost);
        }
        answer
    }

    /// It, and what it asks of chains.
    fn command(&mut self, member: Uuid, now: Timestamp, command: &Command) -> Outcome {
        let plain = self.members.get_mut(&member).expect("a member");
        let answer = plain.command(&self.circle, now, command).unwrap_or_else(|code| panic!("{code}"));
        for reaction in std::mem::take(&mut plain.to_react) {
            match reaction {
                Reaction::Bought(id) => {
                    let purchase = plain.purchases.iter().find(|it| it.id == id).expect("hers");
                    let steps = self.circle.triggered_by(purchase).into_iter();
                    self.open.extend(steps.map(|step| (member, step, id)));
                }
                Reaction::Followed(followed) => {
                    let _ = self.followed.insert((member, followed));
                }
            }
        }
        answer
    }

    /// Which of the chains, from 0.
    fn number(&self, id: ChainId) -> usize {
        self.circle.chains.iter().position(|chain| chain.id == id).expect("one of ours")
    }

    /// What led to no fact, and is not known to lead to none for ever.
    fn lost(&mut self) -> Vec<(Asked, Outcome)> {
        let open = std::mem::take(&mut self.open);
        let answers = open.into_iter().map(|asked| {
            let (member, _, purchase) = asked;
            let bought = self.members[&member].purchases.iter().find(|it| it.id == purchase);
            let recorded_at = bought.expect("hers").recorded_at;
            (asked, self.ask(asked, recorded_at))
        });
        answers.filter(|(_, answer)| !matches!(answer, Outcome::NoReward { is_final: true, .. })).collect()
    }

    /// Conversions as the model knows them, with whether she is held out. Rule X4.
    fn conversions(&self) -> BTreeSet<(Uuid, Followed, bool)> {
        let of_member = |(member, plain): (&Uuid, &Plain)| {
            let member = *member;
            let of_trigger = move |it: &Trigger| {
                let followed = Followed { step: it.step, trigger: it.purchase, purchase: it.converted_by? };
                Some((member, followed, it.is_held_out))
            };
            plain.triggers.iter().filter_map(of_trigger).collect::<Vec<_>>()
        };
        self.members.iter().flat_map(of_member).collect()
    }

    /// The whole history was told.
    pub(crate) fn is_whole(&mut self) {
        assert!(self.awaited.values().all(|left| *left == 0), "every purchase is on the log, once");
        for (_, followed, _) in self.conversions() {
            let chain = self.number(followed.step.chain);
            *self.came_of.entry((chain, "converted")).or_default() += 1;
        }
    }
}
