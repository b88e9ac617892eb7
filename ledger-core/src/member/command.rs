//! What can be asked of a member's stream, and what is answered.

use serde::{Deserialize, Serialize};

use super::amend::AmendPurchase;
use super::coupon::{ActivateCoupon, IssueCoupon};
use super::cross_bonus::GiveCrossBonus;
use super::erasure::Erase;
use super::gift::{Adjustment, Gift};
use super::offered::TakeOffer;
use super::premium::PayPremium;
use super::purchase_file::PurchaseFile;
use super::refund::Refund;
use super::requests::{ExtendRequest, ReceiveRequest};
use super::reward::TakeReward;
use super::standing::Rankings;
use crate::ids::{
    ActId, BusinessId, CouponId, GrantId, NaturalKey, PurchaseId, QuarantineId, ReasonId, RedemptionId,
    RefundId, SourceKey, SubjectRequestId,
};
use crate::member::consent::{ConsentChange, ConsentOrigin};
use crate::member::event::{BlockGround, Promise, PurchaseSource, RequestAnswer, UnblockGround};
use crate::member::status::Status;
use crate::money::{Bonuses, Roubles};
use crate::time::Timestamp;

/// A command to one member's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberCommand {
    /// She joins, with the consents she gives. Rule S6.
    Register {
        /// Since when; never after now.
        registered_at: Timestamp,
        /// What she consents to.
        consents: Vec<ConsentChange>,
        /// Where they come from.
        origin: ConsentOrigin,
    },
    /// She gives or withdraws consents.
    ChangeConsents {
        /// What changes; purposes not named stay.
        changes: Vec<ConsentChange>,
        /// Where they come from.
        origin: ConsentOrigin,
    },
    /// A business reports a purchase.
    RecordPurchase(RecordPurchase),
    /// An admin records a document that waits. Rule T3.
    ApplyQuarantined(QuarantineId),
    /// An admin drops one. Rule T3.
    DropQuarantined(QuarantineId),
    /// A business reserves bonuses for a purchase. Rule R1.
    HoldBonuses(HoldBonuses),
    /// A business calls a hold off. Rule R1.
    CancelHold {
        /// Which.
        redemption_id: RedemptionId,
        /// Whose.
        business_id: BusinessId,
    },
    /// A business gives money back for a recorded purchase. Rules F.
    RefundPurchase(Box<RefundPurchase>),
    /// A business reports a newer revision of a purchase's document. Rule D3.
    AmendPurchase(Box<AmendPurchase>),
    /// Write what has matured, expired or lapsed. Rules B5, B8, R1.
    WriteDue,
    /// The daily review of her status, after writing what is due. Rules S2, S3.
    ReviewStatus,
    /// The daily ranking of spenders, as far as it is about her. Rules S1, S3.
    RankSpending(Rankings),
    /// An admin invites her to the inner circle, or withdraws it. Rules S1, S3.
    Invite(bool),
    /// An admin blocks her, for a reason, or unblocks her. Rule R4.
    Block(Option<ReasonId>),
    /// Her data are not to be used while something is looked into. `compliance.md` S5.
    BlockProcessing(BlockGround),
    /// They are to be used again. `compliance.md` S5.
    UnblockProcessing(UnblockGround),
    /// She demands something about her data. `compliance.md` S2.
    ReceiveRequest(ReceiveRequest),
    /// An answer to that takes longer. `compliance.md` S2.
    ExtendRequest(ExtendRequest),
    /// She is answered. `compliance.md` S2.
    AnswerRequest {
        /// Which demand.
        request_id: SubjectRequestId,
        /// What became of it.
        answer: RequestAnswer,
    },
    /// She proved another phone.
    ChangePhone,
    /// A payment for Premium came. Rule S4.
    PayPremium(PayPremium),
    /// Premium ends now. Rule S4.
    CancelPremium,
    /// An admin gives her bonuses. Rule B10.
    Gift(Gift),
    /// An admin corrects her bonuses. Rule B10.
    Adjust(Adjustment),
    /// A business or an admin gives her a coupon. Rule C1.
    IssueCoupon(Box<IssueCoupon>),
    /// A purchase of hers triggered a step of a chain. Rule X3.
    TakeReward(Box<TakeReward>),
    /// A purchase of hers followed from a step of a chain. Rule B9.
    GiveCrossBonus(Box<GiveCrossBonus>),
    /// She may be one of those whom an offer is for.
    TakeOffer(TakeOffer),
    /// She asks for a coupon's code. Rule C2.
    ActivateCoupon(ActivateCoupon),
    /// A coupon is taken away. Rule C2.
    RevokeCoupon {
        /// Which.
        coupon_id: CouponId,
        /// Why, in the vault.
        reason_id: ReasonId,
    },
    /// She is to be forgotten.
    Erase(Erase),
}

/// A purchase document as a business reports it. Rule D1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseDocument {
    /// Where.
    pub business_id: BusinessId,
    /// The keyed natural key.
    pub natural_key: NaturalKey,
    /// The revision of the document. Rule D2.
    pub revision: u32,
    /// The bill; above zero.
    pub amount: Roubles,
    /// When. Rule T1.
    pub occurred_at: Timestamp,
    /// How it came in.
    pub source: PurchaseSource,
    /// Which of the business's systems sent it. Rule D5.
    pub source_system: Option<SourceKey>,
    /// Whether the document says that the purchase is void. Rule D3.
    pub cancelled: bool,
    /// The hold it captures. Rule R3.
    pub redemption_id: Option<RedemptionId>,
    /// How much of the hold. Rule R3.
    pub redeem_amount: Option<Bonuses>,
    /// The keyed hash of an activation code. Rule C2.
    pub coupon_code: Option<NaturalKey>,
}

