//! The domain's answers in the model's words.

use ledger_core::member::{MemberOutcome, PurchaseOutcome};
use ledger_core::money::Bonuses;
use plain_model::Kopecks;
use plain_model::member::Outcome;

use crate::domain::status;

pub(crate) fn answer(outcome: MemberOutcome) -> Outcome {
    let of = |amount: Bonuses| Kopecks::from(amount.kopecks());
    match outcome {
        MemberOutcome::Registered
        | MemberOutcome::ConsentsChanged
        | MemberOutcome::DueWritten
        | MemberOutcome::QuarantineDropped { .. }
        | MemberOutcome::Reviewed
        | MemberOutcome::Rewarded { .. }
        | MemberOutcome::Triggered { .. }
        | MemberOutcome::Offered { .. }
        | MemberOutcome::Erased { .. }
        | MemberOutcome::Processing { .. }
        | MemberOutcome::RequestDue { .. }
        | MemberOutcome::RequestAnswered { .. }
        | MemberOutcome::CrossBonus { .. }
        | MemberOutcome::PhoneChanged { .. } => Outcome::Done,
        MemberOutcome::Purchase(PurchaseOutcome::Recorded {
            bonuses_earned,
            bonuses_available_from,
            bonuses_expire_at,
            bonuses_redeemed,
            coupon,
            status: after,
            ..
        }) => Outcome::Recorded {
            earned: of(bonuses_earned),
            available_from: bonuses_available_from,
            expire_at: bonuses_expire_at,
            redeemed: of(bonuses_redeemed),
            discount: coupon.map_or(0, |used| Kopecks::from(used.discount.kopecks())),
            status: status(after),
        },
        MemberOutcome::StandingChanged { status: after } => Outcome::Standing { status: status(after) },
        MemberOutcome::CouponIssued { .. } => Outcome::CouponIssued,
        MemberOutcome::CouponRevoked { .. } => Outcome::CouponRevoked,
        MemberOutcome::CouponActivated { code, valid_until, .. } => {
            let [a, b, c, d, ..] = *code.as_bytes();
            Outcome::Activated { code: u32::from_be_bytes([a, b, c, d]), valid_until }
        }
        MemberOutcome::Granted { expires_at, .. } => Outcome::Granted { expires_at },
        MemberOutcome::Purchase(PurchaseOutcome::Quarantined { .. }) => Outcome::Quarantined,
        MemberOutcome::Purchase(PurchaseOutcome::Unmatched) => Outcome::Unmatched,
        MemberOutcome::Purchase(PurchaseOutcome::BeforeMembership) => Outcome::BeforeMembership,
        MemberOutcome::Held { held, expires_at, .. } => Outcome::Held { held: of(held), expires_at },
        MemberOutcome::HoldCancelled { released, .. } => Outcome::Cancelled { released: of(released) },
        MemberOutcome::Refunded { bonuses_taken_back, bonuses_returned, debt, .. } => Outcome::Refunded {
            taken_back: of(bonuses_taken_back),
            returned: of(bonuses_returned),
            debt: of(debt),
        },
    }
}
