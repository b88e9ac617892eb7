//! What a batch of events does to the tables, each row's events taken together.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ledger_core::category::Confidentiality;
use ledger_core::ids::{LotId, MemberId, RedemptionId};
use ledger_core::log::{Event, Position};
use ledger_core::member::event::{
    BonusAccrued, BonusReturned, BonusesHeld, HeldPart, HoldReleased, Holding, LotPart, MemberEvent, Way,
};
use ledger_core::member::lot::{Lot, LotOrigin};
use ledger_core::money::Bonuses;
use ledger_core::postings::{Account, postings};

use crate::engine::{Decoded, Fact};
use crate::error::ProjectError;

/// What a batch adds to one member's posted balances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) available: i64,
    pub(super) pending: i64,
    pub(super) held: i64,
    pub(super) debt: i64,
    pub(super) position: Position,
}

/// A lot's row but for its amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LotRow {
    pub(super) origin: LotOrigin,
    pub(super) funder: String,
    pub(super) pending: bool,
    pub(super) available_from: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) position: Position,
}

/// What a batch does to one lot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LotChange {
    /// Its row, should it not be there: opened in this batch, or given back to after it was used up.
    pub(super) row: Option<LotRow>,
    /// Whether it was opened in this batch: then it is not there.
    pub(super) opens: bool,
    pub(super) left: i64,
    pub(super) held: i64,
    /// It was pending and no longer is.
    pub(super) matures: bool,
    /// It is, or has become, a medical secret.
    pub(super) medical: bool,
}

/// What a batch does to a hold's part of one lot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HoldChange {
    /// When it lapses, if it was made in this batch.
    pub(super) opens: Option<DateTime<Utc>>,
    pub(super) amount: i64,
}

/// What a batch does to the tables.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) members: BTreeMap<MemberId, Change>,
    pub(super) lots: BTreeMap<(MemberId, LotId), LotChange>,
    pub(super) holds: BTreeMap<(MemberId, LotId, RedemptionId), HoldChange>,
    pub(super) newest: Position,
}

impl Changes {
    pub(super) fn of(events: &[Decoded]) -> Result<Self, ProjectError> {
        let mut changes = Self::default();
        for event in events {
            changes.newest = changes.newest.max(event.position);
            let Fact::Member(member, fact) = &event.fact else { continue };
            let known = changes.lots(*member, event.position, fact);
            known.ok_or_else(|| unapplicable(event.position, "a lot does what it cannot"))?;
            let fits = changes.posted(*member, event.position, fact);
            fits.ok_or_else(|| unapplicable(event.position, "a balance does not fit"))?;
        }
        Ok(changes)
    }

    fn posted(&mut self, member: MemberId, position: Position, fact: &MemberEvent) -> Option<()> {
        for posting in postings(member, &Event::Member(fact.clone())) {
            let mut kopecks = posting.kopecks;
            let change = self.members.entry(member).or_default();
            let sum = match posting.account {
                Account::MemberAvailable(_) => &mut change.available,
                Account::MemberPending(_) => &mut change.pending,
                Account::MemberHeld(_) => &mut change.held,
                Account::MemberDebt(_) => {
                    kopecks = kopecks.checked_neg()?;
                    &mut change.debt
                }
                Account::Issued(_)
                | Account::Expired(_)
                | Account::TakenBack(_)
                | Account::Redeemed(_)
                | Account::Claims(_)
                | Account::Clearing(_)
                | Account::Float
                | Account::Breakage
                | Account::TransferPending(_)
                | Account::TransferAvailable(_)
                | Account::TransferDebt(_) => continue,
            };
            *sum = sum.checked_add(kopecks)?;
            change.position = change.position.max(position);
        }
        Some(())
    }

