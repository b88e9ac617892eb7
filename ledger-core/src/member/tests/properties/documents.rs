//! What can happen to documents in random histories: a second report of a sale, an admin's word, another member's name.

use proptest::prelude::*;

use crate::context::Context;
use crate::ids::SourceKey;
use crate::log::Event;
use crate::member::draft::Draft;
use crate::member::event::MemberEvent;
use crate::member::testing::{Ask, World, amend, anna_since, buy, give_back};
use crate::member::{HandOver, MemberCommand, PurchaseFile, hand_over};
use crate::money::Bonuses;
use crate::time::Timestamp;

use super::steps::{amounts, slugs};

/// One thing that happens to a document.
#[derive(Debug, Clone)]
pub(super) enum DocumentStep {
    /// Another system reports her newest sale.
    ReportAgain,
    /// An admin applies or drops what waits.
    Decide { applied: bool },
    /// A revision of a purchase of hers names another member.
    Leave { purchase: u8, kopecks: Option<i64> },
    /// A revision of a purchase of another member names her.
    Arrive { slug: &'static str, bought: i64, permille: i64, kopecks: Option<i64> },
}

pub(super) fn document_steps() -> impl Strategy<Value = DocumentStep> {
    let bills = || prop_oneof![3 => amounts().prop_map(Some), 1 => Just(None)];
    let arrivals = (slugs(), amounts(), 0..400_i64, bills());
    prop_oneof![
        2 => Just(DocumentStep::ReportAgain),
        3 => any::<bool>().prop_map(|applied| DocumentStep::Decide { applied }),
        1 => (1..12_u8, bills()).prop_map(|(purchase, kopecks)| DocumentStep::Leave { purchase, kopecks }),
        2 => arrivals.prop_map(|(slug, bought, permille, kopecks)| {
            DocumentStep::Arrive { slug, bought, permille, kopecks }
        }),
    ]
}

/// The purchase with this serial, unless another member has it.
pub(super) fn hers(world: &World, serial: u8) -> Option<PurchaseFile> {
    let file = world.file(serial)?;
    let known = world.known.iter().filter_map(|(_, event)| match event {
        Event::Member(fact) => Some(fact),
        _ => None,
    });
    let mut newest = known.filter_map(|fact| match fact {
        MemberEvent::PurchaseAmended(fact) => Some((fact.purchase_id, fact.handed_over)),
        MemberEvent::PurchaseTakenOver(fact) => Some((fact.purchase.purchase_id, false)),
        _ => None,
    });
    let newest = newest.rfind(|(purchase, _)| *purchase == file.purchase_id);
    Some(file).filter(|_| newest.is_none_or(|(_, is_gone)| !is_gone))
}

fn roubles(kopecks: i64) -> String {
    Bonuses::from_kopecks(kopecks).to_string()
}

impl DocumentStep {
    /// The world after it; a refusal leaves it as it was.
    pub(super) fn run(&self, world: World) -> World {
        match self {
            Self::ReportAgain => report_again(world),
            Self::Decide { applied } => {
                let Some(id) = world.state.quarantined.keys().next().copied() else { return world };
                let word =
                    if *applied { MemberCommand::ApplyQuarantined } else { MemberCommand::DropQuarantined };
                taken(world, word(id))
            }
            Self::Leave { purchase, kopecks } => {
                let purchase = world.after + purchase;
                let Some(_) = hers(&world, purchase) else { return world };
                let revision = u32::try_from(world.log.len()).expect("short");
                let amount = kopecks.map(roubles);
                let asked = amend(purchase, revision, amount.as_deref()).command(&mut world.clone());
                let drafts = handed_over((&world, &another(&world)), asked);
                written(world, drafts.map(|(from, _)| from))
            }
            Self::Arrive { slug, bought, permille, kopecks } => {
                let mut world = world;
                let command = buy(slug, &roubles(*bought)).command(&mut world);
                let MemberCommand::RecordPurchase(purchase) = &command else { panic!("no purchase") };
                let serial = purchase.document.natural_key.as_bytes()[0];
                let mut other = taken(another(&world), command);
                let refunded = bought / 1_000 * permille;
                if refunded > 0 && other.file(serial).is_some() {
                    other = other.after(give_back(1, serial, &roubles(refunded)));
                }
                let Some(_) = other.file(serial) else { return world };
                let amount = kopecks.map(roubles);
                let asked = amend(serial, 2, amount.as_deref()).command(&mut other);
                let drafts = handed_over((&other, &world), asked);
                written(world, drafts.map(|(_, to)| to))
            }
        }
    }
}

fn report_again(world: World) -> World {
    let newest = world.log.iter().rev().find_map(|(at, event)| match event {
        Event::Member(MemberEvent::PurchaseRecorded(fact)) => Some((*at, fact.clone())),
        _ => None,
    });
    let Some((at, sale)) = newest else { return world };
    let again = buy(sale.business.as_str(), &sale.amount.to_string()).on_moment(at);
    taken(world, again.with(|document| document.source_system = Some(SourceKey::from_bytes([1; 8]))))
}

fn taken(world: World, ask: impl Ask) -> World {
    let decision = world.when(ask);
    written(decision.world, decision.answer.ok().map(|(draft, _)| facts_of(draft)))
}

type Facts = Vec<(Timestamp, Event)>;

/// Another member, of whom nothing is known.
fn another(world: &World) -> World {
    let mut another = anna_since("2025-01-01T00:00:00Z");
    another.now = world.now;
    another
}

fn handed_over((from, to): (&World, &World), asked: MemberCommand) -> Option<(Facts, Facts)> {
    let MemberCommand::AmendPurchase(command) = asked else { panic!("no revision: {asked:?}") };
    let context = Context { recorded_at: from.now, registry: &from.registry };
    let decided = hand_over(&from.state, &to.state, &HandOver::Recorded(command), &context).ok()?;
    Some((facts_of(decided.from), facts_of(decided.to)))
}

fn facts_of(draft: Draft) -> Facts {
    draft.events.into_iter().map(|new| (new.occurred_at, new.event)).collect()
}

fn written(mut world: World, facts: Option<Facts>) -> World {
    facts.into_iter().flatten().for_each(|(at, event)| world.write(at, event));
    world
}
