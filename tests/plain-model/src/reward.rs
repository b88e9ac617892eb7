//! What chains bring a member: rewards, conversions, cross bonuses. Rules X3–X6, X9, B9, F5, F7.
//!
//! Readings, most of them those of the twelfth decision:
//! - X3: a reward is decided within the step's window after the purchase or not at all, once for a step and a purchase, on
//!   what is true by then; her status is the one that the purchase was paid by.
//! - X3: the net amount must be enough when the purchase is recorded and when the reward is decided; it is the bill less
//!   what was redeemed, the discount and what was given back, each in full.
//! - X5: who is held out counts as if she had got something. A promised cross bonus counts when it is given, with the whole
//!   of it for the bill as it stands; before refunds.
//! - X6: the depth is the number of businesses that a coupon came from. A purchase that follows from a promise of bonuses goes on
//!   from where that came from, too.
//! - X4: a trigger is one that brought something (or would have, if she were not held out) and is not given back in full;
//!   the last one is the one of the last purchase, of one moment that of the chain that was drawn up first. What comes after
//!   the purchase that follows from it takes the first that follows from none. Who is held out converts beside the others.
//! - B9: nothing, when nothing is left of the purchase, its lots would be over, the step ran no more at the moment that
//!   decides on the purchase, a clinic's visits may not be used so, or the chain has not enough left. For a purchase that was
//!   recorded too late for its own moment, that moment is when it was known that it follows.
//! - F7: no revision makes a cross bonus more than what counted.
//! - X3, D3: a revision triggers nothing; what was given back in full triggers nothing again when it is restored.

use std::cmp::Reverse;

use chrono::TimeDelta;
use ledger_core::ids::{CouponId, LotId, PurchaseId};
use ledger_core::time::Timestamp;

use crate::chain::{Chain, Reward, Step, StepId, Version};
use crate::circle::Circle;
use crate::coupon::Coupon;
use crate::lot::Lot;
use crate::member::{Member, Outcome, Purchase};
use crate::{Kopecks, calendar, rounded};

/// How many open coupons of one business she can have.
const OPEN_COUPONS_MAX: usize = 50;

/// What chains have to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// A purchase, which may trigger steps.
    Bought(PurchaseId),
    /// A purchase that follows from a trigger of a step that gives a cross bonus.
    Followed(Followed),
}

/// A purchase triggers a step. The coupon's id and her lot for the hold-out, one of ten thousand, are given from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TriggeredStep {
    pub step: StepId,
    pub purchase: PurchaseId,
    pub draw: u32,
    pub coupon: CouponId,
}

/// A purchase followed from a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Followed {
    pub step: StepId,
    pub trigger: PurchaseId,
    pub purchase: PurchaseId,
}

/// A step that a purchase of hers triggered, and what followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Trigger {
    pub step: StepId,
    pub purchase: PurchaseId,
    pub bought_at: Timestamp,
    pub target: String,
    /// The last moment at which a purchase follows from it.
    pub until: Timestamp,
    pub gives_bonuses: bool,
    /// Where what it gives came from. Rule X6.
    pub way: Vec<String>,
    pub is_held_out: bool,
    pub converted_by: Option<PurchaseId>,
    /// When the log was told so.
    pub converted_at: Option<Timestamp>,
    /// Whether its purchase was given back in full.
    pub is_closed: bool,
}

/// What a chain added to a purchase. Rule B9.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfChain {
    pub step: StepId,
    pub trigger: PurchaseId,
    pub rate: i128,
    /// What counted for it of the budget.
    pub most: Kopecks,
    /// Of each revision that brought more.
    pub lots: Vec<LotId>,
}

impl Purchase {
    /// What of a chain's bonuses is left when so much is given back. Rules B9, F7.
    pub(crate) fn of_chain_at(&self, refunded: Kopecks) -> Kopecks {
        let whole =
            self.of_chain.as_ref().map_or(0, |it| rounded(self.amount * it.rate, 10_000).min(it.most));
        whole - self.gone(whole, refunded)
    }
}

