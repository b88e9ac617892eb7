//! What a chain is: steps from one business to another, what each gives, to whom, how often, and when. Rule X1.
//!
//! Its name and what its coupons say are somebody's own words, which may name a person: they live in the vault, and here
//! stand the ids of the texts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::business::Businesses;
use crate::category::Confidentiality;
use crate::ids::{BusinessId, ReasonId};
use crate::member::event::CouponBenefit;
use crate::member::status::Status;
use crate::money::Roubles;
use crate::rate::Rate;
use crate::time::Timestamp;

/// The most steps of one chain.
pub const STEPS_MAX: usize = 20;
/// The longest window and the longest life of a coupon, in days.
pub const DAYS_MAX: u32 = 365;

/// The most members that are held out, of a hundred.
pub const HOLDOUT_MAX: u32 = 50;

/// How the steps hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChainKind {
    /// A→B[→C…]
    Linear,
    /// A⇄B
    Mutual,
    /// A→[B, C, D]
    Fan,
}

/// A coupon as a step gives it: its end, place and funder follow from the purchase that triggers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CouponTemplate {
    /// What it gives.
    pub gives: CouponBenefit,
    /// The smallest bill.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_bill: Option<Roubles>,
    /// How many Moscow days it is good after the day on which it is issued.
    pub life_days: u32,
    /// The vault's text that describes it; none for a clinic's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<ReasonId>,
    /// The vault's text that says what a gift is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gift: Option<ReasonId>,
}

/// What a step gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reward {
    /// A coupon for the target.
    Coupon {
        /// Which.
        coupon: CouponTemplate,
    },
    /// A part of the bill at the target, in bonuses. Rule B9.
    CrossBonus {
        /// Which part; the policy's when absent.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        rate: Option<Rate>,
    },
}

impl Reward {
    /// The most that one can cost; `None` when nothing here says so. Rule X5.
    #[must_use]
    pub fn costs_at_most(&self) -> Option<Roubles> {
        match self {
            Self::Coupon { coupon } => coupon.gives.costs_at_most(),
            Self::CrossBonus { .. } => None,
        }
    }
}

/// One step: who bought there gets something here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where a purchase triggers it.
    pub from: BusinessId,
    /// Where its reward is good.
    pub to: BusinessId,
    /// How many days after the purchase a purchase there follows from it. Rule X4.
    pub window_days: u32,
    /// The smallest net amount that triggers it. Rule X3.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_amount: Option<Roubles>,
    /// What it gives.
    pub reward: Reward,
}

impl Step {
    /// Whether it leads from or to a clinic: then visits are a medical secret.
    #[must_use]
    pub fn concerns_clinic(&self, businesses: &Businesses) -> bool {
        [self.from, self.to].iter().any(|id| is_clinic(*id, businesses))
    }
}

fn is_clinic(id: BusinessId, businesses: &Businesses) -> bool {
    businesses.get(id).is_some_and(|business| business.confidentiality == Confidentiality::Medical)
}

/// Whom a chain is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// Members of these statuses; of any when empty.
    pub statuses: Vec<Status>,
    /// Only who has bought nothing at the target.
    pub new_customers_of_target: bool,
}

/// How much a chain gives. Rule X5.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Rewards for one member.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub per_member: Option<u32>,
    /// Rewards in all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total: Option<u32>,
    /// What all rewards may cost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub budget: Option<Roubles>,
}

/// Who bears the rewards of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChainFunder {
    /// The business whose purchase triggers the step.
    Source,
    /// The business where the reward is good.
    Target,
    /// The coalition.
    Coalition,
}

/// One version of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The vault's text with its name.
    pub name: ReasonId,
    /// How the steps hang together.
    pub kind: ChainKind,
    /// The steps.
    pub steps: Vec<Step>,
    /// Whom it is for.
    pub audience: Audience,
    /// How much it gives.
    pub limits: Limits,
    /// The first moment whose purchases trigger it; its activation when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<Timestamp>,
    /// The first moment whose purchases do so no more; its end when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<Timestamp>,
    /// Who bears the rewards.
    pub funded_by: ChainFunder,
    /// Of a hundred members, how many get nothing, so that it can be told what the chain brings; the policy's when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub holdout_percent: Option<u32>,
}

/// What is wrong with a definition, by the place of the field.
pub type Wrong = BTreeMap<String, String>;

impl Definition {
    /// The businesses whose owners must consent. Rule X2.
    #[must_use]
    pub fn parties(&self) -> BTreeSet<BusinessId> {
        self.steps.iter().flat_map(|step| [step.from, step.to]).collect()
    }

