//! Holds, captures, cancellations. Rules R1–R5.
//!
//! Readings:
//! - R1: a hold lapses at the first moment that is 15 minutes after it was made; from then on it is lapsed, written or not.
//! - R2: the share of a bill is cut to whole kopecks; less than the least amount is refused as more than the limit is.
//! - R2, R3: the least amount is asked of what is asked for; what a purchase captures by default may be less, or nothing.
//! - R3: a part of a hold is captured in the order of spending, and the rest released.
//! - R4: a stranger and a member without the consent to that partner are not found, alike.

use chrono::TimeDelta;
use ledger_core::ids::{LotId, RedemptionId};
use ledger_core::time::Timestamp;

use crate::circle::{Business, Circle};
use crate::lot::Place;
use crate::member::{Document, Member, Outcome};
use crate::{Kopecks, Refusal, calendar};

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum End {
    Captured,
    Cancelled,
    Lapsed,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What the purchase names it by.
    pub id: RedemptionId,
    /// Where alone it can be captured.
    pub business: String,
    /// In the order of spending.
    pub parts: Vec<(LotId, Kopecks)>,
    /// The first moment at which it is lapsed.
    pub lapses_at: Timestamp,
    /// How it ended.
    pub end: Option<End>,
}

impl Hold {
    /// What it reserved.
    #[must_use]
    pub fn amount(&self) -> Kopecks {
        self.parts.iter().map(|(_, amount)| amount).sum()
    }
}

impl Member {
    pub(crate) fn hold(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        id: RedemptionId,
        business: &str,
        bill: Kopecks,
        amount: Kopecks,
    ) -> Result<Outcome, Refusal> {
        let policy = circle.policy(now);
        let business = circle.business(business).ok_or("BUSINESS_NOT_FOUND")?;
        if !self.consents_to(&business.consent()) {
            return Err("MEMBER_NOT_FOUND");
        }
        if self.is_blocked {
            return Err("MEMBER_BLOCKED");
        }
        if amount > business.redeem_limit(bill, now, policy) || amount < policy.redeem_min {
            return Err("OVER_REDEEM_LIMIT");
        }
        if amount > self.available(now) {
            return Err("INSUFFICIENT_BONUSES");
        }
        let parts = self.take(amount, now, &Place::Held);
        let lapses_at = calendar::later(now, TimeDelta::minutes(policy.hold_minutes));
        self.holds.push(Hold { id, business: business.slug.clone(), parts, lapses_at, end: None });
        Ok(Outcome::Held { held: amount, expires_at: lapses_at })
    }

    /// The hold that may be captured or cancelled by `business`. Rule R4, in its order.
    pub(crate) fn open_hold(
        &self,
        id: RedemptionId,
        business: &str,
        now: Timestamp,
    ) -> Result<&Hold, Refusal> {
        let hold = self.holds.iter().find(|hold| hold.id == id).ok_or("HOLD_NOT_FOUND")?;
        match hold.end {
            Some(End::Captured | End::Cancelled) => Err("HOLD_ALREADY_CLOSED"),
            Some(End::Lapsed) => Err("HOLD_LAPSED"),
            None if hold.lapses_at <= now => Err("HOLD_LAPSED"),
            None if hold.business != business => Err("WRONG_BUSINESS"),
            None => Ok(hold),
        }
    }

    pub(crate) fn cancel(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        id: RedemptionId,
        business: &str,
    ) -> Result<Outcome, Refusal> {
        let released = self.open_hold(id, business, now)?.amount();
        self.close(id, End::Cancelled, 0);
        self.expire(circle, now, now);
        self.repay(now);
        Ok(Outcome::Cancelled { released })
    }

    /// Ends a hold: `captured` of it is spent in the order of spending, the rest goes back to its lots.
    pub(crate) fn close(&mut self, id: RedemptionId, end: End, captured: Kopecks) -> Vec<(LotId, Kopecks)> {
        let hold = self.holds.iter_mut().find(|hold| hold.id == id).expect("a hold she has");
        hold.end = Some(end);
        let Hold { business, parts, .. } = hold.clone();
        let mut rest = captured;
        let mut spent = Vec::new();
        for (lot, amount) in parts {
            let part = amount.min(rest);
            rest -= part;
            self.lot_mut(lot).shift(part, Place::Held, Place::Redeemed(business.clone()));
            self.lot_mut(lot).shift(amount - part, Place::Held, Place::Available);
            if part > 0 {
                spent.push((lot, part));
            }
        }
        spent
    }

    /// How much of which hold a purchase captures. Rules R3, R4, C4.
    pub(crate) fn captures(
        &self,
        document: &Document,
        business: &Business,
        circle: &Circle,
        moment: Timestamp,
        now: Timestamp,
        discount: Kopecks,
    ) -> Result<Option<(RedemptionId, Kopecks)>, Refusal> {
        let Some(id) = document.redemption else { return Ok(None) };
        let held = self.open_hold(id, &business.slug, now)?.amount();
        let policy = circle.policy(moment);
        let limit = business.redeem_limit(document.amount, moment, policy).min(document.amount - discount);
        let amount = document.redeem_amount.unwrap_or(held.min(limit));
        let is_too_little = document.redeem_amount.is_some_and(|asked| asked < policy.redeem_min);
        if amount > limit || is_too_little {
            return Err("OVER_REDEEM_LIMIT");
        }
        if amount > held {
            return Err("INSUFFICIENT_BONUSES");
        }
        Ok(Some((id, amount)))
    }
}
