//! What a refund takes back, by who gave it: the accrual's funders, the coupon's, the chain's. Rules F2, F5, F7, M2.

use super::extras::{CrossBonus, Reckoning};
use super::purchase_file::{ByFunder, OwnLot, Part, PurchaseFile};
use super::refund::{Step, minus};
use super::working::Working;
use crate::category::Confidentiality;
use crate::ids::LotId;
use crate::member::event::CouponReckoned;
use crate::member::lot::{Funder, Lot};
use crate::money::Bonuses;
use crate::rejection::Rejection;

/// What is due back of a purchase, by what gave it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) accrual: ByFunder,
    pub(super) coupon: Bonuses,
    pub(super) cross_bonus: Bonuses,
}

impl Due {
    /// What of it is a secret though the visit is none.
    pub(super) fn of_secret(self, file: &PurchaseFile) -> Bonuses {
        let is_secret = |it: &CrossBonus| it.confidentiality != file.confidentiality;
        file.cross_bonus.as_ref().filter(|it| is_secret(it)).map_or(Bonuses::ZERO, |_| self.cross_bonus)
    }

    pub(super) fn total(self) -> Option<Bonuses> {
        Bonuses::checked_sum([self.accrual.business, self.accrual.coalition, self.coupon, self.cross_bonus])
    }
}

/// What one of the purchase's funders has yet to be given, of one of its parts.
pub(super) struct Share {
    pub(super) funder: Funder,
    pub(super) part: Part,
    pub(super) rest: Bonuses,
}

impl Share {
    pub(super) fn has(&self, lot: &OwnLot) -> bool {
        lot.part == self.part && lot.funder == self.funder
    }

    /// Whether a debt to it is a medical secret.
    pub(super) fn confidentiality(&self, file: &PurchaseFile) -> Confidentiality {
        let of_chain = file.cross_bonus.as_ref().filter(|_| self.part == Part::CrossBonus);
        of_chain.map_or(file.confidentiality, |it| it.confidentiality)
    }

    /// The lot that a debt to it is named by.
    pub(super) fn lot_id(&self, file: &PurchaseFile) -> LotId {
        match self.part {
            Part::Accrual => LotId::of(file.purchase_id, self.funder.as_str()),
            Part::Coupon => LotId::of_coupon(file.purchase_id),
            Part::CrossBonus => {
                let trigger = file.cross_bonus.as_ref().map_or(file.purchase_id, |it| it.trigger_id);
                LotId::of_cross_bonus(file.purchase_id, trigger)
            }
        }
    }

    /// All of them in the order in which they are satisfied: the business before the coalition, of each the accrual's share
    /// before the coupon's, and that before the cross bonus.
    pub(super) fn all(file: &PurchaseFile, due: Due) -> Vec<Self> {
        let business = Funder::Business(file.business.clone());
        let share = |part: Part, funder: Funder, rest: Bonuses| Self { funder, part, rest };
        let mut shares = vec![
            share(Part::Accrual, business, due.accrual.business),
            share(Part::Accrual, Funder::Coalition, due.accrual.coalition),
        ];
        let coupon = file.coupon.iter().map(|it| share(Part::Coupon, it.funded_by.clone(), due.coupon));
        shares.extend(coupon);
        let chain = file.cross_bonus.iter();
        shares.extend(chain.map(|it| share(Part::CrossBonus, it.funded_by.clone(), due.cross_bonus)));
        // The order of funders is that of spending (Rule B7); the sort is stable.
        shares.sort_by(|one, other| one.funder.cmp(&other.funder));
        shares
    }
}

impl Step<'_> {
    /// What the used coupon comes to now, and what of its bonuses is due back. It stays used. Rules F2, F5.
    pub(super) fn reckon(
        &self,
        working: &mut Working<'_>,
        [before, after]: [Option<Reckoning>; 2],
        lot: Option<Lot>,
    ) -> Result<Bonuses, Rejection> {
        let (before, after) = before.zip(after).ok_or(Rejection::AmountOutOfRange)?;
        let file = self.file;
        let Some(coupon) = &file.coupon else { return Ok(Bonuses::ZERO) };
        if before.discount != after.discount || lot.is_some() {
            let reckoned = CouponReckoned {
                coupon_id: coupon.coupon_id,
                refund_id: self.refund_id,
                purchase_id: file.purchase_id,
                business_id: file.business_id,
                business: file.business.clone(),
                confidentiality: file.confidentiality,
                funded_by: coupon.funded_by.clone(),
                discount_before: before.discount,
                discount: after.discount,
                lot,
            };
            working.push(self.context.recorded_at, reckoned, Some(self.cause))?;
        }
        Ok(minus(before.bonuses, after.bonuses)?.max(Bonuses::ZERO))
    }
}
