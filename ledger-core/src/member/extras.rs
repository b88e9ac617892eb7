//! What a purchase brings her beside its accrual: by the coupon it used, and by the chain it followed from. Rules C1, B9, F7.
//!
//! Both are reckoned anew from the newest bill, net of refunds in the same cumulative proportion as the accrual (Rule F2).

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::PurchaseFile;
use crate::category::Confidentiality;
use crate::ids::{ChainId, CouponId, NaturalKey, PurchaseId};
use crate::member::event::{CouponBenefit, CouponRedeemed, CrossBonusAccrued};
use crate::member::lot::{Funder, Lot};
use crate::money::{Bonuses, Roubles};
use crate::rate::Rate;
use crate::time::Timestamp;

/// `whole` × `part` ÷ `all`, rounded once, half away from zero; nothing of nothing. Rule F2.
pub(super) fn share(whole: Bonuses, part: Decimal, all: Decimal) -> Option<Bonuses> {
    if all.is_zero() {
        return Some(Bonuses::ZERO);
    }
    whole.to_decimal().checked_mul(part)?.checked_div(all).and_then(Bonuses::rounded)
}

/// `whole` without the share of it that goes with what was refunded of the bill. Rule F2.
pub(super) fn net(whole: Bonuses, bill: Roubles, refunded: Roubles) -> Option<Bonuses> {
    whole.checked_sub(share(whole, refunded.to_decimal(), bill.to_decimal())?)
}

/// The coupon that a purchase used. Rules C1, C4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedCoupon {
    /// The coupon.
    pub coupon_id: CouponId,
    /// The keyed hash of the code that named it.
    pub code: NaturalKey,
    /// What it gives.
    pub gives: CouponBenefit,
    /// Who bears it.
    pub funded_by: Funder,
    /// When the bonuses that it gives are spendable: from, until.
    pub life: Option<(Timestamp, Timestamp)>,
}

/// What a coupon comes to with a bill, net of refunds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reckoning {
    pub(super) discount: Roubles,
    pub(super) bonuses: Bonuses,
}

impl UsedCoupon {
    pub(super) fn of(fact: &CouponRedeemed) -> Self {
        Self {
            coupon_id: fact.coupon_id,
            code: fact.code,
            gives: fact.gives.clone(),
            funded_by: fact.funded_by.clone(),
            life: fact.lot.as_ref().map(Lot::life),
        }
    }

    /// Of `bill`, `refunded` was given back: in the same cumulative proportion, each rounded once. Rules F2, F5.
    pub(super) fn reckon(&self, bill: Roubles, refunded: Roubles) -> Option<Reckoning> {
        let net = |whole: Bonuses| net(whole, bill, refunded);
        // Kopecks are kopecks: the one rounding of amounts is that of bonuses.
        let discount = Bonuses::from_kopecks(self.gives.discount(bill)?.kopecks());
        Some(Reckoning { discount: net(discount)?.face_value(), bonuses: net(self.gives.bonuses(bill))? })
    }
}

/// A part of a bill, rounded once. Rule B9.
pub(super) fn part(bill: Roubles, rate: Rate) -> Option<Bonuses> {
    Bonuses::rounded(bill.to_decimal().checked_mul(rate.to_decimal())?)
}

/// What a chain adds to a purchase that follows from one of its triggers. Rule B9.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrossBonus {
    /// The chain.
    pub chain_id: ChainId,
    /// Which version of it.
    pub version: u32,
    /// The step's place in it, from 0.
    pub step: u32,
    /// The purchase that triggered the step.
    pub trigger_id: PurchaseId,
    /// Which part of the bill it is.
    pub rate: Rate,
    /// What it is at most before refunds. Rule X5.
    pub most: Bonuses,
    /// Who bears it.
    pub funded_by: Funder,
    /// Whether one of the two visits is a medical secret.
    pub confidentiality: Confidentiality,
}

impl CrossBonus {
    pub(super) fn of(fact: &CrossBonusAccrued) -> Self {
        let CrossBonusAccrued { chain_id, version, step, trigger_id, rate, most, confidentiality, .. } =
            *fact;
        let funded_by = fact.funded_by.clone();
        Self { chain_id, version, step, trigger_id, rate, most, funded_by, confidentiality }
    }

    /// The fact that it brings `lot` with the purchase, or with a revision of it.
    pub(super) fn fact(
        &self,
        file: &PurchaseFile,
        revision: Option<u32>,
        lot: Option<Lot>,
    ) -> CrossBonusAccrued {
        CrossBonusAccrued {
            purchase_id: file.purchase_id,
            business_id: file.business_id,
            business: file.business.clone(),
            confidentiality: self.confidentiality,
            chain_id: self.chain_id,
            version: self.version,
            step: self.step,
            trigger_id: self.trigger_id,
            revision,
            rate: self.rate,
            most: self.most,
            funded_by: self.funded_by.clone(),
            lot,
        }
    }

    /// Of `bill`, `refunded` was given back: each rounded once. Rules B9, F7.
    pub(super) fn at(&self, bill: Roubles, refunded: Roubles) -> Option<Bonuses> {
        net(part(bill, self.rate)?.min(self.most), bill, refunded)
    }
}
