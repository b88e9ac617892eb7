//! What a refund takes back, by who gave it: the accrual's funders and the coupon's. Rules F2, F5, M2.

use super::purchase_file::{ByFunder, OwnLot, PurchaseFile, Reckoning};
use super::refund::{Step, minus};
use super::working::Working;
use crate::ids::LotId;
use crate::member::event::CouponReckoned;
use crate::member::lot::{Funder, Lot};
use crate::money::Bonuses;
use crate::rejection::Rejection;

/// What one of the purchase's funders has yet to be given, of the accrual or of what the coupon gave.
pub(super) struct Share {
    pub(super) funder: Funder,
    pub(super) of_coupon: bool,
    pub(super) rest: Bonuses,
}

impl Share {
    pub(super) fn has(&self, lot: &OwnLot) -> bool {
        lot.of_coupon == self.of_coupon && lot.funder == self.funder
    }

    /// The lot that a debt to it is named by.
    pub(super) fn lot_id(&self, file: &PurchaseFile) -> LotId {
        if self.of_coupon {
            LotId::of_coupon(file.purchase_id)
        } else {
            LotId::of(file.purchase_id, self.funder.as_str())
        }
    }

    /// All of them in the order in which they are satisfied: the business before the coalition, of each the accrual's share
    /// before the coupon's.
    pub(super) fn all(file: &PurchaseFile, due: ByFunder, of_coupon: Bonuses) -> Vec<Self> {
        let business = Funder::Business(file.business.clone());
        let mut shares = vec![
            Self { funder: business, of_coupon: false, rest: due.business },
            Self { funder: Funder::Coalition, of_coupon: false, rest: due.coalition },
        ];
        if let Some(coupon) = &file.coupon {
            shares.push(Self { funder: coupon.funded_by.clone(), of_coupon: true, rest: of_coupon });
            // The order of funders is that of spending (Rule B7); the sort is stable.
            shares.sort_by(|one, other| one.funder.cmp(&other.funder));
        }
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
