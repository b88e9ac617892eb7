//! What time alone brings about: lots mature and expire, holds lapse, and what becomes available pays debts.
//! Rules B5, B8, R1, F3.
//!
//! Readings:
//! - Things happen in the order of their moments, whenever they are written, and even before the log took a lot (T6):
//!   what is past its life was available before.
//! - B6, F3: debts are paid when what is due is written, out of what is alive then: a lot past its life is never spendable,
//!   not even by what it could have paid while nothing was written.
//! - R1: what is held of a lot is good until the hold closes; the rest of the lot expires in its time.
//! - B5: a lot whose hold is longer than its life expires from pending.
//! - B8, P1: who gets the face value is the policy's that decides on the expiry as on any fact: the one of its own moment
//!   when it is written soon enough, else the one of now.

use chrono::TimeDelta;
use ledger_core::time::Timestamp;

use crate::circle::Circle;
use crate::lot::{ExpiredTo, Lot, Place};
use crate::member::Member;
use crate::redemption::End;
use crate::{Kopecks, calendar};

/// Just after the last moment of a lot's life.
fn end_of(lot: &Lot) -> Timestamp {
    calendar::later(lot.expires_at, TimeDelta::microseconds(1))
}

impl Member {
    /// Everything due up to `now`, one moment after the other; then what became available pays debts.
    pub(crate) fn write_due(&mut self, circle: &Circle, now: Timestamp) {
        while let Some(moment) = self.next_moment().filter(|moment| *moment <= now) {
            self.mature(moment);
            self.lapse(moment);
            self.expire(circle, moment, now);
        }
        self.repay(now);
    }

    fn next_moment(&self) -> Option<Timestamp> {
        let matures = self.lots.iter().filter(|lot| can_mature(lot)).map(|lot| lot.available_from);
        let expires = self.lots.iter().filter(|lot| left(lot) > 0).map(end_of);
        let lapses = self.holds.iter().filter(|hold| hold.end.is_none()).map(|hold| hold.lapses_at);
        matures.chain(expires).chain(lapses).min()
    }

    fn mature(&mut self, moment: Timestamp) {
        for lot in self.lots.iter_mut().filter(|lot| can_mature(lot) && lot.available_from <= moment) {
            lot.shift(lot.amount_at(&Place::Pending), Place::Pending, Place::Available);
        }
    }

    fn lapse(&mut self, moment: Timestamp) {
        let open = self.holds.iter().filter(|hold| hold.end.is_none() && hold.lapses_at <= moment);
        for id in open.map(|hold| hold.id).collect::<Vec<_>>() {
            self.close(id, End::Lapsed, 0);
        }
    }

    /// Also what was just released past its life.
    pub(crate) fn expire(&mut self, circle: &Circle, moment: Timestamp, now: Timestamp) {
        for lot in self.lots.iter_mut().filter(|lot| end_of(lot) <= moment) {
            let to_coalition = circle.policy(circle.moment(lot.expires_at, now)).expired_to_coalition;
            let to = if to_coalition { ExpiredTo::Breakage } else { ExpiredTo::Funder };
            lot.shift(lot.amount_at(&Place::Pending), Place::Pending, Place::Expired(to));
            lot.shift(lot.amount_at(&Place::Available), Place::Available, Place::Expired(to));
        }
    }

    /// What is available pays debts, the oldest first. Rule F3.
    pub(crate) fn repay(&mut self, now: Timestamp) {
        for place in 0..self.debts.len() {
            let owed = self.debts[place].left();
            let to = Place::TakenFor(self.debts[place].creditor.clone());
            let paid: Kopecks = self.take(owed, now, &to).iter().map(|(_, amount)| amount).sum();
            if paid > 0 {
                self.debts[place].payments.push(paid);
            }
        }
    }
}

fn left(lot: &Lot) -> Kopecks {
    lot.amount_at(&Place::Available) + lot.amount_at(&Place::Pending)
}

fn can_mature(lot: &Lot) -> bool {
    lot.available_from <= lot.expires_at && lot.amount_at(&Place::Pending) > 0
}