impl Member {
    fn bought(&self, id: PurchaseId) -> &Purchase {
        self.purchases.iter().rfind(|purchase| purchase.id == id).expect("a purchase of hers")
    }

    /// How many rewards of the chain she had. Rule X5.
    fn rewards_of(&self, chain: &Chain) -> usize {
        let counts = |it: &&Trigger| it.is_held_out || !it.gives_bonuses;
        let triggers = self.triggers.iter().filter(|it| it.step.chain == chain.id).filter(counts).count();
        let bonuses = self.purchases.iter().filter_map(|purchase| purchase.of_chain.as_ref());
        triggers + bonuses.filter(|it| it.step.chain == chain.id).count()
    }

    pub(crate) fn take_reward(&mut self, circle: &Circle, now: Timestamp, asked: &TriggeredStep) -> Outcome {
        let (chain, version, step) = circle.step(asked.step);
        let purchase = self.bought(asked.purchase).clone();
        let until = calendar::later(purchase.occurred_at, TimeDelta::days(step.window_days));
        let mut way = self.way_of(&purchase);
        way.push(step.from.clone());
        let policy = circle.policy(purchase.looked_at());
        let is_for_her = version.statuses.is_empty() || version.statuses.contains(&purchase.status);
        let never = [
            (now > until, "too late"),
            (!is_for_her, "another status"),
            (!is_enough(purchase.paid_first, step), "too little"),
            (way.len() > policy.chain_max_depth, "too deep"),
            (way.contains(&step.to), "back where it came from"),
            (!chain.allows(version, self.rewards_of(chain), step.reward.cost()), "beyond the limits"),
        ];
        if let Some((_, why)) = never.into_iter().find(|(is_it, _)| *is_it) {
            return Outcome::NoReward { why, is_final: true };
        }
        self.write_due(circle, now);
        if let Some(why) = self.not_now(circle, now, (version, step), &purchase) {
            return Outcome::NoReward { why, is_final: false };
        }
        let is_held_out = asked.draw < version.holdout.map_or(policy.chain_holdout, |percent| percent * 100);
        let gives_bonuses = matches!(step.reward, Reward::CrossBonus { .. });
        if !is_held_out {
            self.coupons.extend(coupon(now, asked, (version, step), way.clone()));
        }
        self.triggers.push(Trigger {
            step: asked.step,
            purchase: purchase.id,
            bought_at: purchase.occurred_at,
            target: step.to.clone(),
            until,
            gives_bonuses,
            way,
            is_held_out,
            converted_by: None,
            converted_at: None,
            is_closed: false,
        });
        self.convert_first(now);
        match (is_held_out, gives_bonuses) {
            (true, _) => Outcome::HeldOut,
            (false, true) => Outcome::Promised,
            (false, false) => Outcome::Rewarded { cost: step.reward.cost() },
        }
    }

