//! Purchases: what is known of one, and the commands that its facts may have come from. Rules D, F, R3, B9, X3.

use ledger_core::ids::{MemberId, NaturalKey, PurchaseId, QuarantineId, RedemptionId};
use ledger_core::log::Event;
use ledger_core::member::command::{MemberCommand, PurchaseDocument, RecordPurchase, RefundPurchase};
use ledger_core::member::cross_bonus::{FollowedStep, GiveCrossBonus};
use ledger_core::member::event::{
    AccrualInputs, FromChain, HoldEnd, MemberEvent, PurchaseRecorded, PurchaseSource,
};
use ledger_core::member::reward::TakeReward;
use ledger_core::member::{AmendPurchase, PurchaseFile, Refund};
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::append::{Fact, Part};
use super::command::Known;

/// A purchase as its facts have it so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Purchase {
    /// Its file; none for what was only heard of.
    pub(super) file: Option<PurchaseFile>,
    /// Whose it is.
    pub(super) owner: Option<MemberId>,
    /// The key of the document.
    pub(super) natural_key: Option<NaturalKey>,
    /// The inputs of its first accrual, and when that was recorded: what chains look at, whoever has the purchase by now.
    pub(super) accrued: Option<(AccrualInputs, Timestamp)>,
    /// When it was found to follow from a chain's trigger.
    pub(super) converted_at: Option<Timestamp>,
}

impl Purchase {
    /// One more fact about it, or about lots of it.
    pub(super) fn see(&mut self, member: MemberId, fact: &Fact) {
        let (at, event) = (fact.row.recorded_at, &fact.event);
        let Event::Member(said) = event else { return };
        match said {
            MemberEvent::PurchaseRecorded(fact) => {
                (self.owner, self.natural_key) = (Some(member), Some(fact.natural_key));
            }
            MemberEvent::PurchaseTakenOver(fact) => {
                (self.owner, self.natural_key) = (Some(member), Some(fact.purchase.natural_key));
            }
            MemberEvent::BonusAccrued(fact) if fact.revision.is_none() => {
                self.accrued.get_or_insert_with(|| (fact.inputs.clone(), at));
            }
            MemberEvent::ChainConverted(_) => self.converted_at = Some(at),
            _ => {}
        }
        self.file = PurchaseFile::fold(self.file.take(), fact.row.occurred_at, event);
    }
}