    /// `None` for what cannot be.
    fn lots(&mut self, member: MemberId, position: Position, fact: &MemberEvent) -> Option<()> {
        match fact {
            MemberEvent::BonusAccrued(fact) => self.accrue(member, position, fact),
            MemberEvent::BonusMatured(fact) => self.mature(member, fact.lot_id),
            MemberEvent::BonusExpired(fact) => self.lose(member, fact.lot_id, fact.amount),
            MemberEvent::BonusesHeld(fact) => self.hold(member, fact),
            MemberEvent::HoldReleased(fact) => self.release(member, fact),
            MemberEvent::BonusesRedeemed(fact) => fact.parts.iter().try_for_each(|held| {
                let part = &held.part;
                self.add(member, part.lot_id, (0, part.amount.kopecks().checked_neg()?))?;
                self.end_hold(member, part, fact.redemption_id)
            }),
            MemberEvent::BonusReturned(fact) => self.give_back(member, position, fact),
            MemberEvent::BonusTakenBack(fact) => {
                fact.own.iter().try_for_each(|own| self.take(member, &own.part))?;
                fact.others.iter().try_for_each(|other| self.take(member, &other.part))
            }
            MemberEvent::DebtRepaid(fact) => fact.parts.iter().try_for_each(|part| self.take(member, part)),
            MemberEvent::BonusGifted(fact) => self.open(member, position, &fact.lot, fact.origin()),
            MemberEvent::BonusAdjusted(fact) => self.open(member, position, &fact.lot, fact.origin()),
            MemberEvent::BonusWithdrawn(fact) => self.lose(member, fact.lot_id, fact.amount),
            MemberEvent::CrossBonusAccrued(fact) => {
                fact.lot.iter().try_for_each(|lot| self.open(member, position, lot, fact.origin()))
            }
            MemberEvent::CouponRedeemed(fact) => {
                fact.lot.iter().try_for_each(|lot| self.open(member, position, lot, fact.origin()))
            }
            MemberEvent::CouponReckoned(fact) => {
                fact.lot.iter().try_for_each(|lot| self.open(member, position, lot, fact.origin()))
            }
            MemberEvent::AccountMerged(_)
            | MemberEvent::AccountTakenIn(_)
            | MemberEvent::AccountParted(_)
            | MemberEvent::AccountRestored(_) => self.move_lots(member, fact),
            MemberEvent::MemberRegistered(_)
            | MemberEvent::MembershipBackdated(_)
            | MemberEvent::ConsentGranted(_)
            | MemberEvent::ConsentWithdrawn(_)
            | MemberEvent::PurchaseRecorded(_)
            | MemberEvent::PurchaseQuarantined(_)
            | MemberEvent::QuarantineApplied(_)
            | MemberEvent::QuarantineDropped(_)
            | MemberEvent::PurchaseAmended(_)
            | MemberEvent::PurchaseTakenOver(_)
            | MemberEvent::PurchaseRefunded(_)
            | MemberEvent::DebtIncurred(_)
            | MemberEvent::WaitingRefundDropped(_)
            | MemberEvent::StatusChanged(_)
            | MemberEvent::StatusDowngradeScheduled(_)
            | MemberEvent::StatusDowngradeCancelled(_)
            | MemberEvent::InnerCircleInvited(_)
            | MemberEvent::InnerCircleInvitationWithdrawn(_)
            | MemberEvent::TopSpendersEntered(_)
            | MemberEvent::TopSpendersLeft(_)
            | MemberEvent::PremiumStarted(_)
            | MemberEvent::PremiumRenewed(_)
            | MemberEvent::PremiumCancelled(_)
            | MemberEvent::PremiumLapsed(_)
            | MemberEvent::MemberBlocked(_)
            | MemberEvent::MemberUnblocked(_)
            | MemberEvent::PhoneChanged(_)
            | MemberEvent::CouponIssued(_)
            | MemberEvent::CouponActivated(_)
            | MemberEvent::CouponExpired(_)
            | MemberEvent::CouponRevoked(_)
            | MemberEvent::ChainTriggered(_)
            | MemberEvent::ChainConverted(_)
            | MemberEvent::DebtWrittenOff(_)
            | MemberEvent::MemberErased(_)
            | MemberEvent::Rights(_) => Some(()),
        }
    }

    fn release(&mut self, member: MemberId, fact: &HoldReleased) -> Option<()> {
        fact.parts.iter().try_for_each(|part| {
            let kopecks = part.amount.kopecks();
            self.add(member, part.lot_id, (kopecks, kopecks.checked_neg()?))?;
            self.end_hold(member, part, fact.redemption_id)
        })
    }

    fn mature(&mut self, member: MemberId, lot: LotId) -> Option<()> {
        let lot = self.lots.entry((member, lot)).or_default();
        (!std::mem::replace(&mut lot.matures, true)).then_some(())
    }

