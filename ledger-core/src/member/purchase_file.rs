//! One purchase, by its own facts: what a refund or an amendment must know of it. Rules F1, F2, F4.
//!
//! Her state does not keep old purchases. Whoever edits one folds its facts: those that name it by `purchase_id`, what it
//! was recorded by and every later one.

use serde::{Deserialize, Serialize};

use super::extras::{CrossBonus, Reckoning, UsedCoupon, share};
use crate::category::{Category, Confidentiality};
use crate::ids::{BusinessId, LotId, PurchaseId, RedemptionId, Slug};
use crate::log::Event;
use crate::member::draft::Draft;
use crate::member::event::{
    AccrualInputs, BonusAccrued, BonusReturned, BonusesRedeemed, HeldPart, LotLife, MemberEvent,
    PurchaseRecorded,
};
use crate::member::lot::{Funder, Lot};
use crate::money::{Bonuses, Roubles};
use crate::rate::Rate;
use crate::time::Timestamp;

/// What of a purchase made a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Its accrual. Rule B5.
    Accrual,
    /// The coupon it used. Rule C1.
    Coupon,
    /// The step of a chain that it followed from. Rule B9.
    CrossBonus,
}

/// A lot that the purchase made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnLot {
    /// The lot.
    pub lot_id: LotId,
    /// Who funds it.
    pub funder: Funder,
    /// What of the purchase made it.
    pub part: Part,
    /// What it was made with.
    pub amount: Bonuses,
    /// What of it has expired and was not yet counted as taken back.
    pub expired: Bonuses,
}

impl OwnLot {
    fn of(lot: &Lot, part: Part) -> Self {
        let Lot { lot_id, amount, .. } = *lot;
        Self { lot_id, funder: lot.funder.clone(), part, amount, expired: Bonuses::ZERO }
    }
}

/// An amount by who funds it. Rule B5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByFunder {
    /// The business's.
    pub business: Bonuses,
    /// The coalition's.
    pub coalition: Bonuses,
}

/// What a purchase came to. See the module. Who follows the whole log keeps it as JSON meanwhile; nothing else does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseFile {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Where it was.
    pub business_id: BusinessId,
    /// That business's short name.
    pub business: Slug,
    /// The category it counts for.
    pub category: Category,
    /// Whether the visit is a medical secret.
    pub confidentiality: Confidentiality,
    /// When it was.
    pub bought_at: Timestamp,
    /// The bill of the document that came first: what `captured` paid a part of.
    pub first_bill: Roubles,
    /// The bill of the newest revision; nothing while it is cancelled. Rule D3.
    pub bill: Roubles,
    /// The inputs of the accrual. Rule P5.
    pub inputs: Option<AccrualInputs>,
    /// What that bill earns in all, before refunds.
    pub accrual: Bonuses,
    /// What of it the business gives; the rest is the coalition's. Rule B5.
    pub of_business: Bonuses,
    /// In which lots: those of each revision, the business's before the coalition's.
    pub lots: Vec<OwnLot>,
    /// When the lots of the accrual are spendable, if there were any: from, until.
    pub life: Option<(Timestamp, Timestamp)>,
    /// The hold it captured.
    pub redemption_id: Option<RedemptionId>,
    /// The share of the bill that it allowed. Rule R2.
    pub max_share: Option<Rate>,
    /// The coupon it used.
    pub coupon: Option<UsedCoupon>,
    /// What a chain added to it. Rule B9.
    pub cross_bonus: Option<CrossBonus>,
    /// What the first document captured of it.
    pub captured: Bonuses,
    /// What it is paid with by now, out of lots, in the order of spending.
    pub spent: Vec<HeldPart>,
    /// To which lots the rest of that came back, the last spent first. Rule F4.
    pub came_back: Vec<(LotId, Bonuses)>,
    /// What of that the newest revision's bill is paid with, before refunds.
    pub kept: Bonuses,
    /// What was given back of the bill.
    pub refunded: Roubles,
}

