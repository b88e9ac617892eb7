//! The fold of lots: opened, matured, expired, taken from. Rules B5, B7, B8, B10.

use super::event::{BonusAccrued, BonusExpired, BonusMatured, BonusWithdrawn, Holding, LotPart};
use super::lot::{Lot, LotOrigin};
use super::state::{LiveLot, MemberState, SpendOrder};
use crate::log::Position;
use crate::money::Bonuses;
use crate::time::Timestamp;

/// A moment before which none of her lots matures or expires, if one is known: so that not every decision walks all of
/// them. It follows from the lots and is no part of what she is: never stored, and nothing in a comparison.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QuietUntil(Option<Timestamp>);

impl PartialEq for QuietUntil {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for QuietUntil {}

impl QuietUntil {
    /// A lot more.
    fn with(self, lot: &LiveLot) -> Self {
        Self(self.0.map(|quiet| quiet.min(lot.next_due())))
    }

    /// Of `lots` and no others.
    fn of<'a>(lots: impl Iterator<Item = &'a LiveLot>) -> Self {
        Self(lots.map(LiveLot::next_due).min())
    }
}

impl LiveLot {
    /// When something of it falls due next, or fell due.
    fn next_due(&self) -> Timestamp {
        match self.holding {
            Holding::Pending => self.available_from.min(self.expires_at),
            Holding::Available => self.expires_at,
        }
    }
}

impl MemberState {
    /// Whether none of her lots can have matured or expired by `now`; false when only a look at all of them tells.
    pub(super) fn lots_are_quiet(&self, now: Timestamp) -> bool {
        let is_quiet = self.quiet.0.is_some_and(|quiet| now < quiet);
        debug_assert!(
            !is_quiet || self.lots.values().all(|lot| now < lot.next_due()),
            "a lot falls due unseen"
        );
        is_quiet
    }

    pub(super) fn earn(
        &mut self,
        position: Position,
        occurred_at: Timestamp,
        fact: &BonusAccrued,
    ) -> Result<(), &'static str> {
        self.books.earn(fact, occurred_at);
        let all_positive = fact.lots.iter().all(|lot| lot.amount.is_positive());
        if !all_positive || Bonuses::checked_sum(fact.lots.iter().map(|lot| lot.amount)) != Some(fact.amount)
        {
            return Err("lots that do not add up to their accrual");
        }
        fact.lots.iter().try_for_each(|lot| self.open(position, fact.origin(), lot.clone()))?;
        if !self.lots_are_quiet(occurred_at) {
            // What was due has been written before a purchase: from here on there is another next time.
            self.quiet = QuietUntil::of(self.lots.values());
        }
        Ok(())
    }

    /// A new lot.
    pub(super) fn open(
        &mut self,
        position: Position,
        origin: LotOrigin,
        lot: Lot,
    ) -> Result<(), &'static str> {
        let Lot { lot_id, funder, amount, opens, available_from, expires_at } = lot;
        if !amount.is_positive() {
            return Err("a lot of nothing");
        }
        let order = SpendOrder { expires_at, position, funder: funder.clone() };
        let live = LiveLot {
            lot_id,
            origin,
            confidentiality: origin.confidentiality(),
            funder,
            left: amount,
            held: Bonuses::ZERO,
            holding: opens,
            available_from,
            expires_at,
        };
        self.insert(order, live)?;
        if let Some(purchase) = origin.purchase_id() {
            self.claim(purchase, lot_id);
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, order: SpendOrder, lot: LiveLot) -> Result<(), &'static str> {
        if self.lot_orders.insert(lot.lot_id, order.clone()).is_some() {
            return Err("a lot is opened twice");
        }
        self.quiet = self.quiet.with(&lot);
        if self.lots.insert(order, lot).is_some() {
            return Err("two lots of one funder are opened by one fact");
        }
        Ok(())
    }

    pub(super) fn mature(&mut self, fact: &BonusMatured) -> Result<(), &'static str> {
        let order = self.lot_orders.get(&fact.lot_id).ok_or("an unknown lot matures")?;
        let lot = self.lots.get_mut(order).ok_or("an unknown lot matures")?;
        if lot.holding != Holding::Pending || lot.left != fact.amount {
            return Err("a lot matures that is not pending as a whole");
        }
        lot.holding = Holding::Available;
        Ok(())
    }

    pub(super) fn expire(&mut self, fact: &BonusExpired) -> Result<(), &'static str> {
        let order = self.lot_orders.get(&fact.lot_id).ok_or("an unknown lot expires")?;
        let lot = self.lots.get_mut(order).ok_or("an unknown lot expires")?;
        if lot.left != fact.amount || lot.holding != fact.holding {
            return Err("a lot expires with another amount or holding than it has");
        }
        // What is held of it waits. Rule R1.
        lot.left = Bonuses::ZERO;
        self.forget_empty(fact.lot_id);
        Ok(())
    }

    pub(super) fn withdraw(&mut self, fact: &BonusWithdrawn) -> Result<(), &'static str> {
        self.take(&LotPart {
            lot_id: fact.lot_id,
            origin: fact.origin,
            confidentiality: fact.confidentiality,
            funder: fact.funder.clone(),
            amount: fact.amount,
        })
    }
}
