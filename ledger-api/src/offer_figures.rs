//! What is told of whom an offer reaches and of what became of it. Compliance M4; decision 16.
//!
//! Whom it reaches is told in whole tens to everybody, and below ten not at all: of who meets a condition and who does not, the
//! difference is then no number of few. What a business reports itself, its own sales with a coupon, it is told exactly once
//! ten were used; what members do, it is told in tens.

use ledger_core::category::Confidentiality;
use ledger_core::money::Roubles;
use ledger_core::offer::Offer;
use ledger_core::time::Timestamp;

use crate::dto::{self, Untold};
use crate::ratio::Ratio;
use crate::read::offers::Figures;

/// Fewer members are no group, and others are told in groups of so many.
const TOLD_IN: u64 = 10;

/// Who asks, of whose offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asker {
    /// An admin, and not the business itself.
    pub(crate) is_admin: bool,
    /// What kind of business it is.
    pub(crate) kind: Confidentiality,
}

impl Asker {
    /// What a clinic's members did there is nobody's but the clinic's.
    const fn is_kept_from_it(self) -> bool {
        self.is_admin && matches!(self.kind, Confidentiality::Medical)
    }
}

/// `count` in whole tens; `None` below ten.
fn told(count: i64) -> Option<u64> {
    let count = u64::try_from(count).unwrap_or(0);
    (count >= TOLD_IN).then(|| count.saturating_sub(count % TOLD_IN))
}

/// Whether how many it reaches may be told: everybody less those who are new at a clinic are its patients.
pub(crate) const fn may_be_told(asker: Asker, new_customers: bool) -> bool {
    !(asker.is_kept_from_it() && new_customers)
}

/// How many members it reaches; `count` is `None` when it may not be told.
pub(crate) fn reach(count: Option<i64>, as_of: Timestamp) -> dto::OfferReach {
    let members = count.and_then(told);
    let reason = match (count, members) {
        (None, _) => Some(Untold::MedicalSecret),
        (Some(_), None) => Some(Untold::TooFew),
        (Some(_), Some(_)) => None,
    };
    dto::OfferReach { members, reason, as_of }
}

