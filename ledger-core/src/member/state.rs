//! The fold of one member's stream: what decisions need to know, and no more.
//!
//! Old purchases are not kept (a refund loads its purchase by natural key): live lots, consents, the book of bills,
//! visited categories and the two statuses are. `apply` is one exhaustive `match`; history that cannot hold is an error
//! naming its place, never a panic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::category::Confidentiality;
use crate::ids::{CouponId, LotId, MemberId, QuarantineId};
use crate::log::Position;
use crate::member::absorbed::AllAbsorbed;
use crate::member::books::Books;
use crate::member::consent::{ConsentChoice, ConsentVersion, Purpose};
use crate::member::coupons::OpenCoupon;
use crate::member::debts::Debt;
use crate::member::event::{
    ConsentGranted, ConsentWithdrawn, CouponExpired, CouponRevoked, HeldPart, Holding, MemberEvent,
    PremiumRenewed, PremiumStarted, PurchaseRecorded, QuarantineReason, StatusChanged,
    StatusDowngradeScheduled, Track,
};
use crate::member::holds::Holds;
use crate::member::live_lots::QuietUntil;
use crate::member::lot::{Funder, LotOrigin};
use crate::member::premium::Premium;
use crate::member::rights::Rights;
use crate::member::status::{Spent, Status};
use crate::money::Bonuses;
use crate::time::{MoscowDay, Timestamp};

/// The revision of this state's shape: a stored snapshot of another revision is not read.
pub const STATE_REVISION: i32 = 12;

/// History that cannot hold: an audit reports it, a service stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the member's history cannot hold at position {position}: {what}")]
pub struct CorruptHistory {
    /// The place on the log.
    pub position: Position,
    /// What does not fit.
    pub what: &'static str,
}

/// A lot with something left. Rule B5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveLot {
    /// The lot.
    pub lot_id: LotId,
    /// What it came from.
    pub origin: LotOrigin,
    /// Whether visits there, or wherever bonuses of it were held or spent, are a medical secret.
    pub confidentiality: Confidentiality,
    /// Who funds it.
    pub funder: Funder,
    /// What is left and not held.
    pub left: Bonuses,
    /// What is held for redemptions. Rule R1.
    pub held: Bonuses,
    /// Where it is, as written.
    pub holding: Holding,
    /// From when it is spendable.
    pub available_from: Timestamp,
    /// The last moment at which it is spendable.
    pub expires_at: Timestamp,
}

impl LiveLot {
    /// The lot that comes back with a part of it, and its place. Rule F4.
    pub(super) fn anew(held: &HeldPart) -> (Self, SpendOrder) {
        let HeldPart { part, available_from, expires_at, opened_at } = held.clone();
        let order = SpendOrder { expires_at, position: opened_at, funder: part.funder.clone() };
        let lot = Self {
            lot_id: part.lot_id,
            origin: part.origin,
            confidentiality: part.confidentiality,
            funder: part.funder,
            left: part.amount,
            held: Bonuses::ZERO,
            holding: Holding::Available,
            available_from,
            expires_at,
        };
        (lot, order)
    }
}

/// The order of spending: earliest expiry, then log position, then business before coalition. Rule B7.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SpendOrder {
    /// Its last moment.
    pub expires_at: Timestamp,
    /// Where it was accrued.
    pub position: Position,
    /// Who funds it.
    pub funder: Funder,
}

/// A downgrade that waits for its day. Rule S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScheduledDowngrade {
    /// The Moscow day of the fall.
    pub on: MoscowDay,
    /// What she would fall to, as it looked then.
    pub to: Status,
}

/// One of the two statuses. Rule S7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusTrack {
    /// The status.
    pub status: Status,
    /// The downgrade that waits, if one does.
    pub scheduled: Option<ScheduledDowngrade>,
    /// Whether she is invited to the inner circle. Rule S1.
    pub invited: bool,
    /// Whether the last daily ranking found her among the top spenders. Rule S1.
    pub top: bool,
}

/// Her last word on one purpose, and the text she saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decided {
    pub(crate) choice: ConsentChoice,
    pub(crate) version: ConsentVersion,
}

