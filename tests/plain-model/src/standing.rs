//! What an admin's hand and the daily ranking bring about. Rules B10, S1, S3, S4.
//!
//! Readings:
//! - B10: gifts and upward adjustments are lots of the coalition, spendable at once; an adjustment lives as long as a
//!   purchase's lot. Downward takes what is available in the order of B7.
//! - S1: she enters when she spent more than the first one outside 1 %, and stays while she spent more than the first
//!   one outside 1.5 %; with too few members ranked nobody enters and nobody stays.
//! - S4: payments for Premium do not overlap; a cancellation ends it now and voids what is still to come.

use ledger_core::ids::LotId;
use ledger_core::time::Timestamp;

use crate::circle::Circle;
use crate::lot::Place;
use crate::member::{Member, Outcome};
use crate::refund::AMOUNT_MAX;
use crate::{Kopecks, Refusal, calendar};

impl Member {
    /// Rule S4.
    #[must_use]
    pub fn has_premium(&self, at: Timestamp) -> bool {
        self.premium.iter().any(|(from, to)| *from <= at && at < *to)
    }

    pub(crate) fn pay_premium(
        &mut self,
        now: Timestamp,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Outcome, Refusal> {
        if from >= to {
            return Err("PERIOD_REVERSED");
        }
        if self.premium.iter().any(|(first, after)| *first < to && from < *after) {
            return Err("PREMIUM_OVERLAPS");
        }
        self.premium.push((from, to));
        Ok(Outcome::Standing { status: self.shown(now) })
    }

    pub(crate) fn cancel_premium(&mut self, now: Timestamp) -> Result<Outcome, Refusal> {
        if !self.premium.iter().any(|(_, to)| *to > now) {
            return Err("PREMIUM_NOT_ACTIVE");
        }
        self.premium.retain(|(from, _)| *from < now);
        for (_, to) in &mut self.premium {
            *to = (*to).min(now);
        }
        Ok(Outcome::Standing { status: self.shown(now) })
    }

    pub(crate) fn invite(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        is_invited: bool,
    ) -> Result<Outcome, Refusal> {
        if self.is_invited != is_invited {
            self.is_invited = is_invited;
            self.review(circle, now);
        }
        Ok(Outcome::Standing { status: self.shown(now) })
    }

    pub(crate) fn block(&mut self, now: Timestamp, is_blocked: bool) -> Result<Outcome, Refusal> {
        self.is_blocked = is_blocked;
        Ok(Outcome::Standing { status: self.shown(now) })
    }

    /// What the first ones outside the two shares spent, on each track; none when too few members are ranked.
    pub(crate) fn rank(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        ordinary: Option<[Kopecks; 2]>,
        with_medical: Option<[Kopecks; 2]>,
    ) -> Result<Outcome, Refusal> {
        for (is_medical, measures) in [(false, ordinary), (true, with_medical)] {
            let spent = self.spent(circle, circle.policy(now), now, None, is_medical).amount;
            let track = if is_medical { &mut self.with_medical } else { &mut self.ordinary };
            let measure = measures.map(|[enter, stay]| if track.is_top { stay } else { enter });
            track.is_top = measure.is_some_and(|measure| spent > measure);
        }
        self.review(circle, now);
        Ok(Outcome::Done)
    }

    pub(crate) fn gift(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        lot: LotId,
        amount: Kopecks,
        life_days: Option<u32>,
    ) -> Result<Outcome, Refusal> {
        if amount <= 0 || amount > AMOUNT_MAX {
            return Err("AMOUNT_OUT_OF_RANGE");
        }
        let days = life_days.unwrap_or(circle.policy(now).life_days);
        let expires_at = calendar::end_of(calendar::days_after(now, days));
        self.give(lot, now, amount, expires_at);
        self.repay(now);
        Ok(Outcome::Granted { expires_at: Some(expires_at) })
    }

    pub(crate) fn adjust(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        lot: LotId,
        amount: Kopecks,
    ) -> Result<Outcome, Refusal> {
        if amount > 0 {
            return self.gift(circle, now, lot, amount, None);
        }
        if amount == 0 || -amount > AMOUNT_MAX {
            return Err("AMOUNT_OUT_OF_RANGE");
        }
        if -amount > self.available(now) {
            return Err("INSUFFICIENT_BONUSES");
        }
        self.take(-amount, now, &Place::TakenBack);
        Ok(Outcome::Granted { expires_at: None })
    }
}
