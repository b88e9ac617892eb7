//! What the facts of a replay come to, by who funds the bonuses. Rules B5, B8, C1, F2, F3, M2.
//!
//! What has to do with a clinic is in no figure (`compliance.md` M4): of each fact counts what moves lots that have nothing
//! to do with one, as ClickHouse hears it (design J6). So the figures under the policies that held tell nothing that analytics do not.
//! Of a lot that a clinic held or spent, what had been told stands: less of it would tell the visit.

use std::collections::BTreeMap;

use super::NotSimulated;
use crate::category::Confidentiality;
use crate::member::event::{
    BonusExpired, BonusReturned, BonusTakenBack, BonusWithdrawn, DebtRepaid, ExpiredTo, Holding, LotPart,
    MemberEvent, Way,
};
use crate::member::lot::{Funder, Lot};
use crate::money::Bonuses;

/// What a period came to for one funder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bonuses issued in the period.
    pub issued: Bonuses,
    /// What they cost: issued, less what expired and went back, was taken back or paid by a debtor in the period.
    pub cost: Bonuses,
    /// The liability: what is outstanding at the end, pending and held bonuses included; of lots that a clinic touched what
    /// was by then.
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
        for effect in effects(event) {
            match effect {
                Effect::Issued(lot) => {
                    let figures = self.of(&lot.funder);
                    add(&mut figures.issued, lot.amount)?;
                    add(&mut figures.cost, lot.amount)?;
                }
                Effect::Saved(funder, amount) => subtract(&mut self.of(funder).cost, amount)?,
                Effect::Back(..) | Effect::Gone(..) => {}
            }
        }
        Ok(())
    }

    /// Enters what a member has at the end.
    pub(super) fn outstanding(&mut self, told: &Outstanding) -> Result<(), NotSimulated> {
        let mut all = told.0.iter();
        all.try_for_each(|(funder, amount)| add(&mut self.of(funder).outstanding, *amount))
    }
}

/// What is outstanding of one member's lots, by who funds them, as far as it may be told.
#[derive(Debug, Clone, Default)]
pub(super) struct Outstanding(BTreeMap<Funder, Bonuses>);

impl Outstanding {
    /// Follows a fact of hers, of the period or before it.
    pub(super) fn follow(&mut self, event: &MemberEvent) -> Result<(), NotSimulated> {
        for effect in effects(event) {
            match effect {
                Effect::Issued(lot) => add(self.of(&lot.funder), lot.amount)?,
                Effect::Back(part) => add(self.of(&part.funder), part.amount)?,
                Effect::Gone(funder, amount) => subtract(self.of(funder), amount)?,
                Effect::Saved(..) => {}
            }
        }
        Ok(())
    }

    fn of(&mut self, funder: &Funder) -> &mut Bonuses {
        self.0.entry(funder.clone()).or_default()
    }
}