impl PurchaseFile {
    /// The purchase that a fact is about.
    #[must_use]
    pub fn about(event: &Event) -> Option<PurchaseId> {
        let Event::Member(event) = event else { return None };
        match event {
            MemberEvent::PurchaseRecorded(fact) => Some(fact.purchase_id),
            MemberEvent::BonusAccrued(fact) => Some(fact.purchase_id),
            MemberEvent::BonusExpired(fact) => fact.origin.purchase_id(),
            MemberEvent::BonusesRedeemed(fact) => Some(fact.purchase_id),
            MemberEvent::PurchaseRefunded(fact) => Some(fact.purchase_id),
            MemberEvent::PurchaseAmended(fact) => Some(fact.purchase_id),
            MemberEvent::PurchaseTakenOver(fact) => Some(fact.purchase.purchase_id),
            MemberEvent::BonusReturned(fact) => Some(fact.purchase_id),
            MemberEvent::BonusTakenBack(fact) => Some(fact.purchase_id),
            MemberEvent::CouponRedeemed(fact) => Some(fact.purchase_id),
            MemberEvent::CouponReckoned(fact) => Some(fact.purchase_id),
            MemberEvent::CrossBonusAccrued(fact) => Some(fact.purchase_id),
            MemberEvent::MemberRegistered(_)
            | MemberEvent::MembershipBackdated(_)
            | MemberEvent::ConsentGranted(_)
            | MemberEvent::ConsentWithdrawn(_)
            | MemberEvent::PurchaseQuarantined(_)
            | MemberEvent::QuarantineApplied(_)
            | MemberEvent::QuarantineDropped(_)
            | MemberEvent::BonusMatured(_)
            | MemberEvent::BonusesHeld(_)
            | MemberEvent::HoldReleased(_)
            | MemberEvent::DebtIncurred(_)
            | MemberEvent::DebtRepaid(_)
            | MemberEvent::WaitingRefundDropped(_)
            | MemberEvent::StatusChanged(_)
            | MemberEvent::StatusDowngradeScheduled(_)
            | MemberEvent::StatusDowngradeCancelled(_)
            | MemberEvent::InnerCircleInvited(_)
            | MemberEvent::InnerCircleInvitationWithdrawn(_)
            | MemberEvent::TopSpendersEntered(_)
            | MemberEvent::TopSpendersLeft(_)
            | MemberEvent::PremiumStarted(_)
            | MemberEvent::PremiumRenewed(_)
            | MemberEvent::PremiumCancelled(_)
            | MemberEvent::PremiumLapsed(_)
            | MemberEvent::MemberBlocked(_)
            | MemberEvent::MemberUnblocked(_)
            | MemberEvent::PhoneChanged(_)
            | MemberEvent::BonusGifted(_)
            | MemberEvent::BonusAdjusted(_)
            | MemberEvent::BonusWithdrawn(_)
            | MemberEvent::CouponIssued(_)
            | MemberEvent::CouponActivated(_)
            | MemberEvent::CouponExpired(_)
            | MemberEvent::CouponRevoked(_)
            | MemberEvent::ChainTriggered(_)
            | MemberEvent::ChainConverted(_)
            | MemberEvent::AccountMerged(_)
            | MemberEvent::AccountTakenIn(_)
            | MemberEvent::AccountParted(_)
            | MemberEvent::AccountRestored(_)
            | MemberEvent::DebtWrittenOff(_)
            | MemberEvent::MemberErased(_)
            | MemberEvent::Rights(_) => None,
        }
    }

    /// Whether a fact is about `purchase`, or may be about its lots: what its file is folded from.
    #[must_use]
    pub fn concerns(purchase: PurchaseId, event: &Event) -> bool {
        let is_returned = matches!(event, Event::Member(MemberEvent::BonusReturned(_)));
        is_returned || Self::about(event) == Some(purchase)
    }

