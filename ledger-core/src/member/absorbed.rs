//! The fold of accounts that became one: what is the survivor's own, and what came with which account.
//!
//! What can be told apart stays apart, so that parting is exact: the books of each account, and of lots and coupons which
//! came with it. A fact about a purchase goes into the books that know it; the lots it makes are that account's.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::books::Books;
use super::event::{
    AccountMerged, AccountParted, AccountRestored, AccountTakenIn, Estate, EstateLot, PurchaseAmended,
    PurchaseRefunded, PurchaseTakenOver,
};
use super::premium::Premium;
use super::redemption::held_part;
use super::spend::WindowSums;
use super::state::{LiveLot, MemberState, StatusTrack};
use crate::ids::{CouponId, LotId, MemberId, PurchaseId};
use crate::time::Timestamp;

/// An account that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Absorbed {
    pub(crate) registered_at: Timestamp,
    /// What was bought by it, as it stands now.
    pub(crate) books: Books,
    /// The lots that are its own, used up or not.
    lots: BTreeSet<LotId>,
    /// The coupons that came with it, open or not.
    coupons: BTreeSet<CouponId>,
    /// Purchases of it that another member has by now (Rule D3): what was owed for them is still its own.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    handed_over: BTreeSet<PurchaseId>,
    /// Its statuses when it came.
    ordinary: StatusTrack,
    with_medical: StatusTrack,
    /// Whether the survivor is invited by its invitation alone.
    lends_invitation: bool,
}

impl Absorbed {
    /// Its invitation is withdrawn. Rule S1.
    fn uninvite(&mut self) {
        self.lends_invitation = false;
        for track in [&mut self.ordinary, &mut self.with_medical] {
            track.invited = false;
        }
    }
}

impl MemberState {
    /// The account that stands for this one, if it became one with another.
    #[must_use]
    pub const fn merged_into(&self) -> Option<MemberId> {
        self.merged_into
    }

