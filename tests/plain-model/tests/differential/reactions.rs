//! Whoever follows the log: what purchases trigger and what follows from them, in the domain and in the model. Rules X3, X4,
//! B9.

use std::collections::BTreeSet;

use ledger_core::chain::definition::Reward;
use ledger_core::ids::{CouponId, PurchaseId};
use ledger_core::log::Event;
use ledger_core::member::cross_bonus::{FollowedStep, GiveCrossBonus};
use ledger_core::member::event::{BonusAccrued, MemberEvent, Promise};
use ledger_core::member::reward::TakeReward;
use ledger_core::member::{MemberCommand, MemberOutcome};
use ledger_core::money::Bonuses;
use ledger_core::time::Timestamp;
use plain_model::chain::StepId;
use plain_model::member::{Command, Member, Outcome};
use plain_model::reward::{Followed, Reaction, TriggeredStep};
use proptest::prelude::*;
use uuid::Uuid;

use crate::domain::{Domain, Her, Told, bonuses};
use crate::run::{Run, kind_of};

/// What a fact asks of a chain, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    Triggers(StepId, PurchaseId),
    Follows(Followed),
}

/// With what the domain is told beside it.
struct Asked {
    question: Question,
    fact: Told,
}

/// A conversion: of which trigger, by which purchase, whether she is held out.
pub(crate) type Conversion = (Followed, bool);

/// Those that the model knows.
pub(crate) fn converted(member: &Member) -> BTreeSet<Conversion> {
    let converted = member.triggers.iter().filter_map(|it| {
        let followed = Followed { step: it.step, trigger: it.purchase, purchase: it.converted_by? };
        Some((followed, it.is_held_out))
    });
    converted.collect()
}

fn step_id(chain: ledger_core::ids::ChainId, version: u32, step: u32) -> StepId {
    StepId { chain, version, step: usize::try_from(step).expect("few") }
}

impl Her {
    /// Those that the domain knows.
    pub(crate) fn converted(&self) -> BTreeSet<Conversion> {
        let converted = self.log.iter().filter_map(|told| match &told.event {
            Event::Member(MemberEvent::ChainConverted(fact)) => {
                let step = step_id(fact.chain_id, fact.version, fact.step);
                let (trigger, purchase) = (fact.trigger_id, fact.purchase_id);
                Some((Followed { step, trigger, purchase }, fact.held_out))
            }
            _ => None,
        });
        converted.collect()
    }
}

/// What names the coupon of a step that a purchase triggers: the purchase's serial stands in the first bytes.
fn coupon_id(step: StepId, purchase: PurchaseId) -> CouponId {
    let mut key = [99; 32];
    key[..4].copy_from_slice(&purchase.as_uuid().as_bytes()[..4]);
    let chain = step.chain.as_uuid().into_bytes()[15];
    let small = |number: u128| u8::try_from(number).expect("few");
    key[10..13].copy_from_slice(&[chain, small(step.version.into()), small(step.step as u128)]);
    CouponId::of_key(&key)
}

impl Domain {
    /// What the log asks of chains from a place in it on.
    fn asked(&self, from: usize) -> Vec<Asked> {
        let asked = self.her.log[from..].iter().flat_map(|told| {
            let questions = match &told.event {
                Event::Member(MemberEvent::BonusAccrued(fact)) if fact.revision.is_none() => {
                    self.triggered(told, fact)
                }
                Event::Member(MemberEvent::ChainConverted(fact)) if !fact.held_out => {
                    let step = step_id(fact.chain_id, fact.version, fact.step);
                    let (trigger, purchase) = (fact.trigger_id, fact.purchase_id);
                    let followed = Followed { step, trigger, purchase };
                    if self.gives_bonuses(step) { vec![Question::Follows(followed)] } else { Vec::new() }
                }
                _ => Vec::new(),
            };
            questions.into_iter().map(|question| Asked { question, fact: told.clone() })
        });
        asked.collect()
    }

    fn gives_bonuses(&self, id: StepId) -> bool {
        let version = self.registry.chains.get(id.chain).and_then(|chain| chain.version(id.version));
        let step = version.and_then(|version| version.definition.steps.get(id.step));
        step.is_some_and(|step| matches!(step.reward, Reward::CrossBonus { .. }))
    }