/// What a fact does with bonuses that have nothing to do with a clinic.
#[derive(Debug)]
enum Effect<'a> {
    /// The lot is issued.
    Issued(&'a Lot),
    /// It is outstanding again: what it had paid for was given back, or it came from another account.
    Back(&'a LotPart),
    /// So much of what this funder owes is outstanding no more.
    Gone(&'a Funder, Bonuses),
    /// So much less has been given away by this funder.
    Saved(&'a Funder, Bonuses),
}

/// What a fact does, lot by lot.
fn effects(event: &MemberEvent) -> Vec<Effect<'_>> {
    if let Some((way, estate)) = event.estate() {
        let parts = estate.lots.iter().map(|moved| &moved.lot.part).filter(|part| is_told(part));
        return parts.map(|part| if way == Way::In { Effect::Back(part) } else { gone(part) }).collect();
    }
    match event {
        MemberEvent::BonusAccrued(fact) => issued(fact.confidentiality, fact.lots.iter()),
        MemberEvent::BonusGifted(fact) => vec![Effect::Issued(&fact.lot)],
        MemberEvent::BonusAdjusted(fact) => vec![Effect::Issued(&fact.lot)],
        MemberEvent::CrossBonusAccrued(fact) => issued(fact.confidentiality, fact.lot.iter()),
        MemberEvent::CouponRedeemed(fact) => issued(fact.confidentiality, fact.lot.iter()),
        MemberEvent::CouponReckoned(fact) => issued(fact.confidentiality, fact.lot.iter()),
        MemberEvent::BonusExpired(fact) => expired(fact),
        MemberEvent::BonusesRedeemed(fact) => {
            fact.parts.iter().map(|held| &held.part).filter(|part| is_told(part)).map(gone).collect()
        }
        MemberEvent::BonusReturned(fact) => returned(fact),
        MemberEvent::BonusTakenBack(fact) => taken_back(fact),
        MemberEvent::DebtRepaid(fact) => repaid(fact),
        MemberEvent::BonusWithdrawn(fact) => withdrawn(fact),
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
        | MemberEvent::Rights(_) => Vec::new(),
    }
}

fn is_told(part: &LotPart) -> bool {
    part.confidentiality == Confidentiality::Ordinary
}

const fn gone(part: &LotPart) -> Effect<'_> {
    Effect::Gone(&part.funder, part.amount)
}

/// The effects, unless they are a medical secret.
fn ordinary<'a, const N: usize>(kind: Confidentiality, effects: [Effect<'a>; N]) -> Vec<Effect<'a>> {
    match kind {
        Confidentiality::Ordinary => effects.into(),
        Confidentiality::Medical => Vec::new(),
    }
}

fn issued<'a>(kind: Confidentiality, lots: impl Iterator<Item = &'a Lot>) -> Vec<Effect<'a>> {
    match kind {
        Confidentiality::Ordinary => lots.map(Effect::Issued).collect(),
        Confidentiality::Medical => Vec::new(),
    }
}

/// Rule B8.
fn expired(fact: &BonusExpired) -> Vec<Effect<'_>> {
    let to = match fact.holding {
        // Nobody has paid for a pending lot (Rule M2).
        Holding::Pending => &fact.funder,
        Holding::Available => ended(fact.expired_to, &fact.funder),
    };
    ordinary(fact.confidentiality, [Effect::Gone(&fact.funder, fact.amount), Effect::Saved(to, fact.amount)])
}

/// Rule B10.
fn withdrawn(fact: &BonusWithdrawn) -> Vec<Effect<'_>> {
    let BonusWithdrawn { funder, amount, .. } = fact;
    ordinary(fact.confidentiality, [Effect::Gone(funder, *amount), Effect::Saved(funder, *amount)])
}

/// Rule F4.
fn returned(fact: &BonusReturned) -> Vec<Effect<'_>> {
    let back = fact.parts.iter().map(|held| &held.part).filter(|part| is_told(part)).map(Effect::Back);
    let past_life = fact.past_life.iter().filter(|part| is_told(part));
    let saved = past_life.map(|part| Effect::Saved(ended(fact.expired_to, &part.funder), part.amount));
    back.chain(saved).chain(issued(fact.confidentiality, fact.instead.iter())).collect()
}

/// Rules F2, M2.
fn taken_back(fact: &BonusTakenBack) -> Vec<Effect<'_>> {
    let own = fact.own.iter().map(|own| (&own.part, &own.part.funder));
    let others = fact.others.iter().map(|other| (&other.part, &other.creditor));
    let told = own.chain(others).filter(|(part, _)| is_told(part));
    told.flat_map(|(part, to)| [gone(part), Effect::Saved(to, part.amount)]).collect()
}

/// Rule F3. What bonuses of a clinic pay of a debt is as much of a secret as they are.
fn repaid(fact: &DebtRepaid) -> Vec<Effect<'_>> {
    let told = fact.parts.iter().filter(|part| is_told(part));
    told.flat_map(|part| [gone(part), Effect::Saved(&fact.creditor, part.amount)]).collect()
}

/// Who gets the face value of what expired. Rule B8.
const fn ended(expired_to: ExpiredTo, funder: &Funder) -> &Funder {
    match expired_to {
        ExpiredTo::Funder => funder,
        ExpiredTo::Coalition => &Funder::Coalition,
    }
}
