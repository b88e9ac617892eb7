//! One fact of a member's log as a simulation reads it, and what of her other facts belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use super::NotSimulated;
use crate::ids::{GrantId, PurchaseId, RedemptionId};
use crate::log::{Event, Position, Row, UnknownEvent};
use crate::member::command::PurchaseMode;
use crate::member::event::MemberEvent;
use crate::money::Bonuses;
use crate::time::Timestamp;

/// What the metadata of an import's facts name as the way they came in.
const IMPORT: &str = "import";

/// One fact of a member's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its place on the log.
    pub position: Position,
    /// When it happened. Rule T1.
    pub occurred_at: Timestamp,
    /// When the log took it. Rule T1.
    pub recorded_at: Timestamp,
    /// Live, or imported history. Rule T6.
    pub mode: PurchaseMode,
    /// The fact.
    pub event: MemberEvent,
}

impl Fact {
    /// The fact of a row; `None` for a row of another kind of stream.
    ///
    /// # Errors
    /// [`UnknownEvent`] for a row that this program cannot read.
    pub fn of(row: &Row) -> Result<Option<Self>, UnknownEvent> {
        let Event::Member(event) = row.event()? else { return Ok(None) };
        let is_import = row.metadata.source == IMPORT;
        let mode = if is_import { PurchaseMode::Import { registered_at: None } } else { PurchaseMode::Live };
        let Row { position, occurred_at, recorded_at, .. } = *row;
        Ok(Some(Self { position, occurred_at, recorded_at, mode, event }))
    }

    /// The moment as of which it was decided. Rules T1, T6.
    pub(super) const fn moment(&self) -> Timestamp {
        match self.mode {
            PurchaseMode::Live => self.recorded_at,
            PurchaseMode::Import { .. } => self.occurred_at,
        }
    }

    pub(super) const fn is_purchase(&self) -> bool {
        matches!(self.event, MemberEvent::PurchaseRecorded(_))
    }
}

/// What must be known of a member's later facts to tell an earlier one again. Empty for most members.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// What a purchase was paid with: which hold, how much.
    pub(super) paid: BTreeMap<PurchaseId, (RedemptionId, Bonuses)>,
    /// Purchases that are refunded or amended: their files are kept.
    pub(super) edited: BTreeSet<PurchaseId>,
    /// The revisions that say that a purchase is void.
    pub(super) voids: BTreeSet<(PurchaseId, u32)>,
    /// Adjustments downwards: the place of the first of their facts, and how much in all.
    pub(super) withdrawn: BTreeMap<GrantId, (Position, Bonuses)>,
}

impl Story {
    pub(super) fn of(facts: &[Fact]) -> Result<Self, NotSimulated> {
        let mut story = Self::default();
        for fact in facts {
            if let MemberEvent::BonusesRedeemed(paid) = &fact.event {
                story.paid.insert(paid.purchase_id, (paid.redemption_id, paid.amount));
            } else if let MemberEvent::PurchaseRefunded(refund) = &fact.event {
                story.edited.insert(refund.purchase_id);
            } else if let MemberEvent::PurchaseAmended(revision) = &fact.event {
                story.edited.insert(revision.purchase_id);
                if revision.cancelled {
                    story.voids.insert((revision.purchase_id, revision.revision));
                }
            } else if let MemberEvent::BonusWithdrawn(part) = &fact.event {
                let first = (fact.position, Bonuses::ZERO);
                let (_, sum) = story.withdrawn.entry(part.grant_id).or_insert(first);
                *sum = sum.checked_add(part.amount).ok_or(NotSimulated::OutOfRange)?;
            }
        }
        Ok(story)
    }
}