    fn triggered(&self, told: &Told, fact: &BonusAccrued) -> Vec<Question> {
        let triggered = self.registry.chains.triggered(fact.business_id, looked_up_at(told, fact));
        let step =
            |it: ledger_core::chain::Triggered<'_>| step_id(it.chain.chain_id, it.version.version, it.place);
        triggered.map(|it| Question::Triggers(step(it), fact.purchase_id)).collect()
    }

    fn command_of(&self, Asked { question, fact }: &Asked) -> MemberCommand {
        let place = |step: &StepId| u32::try_from(step.step).expect("few");
        match (question, &fact.event) {
            (Question::Triggers(step, purchase), Event::Member(MemberEvent::BonusAccrued(accrued))) => {
                MemberCommand::TakeReward(Box::new(TakeReward {
                    member_id: self.her.id,
                    chain_id: step.chain,
                    version: step.version,
                    step: place(step),
                    purchase_id: *purchase,
                    business_id: accrued.business_id,
                    bought_at: fact.occurred_at,
                    net: accrued.inputs.base,
                    looked_up_at: looked_up_at(fact, accrued),
                    status: accrued.inputs.status,
                    coupon_id: coupon_id(*step, *purchase),
                }))
            }
            (Question::Follows(Followed { step, trigger, purchase }), _) => {
                let earned_by = FollowedStep {
                    chain_id: step.chain,
                    version: step.version,
                    step: place(step),
                    trigger_id: *trigger,
                    known_at: fact.recorded_at,
                };
                let file = self.file(*purchase).expect("a recorded purchase");
                MemberCommand::GiveCrossBonus(Box::new(GiveCrossBonus { earned_by, file }))
            }
            (Question::Triggers(..), other) => panic!("{other:?} triggers nothing"),
        }
    }

    /// Her lot for the hold-out, one of ten thousand. Decision 12.
    fn draw(&self, step: StepId) -> u32 {
        Uuid::new_v5(&step.chain.as_uuid(), self.her.id.as_uuid().as_bytes()).as_fields().0 % 10_000
    }
}

fn looked_up_at(told: &Told, fact: &BonusAccrued) -> Timestamp {
    fact.inputs.policy_moment.of_chains(told.occurred_at, told.recorded_at)
}

/// The model's answer in the domain's words, and whether it is written down.
fn told(question: Question, answer: &Outcome) -> (MemberOutcome, bool) {
    let of_chain = |promise| MemberOutcome::Triggered { promise };
    let outcome = match (answer, question) {
        (Outcome::Rewarded { .. }, Question::Triggers(step, purchase)) => {
            MemberOutcome::Rewarded { coupon_id: coupon_id(step, purchase) }
        }
        (Outcome::Promised, _) => of_chain(Promise::CrossBonus),
        (Outcome::HeldOut, _) => of_chain(Promise::HeldOut),
        (Outcome::CrossBonus { amount, .. }, _) => MemberOutcome::CrossBonus { amount: bonuses(*amount) },
        (Outcome::NoReward { .. }, Question::Triggers(..)) => of_chain(Promise::Nothing),
        (Outcome::NoReward { .. }, Question::Follows(_)) => {
            MemberOutcome::CrossBonus { amount: Bonuses::ZERO }
        }
        (other, question) => panic!("{other:?} answers {question:?}"),
    };
    (outcome, !matches!(answer, Outcome::NoReward { is_final: true, .. }))
}

impl Run {
    /// Chains answer to everything that she did, until nothing follows any more.
    pub(crate) fn react(&mut self) -> Result<(), TestCaseError> {
        loop {
            let theirs = self.domain.asked(self.domain.her.passed);
            self.domain.her.passed = self.domain.her.log.len();
            let ours = self.our_questions();
            let questions: Vec<_> = theirs.iter().map(|asked| asked.question).collect();
            prop_assert_eq!(questions, ours, "what is asked of chains");
            if theirs.is_empty() {
                return Ok(());
            }
            theirs.iter().try_for_each(|asked| self.ask(asked))?;
        }
    }