/// A document that waits for an admin's word. Rule T3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quarantined {
    pub(crate) occurred_at: Timestamp,
    pub(crate) reason: QuarantineReason,
    pub(crate) purchase: PurchaseRecorded,
}

/// What the fold of a member's stream knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberState {
    pub(crate) registered_at: Option<Timestamp>,
    pub(crate) consents: BTreeMap<Purpose, Decided>,
    #[serde(with = "pairs")]
    pub(crate) lots: BTreeMap<SpendOrder, LiveLot>,
    #[serde(with = "pairs")]
    pub(crate) lot_orders: BTreeMap<LotId, SpendOrder>,
    #[serde(skip)]
    pub(crate) quiet: QuietUntil,
    pub(crate) holds: Holds,
    pub(crate) debts: Vec<Debt>,
    pub(crate) books: Books,
    pub(crate) coupons: BTreeMap<CouponId, OpenCoupon>,
    pub(crate) ordinary: StatusTrack,
    pub(crate) with_medical: StatusTrack,
    pub(crate) premium: Premium,
    pub(crate) blocked: bool,
    pub(crate) spending_from: Option<Timestamp>,
    pub(crate) quarantined: BTreeMap<QuarantineId, Quarantined>,
    pub(crate) absorbed: AllAbsorbed,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) merged_into: Option<MemberId>,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) erased: bool,
    #[serde(skip_serializing_if = "Rights::is_empty", default)]
    pub(crate) rights: Rights,
}

