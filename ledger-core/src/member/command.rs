//! What can be asked of a member's stream, and what is answered.

use serde::{Deserialize, Serialize};

use super::due::due;
use super::gift::{Adjustment, Gift};
use super::premium::PayPremium;
use super::review::{Review, live_window};
use super::standing::Rankings;
use super::{consents, gift, premium, purchase, standing};
use crate::context::Context;
use crate::ids::{BusinessId, GrantId, NaturalKey, PurchaseId, QuarantineId, ReasonId, RedemptionId};
use crate::log::Event;
use crate::member::consent::{ConsentChange, ConsentChoice, ConsentOrigin, Purpose};
use crate::member::event::{
    ConsentGranted, MemberEvent, MemberRegistered, PurchaseSource, StatusChanged, Track,
};
use crate::member::state::{MemberState, StatusTrack};
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
    /// Write what has matured or expired. Rules B5, B8.
    WriteDue,
    /// The daily review of her status, after writing what is due. Rules S2, S3.
    ReviewStatus,
    /// The daily ranking of spenders, as far as it is about her. Rules S1, S3.
    RankSpending(Rankings),
    /// An admin invites her to the inner circle, or withdraws it. Rules S1, S3.
    Invite(bool),
    /// An admin blocks her, for a reason, or unblocks her. Rule R4.
    Block(Option<ReasonId>),
    /// A payment for Premium came. Rule S4.
    PayPremium(PayPremium),
    /// Premium ends now. Rule S4.
    CancelPremium,
    /// An admin gives her bonuses. Rule B10.
    Gift(Gift),
    /// An admin corrects her bonuses. Rule B10.
    Adjust(Adjustment),
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
    /// A fresh id for the purchase.
    pub purchase_id: PurchaseId,
    /// A fresh id in case it must wait for an admin.
    pub quarantine_id: QuarantineId,
    /// The document.
    pub document: PurchaseDocument,
    /// Live or history.
    pub mode: PurchaseMode,
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
    /// What was due is written.
    DueWritten,
    /// Her status is reviewed.
    Reviewed,
    /// Her standing is as asked.
    StandingChanged {
        /// Her status after it, as shown.
        status: Status,
    },
    /// Bonuses are given or taken.
    Granted {
        /// The gift or adjustment.
        grant_id: GrantId,
        /// The last moment of what is given; none for what is taken.
        expires_at: Option<Timestamp>,
    },
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

    /// Her status as shown at `at` once the draft is written. Rules S4, S7.
    pub(super) fn shown_status(&self, state: &MemberState, at: Timestamp) -> Status {
        let shown =
            if state.consents_to(&Purpose::MedicalStatus) { Track::WithMedical } else { Track::Ordinary };
        let changed =
            |event: &StatusChanged| (event.track == shown || event.track == Track::Both).then_some(event.to);
        let last = self.events.iter().rev().find_map(|new| match &new.event {
            Event::Member(MemberEvent::StatusChanged(event)) => changed(event),
            Event::Member(_) | Event::Business(_) | Event::Policy(_) => None,
        });
        last.unwrap_or(state.shown().status).max(state.premium.floor(at))
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
        MemberCommand::WriteDue => {
            write_due(state, context, &mut draft)?;
            MemberOutcome::DueWritten
        }
        MemberCommand::ReviewStatus => {
            write_due(state, context, &mut draft)?;
            review(state, context, &mut draft)?;
            MemberOutcome::Reviewed
        }
        MemberCommand::RankSpending(rankings) => standing::rank(state, rankings, context, &mut draft)?,
        MemberCommand::Invite(invited) => standing::invite(state, *invited, context, &mut draft)?,
        MemberCommand::Block(reason) => standing::block(state, *reason, context, &mut draft)?,
        MemberCommand::PayPremium(payment) => premium::pay(state, *payment, context, &mut draft)?,
        MemberCommand::CancelPremium => premium::cancel(state, context, &mut draft)?,
        MemberCommand::Gift(command) => gift::gift(state, command, context, &mut draft)?,
        MemberCommand::Adjust(command) => gift::adjust(state, command, context, &mut draft)?,
    };
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
    evaluate(state, [state.ordinary, state.with_medical], context, draft, None)
}

/// Evaluates her now, with her tracks (without and with medical businesses) as the draft leaves them. Rules S2, S7.
pub(super) fn evaluate(
    state: &MemberState,
    [ordinary, with_medical]: [StatusTrack; 2],
    context: &Context<'_>,
    draft: &mut Draft,
    cause: Option<usize>,
) -> Result<(), Rejection> {
    let now = context.recorded_at;
    let policy = context.policy_at(now)?;
    let (after, until) = live_window(now, policy);
    let sums = state.spend.window(after, until).ok_or(Rejection::AmountOutOfRange)?;
    let all_categories = context.registry.businesses.ordinary_categories();
    for event in (Review { now, policy, all_categories }).both(&ordinary, &with_medical, &sums) {
        draft.events.push(NewEvent { occurred_at: now, event, cause });
    }
    Ok(())
}
