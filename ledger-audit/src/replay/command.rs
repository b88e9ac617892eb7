//! From the facts of a decision to the commands that it may have come from. Rule P5: an event keeps every input of its
//! decision.
//!
//! What does not show in the facts did not decide them, so a handful of commands stands for all that could have been asked;
//! whichever leads to the very facts of the log, the log follows from the rules.

use ledger_core::ids::{MemberId, PurchaseId};
use ledger_core::member::MemberState;
use ledger_core::member::command::{HoldBonuses, MemberCommand};
use ledger_core::member::consent::{ConsentChange, ConsentChoice, ConsentOrigin};
use ledger_core::member::coupon::{ActivateCoupon, FundedBy, IssueCoupon};
use ledger_core::member::erasure::Erase;
use ledger_core::member::event::{
    BonusGifted, CouponIssued, HoldEnd, MemberErased, MemberEvent, RightsEvent, SubjectRequestExtended,
    SubjectRequestReceived, Track,
};
use ledger_core::member::gift::{Adjustment, Gift};
use ledger_core::member::lot::Funder;
use ledger_core::member::offered::TakeOffer;
use ledger_core::member::premium::PayPremium;
use ledger_core::member::requests::{ExtendRequest, ReceiveRequest};
use ledger_core::member::standing::{Ranking, Rankings};
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::time::Timestamp;

use super::append::Part;
use super::purchases::{Purchase, followed, recorded, refunded, revised, rewarded};

/// What is known besides the facts themselves.
pub(super) struct Known<'a> {
    /// Her state before them.
    pub(super) state: &'a MemberState,
    /// The purchase that they are about, as it was before them.
    pub(super) purchase: Option<&'a Purchase>,
    /// The accounts that she stands for.
    pub(super) accounts: &'a [MemberId],
    /// When the log took them.
    pub(super) now: Timestamp,
}

/// The purchase whose file a decision needs: what it edits, or what a chain looks at.
pub(super) fn purchase_of(part: Part<'_>) -> Option<PurchaseId> {
    part.find(|event| match event {
        MemberEvent::PurchaseAmended(fact) => Some(fact.purchase_id),
        MemberEvent::PurchaseRefunded(fact) => Some(fact.purchase_id),
        MemberEvent::CrossBonusAccrued(fact) => Some(fact.purchase_id),
        MemberEvent::ChainTriggered(fact) => Some(fact.chain.purchase_id),
        MemberEvent::CouponIssued(fact) => fact.chain.as_ref().map(|chain| chain.purchase_id),
        _ => None,
    })
}

/// The commands that may have led to `part`, the likeliest first; none when nobody could have asked for it.
pub(super) fn commands(part: Part<'_>, known: &Known<'_>) -> Vec<MemberCommand> {
    if let Some(command) = part.find(erased) {
        return vec![command];
    }
    let by_purchase = purchases(part, known);
    if !by_purchase.is_empty() {
        return by_purchase;
    }
    if let Some(command) = part.find(|event| asked(event, known)) {
        return command;
    }
    if let Some(command) = consents(part) {
        return vec![command];
    }
    let neutral = MemberCommand::RankSpending(rankings(part));
    let withdrawn = withdrawn(part).into_iter();
    withdrawn.chain([MemberCommand::WriteDue, MemberCommand::ReviewStatus, neutral]).collect()
}

/// What is about a purchase, which decides whatever else stands beside it.
fn purchases(part: Part<'_>, known: &Known<'_>) -> Vec<MemberCommand> {
    let applied = part.find(|event| match event {
        MemberEvent::QuarantineApplied(fact) => Some(MemberCommand::ApplyQuarantined(fact.quarantine_id)),
        _ => None,
    });
    if let Some(command) = applied {
        return vec![command];
    }
    let of_purchase = [recorded(part), revised(part, known), refunded(part, known)];
    let of_chain = [followed(part, known), rewarded(part, known)];
    of_purchase.into_iter().chain(of_chain).find(|commands| !commands.is_empty()).unwrap_or_default()
}

