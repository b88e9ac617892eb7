//! The fold of redemptions: open holds, and how the closed ones of late ended. Rules R1, R3.
//!
//! What is held of a lot stays in the lot, apart from what is left to spend: a lot lives until both are nothing.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::event::{BonusesHeld, BonusesRedeemed, HeldPart, HoldEnd, HoldReleased, LotPart};
use super::state::{LiveLot, MemberState};
use crate::category::Confidentiality;
use crate::ids::{BusinessId, LotId, RedemptionId};
use crate::money::Bonuses;
use crate::time::Timestamp;

/// For how long a closed hold is remembered as closed; after that it was never heard of.
const REMEMBERED_DAYS: i64 = 90;

/// A hold that nobody has captured, cancelled or written off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenHold {
    /// Where alone it can be captured.
    pub business_id: BusinessId,
    /// The first moment at which it is no longer good.
    pub lapses_at: Timestamp,
    /// What is held of which lots, in the order of spending.
    pub parts: Vec<HeldPart>,
}

impl OpenHold {
    /// What is held in all; `None` when it does not fit.
    #[must_use]
    pub fn amount(&self) -> Option<Bonuses> {
        Bonuses::checked_sum(self.parts.iter().map(|held| held.part.amount))
    }
}

/// How a hold ended, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClosedHold {
    pub(crate) end: HoldEnd,
    pub(crate) at: Timestamp,
}

/// Her holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holds {
    pub(crate) open: BTreeMap<RedemptionId, OpenHold>,
    pub(crate) closed: BTreeMap<RedemptionId, ClosedHold>,
}

impl Holds {
    fn close(&mut self, id: RedemptionId, end: HoldEnd, at: Timestamp) {
        self.open.remove(&id);
        let oldest = at.minus(TimeDelta::days(REMEMBERED_DAYS));
        self.closed.retain(|_, closed| closed.at >= oldest);
        self.closed.insert(id, ClosedHold { end, at });
    }
}

/// Takes `amount` of `lot` from one of a lot's two amounts.
fn less(amount: &mut Bonuses, by: Bonuses, what: &'static str) -> Result<(), &'static str> {
    let rest = amount.checked_sub(by).filter(|rest| *rest >= Bonuses::ZERO);
    *amount = rest.filter(|_| by.is_positive()).ok_or(what)?;
    Ok(())
}

fn more(amount: &mut Bonuses, by: Bonuses) -> Result<(), &'static str> {
    *amount = amount.checked_add(by).filter(|_| by.is_positive()).ok_or("a lot gets nothing, or too much")?;
    Ok(())
}

impl MemberState {
    /// Her open holds.
    pub fn open_holds(&self) -> impl Iterator<Item = (&RedemptionId, &OpenHold)> {
        self.holds.open.iter()
    }

    /// What overdue holds will give back of `lot` once that is written. Rule R1.
    #[must_use]
    pub fn overdue_of(&self, lot: LotId, now: Timestamp) -> Bonuses {
        let overdue = self.holds.open.values().filter(|hold| hold.lapses_at <= now);
        let parts = overdue.flat_map(|hold| &hold.parts).filter(|held| held.part.lot_id == lot);
        Bonuses::checked_sum(parts.map(|held| held.part.amount)).unwrap_or_default()
    }

    pub(super) fn hold(&mut self, fact: &BonusesHeld) -> Result<(), &'static str> {
        for held in &fact.parts {
            let lot = self.lot_mut(held.part.lot_id)?;
            less(&mut lot.left, held.part.amount, "more is held than a lot has")?;
            more(&mut lot.held, held.part.amount)?;
            lot.keep_secret(&held.part);
        }
        let hold =
            OpenHold { business_id: fact.business_id, lapses_at: fact.lapses_at, parts: fact.parts.clone() };
        match self.holds.open.insert(fact.redemption_id, hold) {
            None => Ok(()),
            Some(_) => Err("a hold is made twice"),
        }
    }

    pub(super) fn release(&mut self, fact: &HoldReleased, at: Timestamp) -> Result<(), &'static str> {
        let hold = self.holds.open.get(&fact.redemption_id).ok_or("an unknown hold is released")?;
        if !hold.parts.iter().map(|held| &held.part).eq(&fact.parts) {
            return Err("a hold is released with other parts than it has");
        }
        for part in &fact.parts {
            let lot = self.lot_mut(part.lot_id)?;
            less(&mut lot.held, part.amount, "more is released than a lot holds")?;
            more(&mut lot.left, part.amount)?;
        }
        self.holds.close(fact.redemption_id, fact.reason, at);
        Ok(())
    }

    pub(super) fn redeem(&mut self, fact: &BonusesRedeemed, at: Timestamp) -> Result<(), &'static str> {
        let unknown = "an unknown hold is captured";
        for held in &fact.parts {
            let lot = self.lot_mut(held.part.lot_id)?;
            less(&mut lot.held, held.part.amount, "more is captured than a lot holds")?;
            let hold = self.holds.open.get_mut(&fact.redemption_id).ok_or(unknown)?;
            let of_lot = hold.parts.iter_mut().find(|of| of.part.lot_id == held.part.lot_id);
            less(&mut of_lot.ok_or(unknown)?.part.amount, held.part.amount, "more is captured than held")?;
            hold.parts.retain(|held| held.part.amount.is_positive());
            self.forget_empty(held.part.lot_id);
        }
        if self.holds.open.get(&fact.redemption_id).ok_or(unknown)?.parts.is_empty() {
            self.holds.close(fact.redemption_id, HoldEnd::Captured, at);
        }
        Ok(())
    }

    /// What of a lot goes for good, out of what is left of it.
    pub(super) fn take(&mut self, part: &LotPart) -> Result<(), &'static str> {
        let lot = self.lot_mut(part.lot_id)?;
        less(&mut lot.left, part.amount, "more is taken than a lot has")?;
        lot.keep_secret(part);
        self.forget_empty(part.lot_id);
        Ok(())
    }

    /// What comes back to a lot, used up or not. Rule F4.
    pub(super) fn give_back(&mut self, held: &HeldPart) -> Result<(), &'static str> {
        let (lot, order) = LiveLot::anew(held);
        if let Some(known) = self.lot_orders.get(&lot.lot_id) {
            let known = self.lots.get_mut(known).ok_or("a lot without its place")?;
            known.keep_secret(&held.part);
            return more(&mut known.left, lot.left);
        }
        self.insert(order, lot)
    }

    fn lot_mut(&mut self, id: LotId) -> Result<&mut LiveLot, &'static str> {
        let order = self.lot_orders.get(&id).ok_or("an unknown lot moves")?;
        self.lots.get_mut(order).ok_or("a lot without its place moves")
    }

    /// Forgets a lot of which nothing is left or held.
    pub(super) fn forget_empty(&mut self, id: LotId) {
        let Some(order) = self.lot_orders.get(&id) else { return };
        if self.lots.get(order).is_some_and(|lot| lot.left.is_zero() && lot.held.is_zero()) {
            self.lots.remove(order);
            self.lot_orders.remove(&id);
        }
    }
}

impl LiveLot {
    /// A lot of which bonuses were held or spent where visits are a secret is one from then on.
    fn keep_secret(&mut self, part: &LotPart) {
        if part.confidentiality == Confidentiality::Medical {
            self.confidentiality = Confidentiality::Medical;
        }
    }
}
