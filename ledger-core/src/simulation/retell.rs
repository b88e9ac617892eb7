//! From a real fact to the command that it came from, decided by the replay. Rules B10, C, R, S3, S4, T3, T6.

use super::NotSimulated;
use super::fact::{Fact, Story};
use super::figures::Books;
use super::replay::Replay;
use crate::ids::{PurchaseId, QuarantineId, RedemptionId};
use crate::member::command::{HoldBonuses, PurchaseDocument, PurchaseMode, RecordPurchase};
use crate::member::consent::Purpose;
use crate::member::draft::Draft;
use crate::member::erasure::Erase;
use crate::member::event::{
    BonusGifted, BonusesHeld, HoldEnd, HoldReleased, MemberErased, MemberEvent, PurchaseRecorded, RightsEvent,
};
use crate::member::gift::{Adjustment, Gift};
use crate::member::{MemberCommand, MemberOutcome, PurchaseOutcome};
use crate::money::Bonuses;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// What a document has in place of a fresh id: it never waits for an admin.
const NO_QUARANTINE: QuarantineId = QuarantineId::from_uuid(uuid::Uuid::nil());

/// One real fact and where it goes.
pub(super) struct Telling<'a> {
    pub(super) fact: &'a Fact,
    pub(super) story: &'a Story,
    books: &'a mut Books,
}

impl Telling<'_> {
    /// The fact cannot be told again. Of a clinic's nobody hears that there was one.
    pub(super) fn leave_out(&mut self) {
        if !self.story.is_secret(self.fact) {
            self.books.left_out = self.books.left_out.saturating_add(1);
        }
    }
}

