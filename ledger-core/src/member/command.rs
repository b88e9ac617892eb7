//! What can be asked of a member's stream, and what is answered.

use serde::{Deserialize, Serialize};

use super::debt::settle;
use super::due::due;
use super::purchase_file::PurchaseFile;
use super::refund::Refund;
use super::review::{Review, live_window};
use super::{consents, purchase, redemption, refund};
use crate::context::Context;
use crate::ids::{BusinessId, NaturalKey, PurchaseId, QuarantineId, RedemptionId, RefundId};
use crate::log::Event;
use crate::member::consent::{ConsentChange, ConsentChoice, ConsentOrigin, Purpose};
use crate::member::event::{
    ConsentGranted, MemberEvent, MemberRegistered, PurchaseSource, StatusChanged, Track,
};
use crate::member::state::MemberState;
use crate::member::status::Status;
use crate::money::{Bonuses, Roubles};
use crate::policy::RULES_REVISION;
use crate::rejection::Rejection;
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
    /// Write what has matured, expired or lapsed. Rules B5, B8, R1.
    WriteDue,
    /// The daily review of her status, after writing what is due. Rules S2, S3.
    ReviewStatus,
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
    /// Whether the document says that the purchase is void. Rule D3.
    pub cancelled: bool,
    /// The hold it captures. Rule R3.
    pub redemption_id: Option<RedemptionId>,
    /// How much of the hold. Rule R3.
    pub redeem_amount: Option<Bonuses>,
    /// An activation code. Rule C2.
    pub coupon_code: Option<String>,
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
        /// Her status after it, as shown.
        status: Status,
    },
    /// It waits for an admin. Rule T3.
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
}

/// A fact that a decision wants written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When it happened. Rule T1.
    pub occurred_at: Timestamp,
    /// The fact.
    pub event: Event,
    /// The index, in the same decision, of the fact it follows from. Design L5.
    pub cause: Option<usize>,
}

/// The facts of a decision as they are drawn up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The facts, in order.
    pub events: Vec<NewEvent>,
    /// The policy that decided.
    pub policy_version: u32,
    /// The revision of the rule code.
    pub rules_revision: u32,
}

impl Draft {
    /// An empty draft under the policy `policy_version`.
    #[must_use]
    pub const fn new(policy_version: u32) -> Self {
        Self { events: Vec::new(), policy_version, rules_revision: RULES_REVISION }
    }

    /// Adds a fact that follows from the command itself; its index.
    pub fn push(&mut self, occurred_at: Timestamp, event: Event) -> usize {
        self.events.push(NewEvent { occurred_at, event, cause: None });
        self.events.len().saturating_sub(1)
    }

    pub(super) fn push_caused(&mut self, occurred_at: Timestamp, event: Event, cause: usize) {
        self.events.push(NewEvent { occurred_at, event, cause: Some(cause) });
    }

    /// Her status as shown once the draft is written. Rule S7.
    pub(super) fn shown_status(&self, state: &MemberState) -> Status {
        let shown =
            if state.consents_to(&Purpose::MedicalStatus) { Track::WithMedical } else { Track::Ordinary };
        let changed =
            |event: &StatusChanged| (event.track == shown || event.track == Track::Both).then_some(event.to);
        let last = self.events.iter().rev().find_map(|new| match &new.event {
            Event::Member(MemberEvent::StatusChanged(event)) => changed(event),
            Event::Member(_) | Event::Business(_) | Event::Policy(_) => None,
        });
        last.unwrap_or(state.shown().status)
    }
}