    /// What may be otherwise another time. Rules X1, X3, X9.
    fn not_now(
        &self,
        circle: &Circle,
        now: Timestamp,
        (version, step): (&Version, &Step),
        purchase: &Purchase,
    ) -> Option<&'static str> {
        let there = |it: &&Purchase| it.business == step.to && it.net() > 0;
        let is_customer = self.purchases.iter().any(|it| there(&it));
        // What a business gives by hand has a room of its own.
        let of_chains = |coupon: &&Coupon| coupon.business == step.to && coupon.came_from.is_some();
        let open = self.open_coupons(now).filter(of_chains).count();
        let has_room = open < OPEN_COUPONS_MAX || matches!(step.reward, Reward::CrossBonus { .. });
        let reasons = [
            (self.is_blocked, "she is blocked"),
            (!self.may_lead_on(circle, step), "a clinic's visit that may not be used so"),
            (version.new_customers_of_target && is_customer, "she knows the target"),
            (!has_room, "she has too many coupons"),
            (purchase.net() <= 0, "given back"),
            (!is_enough(purchase.paid() - purchase.refunded(), step), "too little is left"),
        ];
        reasons.into_iter().find(|(is_it, _)| *is_it).map(|(_, why)| why)
    }

    /// Rule X9.
    fn may_lead_on(&self, circle: &Circle, step: &Step) -> bool {
        let source = circle.business(&step.from).expect("known");
        !source.is_medical || self.consents_to("medical_cross_promo")
    }

    /// Where what a purchase was made with, or follows from, came from: what gets a chain's bonuses feeds it as little as what is
    /// made with its coupon.
    fn way_of(&self, purchase: &Purchase) -> Vec<String> {
        let mut way = purchase.coupon.as_ref().map(|used| used.way.clone()).unwrap_or_default();
        let follows =
            |it: &&Trigger| it.converted_by == Some(purchase.id) && it.gives_bonuses && !it.is_held_out;
        for business in self.triggers.iter().filter(follows).flat_map(|it| &it.way) {
            if !way.contains(business) {
                way.push(business.clone());
            }
        }
        way
    }

    /// A promise of bonuses that leads back to where its own purchase came from, as was learnt later, is none.
    fn leads_back(&self, it: &Trigger) -> bool {
        let of = self.purchases.iter().rfind(|purchase| purchase.id == it.purchase);
        it.gives_bonuses && !it.is_held_out && of.is_some_and(|of| self.way_of(of).contains(&it.target))
    }

    /// The last unconverted trigger that a purchase follows from, and beside it that of a step which holds her out; of what one
    /// purchase triggered, that of the chain that was drawn up first. Rule X4.
    pub(crate) fn convert_last(&mut self, circle: &Circle, now: Timestamp, id: PurchaseId) {
        for is_held_out in [false, true] {
            let purchase = self.bought(id).clone();
            let places = (0..self.triggers.len()).filter(|place| {
                let it = &self.triggers[*place];
                it.is_held_out == is_held_out && follows(it, &purchase) && !self.leads_back(it)
            });
            let last = places.max_by_key(|place| {
                let Trigger { bought_at, step, .. } = &self.triggers[*place];
                let number = circle.chains.iter().position(|chain| chain.id == step.chain);
                (*bought_at, Reverse((number, *step)))
            });
            last.into_iter().for_each(|place| self.follow(now, place, id));
        }
    }

    /// The first purchase that follows from the last trigger decided on. Rule X4.
    fn convert_first(&mut self, now: Timestamp) {
        let place = self.triggers.len() - 1;
        let it = &self.triggers[place];
        let counts = |purchase: &&Purchase| {
            purchase.net() > 0 && (it.is_held_out || !purchase.converts) && follows(it, purchase)
        };
        let following = self.purchases.iter().filter(counts);
        let first = following.min_by_key(|purchase| (purchase.occurred_at, purchase.id));
        first.map(|purchase| purchase.id).into_iter().for_each(|id| self.follow(now, place, id));
    }

    fn follow(&mut self, now: Timestamp, place: usize, purchase: PurchaseId) {
        let it = &mut self.triggers[place];
        (it.converted_by, it.converted_at) = (Some(purchase), Some(now));
        let Trigger { step, purchase: trigger, is_held_out, gives_bonuses, .. } = *it;
        if is_held_out {
            return;
        }
        if gives_bonuses {
            self.to_react.push(Reaction::Followed(Followed { step, trigger, purchase }));
        }
        let known = self.purchases.iter_mut().rfind(|it| it.id == purchase).expect("a purchase of hers");
        known.converts = true;
    }

    /// Rule B9.
    pub(crate) fn cross_bonus(&mut self, circle: &Circle, now: Timestamp, followed: &Followed) -> Outcome {
        let (chain, version, step) = circle.step(followed.step);
        let Reward::CrossBonus { rate } = step.reward else { unreachable!("a step that gives bonuses") };
        self.write_due(circle, now);
        let purchase = self.bought(followed.purchase).clone();
        let rate = rate.unwrap_or(circle.policies[purchase.policy].cross_bonus_rate);
        let most = rounded(purchase.amount * rate, 10_000);
        let Followed { step: id, trigger, .. } = *followed;
        let lots = vec![LotId::of_cross_bonus(purchase.id, trigger)];
        let of_chain = OfChain { step: id, trigger, rate, most, lots };
        let after = Purchase { of_chain: Some(of_chain), ..purchase };
        let amount = after.of_chain_at(after.refunded());
        let nothing = [
            (amount == 0, "nothing is left of it"),
            (now > after.life.1, "its life is over"),
            (!version.is_active(self.looked_at(followed)), "the step ran no more"),
            (!self.may_lead_on(circle, step), "a clinic's visit that may not be used so any more"),
            (!chain.allows(version, self.rewards_of(chain), most), "more than the chain has left"),
        ];
        if let Some((_, why)) = nothing.into_iter().find(|(is_it, _)| *is_it) {
            return Outcome::NoReward { why, is_final: false };
        }
        let id = LotId::of_cross_bonus(after.id, trigger);
        let mut lot = Lot::new(id, &version.funder(step), Some(after.id), after.life);
        lot.issue(amount, now);
        self.lots.push(lot);
        let known = self.purchases.iter_mut().rfind(|it| it.id == after.id).expect("a purchase of hers");
        *known = after;
        self.repay(now);
        Outcome::CrossBonus { amount, cost: most }
    }

    /// The moment as of which the step must run. Rules B9, P1.
    fn looked_at(&self, followed: &Followed) -> Timestamp {
        let is_it = |it: &&Trigger| it.step == followed.step && it.purchase == followed.trigger;
        let known_at = self.triggers.iter().find(is_it).and_then(|it| it.converted_at).expect("it follows");
        let purchase = self.bought(followed.purchase);
        let is_in_time = purchase.moment == purchase.occurred_at;
        if is_in_time { known_at.min(purchase.occurred_at) } else { known_at }
    }

    /// Rules F5, X4: coupons that the purchase triggered and nobody has used go with it, and nothing follows from it.
    pub(crate) fn revoke_triggered(&mut self, now: Timestamp, id: PurchaseId) {
        let is_its = |coupon: &Coupon| coupon.came_from.as_ref().is_some_and(|(purchase, _)| *purchase == id);
        let open = |coupon: &&mut Coupon| !coupon.is_closed && now <= coupon.expires_at;
        for coupon in self.coupons.iter_mut().filter(open).filter(|coupon| is_its(coupon)) {
            coupon.is_closed = true;
        }
        for trigger in self.triggers.iter_mut().filter(|it| it.purchase == id) {
            trigger.is_closed = true;
        }
    }
}

/// Rule X4.
fn follows(it: &Trigger, purchase: &Purchase) -> bool {
    let at = purchase.occurred_at;
    it.converted_by.is_none()
        && !it.is_closed
        && it.target == purchase.business
        && it.bought_at < at
        && at <= it.until
}

/// Rules X3, X6.
fn is_enough(net: Kopecks, step: &Step) -> bool {
    net > 0 && step.min_amount.is_none_or(|least| net >= least)
}

/// What the step gives her, if that is a coupon: with no conditions but its least bill.
fn coupon(
    now: Timestamp,
    asked: &TriggeredStep,
    (version, step): (&Version, &Step),
    way: Vec<String>,
) -> Option<Coupon> {
    let Reward::Coupon { gives, min_bill, life_days } = &step.reward else { return None };
    Some(Coupon {
        id: asked.coupon,
        business: step.to.clone(),
        gives: gives.clone(),
        funder: version.funder(step),
        min_bill: *min_bill,
        new_customers_only: false,
        statuses: Vec::new(),
        with_bonuses: true,
        valid_from: None,
        expires_at: calendar::end_of(calendar::days_after(now, *life_days)),
        code: None,
        is_closed: false,
        came_from: Some((asked.purchase, way)),
    })
}
