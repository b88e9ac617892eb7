//! A purchase's edits told again: revisions, refunds, and what changes hands. Rules D3, F.
//!
//! Each edit is of the purchase as the replay has it, after what time did before.

use super::NotSimulated;
use super::replay::{Kept, Replay};
use super::retell::Telling;
use crate::log::Event;
use crate::member::command::{PurchaseDocument, RefundPurchase};
use crate::member::cross_bonus::{FollowedStep, GiveCrossBonus, bring};
use crate::member::draft::Draft;
use crate::member::event::{
    AccrualInputs, CrossBonusAccrued, PurchaseAmended, PurchaseRefunded, PurchaseSource, PurchaseTakenOver,
};
use crate::member::hand_over::{arrive, leave};
use crate::member::{AmendPurchase, MemberCommand, PurchaseFile, Refund};
use crate::rejection::Rejection;

impl Replay<'_> {
    /// A newer revision of a purchase of hers, or one that names another member: then nothing is left of it here.
    pub(super) fn revision(
        &mut self,
        mut telling: Telling<'_>,
        revision: &PurchaseAmended,
    ) -> Result<(), NotSimulated> {
        if !self.begins(&mut telling)? {
            return Ok(());
        }
        let Some(Kept { file, natural_key, revision: first }) = self.kept(revision.purchase_id).cloned()
        else {
            telling.leave_out();
            return Ok(());
        };
        if revision.revision == first {
            // What was void from the first is a part of its recording. Rule D2.
            return Ok(());
        }
        let cancelled = revision.cancelled || revision.handed_over;
        let document = PurchaseDocument {
            business_id: revision.business_id,
            natural_key,
            revision: revision.revision,
            amount: if cancelled { file.first_bill } else { revision.bill },
            occurred_at: revision.bought_at,
            source: PurchaseSource::Api,
            source_system: None,
            cancelled,
            redemption_id: None,
            redeem_amount: None,
            coupon_code: None,
        };
        let mut command = AmendPurchase { file, document };
        if revision.handed_over {
            let decided = leave(&self.state, &command, &self.context(telling.fact.recorded_at));
            return self.take_or_leave_out(telling, decided);
        }
        let named = command.file.redemption_id.filter(|_| revision.redeemed.is_positive());
        if named.is_some() {
            // What it was really paid with, which the document may have named (Rule R3); else what follows from the bill.
            let plain = command.clone();
            let document = &mut command.document;
            (document.redemption_id, document.redeem_amount) = (named, Some(revision.redeemed));
            if self.attempt(&mut telling, &MemberCommand::AmendPurchase(Box::new(command)))?.is_ok() {
                return Ok(());
            }
            command = plain;
        }
        self.edit(telling, &MemberCommand::AmendPurchase(Box::new(command)))
    }

    /// Bonuses of a chain for a purchase of hers, whatever the chain had left. Rule B9.
    pub(super) fn cross_bonus(
        &mut self,
        mut telling: Telling<'_>,
        fact: &CrossBonusAccrued,
    ) -> Result<(), NotSimulated> {
        // What a revision adds follows from that; what brought nothing brings nothing here.
        if fact.revision.is_some() || fact.lot.is_none() || !self.begins(&mut telling)? {
            return Ok(());
        }
        let Some(Kept { file, .. }) = self.kept(fact.purchase_id).cloned() else {
            telling.leave_out();
            return Ok(());
        };
        let CrossBonusAccrued { chain_id, version, step, trigger_id, .. } = *fact;
        let known_at = telling.fact.recorded_at;
        let earned_by = FollowedStep { chain_id, version, step, trigger_id, known_at };
        let command = GiveCrossBonus { earned_by, file };
        let decided = bring(&self.state, &command, &self.context(telling.fact.recorded_at));
        self.take_or_leave_out(telling, decided)
    }

    /// Money given back for a purchase of hers.
    pub(super) fn refund(
        &mut self,
        mut telling: Telling<'_>,
        refund: &PurchaseRefunded,
    ) -> Result<(), NotSimulated> {
        if !self.begins(&mut telling)? {
            return Ok(());
        }
        let Some(Kept { file, .. }) = self.kept(refund.purchase_id).cloned() else {
            telling.leave_out();
            return Ok(());
        };
        let (business_id, refund_id) = (file.business_id, refund.refund_id);
        let refund = Refund { refund_id, amount: refund.amount, occurred_at: telling.fact.occurred_at };
        let command = RefundPurchase { file, business_id, refund };
        self.edit(telling, &MemberCommand::RefundPurchase(Box::new(command)))
    }

    /// A purchase that she takes over from another member, who is not here: what is hers of it is decided by her status and
    /// her categories, the rest (refunds, multiplier, life of lots) is the original's, as the log says. Where the draft held
    /// when it was bought, its rates and its life of bonuses are the draft's.
    pub(super) fn taken_over(
        &mut self,
        mut telling: Telling<'_>,
        taken: &PurchaseTakenOver,
    ) -> Result<(), NotSimulated> {
        if !self.begins(&mut telling)? {
            return Ok(());
        }
        let (fact, purchase) = (telling.fact, &taken.purchase);
        let event = Event::Member(fact.event.clone());
        let Some(file) = PurchaseFile::fold(None, fact.occurred_at, &event) else { return Ok(()) };
        let policy_version = self.policy_of(fact.occurred_at, taken.inputs.policy_version);
        let life = telling.story.taken_over.get(&(purchase.purchase_id, purchase.revision)).copied();
        let stands = policy_version == taken.inputs.policy_version;
        let file = PurchaseFile {
            inputs: Some(AccrualInputs { policy_version, ..taken.inputs.clone() }),
            life: life.flatten().filter(|_| stands),
            ..file
        };
        let document = PurchaseDocument {
            business_id: purchase.business_id,
            natural_key: purchase.natural_key,
            revision: purchase.revision,
            amount: purchase.amount,
            occurred_at: fact.occurred_at,
            source: purchase.source,
            source_system: purchase.source_system,
            cancelled: purchase.amount.is_zero(),
            redemption_id: None,
            redeem_amount: None,
            coupon_code: None,
        };
        let command = AmendPurchase { file, document };
        let decided = arrive(&self.state, &command, &self.context(fact.recorded_at));
        self.take_or_leave_out(telling, decided)
    }

    fn edit(&mut self, mut telling: Telling<'_>, command: &MemberCommand) -> Result<(), NotSimulated> {
        if self.attempt(&mut telling, command)?.is_err() {
            telling.leave_out();
        }
        Ok(())
    }

    fn take_or_leave_out(
        &mut self,
        mut telling: Telling<'_>,
        decided: Result<Draft, Rejection>,
    ) -> Result<(), NotSimulated> {
        if let Ok(draft) = decided {
            return self.take(&mut telling, draft);
        }
        telling.leave_out();
        Ok(())
    }
}