    /// The ids of its texts in the vault.
    pub fn texts(&self) -> impl Iterator<Item = ReasonId> + '_ {
        let of_steps = self.steps.iter().filter_map(|step| match &step.reward {
            Reward::Coupon { coupon } => Some([coupon.description, coupon.gift]),
            Reward::CrossBonus { .. } => None,
        });
        std::iter::once(self.name).chain(of_steps.flatten().flatten())
    }

    /// Everything that is wrong with it, each under the field, and so under the step, where it is. Rule X1.
    #[must_use]
    pub fn wrong(&self, businesses: &Businesses) -> Wrong {
        let mut wrong = Wrong::new();
        for (place, step) in self.steps.iter().enumerate() {
            let mut note = |field: &str, what: &str| {
                wrong.insert(format!("steps[{place}].{field}"), what.to_owned());
            };
            self.check_step(step, businesses, &mut note);
        }
        if let Some((field, what)) = self.shape() {
            wrong.entry(field).or_insert_with(|| what.to_owned());
        }
        if self.from.zip(self.to).is_some_and(|(from, to)| to <= from) {
            wrong.insert("to".to_owned(), "must be after from".to_owned());
        }
        let is_clinic = |id| is_clinic(id, businesses);
        // Compliance M1: whoever bears a reward stands beside its member wherever it is used; a cross bonus is booked when
        // she comes.
        let gives_bonuses = |step: &Step| matches!(step.reward, Reward::CrossBonus { .. });
        let tells = |step: &Step| match self.funded_by {
            ChainFunder::Source => is_clinic(step.from) || (is_clinic(step.to) && gives_bonuses(step)),
            ChainFunder::Target => is_clinic(step.from) && gives_bonuses(step),
            ChainFunder::Coalition => false,
        };
        if self.steps.iter().any(tells) {
            let what = "must be another: it would be told of visits to a medical business";
            wrong.insert("funded_by".to_owned(), what.to_owned());
        }
        if self.holdout_percent.is_some_and(|percent| percent > HOLDOUT_MAX) {
            wrong.insert("holdout_percent".to_owned(), "must be an integer from 0 to 50".to_owned());
        }
        let limits = [("limits.per_member", self.limits.per_member), ("limits.total", self.limits.total)];
        for (field, _) in limits.iter().filter(|(_, limit)| *limit == Some(0)) {
            wrong.insert((*field).to_owned(), "must be above zero".to_owned());
        }
        wrong
    }

    fn check_step(&self, step: &Step, businesses: &Businesses, note: &mut impl FnMut(&str, &str)) {
        for (field, id) in [("from", step.from), ("to", step.to)] {
            if businesses.get(id).is_none() {
                note(field, "there is no such business");
            }
        }
        if step.from == step.to {
            // Rule X6.
            note("to", "must be another business than from");
        }
        if !(1..=DAYS_MAX).contains(&step.window_days) {
            note("window_days", "must be an integer from 1 to 365");
        }
        let Reward::Coupon { coupon } = &step.reward else { return };
        let most = step.reward.costs_at_most();
        match (self.limits.budget, most) {
            (Some(budget), Some(most)) if most > budget => {
                note("reward", "must not cost more than the budget")
            }
            (Some(_), None) => note("reward.coupon.cap", "is required where there is a budget"),
            _ => {}
        }
        let is_percent = matches!(coupon.gives, CouponBenefit::DiscountPercent { .. });
        if most.zip(coupon.min_bill).is_some_and(|(most, bill)| !is_percent && most > bill) {
            note("reward.coupon.value", "must not be above min_bill");
        }
        if !(1..=DAYS_MAX).contains(&coupon.life_days) {
            note("reward.coupon.life_days", "must be an integer from 1 to 365");
        }
        check_words(coupon, step.to, businesses, note);
    }

    /// What of the kind the steps do not have: the field, and what would be right.
    fn shape(&self) -> Option<(String, &'static str)> {
        let at = |place: usize, field: &str| format!("steps[{place}].{field}");
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            return Some(("steps".to_owned(), "must be 1 to 20 steps"));
        }
        let second = || self.steps.iter().enumerate().skip(1);
        let first = self.steps.first()?;
        match self.kind {
            ChainKind::Linear => {
                let joined = self.steps.iter().zip(second());
                let apart = joined.clone().find(|(before, (_, step))| step.from != before.to);
                let mut visited = BTreeSet::from([first.from]);
                let again = self.steps.iter().position(|step| !visited.insert(step.to));
                let apart =
                    apart.map(|(_, (place, _))| (at(place, "from"), "must be where the step before leads"));
                apart.or_else(|| again.map(|place| (at(place, "to"), "must not be in the chain already")))
            }
            ChainKind::Mutual => match self.steps.as_slice() {
                [there, back] if (back.from, back.to) == (there.to, there.from) => None,
                [_, _] => Some((at(1, "from"), "must be the way back of the first step")),
                _ => Some(("steps".to_owned(), "must be two steps, there and back")),
            },
            ChainKind::Fan => {
                let other = second().find(|(_, step)| step.from != first.from);
                let mut targets = BTreeSet::new();
                let again = self.steps.iter().position(|step| !targets.insert(step.to));
                let other = other.map(|(place, _)| (at(place, "from"), "must be where all steps begin"));
                other.or_else(|| {
                    again.map(|place| (at(place, "to"), "must not be the target of another step"))
                })
            }
        }
    }
}

/// A clinic's coupon has no words, and so gives no gift (`compliance.md` M1); any other must say what it is.
fn check_words(
    coupon: &CouponTemplate,
    target: BusinessId,
    businesses: &Businesses,
    note: &mut impl FnMut(&str, &str),
) {
    let is_gift = matches!(coupon.gives, CouponBenefit::Gift {});
    match businesses.get(target).map(|business| business.confidentiality) {
        Some(Confidentiality::Medical) if is_gift => {
            note("reward.coupon.type", "must not be gift at a medical business");
        }
        Some(Confidentiality::Ordinary) if coupon.description.is_none() => {
            note("reward.coupon.description", "is required");
        }
        _ => {}
    }
}