    fn add(&mut self, member: MemberId, lot: LotId, (left, held): (i64, i64)) -> Option<()> {
        let change = self.lots.entry((member, lot)).or_default();
        change.left = change.left.checked_add(left)?;
        change.held = change.held.checked_add(held)?;
        Some(())
    }

    fn take(&mut self, member: MemberId, part: &LotPart) -> Option<()> {
        self.add(member, part.lot_id, (part.amount.kopecks().checked_neg()?, 0))?;
        self.keep_secret(member, part)
    }

    fn keep_secret(&mut self, member: MemberId, part: &LotPart) -> Option<()> {
        self.lots.get_mut(&(member, part.lot_id))?.medical |= is_medical(part.confidentiality);
        Some(())
    }

    fn accrue(&mut self, member: MemberId, position: Position, fact: &BonusAccrued) -> Option<()> {
        fact.lots.iter().try_for_each(|lot| self.open(member, position, lot, fact.origin()))
    }

    fn open(&mut self, member: MemberId, position: Position, lot: &Lot, origin: LotOrigin) -> Option<()> {
        let row = LotRow {
            origin,
            funder: lot.funder.as_str().to_owned(),
            pending: lot.opens == Holding::Pending,
            available_from: lot.available_from.to_utc(),
            expires_at: lot.expires_at.to_utc(),
            position,
        };
        let change = LotChange {
            row: Some(row),
            opens: true,
            left: lot.amount.kopecks(),
            medical: is_medical(origin.confidentiality()),
            ..LotChange::default()
        };
        self.lots.insert((member, lot.lot_id), change).is_none().then_some(())
    }

    fn hold(&mut self, member: MemberId, fact: &BonusesHeld) -> Option<()> {
        for HeldPart { part, .. } in &fact.parts {
            let kopecks = part.amount.kopecks();
            self.add(member, part.lot_id, (kopecks.checked_neg()?, kopecks))?;
            self.keep_secret(member, part)?;
            let hold = HoldChange { opens: Some(fact.lapses_at.to_utc()), amount: kopecks };
            let key = (member, part.lot_id, fact.redemption_id);
            self.holds.insert(key, hold).is_none().then_some(())?;
        }
        Some(())
    }

    fn end_hold(&mut self, member: MemberId, part: &LotPart, redemption: RedemptionId) -> Option<()> {
        let hold = self.holds.entry((member, part.lot_id, redemption)).or_default();
        hold.amount = hold.amount.checked_sub(part.amount.kopecks())?;
        Some(())
    }

    fn give_back(&mut self, member: MemberId, position: Position, fact: &BonusReturned) -> Option<()> {
        for held in &fact.parts {
            self.put_back(member, held, Holding::Available)?;
        }
        fact.instead.iter().try_for_each(|lot| self.open(member, position, lot, fact.origin()))
    }
}

impl Changes {
    /// What an account has moves to another, or back.
    fn move_lots(&mut self, member: MemberId, fact: &MemberEvent) -> Option<()> {
        let (way, estate) = fact.estate()?;
        estate.lots.iter().try_for_each(|moved| match way {
            Way::Out => self.take(member, &moved.lot.part),
            Way::In => self.put_back(member, &moved.lot, moved.holding),
        })
    }

    fn lose(&mut self, member: MemberId, lot: LotId, amount: Bonuses) -> Option<()> {
        self.add(member, lot, (amount.kopecks().checked_neg()?, 0))
    }

    /// What comes to a lot that may be there, or not any more.
    fn put_back(&mut self, member: MemberId, held: &HeldPart, holding: Holding) -> Option<()> {
        let HeldPart { part, available_from, expires_at, opened_at } = held;
        self.add(member, part.lot_id, (part.amount.kopecks(), 0))?;
        self.keep_secret(member, part)?;
        let row = LotRow {
            origin: part.origin,
            funder: part.funder.as_str().to_owned(),
            pending: holding == Holding::Pending,
            available_from: available_from.to_utc(),
            expires_at: expires_at.to_utc(),
            position: *opened_at,
        };
        self.lots.get_mut(&(member, part.lot_id))?.row.get_or_insert(row);
        Some(())
    }
}

fn is_medical(confidentiality: Confidentiality) -> bool {
    confidentiality == Confidentiality::Medical
}

pub(super) fn unapplicable(position: Position, reason: &str) -> ProjectError {
    ProjectError::Unapplicable { position, reason: reason.to_owned() }
}
