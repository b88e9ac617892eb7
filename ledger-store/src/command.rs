//! What can be asked of the ledger, and what is answered.

use ledger_core::business::decide::{ChangeBusiness, RegisterBusiness, SetMultiplier};
use ledger_core::chain::ChainState;
use ledger_core::chain::decide::ChainCommand;
use ledger_core::ids::{BusinessId, ChainId, CorrelationId, MemberId, OfferId, PurchaseId, RefundId};
use ledger_core::log::{Actor, Position};
use ledger_core::member::cross_bonus::FollowedStep;
use ledger_core::member::{Accounts, HandOver, MemberCommand, MemberOutcome};
use ledger_core::money::Roubles;
use ledger_core::offer::OfferState;
use ledger_core::offer::decide::OfferCommand;
use ledger_core::policy::decide::PublishPolicy;
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A command to one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To a member.
    Member {
        /// Which.
        member_id: MemberId,
        /// What.
        command: MemberCommand,
    },
    /// A newer revision of a document, which names another member than the one before; the runner makes it of a purchase.
    /// Rule D3.
    HandOver {
        /// Whose it was.
        from: MemberId,
        /// Whose it becomes.
        to: MemberId,
        /// What.
        command: HandOver,
    },
    /// An account goes into another of the same woman. Like every command here, one to the old account goes to the other
    /// from then on.
    Merge(Accounts),
    /// It stands for itself again.
    Unmerge(Accounts),
    /// Money given back for a purchase, whosever it is. Rules F, D4.
    Refund(RefundRequest),
    /// What a chain brings for a purchase that follows from one of its triggers. Rule B9.
    CrossBonus(CrossBonusRequest),
    /// A new business.
    RegisterBusiness(RegisterBusiness),
    /// A business's name or terms.
    ChangeBusiness(ChangeBusiness),
    /// A business's multiplier for a period.
    SetMultiplier(SetMultiplier),
    /// A new policy.
    PublishPolicy(PublishPolicy),
    /// To a chain.
    Chain {
        /// Which.
        chain_id: ChainId,
        /// What.
        command: ChainCommand,
    },
    /// To an offer.
    Offer {
        /// Which.
        offer_id: OfferId,
        /// What.
        command: OfferCommand,
    },
}

/// A business gives money back for a purchase that it names; whose that is, the runner finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundRequest {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// Who gives back.
    pub business_id: BusinessId,
    /// The refund.
    pub refund_id: RefundId,
    /// How much.
    pub amount: Roubles,
    /// When; now when nobody said. Rule T1.
    pub occurred_at: Option<Timestamp>,
    /// What to do as long as nobody has reported the purchase. Rule D4.
    pub unknown: Unknown,
}

/// A purchase followed from a step of a chain, whose reward goes with it; what the purchase came to, the runner finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrossBonusRequest {
    /// Whose it was then: another gets nothing for it.
    pub member_id: MemberId,
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// The step.
    pub earned_by: FollowedStep,
}

/// What becomes of a refund of a purchase that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It waits for it.
    Waits,
    /// It is refused.
    Refused,
}

/// What makes a command happen once. Design L4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotency {
    /// The key, already keyed or derived: it says nothing about a person.
    pub key: [u8; 32],
    /// Orders the edits of one document (Rule D2); 1 for all but purchases.
    pub revision: u32,
    /// Of the parsed command: the same key with another one is refused.
    pub fingerprint: [u8; 32],
}

/// A command with its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What.
    pub command: Command,
    /// Once.
    pub idempotency: Idempotency,
    /// Who.
    pub actor: Actor,
    /// Which way it came in: `api`, `import`, `schedule`.
    pub source: &'static str,
    /// Everything that this request leads to shares this id.
    pub correlation_id: CorrelationId,
}

/// What a command led to; stored with its key, so that a repeat gets the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A member's answer.
    Member(MemberOutcome),
    /// A business was registered or changed.
    Business {
        /// Which.
        business_id: BusinessId,
    },
    /// A refund waits for its purchase. Rule D4.
    RefundWaiting {
        /// The refund.
        refund_id: RefundId,
    },
    /// A policy was published.
    PolicyPublished {
        /// Its version.
        version: u32,
        /// From when it is in force.
        effective_from: Timestamp,
    },
    /// A chain was drawn up, changed, or went on its way.
    Chain {
        /// Which.
        chain_id: ChainId,
        /// The version that the command was about.
        version: u32,
        /// Where that stands.
        state: ChainState,
    },
    /// An offer was drawn up, changed, or went on its way.
    Offer {
        /// Which.
        offer_id: OfferId,
        /// Its newest version.
        version: u32,
        /// Where that stands.
        state: OfferState,
    },
}

/// Whether a receipt is of this execution or of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Executed now.
    First,
    /// Executed before with the same content: the first answer again.
    Replayed,
    /// A later revision of the document is known. Rule D2.
    Stale,
}

/// What a command led to; given after the durable commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The outcome of the first execution.
    pub outcome: Outcome,
    /// The last position that the first execution wrote; `None` when it wrote nothing.
    pub position: Option<Position>,
    /// The position up to which the outcome knows the log; what it says may be out of date by anything later.
    pub as_of: Position,
    /// Whether this is it.
    pub repeat: Repeat,
}
