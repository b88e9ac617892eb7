//! What follows from nothing but somebody's word: its amount passes whatever it is, so a report tells how much of it there is.

use std::collections::BTreeMap;

use ledger_core::member::event::MemberEvent;
use serde::Serialize;

/// Facts of one kind that stand on somebody's word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Word {
    /// How many.
    pub facts: u64,
    /// The bonuses in them, in hundredths; of what has none, 0.
    pub kopecks: i64,
}

/// Enters a fact of a member, if it stands on somebody's word.
pub(super) fn enter(words: &mut BTreeMap<&'static str, Word>, event: &MemberEvent) {
    let (kind, kopecks) = match event {
        MemberEvent::BonusGifted(fact) => ("gifts", fact.lot.amount.kopecks()),
        MemberEvent::BonusAdjusted(fact) => ("adjustments upwards", fact.lot.amount.kopecks()),
        MemberEvent::BonusWithdrawn(fact) => ("adjustments downwards", fact.amount.kopecks()),
        MemberEvent::InnerCircleInvited(_) | MemberEvent::InnerCircleInvitationWithdrawn(_) => {
            ("invitations to the inner circle", 0)
        }
        MemberEvent::PremiumStarted(_) | MemberEvent::PremiumRenewed(_) => ("payments of premium", 0),
        MemberEvent::CouponIssued(fact) if fact.chain.is_none() && fact.offer.is_none() => {
            ("coupons of a business or an admin", 0)
        }
        MemberEvent::MemberErased(_) => ("members forgotten", 0),
        MemberEvent::Rights(_) => ("members' demands about their data, and what became of them", 0),
        MemberEvent::TopSpendersEntered(_) | MemberEvent::TopSpendersLeft(_) => {
            ("places among the top spenders (the day's ranking)", 0)
        }
        _ => return,
    };
    let word = words.entry(kind).or_default();
    word.facts += 1;
    word.kopecks = word.kopecks.saturating_add(kopecks);
}
