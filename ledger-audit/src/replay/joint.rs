//! Decisions that write to two members' streams: what changes hands (Rule D3), and accounts that become one or two.

use ledger_core::context::Context;
use ledger_core::member::draft::Draft;
use ledger_core::member::event::MemberEvent;
use ledger_core::member::{
    Accounts, AmendPurchase, HandOver, HandedOver, Joined, MemberState, hand_over, merge, unmerge,
};
use ledger_core::rejection::Rejection;

use super::append::Part;
use super::purchases::{Purchase, documents, revisions};

/// Two drafts, in the order of the log.
pub(super) type Pair = (Draft, Draft);

/// What the rules make of it; none when nobody could have asked for it.
pub(super) fn decide(
    parts: [Part<'_>; 2],
    states: [&MemberState; 2],
    purchase: Option<&Purchase>,
    context: &Context<'_>,
) -> Vec<Result<Pair, Rejection>> {
    let [first, second] = parts;
    let [before, after] = states;
    let merged = first.find(|event| match event {
        MemberEvent::AccountMerged(fact) => Some(fact.reason_id),
        _ => None,
    });
    if let Some(reason_id) = merged {
        let accounts = Accounts { from: first.member, into: second.member, reason_id };
        let joined = merge(before, after, &accounts, context);
        return vec![joined.map(|Joined { from, into, .. }| (from, into))];
    }
    let parted = first.find(|event| match event {
        MemberEvent::AccountParted(fact) => Some(fact.reason_id),
        _ => None,
    });
    if let Some(reason_id) = parted {
        let accounts = Accounts { from: second.member, into: first.member, reason_id };
        let joined = unmerge(after, before, &accounts, context);
        return vec![joined.map(|Joined { from, into, .. }| (into, from))];
    }
    let recorded = handed_over(first, second, purchase).map(HandOver::Recorded);
    let waiting = documents(second).into_iter().map(HandOver::Waiting);
    let commands = recorded.into_iter().chain(waiting);
    let decided = commands.map(|command| hand_over(before, after, &command, context));
    decided.map(|decided| decided.map(|HandedOver { from, to, .. }| (from, to))).collect()
}

/// The revision that names the other member.
fn handed_over(first: Part<'_>, second: Part<'_>, purchase: Option<&Purchase>) -> Option<Box<AmendPurchase>> {
    let taken = second.find(|event| match event {
        MemberEvent::PurchaseTakenOver(fact) => Some(&fact.purchase),
        _ => None,
    })?;
    let mut command = revisions(first, purchase).into_iter().next()?;
    let document = &mut command.document;
    document.cancelled = taken.amount.is_zero();
    if !document.cancelled {
        document.amount = taken.amount;
    }
    (document.source, document.source_system) = (taken.source, taken.source_system);
    Some(Box::new(command))
}