impl MemberState {
    /// Applies the fact at `position` that happened at `occurred_at`.
    ///
    /// # Errors
    /// [`CorruptHistory`] for a fact that cannot follow from what was before.
    pub fn apply(
        &mut self,
        position: Position,
        occurred_at: Timestamp,
        event: &MemberEvent,
    ) -> Result<(), CorruptHistory> {
        let corrupt = |what| CorruptHistory { position, what };
        match event {
            MemberEvent::MemberRegistered(fact) => self.register(fact.registered_at).map_err(corrupt)?,
            MemberEvent::MembershipBackdated(fact) => self.registered_at = Some(fact.registered_at),
            MemberEvent::ConsentGranted(fact) => self.grant(fact),
            MemberEvent::ConsentWithdrawn(fact) => self.withdraw_consent(fact),
            MemberEvent::PurchaseRecorded(fact) => self.books.visit(fact, occurred_at).map_err(corrupt)?,
            MemberEvent::PurchaseQuarantined(fact) => self.wait(fact, occurred_at),
            MemberEvent::QuarantineApplied(fact) => self.wait_over(fact.quarantine_id).map_err(corrupt)?,
            MemberEvent::QuarantineDropped(fact) => self.wait_over(fact.quarantine_id).map_err(corrupt)?,
            MemberEvent::PurchaseAmended(fact) => self.amend(fact).map_err(corrupt)?,
            MemberEvent::PurchaseTakenOver(fact) => self.take_over(fact, occurred_at).map_err(corrupt)?,
            MemberEvent::BonusAccrued(fact) => self.earn(position, occurred_at, fact).map_err(corrupt)?,
            MemberEvent::BonusMatured(fact) => self.mature(fact).map_err(corrupt)?,
            MemberEvent::BonusExpired(fact) => self.expire(fact).map_err(corrupt)?,
            MemberEvent::BonusesHeld(fact) => self.hold(fact).map_err(corrupt)?,
            MemberEvent::HoldReleased(fact) => self.release(fact, occurred_at).map_err(corrupt)?,
            MemberEvent::BonusesRedeemed(fact) => self.redeem(fact, occurred_at).map_err(corrupt)?,
            MemberEvent::PurchaseRefunded(fact) => self.refund(fact).map_err(corrupt)?,
            MemberEvent::BonusReturned(fact) => self.give_all_back(position, fact).map_err(corrupt)?,
            MemberEvent::BonusTakenBack(fact) => self.take_back(fact).map_err(corrupt)?,
            MemberEvent::DebtIncurred(fact) => self.owe(fact),
            MemberEvent::DebtRepaid(fact) => self.repay(fact).map_err(corrupt)?,
            MemberEvent::WaitingRefundDropped(_) => {}
            MemberEvent::StatusChanged(fact) => self.change_status(fact).map_err(corrupt)?,
            MemberEvent::StatusDowngradeScheduled(fact) => self.schedule(fact).map_err(corrupt)?,
            MemberEvent::StatusDowngradeCancelled(fact) => self.stay(fact.track),
            MemberEvent::InnerCircleInvited(_) => self.each_track(Track::Both, |track| track.invited = true),
            MemberEvent::InnerCircleInvitationWithdrawn(_) => self.uninvite(),
            MemberEvent::TopSpendersEntered(fact) => self.each_track(fact.track, |track| track.top = true),
            MemberEvent::TopSpendersLeft(fact) => self.each_track(fact.track, |track| track.top = false),
            MemberEvent::PremiumStarted(PremiumStarted { from, to, .. })
            | MemberEvent::PremiumRenewed(PremiumRenewed { from, to, .. }) => {
                self.premium.pay(*from, *to).map_err(corrupt)?;
            }
            MemberEvent::PremiumCancelled(fact) => self.premium.cancel(fact.at),
            MemberEvent::PremiumLapsed(fact) => self.premium.close(fact.ended_at),
            MemberEvent::MemberBlocked(_) => self.blocked = true,
            MemberEvent::MemberUnblocked(_) => self.blocked = false,
            MemberEvent::PhoneChanged(fact) => self.spending_from = Some(fact.spending_from),
            MemberEvent::BonusGifted(fact) => {
                self.open(position, fact.origin(), fact.lot.clone()).map_err(corrupt)?;
            }
            MemberEvent::BonusAdjusted(fact) => {
                self.open(position, fact.origin(), fact.lot.clone()).map_err(corrupt)?;
            }
            MemberEvent::BonusWithdrawn(fact) => self.withdraw(fact).map_err(corrupt)?,
            MemberEvent::CouponIssued(fact) => self.issue(fact).map_err(corrupt)?,
            MemberEvent::CouponActivated(fact) => self.activate(fact).map_err(corrupt)?,
            MemberEvent::CouponRedeemed(fact) => {
                self.use_coupon((position, occurred_at), fact).map_err(corrupt)?;
            }
            MemberEvent::CouponReckoned(fact) => self.reckon(position, fact).map_err(corrupt)?,
            MemberEvent::CouponExpired(CouponExpired { coupon_id, .. })
            | MemberEvent::CouponRevoked(CouponRevoked { coupon_id, .. }) => {
                self.close_coupon(*coupon_id).map_err(corrupt)?;
            }
            MemberEvent::ChainTriggered(fact) => self.trigger(fact),
            MemberEvent::ChainConverted(fact) => self.convert(fact),
            MemberEvent::CrossBonusAccrued(fact) => self.add_cross_bonus(position, fact).map_err(corrupt)?,
            MemberEvent::AccountMerged(fact) => self.merge(fact).map_err(corrupt)?,
            MemberEvent::AccountTakenIn(fact) => self.take_in(fact).map_err(corrupt)?,
            MemberEvent::AccountParted(fact) => self.part(fact).map_err(corrupt)?,
            MemberEvent::AccountRestored(fact) => self.restore(fact).map_err(corrupt)?,
            MemberEvent::DebtWrittenOff(fact) => self.write_off(fact).map_err(corrupt)?,
            MemberEvent::MemberErased(_) => self.erase().map_err(corrupt)?,
            MemberEvent::Rights(fact) => self.rights.apply(fact).map_err(corrupt)?,
        }
        Ok(())
    }

    fn grant(&mut self, fact: &ConsentGranted) {
        self.decide_on(&fact.purpose, ConsentChoice::Granted, &fact.version);
    }

    fn withdraw_consent(&mut self, fact: &ConsentWithdrawn) {
        self.decide_on(&fact.purpose, ConsentChoice::Withdrawn, &fact.version);
    }