/// What became of it.
pub(crate) fn stats(offer: &Offer, figures: &Figures, asker: Asker, as_of: Timestamp) -> dto::OfferStats {
    let nothing = |reason: Untold| dto::OfferStats {
        offer_id: offer.offer_id.as_uuid(),
        as_of,
        shown: None,
        activated: None,
        redeemed: None,
        revenue: None,
        cost: None,
        gain: None,
        reason: Some(reason),
    };
    if !offer.definition.reward.is_coupon() {
        return nothing(Untold::Multiplier);
    }
    if asker.is_kept_from_it() {
        return nothing(Untold::MedicalSecret);
    }
    let Figures { shown, activated, redeemed, revenue, cost } = *figures;
    let exact = |count: i64| u64::try_from(count).ok();
    let (shown, activated) =
        if asker.is_admin { (exact(shown), exact(activated)) } else { (told(shown), told(activated)) };
    let redeemed = exact(redeemed).filter(|count| asker.is_admin || *count >= TOLD_IN);
    let is_told = redeemed.is_some();
    let roubles = |kopecks: i64| is_told.then(|| Roubles::from_kopecks(kopecks));
    let gain = i128::from(revenue).checked_sub(i128::from(cost)).filter(|_| is_told);
    let all_told = shown.is_some() && activated.is_some() && is_told;
    dto::OfferStats {
        shown,
        activated,
        redeemed,
        revenue: roubles(revenue),
        cost: roubles(cost),
        gain: gain.and_then(|gain| Ratio::of(gain, cost)),
        reason: (!all_told).then_some(Untold::TooFew),
        ..nothing(Untold::TooFew)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use ledger_core::ids::{BusinessId, OfferId, ReasonId};
    use ledger_core::member::event::CouponBenefit;
    use ledger_core::offer::OfferState;
    use ledger_core::offer::audience::Audience;
    use ledger_core::offer::definition::{Definition, OfferCoupon, OfferFunder, OfferReward};
    use uuid::Uuid;

    use super::*;

    const OWNER: Asker = Asker { is_admin: false, kind: Confidentiality::Ordinary };
    const ADMIN: Asker = Asker { is_admin: true, kind: Confidentiality::Ordinary };
    const CLINIC: Asker = Asker { is_admin: false, kind: Confidentiality::Medical };
    const OF_CLINIC: Asker = Asker { is_admin: true, kind: Confidentiality::Medical };

    fn offer(reward: OfferReward) -> Offer {
        let definition = Definition {
            business_id: BusinessId::from_uuid(Uuid::from_u128(1)),
            title: ReasonId::from_uuid(Uuid::from_u128(2)),
            text: None,
            reward,
            audience: Audience { statuses: BTreeSet::new(), ..Audience::default() },
            from: None,
            to: None,
            limit: None,
            budget: None,
            funded_by: OfferFunder::Business,
        };
        Offer {
            offer_id: OfferId::from_uuid(Uuid::from_u128(3)),
            number: 1,
            version: 1,
            definition: Arc::new(definition),
            state: OfferState::Published,
            reason: None,
            published_at: None,
            ended_at: None,
            comments: 0,
            issued: 0,
            committed: Roubles::ZERO,
        }
    }

    fn coupon() -> Offer {
        let gives = CouponBenefit::DiscountFixed { value: Roubles::from_kopecks(20_000) };
        let (description, gift) = (None, None);
        let coupon =
            OfferCoupon { gives, min_bill: None, life_days: 30, with_bonuses: true, description, gift };
        offer(OfferReward::Coupon { coupon })
    }

    const fn figures(shown: i64, activated: i64, redeemed: i64) -> Figures {
        Figures { shown, activated, redeemed, revenue: redeemed * 100_000, cost: redeemed * 20_000 }
    }

    #[test]
    fn compliance_m4_whom_it_reaches_is_told_in_whole_tens_and_below_ten_not_at_all() {
        for (count, members) in
            [(0, None), (9, None), (10, Some(10)), (19, Some(10)), (20, Some(20)), (1_234, Some(1_230))]
        {
            let shown = reach(Some(count), Timestamp::BEGINNING);
            assert_eq!(shown.members, members, "{count}");
            assert_eq!(shown.reason, members.is_none().then_some(Untold::TooFew), "{count}");
        }
        let secret = reach(None, Timestamp::BEGINNING);
        assert_eq!((secret.members, secret.reason), (None, Some(Untold::MedicalSecret)));
    }

    #[test]
    fn compliance_m4_who_is_new_at_a_clinic_is_told_to_the_clinic_alone() {
        for (asker, new_customers, may) in [
            (OWNER, true, true),
            (ADMIN, true, true),
            (CLINIC, true, true),
            (OF_CLINIC, true, false),
            (OF_CLINIC, false, true),
        ] {
            assert_eq!(may_be_told(asker, new_customers), may, "{asker:?} {new_customers}");
        }
    }

    #[test]
    fn an_owner_is_told_in_tens_what_members_did_and_its_own_sales_from_ten_on() {
        let told = |counts: (i64, i64, i64), asker| {
            let it = stats(&coupon(), &figures(counts.0, counts.1, counts.2), asker, Timestamp::BEGINNING);
            let gain = it.gain.map(|gain| gain.to_string());
            (it.shown, it.activated, it.redeemed, it.revenue.map(Roubles::kopecks), gain, it.reason)
        };
        let gain = Some("4.0000".to_owned());
        assert_eq!(
            told((57, 23, 12), OWNER),
            (Some(50), Some(20), Some(12), Some(1_200_000), gain.clone(), None)
        );
        assert_eq!(told((57, 23, 9), OWNER), (Some(50), Some(20), None, None, None, Some(Untold::TooFew)));
        assert_eq!(told((9, 9, 9), OWNER), (None, None, None, None, None, Some(Untold::TooFew)));
        assert_eq!(told((57, 23, 9), ADMIN), (Some(57), Some(23), Some(9), Some(900_000), gain, None));
        assert_eq!(told((3, 0, 0), ADMIN), (Some(3), Some(0), Some(0), Some(0), None, None));
        assert_eq!(told((57, 23, 12), CLINIC).2, Some(12));
        let secret = (None, None, None, None, None, Some(Untold::MedicalSecret));
        assert_eq!(told((57, 23, 12), OF_CLINIC), secret);
    }

    #[test]
    fn of_a_multiplier_nothing_is_told() {
        let value = "1.5".parse().expect("a multiplier");
        let multiplier = offer(OfferReward::Multiplier { value });
        let it = stats(&multiplier, &Figures::default(), ADMIN, Timestamp::BEGINNING);
        assert_eq!((it.shown, it.revenue, it.reason), (None, None, Some(Untold::Multiplier)));
    }
}