    /// The accounts that became one with this one.
    pub fn absorbed(&self) -> impl Iterator<Item = MemberId> + '_ {
        self.absorbed.keys().copied()
    }

    /// Her books: her own, and those of the accounts that were taken in.
    pub(crate) fn all_books(&self) -> impl Iterator<Item = &Books> {
        std::iter::once(&self.books).chain(self.absorbed.values().map(|absorbed| &absorbed.books))
    }

    pub(super) fn all_books_mut(&mut self) -> impl Iterator<Item = &mut Books> {
        let absorbed = self.absorbed.values_mut().map(|absorbed| &mut absorbed.books);
        std::iter::once(&mut self.books).chain(absorbed)
    }

    /// Nothing follows from a purchase that does not stand, whichever books have its triggers. Rule X4.
    fn close_triggers(&mut self, purchase: PurchaseId) {
        for books in self.all_books_mut() {
            books.chains.triggers.retain(|open| open.from.purchase_id != purchase);
        }
    }

    pub(super) fn refund(&mut self, fact: &PurchaseRefunded) -> Result<(), &'static str> {
        if fact.refunded() == Some(fact.bill) {
            self.close_triggers(fact.purchase_id);
        }
        match whose(&mut self.absorbed, fact.purchase_id) {
            Some(its) => its.books.refund(fact),
            None => self.books.refund(fact),
        }
    }

    pub(super) fn amend(&mut self, fact: &PurchaseAmended) -> Result<(), &'static str> {
        if !fact.counted().1.is_positive() {
            self.close_triggers(fact.purchase_id);
        }
        let Some(its) = whose(&mut self.absorbed, fact.purchase_id) else { return self.books.amend(fact) };
        if fact.handed_over {
            its.handed_over.insert(fact.purchase_id);
        }
        its.books.amend(fact)
    }

    pub(super) fn take_over(&mut self, fact: &PurchaseTakenOver, at: Timestamp) -> Result<(), &'static str> {
        // What comes back is the survivor's own, and so is what is owed for it from now on.
        let id = fact.purchase.purchase_id;
        for its in self.absorbed.values_mut() {
            its.handed_over.remove(&id);
        }
        self.books.take_over(fact, at)
    }

    pub(super) fn uninvite(&mut self) {
        self.set_invited(false);
        self.absorbed.values_mut().for_each(Absorbed::uninvite);
    }

    /// A lot that a purchase made, or gave back to, belongs where the purchase does.
    pub(super) fn claim(&mut self, purchase: PurchaseId, lot: LotId) {
        if let Some(its) = whose(&mut self.absorbed, purchase) {
            its.lots.insert(lot);
        }
    }

    /// The sums of all her bills after `after` up to and including `until`; `None` when a sum does not fit. Rule S1.
    #[must_use]
    pub fn window(&self, after: Timestamp, until: Timestamp) -> Option<WindowSums> {
        let mut books = self.all_books();
        books.try_fold(WindowSums::default(), |sums, books| sums.and(books.spend.window(after, until)?))
    }

    /// Since when she is a member, by any of her accounts. Rule T5.
    pub(super) fn member_since(&self) -> Option<Timestamp> {
        let absorbed = self.absorbed.values().map(|absorbed| absorbed.registered_at);
        self.registered_at.into_iter().chain(absorbed).min()
    }

    /// All that the account has. What is held stays behind: there is none when accounts become one.
    pub(crate) fn estate(&self, registered_at: Timestamp) -> Estate {
        Estate {
            registered_at,
            lots: self.lots_that(|_| true),
            debts: self.debts.clone(),
            books: self.books.clone(),
            coupons: self.coupons.values().cloned().collect(),
            premium: self.premium.periods().to_vec(),
            ordinary: self.ordinary,
            with_medical: self.with_medical,
        }
    }

    /// What is left of what came with an account.
    pub(crate) fn estate_of(&self, account: MemberId) -> Option<Estate> {
        let its = self.absorbed.get(&account)?;
        let of_it = |id: &&CouponId| its.coupons.contains(*id);
        Some(Estate {
            registered_at: its.registered_at,
            lots: self.lots_that(|lot| its.lots.contains(&lot)),
            debts: self
                .debts
                .iter()
                .filter(|debt| {
                    its.books.sales.knows(debt.purchase_id) || its.handed_over.contains(&debt.purchase_id)
                })
                .cloned()
                .collect(),
            books: its.books.clone(),
            coupons: self.coupons.iter().filter(|(id, _)| of_it(id)).map(|(_, it)| it.clone()).collect(),
            premium: self.premium.of_account(account),
            ordinary: its.ordinary,
            with_medical: its.with_medical,
        })
    }

    /// Whether she is still invited once an account has parted: herself, or by another that is one with hers.
    pub(super) fn invited_without(&self, account: MemberId) -> bool {
        let herself = !self.absorbed.values().any(|absorbed| absorbed.lends_invitation);
        let mut others = self.absorbed.iter().filter(|(id, _)| **id != account);
        self.ordinary.invited && (herself || others.any(|(_, absorbed)| absorbed.ordinary.invited))
    }

    fn lots_that(&self, are: impl Fn(LotId) -> bool) -> Vec<EstateLot> {
        let moved = self.lots.iter().filter(|(_, lot)| are(lot.lot_id) && lot.left.is_positive());
        moved
            .map(|(order, lot)| EstateLot {
                lot: held_part((order, lot), lot.left, lot.confidentiality),
                holding: lot.holding,
            })
            .collect()
    }

    pub(super) fn merge(&mut self, fact: &AccountMerged) -> Result<(), &'static str> {
        if self.merged_into.replace(fact.survivor).is_some() {
            return Err("an account goes into another twice");
        }
        if self.lots_that(|_| true) != fact.estate.lots || self.debts != fact.estate.debts {
            return Err("an account goes into another with other bonuses than it has");
        }
        self.lots.clear();
        self.lot_orders.clear();
        self.debts.clear();
        self.coupons.clear();
        self.books = Books::default();
        self.premium = Premium::default();
        (self.ordinary, self.with_medical) = (StatusTrack::default(), StatusTrack::default());
        Ok(())
    }

    pub(super) fn take_in(&mut self, fact: &AccountTakenIn) -> Result<(), &'static str> {
        let AccountTakenIn { absorbed, estate, invited, .. } = fact;
        let its = Absorbed {
            registered_at: estate.registered_at,
            books: estate.books.clone(),
            lots: estate.lots.iter().map(|moved| moved.lot.part.lot_id).collect(),
            coupons: estate.coupons.iter().map(|coupon| coupon.issued.coupon_id).collect(),
            handed_over: BTreeSet::new(),
            ordinary: estate.ordinary,
            with_medical: estate.with_medical,
            lends_invitation: *invited && !self.ordinary.invited,
        };
        if self.absorbed.insert(*absorbed, its).is_some() {
            return Err("an account is taken in twice");
        }
        self.receive(estate)?;
        self.premium.take_in(*absorbed, &estate.premium);
        self.set_invited(*invited);
        Ok(())
    }

    pub(super) fn part(&mut self, fact: &AccountParted) -> Result<(), &'static str> {
        let AccountParted { absorbed, estate, invited, .. } = fact;
        let gone = self.absorbed.remove(absorbed).ok_or("an account parts that was not taken in")?;
        if gone.lends_invitation
            && let Some(next) = self.absorbed.values_mut().find(|it| it.ordinary.invited)
        {
            next.lends_invitation = true;
        }
        for moved in &estate.lots {
            self.take(&moved.lot.part)?;
            if self.lot_orders.contains_key(&moved.lot.part.lot_id) {
                return Err("a lot goes back in part");
            }
        }
        self.debts.retain(|debt| !estate.debts.contains(debt));
        for coupon in &estate.coupons {
            self.close_coupon(coupon.issued.coupon_id)?;
        }
        self.premium.part_with(*absorbed);
        self.set_invited(*invited);
        Ok(())
    }

    pub(super) fn restore(&mut self, fact: &AccountRestored) -> Result<(), &'static str> {
        let AccountRestored { survivor, estate, .. } = fact;
        if self.merged_into.take() != Some(*survivor) {
            return Err("an account parts from one that it did not go into");
        }
        self.receive(estate)?;
        self.books = estate.books.clone();
        self.premium = Premium::of_periods(estate.premium.clone());
        (self.ordinary, self.with_medical) = (estate.ordinary, estate.with_medical);
        Ok(())
    }

    fn set_invited(&mut self, invited: bool) {
        (self.ordinary.invited, self.with_medical.invited) = (invited, invited);
    }

    /// Lots, debts and coupons. A part of a lot may be there already: what came back after two accounts had parted.
    fn receive(&mut self, estate: &Estate) -> Result<(), &'static str> {
        for moved in &estate.lots {
            if self.lot_orders.contains_key(&moved.lot.part.lot_id) {
                self.give_back(&moved.lot)?;
            } else {
                let (lot, order) = LiveLot::anew(&moved.lot);
                self.insert(order, LiveLot { holding: moved.holding, ..lot })?;
            }
        }
        self.debts.extend(estate.debts.iter().cloned());
        for coupon in &estate.coupons {
            if self.coupons.insert(coupon.issued.coupon_id, coupon.clone()).is_some() {
                return Err("a coupon moves to where it is");
            }
        }
        Ok(())
    }
}

/// The accounts that were taken in.
pub(crate) type AllAbsorbed = BTreeMap<MemberId, Absorbed>;

/// The account whose purchase it is; none when it is the survivor's own.
impl MemberState {
    /// The books that know the purchase; her own when none does.
    pub(super) fn books_of_mut(&mut self, purchase: PurchaseId) -> &mut Books {
        match whose(&mut self.absorbed, purchase) {
            Some(its) => &mut its.books,
            None => &mut self.books,
        }
    }
}

fn whose(all: &mut AllAbsorbed, purchase: PurchaseId) -> Option<&mut Absorbed> {
    all.values_mut().find(|its| its.books.sales.knows(purchase))
}