/// What one fact alone says was asked for.
fn asked(event: &MemberEvent, known: &Known<'_>) -> Option<Vec<MemberCommand>> {
    let command = match event {
        MemberEvent::BonusesHeld(fact) => MemberCommand::HoldBonuses(HoldBonuses {
            redemption_id: fact.redemption_id,
            business_id: fact.business_id,
            bill_amount: fact.bill_amount,
            amount: fact.amount,
        }),
        MemberEvent::HoldReleased(fact) if fact.reason == HoldEnd::Cancelled => {
            let redemption_id = fact.redemption_id;
            let open = known.state.open_holds().find(|(id, _)| **id == redemption_id);
            let business_id = open.map(|(_, hold)| hold.business_id)?;
            MemberCommand::CancelHold { redemption_id, business_id }
        }
        MemberEvent::BonusGifted(fact) => return Some(gifts(fact, known.now)),
        MemberEvent::BonusAdjusted(fact) => MemberCommand::Adjust(Adjustment {
            grant_id: fact.grant_id,
            reason_id: fact.reason_id,
            amount: fact.lot.amount,
        }),
        MemberEvent::CouponIssued(fact) if fact.chain.is_none() => issued(fact),
        MemberEvent::CouponActivated(fact) => MemberCommand::ActivateCoupon(ActivateCoupon {
            coupon_id: fact.coupon_id,
            code: fact.code,
            reserved_until: fact.valid_until,
        }),
        MemberEvent::CouponRevoked(fact) => {
            MemberCommand::RevokeCoupon { coupon_id: fact.coupon_id, reason_id: fact.reason_id? }
        }
        MemberEvent::QuarantineDropped(fact) => MemberCommand::DropQuarantined(fact.quarantine_id),
        MemberEvent::InnerCircleInvited(_) => MemberCommand::Invite(true),
        MemberEvent::InnerCircleInvitationWithdrawn(_) => MemberCommand::Invite(false),
        MemberEvent::MemberBlocked(fact) => MemberCommand::Block(Some(fact.reason_id)),
        MemberEvent::MemberUnblocked(_) => MemberCommand::Block(None),
        MemberEvent::Rights(fact) => rights(fact),
        MemberEvent::PhoneChanged(_) => MemberCommand::ChangePhone,
        MemberEvent::PremiumStarted(fact) => {
            MemberCommand::PayPremium(PayPremium { payment: fact.payment, from: fact.from, to: fact.to })
        }
        MemberEvent::PremiumRenewed(fact) => {
            MemberCommand::PayPremium(PayPremium { payment: fact.payment, from: fact.from, to: fact.to })
        }
        MemberEvent::PremiumCancelled(_) => MemberCommand::CancelPremium,
        _ => return None,
    };
    Some(vec![command])
}

/// She was forgotten: whatever stands beside it is what she had.
fn erased(event: &MemberEvent) -> Option<MemberCommand> {
    let MemberEvent::MemberErased(MemberErased { act_id, demanded_by, ground, .. }) = *event else {
        return None;
    };
    Some(MemberCommand::Erase(Erase { act_id, demanded_by, ground }))
}

/// A fact about her rights says all that was asked.
const fn rights(fact: &RightsEvent) -> MemberCommand {
    match fact {
        RightsEvent::ProcessingBlocked(fact) => MemberCommand::BlockProcessing(fact.ground),
        RightsEvent::ProcessingUnblocked(fact) => MemberCommand::UnblockProcessing(fact.ground),
        RightsEvent::SubjectRequestReceived(fact) => {
            let SubjectRequestReceived { request_id, kind, channel, received_at, due_at, reckoned } = *fact;
            let command = ReceiveRequest { request_id, kind, channel, received_at, due_at, reckoned };
            MemberCommand::ReceiveRequest(command)
        }
        RightsEvent::SubjectRequestExtended(fact) => {
            let SubjectRequestExtended { request_id, ground, due_at, reckoned } = *fact;
            MemberCommand::ExtendRequest(ExtendRequest { request_id, ground, due_at, reckoned })
        }
        RightsEvent::SubjectRequestAnswered(fact) => {
            MemberCommand::AnswerRequest { request_id: fact.request_id, answer: fact.answer }
        }
    }
}