    /// Begins with the purchase itself, or goes on with one more fact; `None` as long as it was not recorded.
    #[must_use]
    pub fn fold(file: Option<Self>, occurred_at: Timestamp, event: &Event) -> Option<Self> {
        match (file, event) {
            (None, Event::Member(MemberEvent::PurchaseRecorded(fact))) => Some(Self::open(occurred_at, fact)),
            // Rule D3: it begins anew with who takes it over, even when it was hers before.
            (_, Event::Member(MemberEvent::PurchaseTakenOver(fact))) => {
                let file = Self::open(occurred_at, &fact.purchase);
                Some(Self {
                    refunded: fact.refunded,
                    inputs: Some(fact.inputs.clone()),
                    accrual: fact.accrual,
                    of_business: fact.of_business,
                    life: fact.life.map(LotLife::moments),
                    ..file
                })
            }
            (None, _) => None,
            (Some(mut file), event) => {
                file.see(event);
                Some(file)
            }
        }
    }

    /// The purchase that `draft` records.
    pub(super) fn drawn_up(draft: &Draft) -> Option<Self> {
        draft.events.iter().fold(None, |file, new| Self::fold(file, new.occurred_at, &new.event))
    }

    fn open(bought_at: Timestamp, fact: &PurchaseRecorded) -> Self {
        Self {
            purchase_id: fact.purchase_id,
            business_id: fact.business_id,
            business: fact.business.clone(),
            category: fact.category,
            confidentiality: fact.confidentiality,
            bought_at,
            first_bill: fact.amount,
            bill: fact.amount,
            inputs: None,
            accrual: Bonuses::ZERO,
            of_business: Bonuses::ZERO,
            lots: Vec::new(),
            life: None,
            redemption_id: None,
            max_share: None,
            coupon: None,
            cross_bonus: None,
            captured: Bonuses::ZERO,
            spent: Vec::new(),
            came_back: Vec::new(),
            kept: Bonuses::ZERO,
            refunded: Roubles::ZERO,
        }
    }

    /// One more fact; most are not about this purchase, or its lots. Sums here repeat what the member's own fold has
    /// checked: what does not fit leaves them as they were.
    pub fn see(&mut self, event: &Event) {
        if let Event::Member(MemberEvent::BonusReturned(fact)) = event {
            // Whatever purchase they had paid: their funder has got their face value (Rules B8, F4).
            fact.past_life.iter().for_each(|part| self.expire(part.lot_id, part.amount));
        }
        if Self::about(event) != Some(self.purchase_id) {
            return;
        }
        let Event::Member(event) = event else { return };
        if let MemberEvent::BonusAccrued(fact) = event {
            self.accrue(fact);
        } else if let MemberEvent::PurchaseAmended(fact) = event {
            (self.bill, self.kept) = (fact.bill, fact.redeemed);
            (self.accrual, self.of_business) = (fact.accrual, fact.of_business);
        } else if let MemberEvent::BonusesRedeemed(fact) = event {
            self.pay(fact);
        } else if let MemberEvent::BonusExpired(fact) = event {
            self.expire(fact.lot_id, fact.amount);
        } else if let MemberEvent::PurchaseRefunded(fact) = event {
            self.refunded = self.refunded.checked_add(fact.amount).unwrap_or(self.refunded);
        } else if let MemberEvent::BonusReturned(fact) = event {
            self.unpay(fact);
        } else if let MemberEvent::CouponRedeemed(fact) = event {
            self.lots.extend(fact.lot.iter().map(|lot| OwnLot::of(lot, Part::Coupon)));
            self.coupon = Some(UsedCoupon::of(fact));
        } else if let MemberEvent::CouponReckoned(fact) = event {
            self.lots.extend(fact.lot.iter().map(|lot| OwnLot::of(lot, Part::Coupon)));
        } else if let MemberEvent::CrossBonusAccrued(fact) = event {
            self.lots.extend(fact.lot.iter().map(|lot| OwnLot::of(lot, Part::CrossBonus)));
            self.cross_bonus.get_or_insert_with(|| CrossBonus::of(fact));
        } else if let MemberEvent::BonusTakenBack(fact) = event {
            for part in &fact.expired {
                if let Some(lot) = self.lots.iter_mut().find(|own| own.lot_id == part.lot_id) {
                    lot.expired = lot.expired.checked_sub(part.amount).unwrap_or_default();
                }
            }
        }
    }

