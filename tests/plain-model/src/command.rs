//! What is asked of a member, and what is answered.

use ledger_core::ids::{CouponId, LotId, PurchaseId, RedemptionId, RefundId};
use ledger_core::time::Timestamp;

use crate::Kopecks;
use crate::coupon::Coupon;
use crate::revision::Revision;
use crate::reward::{Followed, TriggeredStep};
use crate::status::Status;

/// A document of a purchase. Rule D1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub struct Document {
    pub id: PurchaseId,
    pub business: String,
    pub revision: u32,
    pub amount: Kopecks,
    pub occurred_at: Timestamp,
    pub source: u8,
    pub redemption: Option<RedemptionId>,
    pub redeem_amount: Option<Kopecks>,
    /// The number of a code.
    pub coupon: Option<u32>,
    /// Rule T6: history, with the day she became a member if it says so.
    pub import: Option<Option<Timestamp>>,
}

/// What is asked for. Ids are given from outside, as to the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the rule book and the contract")]
pub enum Command {
    Register {
        at: Timestamp,
        consents: Vec<(String, bool)>,
    },
    ChangeConsents(Vec<(String, bool)>),
    Purchase(Document),
    Apply(PurchaseId),
    Drop(PurchaseId),
    Hold {
        id: RedemptionId,
        business: String,
        bill: Kopecks,
        amount: Kopecks,
    },
    Cancel {
        id: RedemptionId,
        business: String,
    },
    Refund {
        purchase: PurchaseId,
        business: String,
        id: RefundId,
        amount: Kopecks,
        occurred_at: Timestamp,
    },
    Due,
    Review,
    Rank {
        ordinary: Option<[Kopecks; 2]>,
        with_medical: Option<[Kopecks; 2]>,
    },
    Invite(bool),
    Block(bool),
    PayPremium {
        from: Timestamp,
        to: Timestamp,
    },
    CancelPremium,
    Gift {
        lot: LotId,
        serial: u32,
        amount: Kopecks,
        life_days: Option<u32>,
    },
    Adjust {
        lot: LotId,
        serial: u32,
        amount: Kopecks,
    },
    IssueCoupon(Coupon),
    ActivateCoupon {
        id: CouponId,
        code: u32,
    },
    RevokeCoupon {
        id: CouponId,
    },
    TakeReward(TriggeredStep),
    CrossBonus(Followed),
    /// A newer revision of a purchase's document. One that names another member is about two: [`crate::hand_over`].
    Revise(Revision),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub enum Outcome {
    Done,
    Recorded {
        earned: Kopecks,
        available_from: Timestamp,
        expire_at: Timestamp,
        redeemed: Kopecks,
        discount: Kopecks,
        status: Status,
    },
    Replayed,
    Stale,
    Quarantined,
    Unmatched,
    BeforeMembership,
    Held {
        held: Kopecks,
        expires_at: Timestamp,
    },
    Cancelled {
        released: Kopecks,
    },
    Refunded {
        taken_back: Kopecks,
        returned: Kopecks,
        debt: Kopecks,
    },
    Standing {
        status: Status,
    },
    Granted {
        expires_at: Option<Timestamp>,
    },
    CouponIssued,
    Activated {
        code: u32,
        valid_until: Timestamp,
    },
    CouponRevoked,
    /// With what it takes of the chain's budget.
    Rewarded {
        cost: Kopecks,
    },
    Promised,
    HeldOut,
    /// Why; whether it can never be otherwise.
    NoReward {
        why: &'static str,
        is_final: bool,
    },
    CrossBonus {
        amount: Kopecks,
        cost: Kopecks,
    },
}