    fn register(&mut self, since: Timestamp) -> Result<(), &'static str> {
        if self.registered_at.replace(since).is_some() {
            return Err("a member registers twice");
        }
        Ok(())
    }

    fn decide_on(&mut self, purpose: &Purpose, choice: ConsentChoice, version: &ConsentVersion) {
        self.consents.insert(purpose.clone(), Decided { choice, version: version.clone() });
    }

    fn change_status(&mut self, fact: &StatusChanged) -> Result<(), &'static str> {
        let mut fits = true;
        self.each_track(fact.track, |track| {
            fits &= track.status == fact.from;
            *track = StatusTrack { status: fact.to, scheduled: None, ..*track };
        });
        if fits { Ok(()) } else { Err("a status changes that she does not have") }
    }

    fn schedule(&mut self, fact: &StatusDowngradeScheduled) -> Result<(), &'static str> {
        let scheduled = Some(ScheduledDowngrade { on: fact.on, to: fact.to });
        let mut fits = true;
        self.each_track(fact.track, |track| {
            fits &= track.status == fact.from;
            track.scheduled = scheduled;
        });
        if fits { Ok(()) } else { Err("a downgrade is scheduled from a status that she does not have") }
    }

    fn stay(&mut self, which: Track) {
        self.each_track(which, |track| track.scheduled = None);
    }

    fn each_track(&mut self, which: Track, mut change: impl FnMut(&mut StatusTrack)) {
        if matches!(which, Track::Ordinary | Track::Both) {
            change(&mut self.ordinary);
        }
        if matches!(which, Track::WithMedical | Track::Both) {
            change(&mut self.with_medical);
        }
    }

    /// True once she is registered.
    #[must_use]
    pub const fn is_registered(&self) -> bool {
        self.registered_at.is_some()
    }

    /// True while her consent to `purpose` stands.
    #[must_use]
    pub fn consents_to(&self, purpose: &Purpose) -> bool {
        self.consents.get(purpose).is_some_and(|decided| decided.choice == ConsentChoice::Granted)
    }

    /// Every purpose she ever decided on, with her present choice.
    pub fn consents(&self) -> impl Iterator<Item = (&Purpose, ConsentChoice)> {
        self.consents.iter().map(|(purpose, decided)| (purpose, decided.choice))
    }

    /// The track that is shown and paid by: with medical businesses only while `medical_status` stands. Rule S7.
    #[must_use]
    pub fn shown(&self) -> &StatusTrack {
        if self.consents_to(&Purpose::MedicalStatus) { &self.with_medical } else { &self.ordinary }
    }

    /// Her status as shown at `at`: at least vip while Premium is active. Rules S4, S7.
    #[must_use]
    pub fn status_at(&self, at: Timestamp) -> Status {
        self.shown().status.max(self.premium.floor(at))
    }

    /// What she spent after `after` up to `until`, as the status shown counts it; `None` when a sum does not fit. Rules
    /// S1, S7.
    #[must_use]
    pub fn spent(&self, after: Timestamp, until: Timestamp) -> Option<Spent> {
        let sums = self.window(after, until)?;
        Some(if self.consents_to(&Purpose::MedicalStatus) { sums.with_medical } else { sums.ordinary })
    }

    /// Her paid periods. Rule S4.
    #[must_use]
    pub const fn premium(&self) -> &Premium {
        &self.premium
    }

    /// Until when she holds nothing new, when her phone changed a short while before `now`. Rule R4.
    pub(super) fn waits_to_spend(&self, now: Timestamp) -> Option<Timestamp> {
        self.spending_from.filter(|from| now < *from)
    }

    /// Her lots with something left or held, in the order of spending. Rule B7.
    pub fn live_lots(&self) -> impl Iterator<Item = &LiveLot> {
        self.lots.values()
    }

    /// How many lots, bills and coupons it holds (sales are as many as bills): what a copy of it costs.
    #[must_use]
    pub fn size(&self) -> usize {
        let bills: usize = self.all_books().map(|books| books.spend.len()).sum();
        [self.lots.len(), bills, self.coupons.len(), self.quarantined.len()].iter().sum()
    }

    /// Both tracks: without and with medical businesses. Rule S7.
    #[must_use]
    pub const fn tracks(&self) -> (&StatusTrack, &StatusTrack) {
        (&self.ordinary, &self.with_medical)
    }
}

/// Maps whose keys are not texts, as lists of pairs in a snapshot.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K, V, S>(map: &BTreeMap<K, V>, serializer: S) -> Result<S::Ok, S::Error>
    where
        K: Serialize,
        V: Serialize,
        S: Serializer,
    {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
