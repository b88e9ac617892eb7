//! What a purchase document leads to. Rules T3–T6, D1, D2, B1–B5, R3, S2.
//!
//! Readings:
//! - T3, T5: who is a stranger or has not consented is `unmatched` before anything else is looked at; what happened before
//!   the membership is not stored, so it is not quarantined either.
//! - T6: an import answers with the status as of its own time (S4).
//! - T6: an import does not write what is due.
//! - T6: an import backdates a membership, never shortens it; due downgrades fall at the evaluation after the purchase.
//! - B1, S4: the status that pays is the one shown, at least vip while Premium is active, and pays Premium's rate if that
//!   is higher.
//! - B5: the business pays the rate of the status without the new-category extra, rounded; the coalition the rest.
//! - R4: a blocked member cannot buy either (the table of bad inputs); an import tells of the past.
//! - T3: an applied document is decided as of now, without the hold that it may have named.
//! - D5: two systems' reports are compared whichever they are, history's too; what is refunded in full is no sale.

use chrono::TimeDelta;
use ledger_core::ids::{LotId, PurchaseId};
use ledger_core::time::Timestamp;

use crate::circle::{Business, Circle};
use crate::lot::{COALITION, Lot};
use crate::member::{Document, Member, Outcome, Purchase};
use crate::redemption::End;
use crate::reward::Reaction;
use crate::status::Status;
use crate::{Kopecks, Refusal, calendar, rounded};

/// What is earned and by whom it is funded. Rules B4, B5.
pub(crate) struct Accrual {
    pub(crate) total: Kopecks,
    pub(crate) of_business: Kopecks,
}

/// What decides on what a purchase earns. Rules B1–B3, P5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the rule book")]
pub struct Inputs {
    pub rate: i128,
    pub status_rate: i128,
    pub new_category: i128,
    pub multiplier: i128,
}

impl Inputs {
    /// Rules B4, B5.
    pub(crate) fn accrual(self, base: Kopecks) -> Accrual {
        let Self { rate, status_rate, new_category, multiplier } = self;
        let base = base.max(0);
        Accrual {
            total: rounded(base * rate * new_category * multiplier, 10_000 * 100 * 100),
            of_business: rounded(base * status_rate * multiplier, 10_000 * 100),
        }
    }
}

impl Member {
    pub(crate) fn purchase(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        document: &Document,
    ) -> Result<Outcome, Refusal> {
        let business = circle.business(&document.business).ok_or("BUSINESS_NOT_FOUND")?;
        let Some(registered_at) = self.registered_at else { return Ok(Outcome::Unmatched) };
        if !self.consents_to(&business.consent()) {
            return Ok(Outcome::Unmatched);
        }
        if let Some(known) = self.seen(document) {
            return known;
        }
        let policy = circle.policy(now);
        if document.occurred_at > calendar::later(now, TimeDelta::minutes(policy.future_minutes)) {
            return Err("OCCURRED_IN_FUTURE");
        }
        if self.is_blocked && document.import.is_none() {
            // Rule R4: what is wrong with a hold is said before.
            if let Some(id) = document.redemption {
                self.open_hold(id, &business.slug, now)?;
            }
            return Err("MEMBER_BLOCKED");
        }
        let said = document.import.flatten().unwrap_or(registered_at);
        let registered_at = registered_at.min(said);
        if document.occurred_at
            < calendar::earlier(registered_at, TimeDelta::hours(policy.before_membership_hours))
        {
            return Ok(Outcome::BeforeMembership);
        }
        let oldest = calendar::earlier(now, TimeDelta::days(policy.max_age_days));
        if document.import.is_none() {
            self.write_due(circle, now);
        }
        // Rules P1, T6.
        let moment = match document.import {
            Some(_) => document.occurred_at,
            None => circle.moment(document.occurred_at, now),
        };
        let is_too_old = document.import.is_none() && document.occurred_at < oldest;
        let is_double = self.is_reported_twice(document, circle.policy(moment).duplicate_minutes);
        if is_too_old || is_double {
            if !is_double {
                self.too_old.insert(document.id);
            }
            self.quarantine.push(document.clone());
            return Ok(Outcome::Quarantined);
        }
        self.registered_at = Some(registered_at);
        self.record(circle, now, moment, document, (business, None))
    }