/// A gift with a life of its own, or with the policy's. Rule B5.
fn gifts(fact: &BonusGifted, now: Timestamp) -> Vec<MemberCommand> {
    let lived = fact.lot.expires_at.moscow_day().to_date().signed_duration_since(now.moscow_day().to_date());
    let lives = [None, u32::try_from(lived.num_days()).ok()];
    let gift = |life_days| {
        MemberCommand::Gift(Gift {
            grant_id: fact.grant_id,
            kind: fact.kind,
            reason_id: fact.reason_id,
            amount: fact.lot.amount,
            life_days,
        })
    };
    lives.into_iter().map(gift).collect()
}

fn issued(fact: &CouponIssued) -> MemberCommand {
    if let Some(offer) = &fact.offer {
        let (offer_id, version) = (offer.offer_id, offer.version);
        return MemberCommand::TakeOffer(TakeOffer { offer_id, version, coupon_id: fact.coupon_id });
    }
    let funded_by =
        if fact.funded_by == Funder::Coalition { FundedBy::Coalition } else { FundedBy::Business };
    MemberCommand::IssueCoupon(Box::new(IssueCoupon {
        coupon_id: fact.coupon_id,
        business_id: fact.business_id,
        gives: fact.gives.clone(),
        conditions: fact.conditions.clone(),
        expires_at: fact.expires_at,
        funded_by,
        description: fact.description,
        gift: fact.gift,
    }))
}

/// A registration, or a change of consents.
fn consents(part: Part<'_>) -> Option<MemberCommand> {
    let mut origin = None;
    let mut changes = Vec::new();
    for event in part.events() {
        let (change, from) = match event {
            MemberEvent::ConsentGranted(fact) => (
                (&fact.purpose, ConsentChoice::Granted, &fact.version, fact.text_hash),
                ConsentOrigin { channel: fact.channel, evidence: fact.evidence, session: fact.session },
            ),
            MemberEvent::ConsentWithdrawn(fact) => (
                (&fact.purpose, ConsentChoice::Withdrawn, &fact.version, fact.text_hash),
                ConsentOrigin { channel: fact.channel, evidence: fact.evidence, session: fact.session },
            ),
            _ => continue,
        };
        let (purpose, choice, version, text_hash) = change;
        changes.push(ConsentChange { purpose: purpose.clone(), choice, version: version.clone(), text_hash });
        origin.get_or_insert(from);
    }
    let registered = part.find(|event| match event {
        MemberEvent::MemberRegistered(fact) => Some(fact.registered_at),
        _ => None,
    });
    let origin = origin?;
    Some(match registered {
        Some(registered_at) => MemberCommand::Register { registered_at, consents: changes, origin },
        None => MemberCommand::ChangeConsents { changes, origin },
    })
}

/// An adjustment downwards: its parts make the whole.
fn withdrawn(part: Part<'_>) -> Option<MemberCommand> {
    let (grant_id, reason_id) = part.find(|event| match event {
        MemberEvent::BonusWithdrawn(fact) => Some((fact.grant_id, fact.reason_id)),
        _ => None,
    })?;
    let parts = part.events().filter_map(|event| match event {
        MemberEvent::BonusWithdrawn(fact) => Some(fact.amount),
        _ => None,
    });
    let amount = Bonuses::ZERO.checked_sub(Bonuses::checked_sum(parts)?)?;
    Some(MemberCommand::Adjust(Adjustment { grant_id, reason_id, amount }))
}

/// The day's ranking as far as the facts say it; where they say nothing, one by which nothing changes.
fn rankings(part: Part<'_>) -> Rankings {
    let neutral = Ranking { members: 0, enter_above: None, stay_above: Some(Roubles::from_kopecks(-1)) };
    let mut rankings = Rankings { ordinary: neutral, with_medical: neutral };
    for event in part.events() {
        let (track, ranking) = match event {
            MemberEvent::TopSpendersEntered(fact) => {
                (fact.track, Ranking { members: fact.members, enter_above: Some(fact.above), ..neutral })
            }
            MemberEvent::TopSpendersLeft(fact) => {
                (fact.track, Ranking { members: fact.members, stay_above: fact.above, ..neutral })
            }
            _ => continue,
        };
        if track != Track::WithMedical {
            rankings.ordinary = ranking;
        }
        if track != Track::Ordinary {
            rankings.with_medical = ranking;
        }
    }
    rankings
}
