//! From a real fact to the command that it came from, decided by the replay. Rules B10, D3, F, R, S3, S4, T6.

use super::NotSimulated;
use super::fact::{Fact, Story};
use super::figures::Books;
use super::replay::{Kept, Replay};
use crate::ids::{QuarantineId, RedemptionId};
use crate::member::command::{HoldBonuses, PurchaseDocument, PurchaseMode, RecordPurchase, RefundPurchase};
use crate::member::consent::Purpose;
use crate::member::event::{
    BonusGifted, BonusesHeld, HoldEnd, HoldReleased, MemberEvent, PurchaseAmended, PurchaseRecorded,
    PurchaseRefunded, PurchaseSource,
};
use crate::member::gift::{Adjustment, Gift};
use crate::member::{AmendPurchase, MemberCommand, MemberOutcome, PurchaseOutcome, Refund};
use crate::money::Bonuses;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// What an edit's document has in place of a fresh id: it never waits for an admin.
const NO_QUARANTINE: QuarantineId = QuarantineId::from_uuid(uuid::Uuid::nil());

/// One real fact and where it goes.
struct Telling<'a> {
    fact: &'a Fact,
    story: &'a Story,
    books: &'a mut Books,
}

impl Replay<'_> {
    /// Tells one fact again. What follows by rule from others is left to the replay.
    pub(super) fn tell(&mut self, fact: &Fact, story: &Story, books: &mut Books) -> Result<(), NotSimulated> {
        let telling = Telling { fact, story, books };
        match &fact.event {
            MemberEvent::PurchaseRecorded(recorded) => self.purchase(telling, recorded),
            MemberEvent::PurchaseAmended(revision) => self.revision(telling, revision),
            MemberEvent::PurchaseRefunded(refund) => self.refund(telling, refund),
            MemberEvent::BonusesHeld(held) => self.hold_anew(telling, held),
            MemberEvent::HoldReleased(released) => self.release_anew(telling, released),
            MemberEvent::BonusGifted(gift) => self.gift(telling, gift),
            MemberEvent::BonusAdjusted(up) => {
                let command =
                    Adjustment { grant_id: up.grant_id, reason_id: up.reason_id, amount: up.lot.amount };
                self.ask(telling, &MemberCommand::Adjust(command))
            }
            MemberEvent::BonusWithdrawn(_) => self.withdraw_anew(telling),
            // Who she is and what she lets others tell stands, whenever it was said.
            MemberEvent::MemberRegistered(_) | MemberEvent::MembershipBackdated(_) => self.carry(telling),
            MemberEvent::ConsentGranted(consent) => self.consent(telling, &consent.purpose),
            MemberEvent::ConsentWithdrawn(consent) => self.consent(telling, &consent.purpose),
            MemberEvent::InnerCircleInvited(_)
            | MemberEvent::InnerCircleInvitationWithdrawn(_)
            | MemberEvent::TopSpendersEntered(_)
            | MemberEvent::TopSpendersLeft(_) => self.standing(telling),
            MemberEvent::PremiumStarted(_)
            | MemberEvent::PremiumRenewed(_)
            | MemberEvent::PremiumCancelled(_)
            | MemberEvent::MemberBlocked(_)
            | MemberEvent::MemberUnblocked(_) => {
                if self.begins(&telling) {
                    self.carry_on_time(telling)
                } else {
                    Ok(())
                }
            }
            MemberEvent::PurchaseQuarantined(_)
            | MemberEvent::BonusAccrued(_)
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
            | MemberEvent::PremiumLapsed(_) => Ok(()),
        }
    }

    /// Whether the fact was decided as of a time before the period's end.
    fn begins(&self, telling: &Telling<'_>) -> bool {
        telling.fact.moment() < self.period.to
    }

    /// Lets time pass up to the fact.
    fn catch_up(&mut self, telling: &mut Telling<'_>) -> Result<(), NotSimulated> {
        let until = telling.fact.recorded_at.min(self.period.to);
        self.advance(until, telling.story, telling.books)
    }

    /// Decides and writes one command; `None` when a rule refuses it.
    fn attempt(
        &mut self,
        telling: &mut Telling<'_>,
        command: &MemberCommand,
    ) -> Result<Result<MemberOutcome, Rejection>, NotSimulated> {
        let Telling { fact, story, books } = telling;
        let (draft, outcome) = match self.decide(command, fact.recorded_at) {
            Ok(decided) => decided,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let counts = self.period.holds(fact.moment());
        self.write(draft, story, counts.then_some(&mut **books))?;
        Ok(Ok(outcome))
    }

    /// Decides and writes one command that the real log took.
    fn ask(&mut self, mut telling: Telling<'_>, command: &MemberCommand) -> Result<(), NotSimulated> {
        if !self.begins(&telling) {
            return Ok(());
        }
        self.catch_up(&mut telling)?;
        if self.attempt(&mut telling, command)?.is_err() {
            leave_out(&mut telling);
        }
        Ok(())
    }

    /// Takes a fact over as it is.
    fn carry(&mut self, telling: Telling<'_>) -> Result<(), NotSimulated> {
        self.apply(telling.fact.occurred_at, &telling.fact.event, telling.story)
    }

    /// Takes a fact over as it is, after what time did before it.
    fn carry_on_time(&mut self, mut telling: Telling<'_>) -> Result<(), NotSimulated> {
        self.catch_up(&mut telling)?;
        self.carry(telling)
    }

    /// A change of standing, and the evaluation that goes with it. Rules S2, S3.
    fn standing(&mut self, mut telling: Telling<'_>) -> Result<(), NotSimulated> {
        if !self.begins(&telling) {
            return Ok(());
        }
        self.catch_up(&mut telling)?;
        let Telling { fact, story, books } = telling;
        self.apply(fact.occurred_at, &fact.event, story)?;
        self.review(fact.recorded_at, story, books)
    }

    fn consent(&mut self, telling: Telling<'_>, purpose: &Purpose) -> Result<(), NotSimulated> {
        if *purpose == Purpose::MedicalStatus { self.standing(telling) } else { self.carry(telling) }
    }

    /// A purchase, paid in bonuses as far as the replay has them and its policy allows.
    fn purchase(
        &mut self,
        mut telling: Telling<'_>,
        recorded: &PurchaseRecorded,
    ) -> Result<(), NotSimulated> {
        if !self.begins(&telling) {
            return Ok(());
        }
        self.catch_up(&mut telling)?;
        let (fact, story) = (telling.fact, telling.story);
        let paid = story.paid.get(&recorded.purchase_id).and_then(|(hold, paid)| {
            let held = self.held(*hold)?;
            Some((*hold, held.min(*paid)))
        });
        let mut command = RecordPurchase {
            quarantine_id: NO_QUARANTINE,
            document: PurchaseDocument {
                business_id: recorded.business_id,
                natural_key: recorded.natural_key,
                revision: recorded.revision,
                amount: recorded.amount,
                occurred_at: fact.occurred_at,
                source: recorded.source,
                cancelled: story.voids.contains(&(recorded.purchase_id, recorded.revision)),
                redemption_id: None,
                redeem_amount: None,
                coupon_code: None,
            },
            mode: fact.mode,
        };
        // What she really paid; what the share allows, where that is less; nothing, where the hold is no longer good.
        let ways = paid.map(|(hold, amount)| [(Some(hold), Some(amount)), (Some(hold), None)]);
        for (redemption_id, redeem_amount) in ways.into_iter().flatten().chain([(None, None)]) {
            command.document.redemption_id = redemption_id;
            command.document.redeem_amount = redeem_amount;
            let outcome = self.attempt(&mut telling, &MemberCommand::RecordPurchase(command.clone()))?;
            if matches!(outcome, Ok(MemberOutcome::Purchase(PurchaseOutcome::Recorded { .. }))) {
                if fact.mode != PurchaseMode::Live {
                    self.review_after_import(fact.recorded_at);
                }
                return Ok(());
            }
        }
        leave_out(&mut telling);
        Ok(())
    }

    fn held(&self, hold: RedemptionId) -> Option<Bonuses> {
        self.state.open_holds().find(|(id, _)| **id == hold).and_then(|(_, hold)| hold.amount())
    }

    fn revision(&mut self, telling: Telling<'_>, revision: &PurchaseAmended) -> Result<(), NotSimulated> {
        let Some(Kept { file, natural_key, revision: first }) = self.kept(revision.purchase_id).cloned()
        else {
            return self.cannot(telling);
        };
        if revision.revision == first {
            // What was void from the first is a part of its recording. Rule D2.
            return Ok(());
        }
        let document = PurchaseDocument {
            business_id: revision.business_id,
            natural_key,
            revision: revision.revision,
            amount: if revision.cancelled { file.first_bill } else { revision.bill },
            occurred_at: revision.bought_at,
            source: PurchaseSource::Api,
            cancelled: revision.cancelled,
            redemption_id: None,
            redeem_amount: None,
            coupon_code: None,
        };
        let command = AmendPurchase { file, document };
        self.ask(telling, &MemberCommand::AmendPurchase(Box::new(command)))
    }

    fn refund(&mut self, telling: Telling<'_>, refund: &PurchaseRefunded) -> Result<(), NotSimulated> {
        let Some(Kept { file, .. }) = self.kept(refund.purchase_id).cloned() else {
            return self.cannot(telling);
        };
        let (business_id, refund_id) = (file.business_id, refund.refund_id);
        let refund = Refund { refund_id, amount: refund.amount, occurred_at: telling.fact.occurred_at };
        let command = RefundPurchase { file, business_id, refund };
        self.ask(telling, &MemberCommand::RefundPurchase(Box::new(command)))
    }

    /// A hold of what was held, or of as much of it as the replay has and its policy allows.
    fn hold_anew(&mut self, mut telling: Telling<'_>, held: &BonusesHeld) -> Result<(), NotSimulated> {
        if !self.begins(&telling) {
            return Ok(());
        }
        self.catch_up(&mut telling)?;
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
        if !self.begins(&telling) {
            return Ok(());
        }
        self.catch_up(&mut telling)?;
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

    /// A fact of the period about a purchase that the replay does not know.
    fn cannot(&mut self, mut telling: Telling<'_>) -> Result<(), NotSimulated> {
        if self.begins(&telling) {
            leave_out(&mut telling);
        }
        Ok(())
    }
}

fn leave_out(telling: &mut Telling<'_>) {
    telling.books.left_out = telling.books.left_out.saturating_add(1);
}

/// From the day of one moment to the day of another.
fn days_between(from: Timestamp, to: Timestamp) -> Option<u32> {
    let days = to.moscow_day().to_date().signed_duration_since(from.moscow_day().to_date());
    u32::try_from(days.num_days()).ok()
}