    /// Rule D5.
    fn is_reported_twice(&self, document: &Document, minutes: i64) -> bool {
        let apart = |one: Timestamp, other: Timestamp| calendar::between(one.min(other), one.max(other));
        let is_near = |moment| apart(moment, document.occurred_at) <= TimeDelta::minutes(minutes);
        let is_counted = self.purchases.iter().any(|known| {
            known.business == document.business
                && known.amount == document.amount
                && known.source != document.source
                && known.net() > 0
                && is_near(known.occurred_at)
        });
        // What waits because it is too old may come to count.
        let waits = self.quarantine.iter().filter(|known| self.too_old.contains(&known.id)).any(|known| {
            known.business == document.business
                && known.amount == document.amount
                && known.source != document.source
                && known.id != document.id
                && is_near(known.occurred_at)
        });
        is_counted || waits
    }

    /// Rule T3.
    pub(crate) fn apply(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        id: PurchaseId,
    ) -> Result<Outcome, Refusal> {
        let place = self.quarantine.iter().position(|it| it.id == id).ok_or("QUARANTINE_CLOSED")?;
        if self.is_blocked {
            return Err("MEMBER_BLOCKED");
        }
        let business = circle.business(&self.quarantine[place].business).expect("known");
        if !self.consents_to(&business.consent()) {
            return Err("CONSENT_REQUIRED");
        }
        let waited = self.quarantine.remove(place);
        let document = Document { redemption: None, redeem_amount: None, import: None, ..waited };
        let business = circle.business(&document.business).expect("known");
        let lives_until = calendar::end_of(calendar::days_after(now, circle.policy(now).returned_life_days));
        let moment = circle.moment(document.occurred_at, now);
        self.record(circle, now, moment, &document, (business, Some(lives_until)))
    }

    pub(crate) fn discard(&mut self, id: PurchaseId) -> Result<Outcome, Refusal> {
        let place = self.quarantine.iter().position(|it| it.id == id).ok_or("QUARANTINE_CLOSED")?;
        self.quarantine.remove(place);
        Ok(Outcome::Done)
    }

    /// Rules D1, D2.
    fn seen(&self, document: &Document) -> Option<Result<Outcome, Refusal>> {
        let known = self.purchases.iter().rfind(|purchase| purchase.id == document.id)?;
        let is_same = known.amount == document.amount && known.occurred_at == document.occurred_at;
        Some(match document.revision.cmp(&known.revision) {
            std::cmp::Ordering::Less => Ok(Outcome::Stale),
            std::cmp::Ordering::Equal if is_same => Ok(Outcome::Replayed),
            std::cmp::Ordering::Equal => Err("IDEMPOTENCY_KEY_REUSED"),
            std::cmp::Ordering::Greater => unreachable!("a revision has its own command"),
        })
    }

    fn record(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        moment: Timestamp,
        document: &Document,
        (business, lives_until): (&Business, Option<Timestamp>),
    ) -> Result<Outcome, Refusal> {
        let coupon = self.uses(document, business, self.shown(moment), now)?;
        let used = self.worth(circle, now, coupon, document.amount);
        let discount = used.as_ref().map_or(0, |used| used.discount);
        let mut spent = Vec::new();
        if let Some((hold, amount)) = self.captures(document, business, circle, moment, now, discount)? {
            spent = self.close(hold, End::Captured, amount);
            // Rule R1: what is released past its life expires at once.
            self.expire(circle, now, now);
        }
        let redeemed: Kopecks = spent.iter().map(|(_, amount)| amount).sum();
        let inputs = self.inputs(circle, moment, business);
        let accrual = inputs.accrual(document.amount - redeemed - discount);
        let days = business.hold_days(moment, circle.policy(moment));
        let available_from = calendar::later(document.occurred_at, TimeDelta::days(i64::from(days)));
        let expires_at =
            calendar::end_of(calendar::days_after(document.occurred_at, circle.policy(moment).life_days));
        let expires_at = lives_until.map_or(expires_at, |least| expires_at.max(least));
        let life = (available_from, expires_at);
        let lots = self.earn(&accrual, document, now, business, life);
        let purchase = Purchase {
            id: document.id,
            business: business.slug.clone(),
            revision: document.revision,
            amount: document.amount,
            occurred_at: document.occurred_at,
            source: document.source,
            inputs,
            accrual: accrual.total,
            of_business: accrual.of_business,
            lots,
            policy: circle.policy_number(moment),
            redeem_share: business.redeem_share(moment, circle.policy(moment)),
            first_bill: document.amount,
            // A hold that paid nothing is not the purchase's.
            redemption: document.redemption.filter(|_| redeemed > 0),
            captured: redeemed,
            spent,
            came_back: Vec::new(),
            kept: redeemed,
            coupon: used.clone(),
            refunds: Vec::new(),
            moment,
            recorded_at: now,
            paid_first: document.amount - redeemed - discount,
            status: self.shown(moment),
            life,
            converts: false,
            of_chain: None,
            is_handed_over: false,
        };
        self.purchases.push(purchase);
        if let Some(place) = coupon {
            self.coupons[place].is_closed = true;
            self.give_for_coupon(now);
        }
        self.repay(now);
        self.to_react.push(Reaction::Bought(document.id));
        self.convert_last(circle, now, document.id);
        self.evaluate_after(circle, now, moment, business, document.import.map(|_| document.occurred_at));
        self.apply_waiting(circle, now, (document.id, lives_until.is_some()), business);
        let status = self.shown(document.import.map_or(now, |_| document.occurred_at));
        Ok(Outcome::Recorded {
            earned: accrual.total,
            available_from,
            expire_at: expires_at,
            redeemed,
            discount,
            status,
        })
    }