/// Decides `command` on `state`.
///
/// # Errors
/// The [`Rejection`] of the first rule that does not allow it; then nothing is written.
pub fn decide(
    state: &MemberState,
    command: &MemberCommand,
    context: &Context<'_>,
) -> Result<(Draft, MemberOutcome), Rejection> {
    let mut draft = Draft::new(context.policy_at(context.recorded_at)?.version);
    let outcome = match command {
        MemberCommand::Register { registered_at, consents, origin } => {
            register(state, *registered_at, consents, *origin, context, &mut draft)?
        }
        MemberCommand::RecordPurchase(command) => purchase::record(state, command, context, &mut draft)?,
        MemberCommand::ChangeConsents { changes, origin } => {
            change_consents(state, changes, *origin, context, &mut draft)?
        }
        MemberCommand::HoldBonuses(command) => redemption::hold(state, command, context, &mut draft)?,
        MemberCommand::CancelHold { redemption_id, business_id } => {
            redemption::cancel(state, (*redemption_id, *business_id), context, &mut draft)?
        }
        MemberCommand::RefundPurchase(command) => refund::refund(state, command, context, &mut draft)?,
        MemberCommand::WriteDue => {
            write_due(state, context, &mut draft)?;
            MemberOutcome::DueWritten
        }
        MemberCommand::ReviewStatus => {
            write_due(state, context, &mut draft)?;
            review(state, context, &mut draft)?;
            MemberOutcome::Reviewed
        }
    };
    settle(state, context, &mut draft)?;
    Ok((draft, outcome))
}

fn register(
    state: &MemberState,
    registered_at: Timestamp,
    consents: &[ConsentChange],
    origin: ConsentOrigin,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    if state.is_registered() {
        return Err(Rejection::MemberExists);
    }
    let to_take_part = consents.iter().rfind(|change| change.purpose == Purpose::PersonalData);
    if to_take_part.is_none_or(|change| change.choice != ConsentChoice::Granted) {
        return Err(Rejection::ConsentRequired);
    }
    let registered_at = registered_at.min(context.recorded_at);
    let cause = draft.push(registered_at, MemberRegistered { registered_at }.into());
    for event in consents::changes(state, consents, origin, context)? {
        draft.push_caused(context.recorded_at, event, cause);
    }
    Ok(MemberOutcome::Registered)
}

fn change_consents(
    state: &MemberState,
    changes: &[ConsentChange],
    origin: ConsentOrigin,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<MemberOutcome, Rejection> {
    if !state.is_registered() {
        return Err(Rejection::MemberNotFound);
    }
    let events = consents::changes(state, changes, origin, context)?;
    // Rule B5: a decision first writes what is due.
    write_due(state, context, draft)?;
    let is_status = |event: &Event| match event {
        Event::Member(MemberEvent::ConsentGranted(ConsentGranted { purpose, .. })) => {
            *purpose == Purpose::MedicalStatus
        }
        Event::Member(MemberEvent::ConsentWithdrawn(fact)) => fact.purpose == Purpose::MedicalStatus,
        Event::Member(_) | Event::Business(_) | Event::Policy(_) => false,
    };
    let evaluate = events.iter().any(is_status);
    for event in events {
        draft.push(context.recorded_at, event);
    }
    if evaluate {
        // Rule S2: a change of this consent is an occasion to evaluate.
        review(state, context, draft)?;
    }
    Ok(MemberOutcome::ConsentsChanged)
}

pub(super) fn write_due(
    state: &MemberState,
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<(), Rejection> {
    for due in due(state, context)? {
        draft.push(due.at, due.event);
    }
    Ok(())
}

fn review(state: &MemberState, context: &Context<'_>, draft: &mut Draft) -> Result<(), Rejection> {
    if !state.is_registered() {
        return Ok(());
    }
    let now = context.recorded_at;
    let policy = context.policy_at(now)?;
    let (after, until) = live_window(now, policy);
    let sums = state.spend.window(after, until).ok_or(Rejection::AmountOutOfRange)?;
    let all_categories = context.registry.businesses.ordinary_categories();
    for event in (Review { now, policy, all_categories }).both(&state.ordinary, &state.with_medical, &sums) {
        draft.push(now, event);
    }
    Ok(())
}