/// Live, or history. Rules T3, T6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurchaseMode {
    /// From a partner, as it happens: decided as of now.
    Live,
    /// An admin import: any past date, decided as of its own time.
    Import {
        /// Since when she is a member, if the import says so.
        registered_at: Option<Timestamp>,
    },
}

/// A business reports a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPurchase {
    /// A fresh id in case it must wait for an admin.
    pub quarantine_id: QuarantineId,
    /// The document.
    pub document: PurchaseDocument,
    /// Live or history.
    pub mode: PurchaseMode,
}

impl RecordPurchase {
    /// The purchase; its id follows from the natural key.
    #[must_use]
    pub fn purchase_id(&self) -> PurchaseId {
        PurchaseId::of_key(self.document.natural_key.as_bytes())
    }
}

/// A business reserves bonuses for a purchase. Rules R1, R2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldBonuses {
    /// What the purchase will name it by.
    pub redemption_id: RedemptionId,
    /// Where.
    pub business_id: BusinessId,
    /// The bill.
    pub bill_amount: Roubles,
    /// How much of it in bonuses; above zero.
    pub amount: Bonuses,
}

/// A business gives money back for a recorded purchase. Rules F.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundPurchase {
    /// The purchase as its facts say.
    pub file: PurchaseFile,
    /// Who gives back.
    pub business_id: BusinessId,
    /// What.
    pub refund: Refund,
}

/// A coupon that a purchase used, and what came off its bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponUse {
    /// The coupon.
    pub coupon_id: CouponId,
    /// What came off, before refunds. Rule C4.
    pub discount: Roubles,
}

/// What became of a purchase document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PurchaseOutcome {
    /// It is on the log.
    Recorded {
        /// The purchase.
        purchase_id: PurchaseId,
        /// What it earned in all.
        bonuses_earned: Bonuses,
        /// From when that is spendable.
        bonuses_available_from: Timestamp,
        /// Until when.
        bonuses_expire_at: Timestamp,
        /// What was paid in bonuses.
        bonuses_redeemed: Bonuses,
        /// The coupon it used.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        coupon: Option<CouponUse>,
        /// Her status after it, as shown.
        status: Status,
        /// Whether it amends a purchase. Rule D3.
        #[serde(default)]
        amended: bool,
    },
    /// It waits for an admin. Rules T3, D5.
    Quarantined {
        /// What the admin names it by.
        quarantine_id: QuarantineId,
    },
    /// A stranger, or a member without the consent: nothing is stored.
    Unmatched,
    /// It happened before she was a member. Rule T5: nothing is stored.
    BeforeMembership,
}

/// What a member's stream answers to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberOutcome {
    /// She is registered.
    Registered,
    /// Her consents are as asked.
    ConsentsChanged,
    /// What became of a purchase.
    Purchase(PurchaseOutcome),
    /// A document that waited is dropped.
    QuarantineDropped {
        /// Which.
        quarantine_id: QuarantineId,
    },
    /// Bonuses are reserved.
    Held {
        /// What the purchase names them by.
        redemption_id: RedemptionId,
        /// How much.
        held: Bonuses,
        /// The first moment at which they no longer are.
        expires_at: Timestamp,
    },
    /// A hold is called off.
    HoldCancelled {
        /// Which.
        redemption_id: RedemptionId,
        /// What went back.
        released: Bonuses,
    },
    /// Money is given back.
    Refunded {
        /// The refund.
        refund_id: RefundId,
        /// What was taken back, with what became debt.
        bonuses_taken_back: Bonuses,
        /// What of the bonuses paid came back.
        bonuses_returned: Bonuses,
        /// What she owes after it.
        debt: Bonuses,
    },
    /// What was due is written.
    DueWritten,
    /// Her status is reviewed.
    Reviewed,
    /// Her standing is as asked.
    StandingChanged {
        /// Her status after it, as shown.
        status: Status,
    },
    /// Her data are used, or not, as asked.
    Processing {
        /// Whether they are kept and not used.
        blocked: bool,
    },
    /// A demand of hers has its term.
    RequestDue {
        /// Which.
        request_id: SubjectRequestId,
        /// The last moment at which an answer is in time.
        due_at: Timestamp,
    },
    /// A demand of hers is answered.
    RequestAnswered {
        /// Which.
        request_id: SubjectRequestId,
    },
    /// Another phone finds her.
    PhoneChanged {
        /// The first moment at which bonuses can be reserved again.
        spending_from: Timestamp,
    },
    /// She has a coupon.
    CouponIssued {
        /// Which.
        coupon_id: CouponId,
    },
    /// A coupon has a code that is good.
    CouponActivated {
        /// Which.
        coupon_id: CouponId,
        /// The keyed hash of the code.
        code: NaturalKey,
        /// The last moment at which it is good.
        valid_until: Timestamp,
    },
    /// A coupon is taken away.
    CouponRevoked {
        /// Which.
        coupon_id: CouponId,
    },
    /// A step of a chain gave a coupon for a purchase.
    Rewarded {
        /// Which.
        coupon_id: CouponId,
    },
    /// A step of a chain gave no coupon for a purchase.
    Triggered {
        /// What it brings.
        promise: Promise,
    },
    /// A purchase followed from a step of a chain.
    CrossBonus {
        /// What that brought.
        amount: Bonuses,
    },
    /// An offer gave her a coupon, or nothing.
    Offered {
        /// Which.
        coupon_id: Option<CouponId>,
    },
    /// Bonuses are given or taken.
    Granted {
        /// The gift or adjustment.
        grant_id: GrantId,
        /// The last moment of what is given; none for what is taken.
        expires_at: Option<Timestamp>,
    },
    /// She is forgotten.
    Erased {
        /// The number of the act.
        act_id: ActId,
    },
}
