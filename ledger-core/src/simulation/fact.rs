//! One fact of a member's log as a simulation reads it, and what of her other facts belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use super::NotSimulated;
use crate::category::Confidentiality;
use crate::ids::{GrantId, NaturalKey, PurchaseId, QuarantineId, RedemptionId};
use crate::log::{Event, Position, Row, UnknownEvent};
use crate::member::command::PurchaseMode;
use crate::member::event::MemberEvent;
use crate::member::lot::Lot;
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

    /// The moment as of which it was decided: its own for history (Rules T1, T6), but that of the log when an import's line
    /// only edits what is known (Rule D3).
    pub(super) const fn moment(&self) -> Timestamp {
        match (self.mode, &self.event) {
            (PurchaseMode::Live, _) | (_, MemberEvent::PurchaseTakenOver(_)) => self.recorded_at,
            (PurchaseMode::Import { .. }, _) => self.occurred_at,
        }
    }

    pub(super) const fn is_purchase(&self) -> bool {
        matches!(self.event, MemberEvent::PurchaseRecorded(_))
    }

    /// Whether it says that she was at a clinic, or what followed there.
    pub(super) const fn is_secret(&self) -> bool {
        let confidentiality = if let MemberEvent::PurchaseRecorded(fact) = &self.event {
            fact.confidentiality
        } else if let MemberEvent::PurchaseTakenOver(fact) = &self.event {
            fact.purchase.confidentiality
        } else if let MemberEvent::PurchaseAmended(fact) = &self.event {
            fact.confidentiality
        } else if let MemberEvent::PurchaseRefunded(fact) = &self.event {
            fact.confidentiality
        } else if let MemberEvent::CrossBonusAccrued(fact) = &self.event {
            fact.confidentiality
        } else {
            return false;
        };
        matches!(confidentiality, Confidentiality::Medical)
    }
}

/// What must be known of a member's later facts to tell an earlier one again. Empty for most members.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// What a purchase was paid with: which hold, how much.
    pub(super) paid: BTreeMap<PurchaseId, (RedemptionId, Bonuses)>,
    /// The holds by which revisions took again what had come back: a part of the revision. Rule D3.
    pub(super) taken_again: BTreeSet<RedemptionId>,
    /// Which coupon's code it named.
    pub(super) coupons: BTreeMap<PurchaseId, NaturalKey>,
    /// Purchases that an admin took out of quarantine.
    pub(super) applied: BTreeSet<PurchaseId>,
    /// Revisions by which she took a purchase over, and when what it earned her is spendable: from, until.
    pub(super) taken_over: BTreeMap<(PurchaseId, u32), Option<(Timestamp, Timestamp)>>,
    /// Purchases that are refunded, amended, taken over, or brought a cross bonus: their files are kept.
    pub(super) edited: BTreeSet<PurchaseId>,
    /// The revisions that say that a purchase is void.
    pub(super) voids: BTreeSet<(PurchaseId, u32)>,
    /// Adjustments downwards: the place of the first of their facts, and how much in all.
    pub(super) withdrawn: BTreeMap<GrantId, (Position, Bonuses)>,
    /// Documents of clinics that wait, or waited, for an admin.
    secret_waits: BTreeSet<QuarantineId>,
}

impl Story {
    pub(super) fn of(facts: &[Fact]) -> Result<Self, NotSimulated> {
        let mut story = Self::default();
        for fact in facts {
            if let MemberEvent::BonusesHeld(held) = &fact.event {
                // A hold of no time at all is a part of what captures it.
                if held.lapses_at == fact.recorded_at {
                    story.taken_again.insert(held.redemption_id);
                }
            } else if let MemberEvent::BonusesRedeemed(paid) = &fact.event {
                if !story.taken_again.contains(&paid.redemption_id) {
                    story.paid.insert(paid.purchase_id, (paid.redemption_id, paid.amount));
                }
            } else if let MemberEvent::CouponRedeemed(used) = &fact.event {
                story.coupons.insert(used.purchase_id, used.code);
            } else if let MemberEvent::PurchaseQuarantined(waits) = &fact.event {
                if waits.purchase.confidentiality == Confidentiality::Medical {
                    story.secret_waits.insert(waits.quarantine_id);
                }
            } else if let MemberEvent::QuarantineApplied(applied) = &fact.event {
                story.applied.insert(applied.purchase_id);
            } else if let MemberEvent::PurchaseTakenOver(taken) = &fact.event {
                let purchase = &taken.purchase;
                story.edited.insert(purchase.purchase_id);
                story.taken_over.insert((purchase.purchase_id, purchase.revision), None);
            } else if let MemberEvent::BonusAccrued(accrued) = &fact.event
                && let Some(revision) = accrued.revision
                && let Some(life) = story.taken_over.get_mut(&(accrued.purchase_id, revision))
            {
                *life = accrued.lots.first().map(Lot::life);
            } else if let MemberEvent::CrossBonusAccrued(bonus) = &fact.event {
                story.edited.insert(bonus.purchase_id);
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

    /// Whether a fact of hers is about a clinic, though it may not say so itself.
    pub(super) fn is_secret(&self, fact: &Fact) -> bool {
        let waited = if let MemberEvent::QuarantineApplied(applied) = &fact.event {
            self.secret_waits.contains(&applied.quarantine_id)
        } else {
            false
        };
        waited || fact.is_secret()
    }
}
