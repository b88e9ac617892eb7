//! One history run in the domain and in the plain model, compared after every step.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use ledger_core::business::decide::{ChangeBusiness, SetMultiplier, WaitForPurchase};
use ledger_core::category::Category;
use ledger_core::ids::{PurchaseId, RedemptionId, RefundId};
use ledger_core::member::Refund;
use ledger_core::policy::decide::PublishPolicy;
use ledger_core::time::Timestamp;
use plain_model::circle::{Business, Circle, Terms};
use plain_model::member::{Command, Document, Member, Outcome, Purchase};
use plain_model::redemption::Hold;
use plain_model::{Kopecks, Refusal};
use proptest::prelude::*;

use crate::domain::{Domain, Her, business_id, natural_key, roubles};
use crate::policy::{plain_policy, policy_change, scaled};
use crate::standing;
use crate::steps::{BUSINESSES, Step};

/// Slug, category, whether a visit is a secret. The clinics' categories are an ordinary business's and their own.
pub(crate) const ALL: [(&str, Category, bool); BUSINESSES] = [
    ("mindal", Category::BeautySalon, false),
    ("lisichkino", Category::Gastronomy, false),
    ("kozha", Category::Cosmetology, false),
    ("buket", Category::Floristry, false),
    ("linza", Category::Optics, false),
    ("salon", Category::BeautySalon, false),
    ("skinerica", Category::Cosmetology, true),
    ("zubok", Category::Dentistry, true),
];

/// Both, at one moment.
pub(crate) struct Run {
    pub(crate) now: Timestamp,
    pub(crate) circle: Circle,
    pub(crate) member: Member,
    pub(crate) domain: Domain,
    /// The other members.
    pub(crate) others: Vec<(Member, Her)>,
    pub(crate) serial: u32,
    /// How many commands were run.
    pub(crate) commands: u64,
    /// The kinds of answers that were given, and what became of bonuses.
    pub(crate) seen: BTreeSet<String>,
}

impl Run {
    /// Registered on 2025-01-01, with every consent that lets purchases through, on 2025-03-01.
    pub(crate) fn new() -> Self {
        let domain = Domain::new(&ALL);
        let business = |(slug, category, is_medical): &(&str, Category, bool)| Business {
            slug: (*slug).to_owned(),
            category: *category,
            is_medical: *is_medical,
            terms: vec![(Timestamp::FIRST, Terms::default())],
            periods: Vec::new(),
            waiting: Vec::new(),
        };
        let policies = domain.registry.policies.iter().map(plain_policy).collect();
        let circle = Circle { policies, businesses: ALL.iter().map(business).collect(), chains: Vec::new() };
        let now = "2025-03-01T09:00:00Z".parse().expect("a time");
        let mut run = Self {
            now,
            circle,
            member: Member::default(),
            domain,
            others: Vec::new(),
            serial: 0,
            commands: 0,
            seen: BTreeSet::new(),
        };
        run.register();
        run
    }

    fn register(&mut self) {
        let mut consents: Vec<_> =
            self.circle.businesses.iter().map(|business| (business.consent(), true)).collect();
        consents.push(("personal_data".to_owned(), true));
        let at = "2025-01-01T09:00:00Z".parse().expect("a time");
        let command = Command::Register { at, consents };
        self.domain.command(self.now, &command).expect("registered");
        self.member.command(&self.circle, self.now, &command).expect("registered");
    }

    /// From now on it is about the `pick`th of the other members.
    pub(crate) fn meet(&mut self, pick: usize) {
        while self.others.len() <= pick {
            let number = u8::try_from(self.others.len() + 1).expect("few");
            self.others.push((Member::default(), Her::new(number)));
        }
        let (member, her) = &mut self.others[pick];
        std::mem::swap(member, &mut self.member);
        std::mem::swap(her, &mut self.domain.her);
        if self.member.registered_at.is_none() {
            self.register();
        }
    }