    fn our_questions(&mut self) -> Vec<Question> {
        let reactions = std::mem::take(&mut self.member.to_react);
        let questions = reactions.into_iter().flat_map(|reaction| match reaction {
            Reaction::Bought(id) => {
                let purchase = self.member.purchases.iter().find(|it| it.id == id).expect("hers");
                let steps = self.circle.triggered_by(purchase).into_iter();
                steps.map(|step| Question::Triggers(step, id)).collect()
            }
            Reaction::Followed(followed) => vec![Question::Follows(followed)],
        });
        questions.collect()
    }

    fn ask(&mut self, asked: &Asked) -> Result<(), TestCaseError> {
        let question = asked.question;
        let (chain, command) = match question {
            Question::Triggers(step, purchase) => {
                let (draw, coupon) = (self.domain.draw(step), coupon_id(step, purchase));
                (step.chain, Command::TakeReward(TriggeredStep { step, purchase, draw, coupon }))
            }
            Question::Follows(followed) => (followed.step.chain, Command::CrossBonus(followed)),
        };
        let ours = self.member.command(&self.circle, self.now, &command);
        let their_command = self.domain.command_of(asked);
        let theirs = self.domain.execute(self.now, &their_command);
        let answer = ours.as_ref().map(|ours| told(question, ours)).map_err(|code| *code);
        let (outcome, written) = theirs.as_ref().expect("never refused");
        let theirs = Ok((outcome.clone(), *written > 0));
        prop_assert_eq!(
            theirs,
            answer,
            "domain and model answer {:?} at {:?}: {:?}",
            question,
            self.now,
            ours
        );
        if *written > 0 {
            self.domain.her.answered.insert(question);
        }
        if let Ok(Outcome::Rewarded { cost } | Outcome::CrossBonus { cost, .. }) = ours {
            self.circle.gave(chain, cost);
        }
        self.commands += 1;
        self.seen.insert(kind_of(&command, &ours));
        if let Ok(Outcome::NoReward { why, .. }) = ours {
            self.seen.insert(format!("no reward: {why}"));
        }
        Ok(())
    }

    /// The stream is read once more from its beginning: what was answered by facts is known by its key, and all else leads
    /// to nothing again. Rule X3.
    pub(crate) fn read_again(&mut self) -> Result<(), TestCaseError> {
        for asked in self.domain.asked(0) {
            if self.domain.her.answered.contains(&asked.question) {
                continue;
            }
            let command = self.domain.command_of(&asked);
            let (outcome, written) = self.domain.execute(self.now, &command).expect("never refused");
            prop_assert_eq!(written, 0, "read again, {:?} leads to {:?}", asked.question, outcome);
        }
        Ok(())
    }

    /// What chains did for her, for `seen`.
    pub(crate) fn look_back_at_chains(&mut self) {
        let triggers = &self.member.triggers;
        let late = |it: &&plain_model::reward::Trigger| {
            let place = |id: PurchaseId| self.member.purchases.iter().position(|known| known.id == id);
            it.converted_by.is_some_and(|by| place(by) < place(it.purchase))
        };
        let used =
            |it: &plain_model::member::Purchase| it.coupon.as_ref().is_some_and(|it| !it.way.is_empty());
        let lost = |it: &plain_model::member::Purchase| it.of_chain.is_some() && it.refunded() > 0;
        let more =
            |it: &plain_model::member::Purchase| it.of_chain.as_ref().is_some_and(|it| it.lots.len() > 1);
        let revoked = |it: &plain_model::coupon::Coupon| it.came_from.is_some() && it.is_closed;
        let seen = [
            (triggers.iter().any(|it| it.converted_by.is_some()), "a conversion"),
            (triggers.iter().any(|it| it.is_held_out && it.converted_by.is_some()), "a conversion held out"),
            (triggers.iter().filter(late).count() > 0, "a conversion by a purchase known before"),
            (self.member.purchases.iter().any(used), "a chain's coupon used"),
            (self.member.purchases.iter().any(lost), "a cross bonus after a refund"),
            (self.member.coupons.iter().any(revoked), "a chain's coupon closed"),
            (self.member.purchases.iter().any(more), "a cross bonus of a revision"),
        ];
        self.seen.extend(seen.into_iter().filter(|(is_it, _)| *is_it).map(|(_, what)| what.to_owned()));
    }
}