impl Replay<'_> {
    /// Tells one fact again. What follows by rule from others is left to the replay.
    pub(super) fn tell(&mut self, fact: &Fact, story: &Story, books: &mut Books) -> Result<(), NotSimulated> {
        let telling = Telling { fact, story, books };
        match &fact.event {
            MemberEvent::PurchaseRecorded(recorded) => self.purchase(telling, recorded),
            // What was applied is recorded by that.
            MemberEvent::QuarantineApplied(waited) => {
                self.ask(telling, &MemberCommand::ApplyQuarantined(waited.quarantine_id))
            }
            MemberEvent::PurchaseAmended(revision) => self.revision(telling, revision),
            MemberEvent::PurchaseTakenOver(taken) => self.taken_over(telling, taken),
            MemberEvent::PurchaseRefunded(refund) => self.refund(telling, refund),
            // The revision, told again, says so itself. Rule D3.
            MemberEvent::BonusesHeld(held) if story.taken_again.contains(&held.redemption_id) => Ok(()),
            MemberEvent::BonusesHeld(held) => self.hold_anew(telling, held),
            MemberEvent::HoldReleased(released) => self.release_anew(telling, released),
            MemberEvent::BonusGifted(gift) => self.gift(telling, gift),
            MemberEvent::BonusAdjusted(up) => {
                let command =
                    Adjustment { grant_id: up.grant_id, reason_id: up.reason_id, amount: up.lot.amount };
                self.ask(telling, &MemberCommand::Adjust(command))
            }
            MemberEvent::BonusWithdrawn(_) => self.withdraw_anew(telling),
            MemberEvent::CrossBonusAccrued(fact) => self.cross_bonus(telling, fact),
            // Who she is, what she lets others tell and what waits for an admin stands, whenever it was said.
            MemberEvent::MemberRegistered(_)
            | MemberEvent::MembershipBackdated(_)
            | MemberEvent::PurchaseQuarantined(_)
            | MemberEvent::QuarantineDropped(_) => self.carry(telling),
            MemberEvent::ConsentGranted(consent) => self.consent(telling, &consent.purpose),
            MemberEvent::ConsentWithdrawn(consent) => self.consent(telling, &consent.purpose),
            MemberEvent::InnerCircleInvited(_)
            | MemberEvent::InnerCircleInvitationWithdrawn(_)
            | MemberEvent::TopSpendersEntered(_)
            | MemberEvent::TopSpendersLeft(_)
            | MemberEvent::Rights(RightsEvent::ProcessingUnblocked(_)) => self.standing(telling),
            // The refund, told again, says so itself. Rule F5.
            MemberEvent::CouponRevoked(revoked) if revoked.refund_id.is_some() => Ok(()),
            MemberEvent::PremiumStarted(_)
            | MemberEvent::PremiumRenewed(_)
            | MemberEvent::PremiumCancelled(_)
            | MemberEvent::MemberBlocked(_)
            | MemberEvent::MemberUnblocked(_)
            | MemberEvent::PhoneChanged(_)
            | MemberEvent::Rights(_)
            | MemberEvent::CouponIssued(_)
            | MemberEvent::CouponActivated(_)
            | MemberEvent::ChainTriggered(_)
            | MemberEvent::CouponRevoked(_) => self.carry_on_time(telling),
            MemberEvent::MemberErased(fact) => {
                let MemberErased { act_id, demanded_by, ground, .. } = *fact;
                self.ask(telling, &MemberCommand::Erase(Erase { act_id, demanded_by, ground }))
            }
            MemberEvent::AccountMerged(_)
            | MemberEvent::AccountTakenIn(_)
            | MemberEvent::AccountParted(_)
            | MemberEvent::AccountRestored(_) => self.account(telling),
            MemberEvent::BonusAccrued(_)
            | MemberEvent::BonusMatured(_)
            | MemberEvent::BonusExpired(_)
            | MemberEvent::BonusesRedeemed(_)
            | MemberEvent::BonusReturned(_)
            | MemberEvent::BonusTakenBack(_)
            | MemberEvent::DebtIncurred(_)
            | MemberEvent::DebtRepaid(_)
            | MemberEvent::WaitingRefundDropped(_)
            | MemberEvent::StatusChanged(_)
            | MemberEvent::StatusDowngradeScheduled(_)
            | MemberEvent::StatusDowngradeCancelled(_)
            | MemberEvent::PremiumLapsed(_)
            | MemberEvent::CouponRedeemed(_)
            | MemberEvent::CouponReckoned(_)
            | MemberEvent::CouponExpired(_)
            | MemberEvent::DebtWrittenOff(_)
            | MemberEvent::ChainConverted(_) => Ok(()),
        }
    }

    /// Whether the fact was decided as of a time before the period's end; then time passes up to it.
    pub(super) fn begins(&mut self, telling: &mut Telling<'_>) -> Result<bool, NotSimulated> {
        let begins = telling.fact.moment() < self.period.to;
        if begins {
            let until = telling.fact.recorded_at.min(self.period.to);
            self.advance(until, telling.story, telling.books)?;
        }
        Ok(begins)
    }

    /// Writes what was decided; it counts when the fact is of the period.
    pub(super) fn take(&mut self, telling: &mut Telling<'_>, draft: Draft) -> Result<(), NotSimulated> {
        let Telling { fact, story, books } = telling;
        let counts = self.period.holds(fact.moment());
        self.write(draft, story, counts.then_some(&mut **books))
    }

    /// Decides and writes one command; the inner error when a rule refuses it.
    pub(super) fn attempt(
        &mut self,
        telling: &mut Telling<'_>,
        command: &MemberCommand,
    ) -> Result<Result<(), Rejection>, NotSimulated> {
        match self.decide(command, telling.fact.recorded_at) {
            Ok((draft, _)) => self.take(telling, draft).map(Ok),
            Err(rejection) => Ok(Err(rejection)),
        }
    }

    /// Decides and writes one command that the real log took.
    fn ask(&mut self, mut telling: Telling<'_>, command: &MemberCommand) -> Result<(), NotSimulated> {
        if self.begins(&mut telling)? && self.attempt(&mut telling, command)?.is_err() {
            telling.leave_out();
        }
        Ok(())
    }

    /// Takes a fact over as it is.
    fn carry(&mut self, telling: Telling<'_>) -> Result<(), NotSimulated> {
        self.apply(telling.fact.occurred_at, &telling.fact.event, telling.story)
    }

    /// Takes a fact of before the period's end over as it is, after what time did before it.
    fn carry_on_time(&mut self, mut telling: Telling<'_>) -> Result<(), NotSimulated> {
        if self.begins(&mut telling)? { self.carry(telling) } else { Ok(()) }
    }

    /// A change of standing, and the evaluation that goes with it. Rules S2, S3.
    fn standing(&mut self, mut telling: Telling<'_>) -> Result<(), NotSimulated> {
        if !self.begins(&mut telling)? {
            return Ok(());
        }
        let Telling { fact, story, books } = telling;
        self.apply(fact.occurred_at, &fact.event, story)?;
        self.review(fact.recorded_at, story, books)
    }

    /// Two accounts become one, or two again: what goes is what this replay has, what comes is what really came.
    fn account(&mut self, mut telling: Telling<'_>) -> Result<(), NotSimulated> {
        if !self.begins(&mut telling)? {
            return Ok(());
        }
        let Telling { fact, story, books } = telling;
        self.is_due(fact.recorded_at, story, Some(books))?;
        let mut event = fact.event.clone();
        if let MemberEvent::AccountMerged(goes) = &mut event {
            goes.estate = self.state.estate(goes.estate.registered_at);
        } else if let MemberEvent::AccountParted(goes) = &mut event
            && let Some(estate) = self.state.estate_of(goes.absorbed)
        {
            goes.estate = estate;
        }
        self.apply(fact.occurred_at, &event, story)?;
        self.review(fact.recorded_at, story, books)
    }

    fn consent(&mut self, telling: Telling<'_>, purpose: &Purpose) -> Result<(), NotSimulated> {
        if *purpose == Purpose::MedicalStatus { self.standing(telling) } else { self.carry(telling) }
    }

    /// A purchase, with its coupon if that may be used, paid in bonuses as far as the replay has them and its policy allows.
    fn purchase(
        &mut self,
        mut telling: Telling<'_>,
        recorded: &PurchaseRecorded,
    ) -> Result<(), NotSimulated> {
        let (fact, story) = (telling.fact, telling.story);
        if story.applied.contains(&recorded.purchase_id) || !self.begins(&mut telling)? {
            return Ok(());
        }
        let mut command = RecordPurchase {
            quarantine_id: NO_QUARANTINE,
            document: PurchaseDocument {
                business_id: recorded.business_id,
                natural_key: recorded.natural_key,
                revision: recorded.revision,
                amount: recorded.amount,
                occurred_at: fact.occurred_at,
                source: recorded.source,
                source_system: recorded.source_system,
                cancelled: story.voids.contains(&(recorded.purchase_id, recorded.revision)),
                redemption_id: None,
                redeem_amount: None,
                coupon_code: None,
            },
            mode: fact.mode,
        };
        let code = story.coupons.get(&recorded.purchase_id).copied();
        for coupon_code in code.map(Some).into_iter().chain([None]) {
            for (redemption_id, redeem_amount) in self.ways_to_pay(recorded.purchase_id, story) {
                let document = &mut command.document;
                (document.coupon_code, document.redemption_id) = (coupon_code, redemption_id);
                document.redeem_amount = redeem_amount;
                let decided = self.decide(&MemberCommand::RecordPurchase(command.clone()), fact.recorded_at);
                let Ok((draft, MemberOutcome::Purchase(PurchaseOutcome::Recorded { .. }))) = decided else {
                    continue;
                };
                self.take(&mut telling, draft)?;
                if fact.mode != PurchaseMode::Live {
                    self.review_after_import(fact.recorded_at);
                }
                return Ok(());
            }
        }
        telling.leave_out();
        Ok(())
    }

    /// With bonuses: what she really paid, or what she has of it; what the share allows, where that is less; nothing, where
    /// the hold is no longer good.
    fn ways_to_pay(
        &self,
        purchase: PurchaseId,
        story: &Story,
    ) -> impl Iterator<Item = (Option<RedemptionId>, Option<Bonuses>)> + use<> {
        let paid = story.paid.get(&purchase).and_then(|(hold, paid)| {
            let held = self.held(*hold)?;
            Some((*hold, held.min(*paid)))
        });
        let ways = paid.map(|(hold, amount)| [(Some(hold), Some(amount)), (Some(hold), None)]);
        ways.into_iter().flatten().chain([(None, None)])
    }

    fn held(&self, hold: RedemptionId) -> Option<Bonuses> {
        self.state.open_holds().find(|(id, _)| **id == hold).and_then(|(_, hold)| hold.amount())
    }

    /// A hold of what was held, or of as much of it as the replay has and its policy allows.
    fn hold_anew(&mut self, mut telling: Telling<'_>, held: &BonusesHeld) -> Result<(), NotSimulated> {
        if !self.begins(&mut telling)? {
            return Ok(());
        }
        let mut amount = held.amount;
        // Once for the share of the bill, once for what is available.
        for _ in 0..3 {
            let command = MemberCommand::HoldBonuses(HoldBonuses {
                redemption_id: held.redemption_id,
                business_id: held.business_id,
                bill_amount: held.bill_amount,
                amount,
            });
            match self.attempt(&mut telling, &command)? {
                Err(Rejection::OverRedeemLimit { limit, .. }) if limit < amount => amount = limit,
                Err(Rejection::InsufficientBonuses { available, .. }) => amount = available,
                Ok(_) | Err(_) => break,
            }
        }
        Ok(())
    }

    /// A hold called off, or one whose purchase captured nothing. What lapses, lapses by itself.
    fn release_anew(&mut self, telling: Telling<'_>, released: &HoldReleased) -> Result<(), NotSimulated> {
        let redemption_id = released.redemption_id;
        let open = self.state.open_holds().find(|(id, _)| **id == redemption_id);
        let Some(business_id) = open.map(|(_, hold)| hold.business_id) else { return Ok(()) };
        match released.reason {
            HoldEnd::Lapsed => Ok(()),
            HoldEnd::Cancelled | HoldEnd::Captured => {
                self.ask(telling, &MemberCommand::CancelHold { redemption_id, business_id })
            }
        }
    }

    /// A gift, with its own life unless it had the policy's. Rule B5.
    fn gift(&mut self, telling: Telling<'_>, gift: &BonusGifted) -> Result<(), NotSimulated> {
        let at = telling.fact.recorded_at;
        let life = days_between(at, gift.lot.expires_at);
        let of_policy = self.real_life_days(at);
        let command = Gift {
            grant_id: gift.grant_id,
            kind: gift.kind,
            reason_id: gift.reason_id,
            amount: gift.lot.amount,
            life_days: life.filter(|life| Some(*life) != of_policy),
        };
        self.ask(telling, &MemberCommand::Gift(command))
    }

    /// An adjustment downwards, of at most what the replay has available.
    fn withdraw_anew(&mut self, mut telling: Telling<'_>) -> Result<(), NotSimulated> {
        let MemberEvent::BonusWithdrawn(part) = &telling.fact.event else { return Ok(()) };
        let whole = telling.story.withdrawn.get(&part.grant_id);
        let Some(&(_, mut asked)) = whole.filter(|(first, _)| *first == telling.fact.position) else {
            return Ok(());
        };
        if !self.begins(&mut telling)? {
            return Ok(());
        }
        for _ in 0..2 {
            let amount = Bonuses::ZERO.checked_sub(asked).ok_or(NotSimulated::OutOfRange)?;
            let command = Adjustment { grant_id: part.grant_id, reason_id: part.reason_id, amount };
            match self.attempt(&mut telling, &MemberCommand::Adjust(command))? {
                Err(Rejection::InsufficientBonuses { available, .. }) if available.is_positive() => {
                    asked = available;
                }
                Ok(_) | Err(_) => break,
            }
        }
        Ok(())
    }
}

/// From the day of one moment to the day of another.
fn days_between(from: Timestamp, to: Timestamp) -> Option<u32> {
    let days = to.moscow_day().to_date().signed_duration_since(from.moscow_day().to_date());
    u32::try_from(days.num_days()).ok()
}
