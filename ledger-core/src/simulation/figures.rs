//! What the facts of a replay come to, by who funds the bonuses. Rules B5, B8, C1, F2, F3, M2.

use std::collections::BTreeMap;

use super::NotSimulated;
use crate::member::event::{ExpiredTo, Holding, MemberEvent};
use crate::member::lot::{Funder, Lot};
use crate::member::state::MemberState;
use crate::money::Bonuses;

/// What a period came to for one funder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bonuses issued in the period.
    pub issued: Bonuses,
    /// What they cost: issued, less what expired and went back, was taken back or paid by a debtor in the period.
    pub cost: Bonuses,
    /// The liability: what is outstanding at the end, pending and held bonuses included.
    pub outstanding: Bonuses,
}

impl Figures {
    /// The sums with `other`; `None` when one does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            issued: self.issued.checked_add(other.issued)?,
            cost: self.cost.checked_add(other.cost)?,
            outstanding: self.outstanding.checked_add(other.outstanding)?,
        })
    }
}

/// The figures of one replay of everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Books {
    pub(super) funders: BTreeMap<Funder, Figures>,
    /// Facts of the period that could not be told again.
    pub(super) left_out: u64,
}

fn add(sum: &mut Bonuses, more: Bonuses) -> Result<(), NotSimulated> {
    *sum = sum.checked_add(more).ok_or(NotSimulated::OutOfRange)?;
    Ok(())
}

fn subtract(sum: &mut Bonuses, less: Bonuses) -> Result<(), NotSimulated> {
    *sum = sum.checked_sub(less).ok_or(NotSimulated::OutOfRange)?;
    Ok(())
}

impl Books {
    fn of(&mut self, funder: &Funder) -> &mut Figures {
        self.funders.entry(funder.clone()).or_default()
    }

    /// Enters a fact of the period.
    pub(super) fn enter(&mut self, event: &MemberEvent) -> Result<(), NotSimulated> {
        match event {
            MemberEvent::BonusAccrued(fact) => fact.lots.iter().try_for_each(|lot| self.issue(lot)),
            MemberEvent::BonusGifted(fact) => self.issue(&fact.lot),
            MemberEvent::BonusAdjusted(fact) => self.issue(&fact.lot),
            MemberEvent::CrossBonusAccrued(fact) => fact.lot.iter().try_for_each(|lot| self.issue(lot)),
            MemberEvent::CouponRedeemed(fact) => fact.lot.iter().try_for_each(|lot| self.issue(lot)),
            MemberEvent::CouponReckoned(fact) => fact.lot.iter().try_for_each(|lot| self.issue(lot)),
            MemberEvent::BonusExpired(fact) => match fact.holding {
                // Nobody has paid for a pending lot (Rule M2).
                Holding::Pending => self.give_back(&fact.funder, fact.amount),
                Holding::Available => self.give_back(ended(fact.expired_to, &fact.funder), fact.amount),
            },
            MemberEvent::BonusReturned(fact) => {
                for part in &fact.past_life {
                    self.give_back(ended(fact.expired_to, &part.funder), part.amount)?;
                }
                fact.instead.iter().try_for_each(|lot| self.issue(lot))
            }
            MemberEvent::BonusTakenBack(fact) => {
                for own in &fact.own {
                    self.give_back(&own.part.funder, own.part.amount)?;
                }
                fact.others.iter().try_for_each(|other| self.give_back(&other.creditor, other.part.amount))
            }
            MemberEvent::DebtRepaid(fact) => self.give_back(&fact.creditor, fact.amount),
            MemberEvent::BonusWithdrawn(fact) => self.give_back(&fact.funder, fact.amount),
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
            | MemberEvent::BonusMatured(_)
            | MemberEvent::BonusesHeld(_)
            | MemberEvent::HoldReleased(_)
            | MemberEvent::BonusesRedeemed(_)
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
            | MemberEvent::AccountMerged(_)
            | MemberEvent::AccountTakenIn(_)
            | MemberEvent::AccountParted(_)
            | MemberEvent::AccountRestored(_)
            | MemberEvent::CouponIssued(_)
            | MemberEvent::CouponActivated(_)
            | MemberEvent::CouponExpired(_)
            | MemberEvent::CouponRevoked(_)
            | MemberEvent::ChainTriggered(_)
            | MemberEvent::ChainConverted(_)
            | MemberEvent::DebtWrittenOff(_)
            | MemberEvent::MemberErased(_)
            | MemberEvent::Rights(_) => Ok(()),
        }
    }

    /// Enters what a member has at the end.
    pub(super) fn outstanding(&mut self, state: &MemberState) -> Result<(), NotSimulated> {
        for lot in state.live_lots() {
            let outstanding = &mut self.of(&lot.funder).outstanding;
            add(outstanding, lot.left)?;
            add(outstanding, lot.held)?;
        }
        Ok(())
    }

    fn issue(&mut self, lot: &Lot) -> Result<(), NotSimulated> {
        let figures = self.of(&lot.funder);
        add(&mut figures.issued, lot.amount)?;
        add(&mut figures.cost, lot.amount)
    }

    fn give_back(&mut self, to: &Funder, amount: Bonuses) -> Result<(), NotSimulated> {
        subtract(&mut self.of(to).cost, amount)
    }
}

/// Who gets the face value of what expired. Rule B8.
const fn ended(expired_to: ExpiredTo, funder: &Funder) -> &Funder {
    match expired_to {
        ExpiredTo::Funder => funder,
        ExpiredTo::Coalition => &Funder::Coalition,
    }
}