    /// The lots of an accrual, the business's first. Rule B5.
    fn earn(
        &mut self,
        accrual: &Accrual,
        document: &Document,
        now: Timestamp,
        business: &Business,
        life: (Timestamp, Timestamp),
    ) -> Vec<LotId> {
        let mut lots = Vec::new();
        let of_coalition = accrual.total - accrual.of_business;
        for (funder, amount) in [(business.slug.as_str(), accrual.of_business), (COALITION, of_coalition)] {
            if amount > 0 {
                let mut lot = Lot::new(LotId::of(document.id, funder), funder, Some(document.id), life);
                // Rule T6: an imported lot opens as it would have at its own time.
                let opened_at = if document.import.is_some() { document.occurred_at.min(now) } else { now };
                lot.issue(amount, opened_at);
                lots.push(lot.id);
                self.lots.push(lot);
            }
        }
        lots
    }

    /// Rules B1–B3.
    fn inputs(&self, circle: &Circle, moment: Timestamp, business: &Business) -> Inputs {
        self.inputs_by(circle, circle.policy_number(moment), moment, business)
    }

    /// The same by a policy of its own.
    pub(crate) fn inputs_by(
        &self,
        circle: &Circle,
        policy: usize,
        moment: Timestamp,
        business: &Business,
    ) -> Inputs {
        let policy = &circle.policies[policy];
        let status = self.shown(moment);
        let status_rate = policy.rate(status);
        let is_premium = self.has_premium(moment);
        let rate = if is_premium { status_rate.max(policy.premium_rate) } else { status_rate };
        let new_category =
            if self.is_new_category(circle, business) { policy.new_category(status) } else { 100 };
        Inputs { rate, status_rate, new_category, multiplier: business.multiplier(moment) }
    }

    /// No earlier recorded, not fully refunded purchase in the category; one at a clinic counts for that clinic alone.
    /// Rule B2.
    fn is_new_category(&self, circle: &Circle, business: &Business) -> bool {
        !self.purchases.iter().filter(|purchase| purchase.net() > 0).any(|purchase| {
            let there = circle.business(&purchase.business).expect("known");
            if there.is_medical { there.slug == business.slug } else { there.category == business.category }
        })
    }

    /// Rule S2, with S7: a purchase or refund at a clinic is no occasion to look at the status without clinics.
    pub(crate) fn evaluate_after(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        moment: Timestamp,
        business: &Business,
        imported: Option<Timestamp>,
    ) {
        let policy = circle.policy(moment);
        if !business.is_medical {
            self.evaluate(circle, policy, now, imported, false);
        }
        self.evaluate(circle, policy, now, imported, true);
    }

    /// Her status as shown at a moment. Rules S4, S7.
    #[must_use]
    pub fn shown(&self, at: Timestamp) -> Status {
        let track = if self.consents_to("medical_status") { &self.with_medical } else { &self.ordinary };
        if self.has_premium(at) { track.status.max(Status::Vip) } else { track.status }
    }
}
