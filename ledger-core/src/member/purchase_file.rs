//! One purchase, by its own facts: what a refund or an amendment must know of it. Rules F1, F2, F4.
//!
//! Her state does not keep old purchases. Whoever edits one folds its facts: those that name it by `purchase_id`, what it
//! was recorded by and every later one.

use crate::category::{Category, Confidentiality};
use crate::ids::{BusinessId, LotId, PurchaseId, Slug};
use crate::log::Event;
use crate::member::event::{HeldPart, MemberEvent, PurchaseRecorded};
use crate::member::lot::{Funder, Lot};
use crate::money::{Bonuses, Roubles};
use crate::time::Timestamp;

/// A lot that the purchase made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnLot {
    /// The lot.
    pub lot_id: LotId,
    /// Who funds it.
    pub funder: Funder,
    /// What it was made with.
    pub amount: Bonuses,
    /// What of it has expired and was not yet counted as taken back.
    pub expired: Bonuses,
}

impl OwnLot {
    fn of(lot: &Lot) -> Self {
        Self { lot_id: lot.lot_id, funder: lot.funder.clone(), amount: lot.amount, expired: Bonuses::ZERO }
    }
}

/// What a purchase came to. See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The bill.
    pub bill: Roubles,
    /// What it earned in all.
    pub accrual: Bonuses,
    /// In which lots, the business's before the coalition's.
    pub lots: Vec<OwnLot>,
    /// What it was paid with out of lots, in the order of spending.
    pub spent: Vec<HeldPart>,
    /// What was given back of the bill.
    pub refunded: Roubles,
    /// What came back of what it was paid with.
    pub returned: Bonuses,
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
            MemberEvent::BonusReturned(fact) => Some(fact.purchase_id),
            MemberEvent::BonusTakenBack(fact) => Some(fact.purchase_id),
            MemberEvent::MemberRegistered(_)
            | MemberEvent::MembershipBackdated(_)
            | MemberEvent::ConsentGranted(_)
            | MemberEvent::ConsentWithdrawn(_)
            | MemberEvent::PurchaseQuarantined(_)
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
            | MemberEvent::BonusGifted(_)
            | MemberEvent::BonusAdjusted(_)
            | MemberEvent::BonusWithdrawn(_) => None,
        }
    }

    /// Begins with the purchase itself, or goes on with one more fact; `None` as long as it was not recorded.
    #[must_use]
    pub fn fold(file: Option<Self>, occurred_at: Timestamp, event: &Event) -> Option<Self> {
        match (file, event) {
            (None, Event::Member(MemberEvent::PurchaseRecorded(fact))) => Some(Self::open(occurred_at, fact)),
            (None, _) => None,
            (Some(mut file), event) => {
                file.see(event);
                Some(file)
            }
        }
    }

    fn open(bought_at: Timestamp, fact: &PurchaseRecorded) -> Self {
        Self {
            purchase_id: fact.purchase_id,
            business_id: fact.business_id,
            business: fact.business.clone(),
            category: fact.category,
            confidentiality: fact.confidentiality,
            bought_at,
            bill: fact.amount,
            accrual: Bonuses::ZERO,
            lots: Vec::new(),
            spent: Vec::new(),
            refunded: Roubles::ZERO,
            returned: Bonuses::ZERO,
        }
    }

    /// One more fact; most are not about this purchase. Sums here repeat what the member's own fold has checked: what does
    /// not fit leaves them as they were.
    pub(super) fn see(&mut self, event: &Event) {
        if Self::about(event) != Some(self.purchase_id) {
            return;
        }
        let Event::Member(event) = event else { return };
        if let MemberEvent::BonusAccrued(fact) = event {
            self.accrual = self.accrual.checked_add(fact.amount).unwrap_or(self.accrual);
            self.lots.extend(fact.lots.iter().map(OwnLot::of));
        } else if let MemberEvent::BonusesRedeemed(fact) = event {
            self.spent.extend(fact.parts.iter().cloned());
        } else if let MemberEvent::BonusExpired(fact) = event {
            if let Some(lot) = self.lots.iter_mut().find(|own| own.lot_id == fact.lot_id) {
                lot.expired = lot.expired.checked_add(fact.amount).unwrap_or(lot.expired);
            }
        } else if let MemberEvent::PurchaseRefunded(fact) = event {
            self.refunded = self.refunded.checked_add(fact.amount).unwrap_or(self.refunded);
        } else if let MemberEvent::BonusReturned(fact) = event {
            self.returned = self.returned.checked_add(fact.amount).unwrap_or(self.returned);
        } else if let MemberEvent::BonusTakenBack(fact) = event {
            for part in &fact.expired {
                if let Some(lot) = self.lots.iter_mut().find(|own| own.lot_id == part.lot_id) {
                    lot.expired = lot.expired.checked_sub(part.amount).unwrap_or_default();
                }
            }
        }
    }

    /// What is left of the bill. Rule F1.
    #[must_use]
    pub fn left(&self) -> Roubles {
        self.bill.checked_sub(self.refunded).unwrap_or_default()
    }

    /// What it was paid with in bonuses.
    #[must_use]
    pub fn redeemed(&self) -> Option<Bonuses> {
        Bonuses::checked_sum(self.spent.iter().map(|held| held.part.amount))
    }
}