    /// Runs one step in both.
    pub(crate) fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        if let Step::Chain(step) = step {
            self.of_chain(step)?;
            return self.compare();
        }
        if let Step::HandOver { edit, to } = step {
            return self.hand_over(edit, *to);
        }
        let command = self.command(step);
        if let Some(command) = &command {
            let ours = self.member.command(&self.circle, self.now, command);
            let theirs = self.domain.command(self.now, command);
            prop_assert_eq!(&theirs, &ours, "domain and model answer {:?} at {:?}", command, self.now);
            self.commands += 1;
            self.seen.insert(kind_of(command, &ours));
            if let (Step::Again { .. }, Ok(outcome)) = (step, &ours) {
                self.seen.insert(format!("Again {}", first_word(&format!("{outcome:?}"))));
            }
        }
        self.compare()
    }

    /// What is asked of the member; what is about her surroundings happens at once.
    fn command(&mut self, step: &Step) -> Option<Command> {
        match step {
            Step::Clock { seconds } => {
                self.now = self.now.plus(TimeDelta::seconds(*seconds));
                None
            }
            Step::Buy { business, kopecks, ago, import } => {
                let import = import.map(|since| since.map(|seconds| self.ago(seconds)));
                let document = Document { import, ..self.document(*business, *kopecks, *ago) };
                Some(Command::Purchase(document))
            }
            Step::Again { pick, source, later, is_import } => self.again(*pick, *source, *later, *is_import),
            Step::Decide { pick, is_applied } => {
                let waiting = self.member.quarantine.iter().rev().nth(*pick).map(|document| document.id);
                // What does not wait any more, too.
                let id = waiting.or(self.member.purchases.last().map(|purchase| purchase.id))?;
                Some(if *is_applied { Command::Apply(id) } else { Command::Drop(id) })
            }
            Step::Pay { pick, business, kopecks, redeem, ago } => {
                let hold = self.recent_hold(*pick)?.clone();
                let business = business.or_else(|| place_of(&hold.business))?;
                let redeem_amount =
                    redeem.map(|permille| (hold.amount() * Kopecks::from(permille) / 1_000).max(1));
                let document = self.document(business, *kopecks, *ago);
                Some(Command::Purchase(Document { redemption: Some(hold.id), redeem_amount, ..document }))
            }
            Step::Hold { business, permille, is_small } => {
                let available = self.member.balance(&self.circle, self.now).available;
                let share = if *is_small { 0 } else { available * Kopecks::from(*permille) / 1_000 };
                let amount = share.max(1);
                self.serial += 1;
                let id = RedemptionId::of_key(natural_key(self.serial).as_bytes());
                // Bills of all sizes about twice the amount.
                let bill =
                    (amount * Kopecks::from(1_500 + permille) / 1_000).min(plain_model::refund::AMOUNT_MAX);
                Some(Command::Hold { id, business: ALL[*business].0.to_owned(), bill, amount })
            }
            Step::Cancel { pick, business } => {
                let hold = self.recent_hold(*pick)?;
                let business =
                    business.map_or_else(|| hold.business.clone(), |place| ALL[place].0.to_owned());
                Some(Command::Cancel { id: hold.id, business })
            }
            Step::Revise(edit) => edit.revision(&self.member).map(Command::Revise),
            Step::Refund { pick, permille, business, ago } => self.refund(*pick, *permille, *business, *ago),
            Step::Consent { purpose, is_granted } => {
                let purpose = match purpose {
                    0..BUSINESSES => self.circle.businesses[*purpose].consent(),
                    8 => "marketing".to_owned(),
                    9 => "personal_data".to_owned(),
                    12 => "medical_cross_promo".to_owned(),
                    _ => "medical_status".to_owned(),
                };
                Some(Command::ChangeConsents(vec![(purpose, *is_granted)]))
            }
            Step::Register => Some(Command::Register { at: self.now, consents: Vec::new() }),
            Step::Hand(hand) => {
                let available = self.member.balance(&self.circle, self.now).available;
                self.serial += 1;
                Some(standing::command(hand, self.now, available, self.serial))
            }
            Step::Coupon(step) => step.command(self),
            Step::Due => Some(Command::Due),
            Step::Review => Some(Command::Review),
            Step::Chain(_) | Step::HandOver { .. } => unreachable!("answered above"),
            Step::RefundAhead { .. } | Step::Policy { .. } | Step::Multiplier { .. } | Step::Terms { .. } => {
                self.surroundings(step);
                None
            }
        }
    }

    fn surroundings(&mut self, step: &Step) {
        match step {
            Step::RefundAhead { business, ahead, kopecks } => {
                let slug = ALL[*business].0;
                let purchase = purchase_id(self.serial + 2 + ahead);
                self.serial += 1;
                let refund = RefundId::of_key(natural_key(self.serial).as_bytes());
                self.circle.wait(slug, self.now, purchase, refund, Kopecks::from(*kopecks));
                let refund = Refund {
                    refund_id: refund,
                    amount: roubles(Kopecks::from(*kopecks)),
                    occurred_at: self.now,
                };
                let command =
                    WaitForPurchase { business_id: business_id(slug), purchase_id: purchase, refund };
                self.domain.wait(self.now, &command);
            }
            Step::Policy { change, in_days } => {
                let (name, value) = policy_change(*change);
                let effective_from = in_days.map(|days| self.now.plus(TimeDelta::days(days)));
                let command = PublishPolicy { effective_from, changes: [(name.to_owned(), value)].into() };
                if let Some(policy) = self.domain.publish(self.now, &command) {
                    self.circle.policies.push(plain_policy(&policy));
                }
            }
            Step::Multiplier { business, in_days, days, hundredths } => {
                let from = self.now.plus(TimeDelta::days(*in_days));
                let to = from.plus(TimeDelta::days(*days));
                let value = format!("{}.{:02}", hundredths / 100, hundredths % 100);
                let command = SetMultiplier {
                    business_id: business_id(ALL[*business].0),
                    from,
                    to,
                    value: value.parse().expect("a multiplier"),
                };
                self.domain.set_multiplier(self.now, &command);
                self.circle.businesses[*business].periods.push((from, to, i128::from(*hundredths)));
            }
            Step::Terms { business, change } => self.change_terms(*business, *change),
            other => unreachable!("{other:?} is asked of the member"),
        }
    }

    fn change_terms(&mut self, place: usize, change: usize) {
        let multiplier = ["1.55", "0.7"].get(change);
        let hold_days = [0, 3, 14, 100].get(change.wrapping_sub(2)).copied();
        let share = ["1", "0.1234"].get(change.wrapping_sub(6));
        let command = ChangeBusiness {
            business_id: business_id(ALL[place].0),
            name: None,
            cashback_multiplier: multiplier.map(|text| text.parse().expect("a multiplier")),
            hold_days,
            max_redeem_share: share.map(|text| text.parse().expect("a rate")),
            purchase_sources: None,
        };
        self.domain.change_terms(self.now, &command);
        let business = &mut self.circle.businesses[place];
        let (_, old) = *business.terms.last().expect("first terms");
        let terms = Terms {
            multiplier: multiplier.map(|text| scaled(text, 2)).or(old.multiplier),
            hold_days: hold_days.or(old.hold_days),
            redeem_share: share.map(|text| scaled(text, 4)).or(old.redeem_share),
        };
        business.terms.push((self.now, terms));
    }

    fn ago(&self, seconds: i64) -> Timestamp {
        if seconds < 0 {
            self.now.plus(TimeDelta::seconds(-seconds))
        } else {
            self.now.minus(TimeDelta::seconds(seconds))
        }
    }

    /// The next document; at the business that refunded it already, if one did.
    pub(crate) fn document(&mut self, business: usize, kopecks: i64, ago: i64) -> Document {
        self.serial += 1;
        let id = purchase_id(self.serial);
        let awaited = self.circle.businesses.iter().find(|it| it.waiting.iter().any(|it| it.purchase == id));
        Document {
            id,
            business: awaited.map_or_else(|| ALL[business].0.to_owned(), |business| business.slug.clone()),
            revision: 1,
            amount: Kopecks::from(kopecks),
            occurred_at: self.ago(ago),
            source: 0,
            redemption: None,
            redeem_amount: None,
            coupon: None,
            import: None,
        }
    }

    /// A document like one of the last purchases'.
    fn again(&mut self, pick: usize, source: u8, later: i64, is_import: bool) -> Option<Command> {
        let last = self.member.purchases.len().checked_sub(1)?;
        let known = self.member.purchases[last - pick.min(last)].clone();
        let document = self.document(place_of(&known.business)?, 0, 0);
        let later = TimeDelta::seconds(later);
        let occurred_at = if later < TimeDelta::zero() {
            known.occurred_at.minus(-later)
        } else {
            known.occurred_at.plus(later)
        };
        let import = is_import.then_some(None);
        let amount = known.amount.max(1);
        Some(Command::Purchase(Document { amount, occurred_at, source, import, ..document }))
    }

    fn refund(&mut self, pick: usize, permille: i64, business: Option<usize>, ago: i64) -> Option<Command> {
        let last = self.member.purchases.len().checked_sub(1)?;
        let purchase: &Purchase = &self.member.purchases[last - pick.min(last)];
        if purchase.is_handed_over {
            return None;
        }
        // Shares of the bill, so that parts add up; the whole rest at 1,000.
        let part = if permille == 1_000 {
            purchase.net()
        } else {
            purchase.amount * Kopecks::from(permille) / 1_000
        };
        let (purchase, slug) = (purchase.id, purchase.business.clone());
        self.serial += 1;
        Some(Command::Refund {
            purchase,
            business: business.map_or(slug, |place| ALL[place].0.to_owned()),
            id: RefundId::of_key(natural_key(self.serial).as_bytes()),
            amount: part.max(1),
            occurred_at: self.ago(ago),
        })
    }

    /// One of the last holds, as long as the domain remembers how it ended.
    pub(crate) fn recent_hold(&self, pick: usize) -> Option<&Hold> {
        let hold = self.member.holds.iter().rev().nth(pick).or(self.member.holds.last())?;
        (hold.lapses_at.plus(TimeDelta::days(1)) >= self.now).then_some(hold)
    }
}

/// The name of a command, and the code of its refusal or the name of its outcome.
pub(crate) fn kind_of(command: &Command, answer: &Result<Outcome, Refusal>) -> String {
    let outcome = |outcome| first_word(&format!("{outcome:?}"));
    let answer = answer.as_ref().map_or_else(|code| (*code).to_owned(), outcome);
    format!("{} {answer}", first_word(&format!("{command:?}")))
}

pub(crate) fn first_word(text: &str) -> String {
    text.split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

pub(crate) fn place_of(slug: &str) -> Option<usize> {
    ALL.iter().position(|(there, ..)| *there == slug)
}

fn purchase_id(serial: u32) -> PurchaseId {
    PurchaseId::of_key(natural_key(serial).as_bytes())
}