/// The purchases that a fact is about: its own, and those whose lots came back past their life (Rule F4).
pub(super) fn concerned(event: &MemberEvent, whole: &Event) -> Vec<PurchaseId> {
    let mut all: Vec<PurchaseId> = PurchaseFile::about(whole).into_iter().collect();
    match event {
        MemberEvent::BonusReturned(fact) => {
            all.extend(fact.past_life.iter().filter_map(|part| part.origin.purchase_id()));
        }
        MemberEvent::ChainConverted(fact) => all.push(fact.purchase_id),
        _ => {}
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// The document of a recorded purchase, before what it was paid with.
fn document(fact: &PurchaseRecorded, occurred_at: Timestamp) -> PurchaseDocument {
    PurchaseDocument {
        business_id: fact.business_id,
        natural_key: fact.natural_key,
        revision: fact.revision,
        amount: fact.amount,
        occurred_at,
        source: fact.source,
        source_system: fact.source_system,
        cancelled: false,
        redemption_id: None,
        redeem_amount: None,
        coupon_code: None,
    }
}

/// A purchase, or one that waits for an admin.
pub(super) fn recorded(part: Part<'_>) -> Vec<MemberCommand> {
    let commands = documents(part).into_iter().map(MemberCommand::RecordPurchase);
    commands.collect()
}

/// What may have been reported.
pub(super) fn documents(part: Part<'_>) -> Vec<RecordPurchase> {
    let waits = part.facts.iter().find_map(|fact| match fact.member_event() {
        Some(MemberEvent::PurchaseQuarantined(waits)) => Some((fact, waits)),
        _ => None,
    });
    if let Some((fact, waits)) = waits {
        let sure = document(&waits.purchase, fact.row.occurred_at);
        let void = PurchaseDocument { cancelled: true, ..sure.clone() };
        let (quarantine_id, mode) = (waits.quarantine_id, part.mode());
        return [sure, void].map(|document| RecordPurchase { quarantine_id, document, mode }).into();
    }
    let recorded = part.facts.iter().find_map(|fact| match fact.member_event() {
        Some(MemberEvent::PurchaseRecorded(recorded)) => Some((fact, recorded)),
        _ => None,
    });
    let Some((fact, recorded)) = recorded else { return Vec::new() };
    let mut sure = document(recorded, fact.row.occurred_at);
    sure.cancelled = part.events().any(|event| {
        matches!(event, MemberEvent::PurchaseAmended(fact) if fact.revision == recorded.revision && fact.cancelled)
    });
    sure.coupon_code = part.find(|event| match event {
        MemberEvent::CouponRedeemed(fact) => Some(fact.code),
        _ => None,
    });
    // It never waits for an admin.
    let quarantine_id = QuarantineId::from_uuid(uuid::Uuid::nil());
    let way = |(redemption_id, redeem_amount)| {
        let document = PurchaseDocument { redemption_id, redeem_amount, ..sure.clone() };
        RecordPurchase { quarantine_id, document, mode: part.mode() }
    };
    ways_to_pay(part).into_iter().map(way).collect()
}

/// With bonuses: the hold that was captured, and how much the document may have named of it. Rule R3.
fn ways_to_pay(part: Part<'_>) -> Vec<(Option<RedemptionId>, Option<Bonuses>)> {
    let paid = part.find(|event| match event {
        MemberEvent::BonusesRedeemed(fact) => Some((fact.redemption_id, fact.amount)),
        _ => None,
    });
    let released = || {
        part.find(|event| match event {
            MemberEvent::HoldReleased(fact) if fact.reason == HoldEnd::Captured => {
                Some((fact.redemption_id, Bonuses::ZERO))
            }
            _ => None,
        })
    };
    match paid.or_else(released) {
        Some((hold, amount)) => vec![(Some(hold), Some(amount)), (Some(hold), None)],
        None => vec![(None, None)],
    }
}

/// A newer revision. Rule D3.
pub(super) fn revised(part: Part<'_>, known: &Known<'_>) -> Vec<MemberCommand> {
    let commands = revisions(part, known.purchase).into_iter();
    commands.map(|command| MemberCommand::AmendPurchase(Box::new(command))).collect()
}

/// What may have been reported of a purchase that is known.
pub(super) fn revisions(part: Part<'_>, purchase: Option<&Purchase>) -> Vec<AmendPurchase> {
    let fact = part.find(|event| match event {
        MemberEvent::PurchaseAmended(fact) => Some(fact),
        _ => None,
    });
    let known = purchase.and_then(|purchase| Some((purchase.file.clone()?, purchase.natural_key?)));
    let (Some(fact), Some((file, natural_key))) = (fact, known) else { return Vec::new() };
    let is_void = fact.cancelled || fact.handed_over;
    let plain = PurchaseDocument {
        business_id: fact.business_id,
        natural_key,
        revision: fact.revision,
        // What a document that says void names as the bill decides nothing, but that it is one.
        amount: if is_void { file.first_bill.max(Roubles::from_kopecks(1)) } else { fact.bill },
        occurred_at: fact.bought_at,
        source: PurchaseSource::Api,
        source_system: None,
        cancelled: fact.cancelled,
        redemption_id: None,
        redeem_amount: None,
        coupon_code: None,
    };
    // What it was paid with, which the document may have named (Rule R3).
    let named = PurchaseDocument {
        redemption_id: file.redemption_id,
        redeem_amount: file.redemption_id.map(|_| fact.redeemed),
        ..plain.clone()
    };
    let is_named = file.redemption_id.is_some() && !is_void;
    let documents = [Some(plain), is_named.then_some(named)].into_iter().flatten();
    documents.map(|document| AmendPurchase { file: file.clone(), document }).collect()
}

/// Money given back. Rules F.
pub(super) fn refunded(part: Part<'_>, known: &Known<'_>) -> Vec<MemberCommand> {
    let fact = part.find(|event| match event {
        MemberEvent::PurchaseRefunded(fact) => Some(fact),
        _ => None,
    });
    let row = part.row(|event| matches!(event, MemberEvent::PurchaseRefunded(_)));
    let file = known.purchase.and_then(|purchase| purchase.file.clone());
    let (Some(fact), Some(row), Some(file)) = (fact, row, file) else { return Vec::new() };
    let refund = Refund { refund_id: fact.refund_id, amount: fact.amount, occurred_at: row.occurred_at };
    let command = RefundPurchase { business_id: file.business_id, file, refund };
    vec![MemberCommand::RefundPurchase(Box::new(command))]
}

/// What a chain gives for a purchase that follows from its step. Rule B9.
pub(super) fn followed(part: Part<'_>, known: &Known<'_>) -> Vec<MemberCommand> {
    let fact = part.find(|event| match event {
        MemberEvent::CrossBonusAccrued(fact) if fact.revision.is_none() => Some(fact),
        _ => None,
    });
    let (Some(fact), Some(purchase)) = (fact, known.purchase) else { return Vec::new() };
    let Some(file) = purchase.file.clone() else { return Vec::new() };
    let known_at = purchase.converted_at.unwrap_or(known.now);
    let earned_by = FollowedStep {
        chain_id: fact.chain_id,
        version: fact.version,
        step: fact.step,
        trigger_id: fact.trigger_id,
        known_at,
    };
    vec![MemberCommand::GiveCrossBonus(Box::new(GiveCrossBonus { earned_by, file }))]
}

/// What a purchase that triggers a step of a chain gets of it. Rule X3.
pub(super) fn rewarded(part: Part<'_>, known: &Known<'_>) -> Vec<MemberCommand> {
    let from = part.find(|event| match event {
        MemberEvent::ChainTriggered(fact) => Some((&fact.chain, None)),
        MemberEvent::CouponIssued(fact) => fact.chain.as_ref().map(|chain| (chain, Some(fact.coupon_id))),
        _ => None,
    });
    let purchase =
        known.purchase.and_then(|purchase| Some((purchase.file.as_ref()?, purchase.accrued.as_ref()?)));
    let (Some((chain, coupon_id)), Some((file, (inputs, accrued_at)))) = (from, purchase) else {
        return Vec::new();
    };
    let FromChain { chain_id, version, step, purchase_id, bought_at, .. } = **chain;
    // Of a step that gave no coupon, the id that it would have had says nothing.
    let coupon_id = coupon_id.unwrap_or_else(|| ledger_core::ids::CouponId::from_uuid(uuid::Uuid::nil()));
    let command = |member_id: &MemberId| {
        MemberCommand::TakeReward(Box::new(TakeReward {
            member_id: *member_id,
            chain_id,
            version,
            step,
            purchase_id,
            business_id: file.business_id,
            bought_at,
            net: inputs.base,
            looked_up_at: inputs.policy_moment.of_chains(bought_at, *accrued_at),
            status: inputs.status,
            coupon_id,
        }))
    };
    known.accounts.iter().rev().map(command).collect()
}