    /// The first capture, or what a revision takes again of what came back. Rules R3, D3.
    fn pay(&mut self, fact: &BonusesRedeemed) {
        self.spent.extend(fact.parts.iter().cloned());
        if self.redemption_id.is_some() {
            for HeldPart { part, .. } in &fact.parts {
                if let Some((_, there)) = self.came_back.iter_mut().find(|(lot, _)| *lot == part.lot_id) {
                    *there = there.checked_sub(part.amount).unwrap_or_default();
                }
            }
            self.came_back.retain(|(_, there)| there.is_positive());
            return;
        }
        self.redemption_id = Some(fact.redemption_id);
        self.max_share = Some(fact.max_share);
        (self.captured, self.kept) = (fact.amount, fact.amount);
    }

    /// What came back of it, the last spent first. Rule F4.
    fn unpay(&mut self, fact: &BonusReturned) {
        let mut rest = fact.amount;
        while let Some(last) = self.spent.last_mut().filter(|_| rest.is_positive()) {
            let gone = last.part.amount.min(rest);
            rest = rest.checked_sub(gone).unwrap_or_default();
            last.part.amount = last.part.amount.checked_sub(gone).unwrap_or_default();
            if !last.part.amount.is_positive() {
                self.spent.pop();
            }
        }
        let alive = fact.parts.iter().map(|held| (held.part.lot_id, held.part.amount));
        for (lot_id, amount) in alive.chain(fact.instead.iter().map(|lot| (lot.lot_id, lot.amount))) {
            match self.came_back.iter_mut().find(|(lot, _)| *lot == lot_id) {
                Some((_, there)) => *there = there.checked_add(amount).unwrap_or(*there),
                None => self.came_back.push((lot_id, amount)),
            }
        }
    }

    fn expire(&mut self, lot_id: LotId, amount: Bonuses) {
        if let Some(lot) = self.lots.iter_mut().find(|own| own.lot_id == lot_id) {
            lot.expired = lot.expired.checked_add(amount).unwrap_or(lot.expired);
        }
    }

    fn accrue(&mut self, fact: &BonusAccrued) {
        self.lots.extend(fact.lots.iter().map(|lot| OwnLot::of(lot, Part::Accrual)));
        let of_nothing = || fact.life.map(LotLife::moments);
        self.life = self.life.or(fact.lots.first().map(Lot::life)).or_else(of_nothing);
        // What a revision adds is in the accrual that it says.
        if fact.revision.is_some() {
            return;
        }
        let of_business = fact.lots.iter().find(|lot| lot.funder != Funder::Coalition);
        (self.accrual, self.inputs) = (fact.amount, Some(fact.inputs.clone()));
        self.of_business = of_business.map_or(Bonuses::ZERO, |lot| lot.amount);
    }

    /// What is left of the bill. Rule F1.
    #[must_use]
    pub fn left(&self) -> Roubles {
        self.bill.checked_sub(self.refunded).unwrap_or_default().max(Roubles::ZERO)
    }

    /// What is taken back of the accrual once so much of the bill is refunded, the coalition's as the rest. Rule F2.
    pub(super) fn taken_back_at(&self, refunded: Roubles) -> Option<ByFunder> {
        let total = share(self.accrual, refunded.to_decimal(), self.bill.to_decimal())?;
        let business = share(total, self.of_business.to_decimal(), self.accrual.to_decimal())?.min(total);
        Some(ByFunder { business, coalition: total.checked_sub(business)? })
    }

    /// What its coupon comes to once so much of the bill is refunded; nothing without one.
    pub(super) fn coupon_at(&self, refunded: Roubles) -> Option<Reckoning> {
        match &self.coupon {
            Some(coupon) => coupon.reckon(self.bill, refunded),
            None => Some(Reckoning::default()),
        }
    }

    /// What a chain adds to it once so much of the bill is refunded. Rules B9, F7.
    pub(super) fn cross_bonus_at(&self, refunded: Roubles) -> Option<Bonuses> {
        self.cross_bonus.as_ref().map_or(Some(Bonuses::ZERO), |it| it.at(self.bill, refunded))
    }

    /// What it is paid with in bonuses, less what came back of it.
    #[must_use]
    pub fn redeemed(&self) -> Option<Bonuses> {
        Bonuses::checked_sum(self.spent.iter().map(|held| held.part.amount))
    }
}
