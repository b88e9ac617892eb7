//! One history of a document, with Anna and Vera.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::json;

use super::told::{Coupon, Told, Way};
use crate::ids::{LotId, NaturalKey};
use crate::log::Event;
use crate::member::MemberCommand;
use crate::member::event::{HeldPart, Holding, MemberEvent};
use crate::member::testing::{
    Ask, World, activate, amend, anna, anna_since, bonus, buy, coupon, fixed, give_back, hold, percent,
    purchase_id,
};
use crate::member::tests::hand_over;
use crate::money::Roubles;

/// One thing that happens to a document.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    /// A revision so far ahead of the newest, with this bill or cancelled, that may name the other member.
    Revise {
        ahead: i64,
        bill: Option<i64>,
        of_other: bool,
    },
    Refund(i64),
    /// So many minutes pass.
    Later(i64),
    Due,
}

/// See the module.
pub(super) struct Story {
    slug: &'static str,
    pub(super) told: Told,
    /// Anna and Vera before it.
    pub(super) starts: [World; 2],
    /// And now.
    pub(super) worlds: [World; 2],
    /// Who has it.
    pub(super) whose: usize,
    /// Whether nothing was spent and no time has passed.
    pub(super) is_plain: bool,
}

fn amount(kopecks: i64) -> String {
    Roubles::from_kopecks(kopecks).to_string()
}

/// The first revision seen of the document that is the second purchase.
struct First {
    slug: &'static str,
    number: u32,
    bill: Option<i64>,
    first_bill: i64,
    way: Way,
    /// In bonuses, of the hold with serial 1.
    pay: i64,
}

impl Ask for First {
    fn command(self, world: &mut World) -> MemberCommand {
        let mut asked = buy(self.slug, &amount(self.bill.unwrap_or(self.first_bill)));
        if self.bill.is_some() && self.pay > 0 {
            asked = asked.paying(1, Some(&amount(self.pay)));
        }
        if self.bill.is_some() && self.way.coupon.is_some() {
            asked = asked.using(1);
        }
        let MemberCommand::RecordPurchase(mut command) = asked.command(world) else { panic!("a purchase") };
        let document = &mut command.document;
        (document.revision, document.cancelled) = (self.number, self.bill.is_none());
        document.natural_key = NaturalKey::from_bytes([2; 32]);
        MemberCommand::RecordPurchase(command)
    }
}

/// Anna, with 1,500.00 to spend and nothing against paying nearly all with them, down to a kopeck.
fn before(slug: &str, way: Way) -> World {
    let anna = anna_since("2025-01-01T00:00:00Z")
        .policy("redeem.max_share", json!("0.9999"))
        .policy("redeem.min_amount", json!("0.01"))
        .after(buy("buket", "20000.00"));
    let Some((gives, by_coalition)) = way.coupon else { return anna };
    let gives = match gives {
        Coupon::Fixed(value) => fixed(&amount(value)),
        Coupon::Percent(value, cap) => percent(&value.to_string(), cap.map(amount).as_deref()),
        Coupon::Bonus(value) => bonus(&amount(value)),
    };
    let asked = coupon(1, slug, gives);
    anna.after(if by_coalition { asked.by_coalition() } else { asked }).after(activate(1, 1))
}

/// Vera, who is vip and knows other categories; her own purchases have other numbers.
fn other() -> World {
    let vera = anna()
        .numbered_after(100)
        .policy("redeem.max_share", json!("0.9999"))
        .policy("redeem.min_amount", json!("0.01"));
    vera.after(buy("linza", "30000.00")).after(buy("zubok", "1.00")).after(buy("zakon", "1.00"))
}

/// The start with what the first document is paid with held.
fn held(start: &World, slug: &str, bill: i64, pay: i64) -> World {
    if pay > 0 { start.clone().after(hold(1, slug, &amount(bill), &amount(pay))) } else { start.clone() }
}

impl Story {
    pub(super) fn of(slug: &'static str, (number, first_bill, is_void): (u32, i64, bool), way: Way) -> Self {
        // Rule D2: what is void from the first uses nothing.
        let (way, bill) = if is_void { (Way::default(), None) } else { (way, Some(first_bill)) };
        let starts = [before(slug, way), other()];
        let has = starts[0].balance().0.kopecks();
        let part = way.permille.map_or(0, |permille| first_bill * permille / 1_000);
        let paid = part.min(has).min(first_bill - way.discount(first_bill));
        let first = First { slug, number, bill, first_bill, way, pay: paid };
        let anna = held(&starts[0], slug, first_bill, paid).after(first);
        let told = Told::first(number, bill, first_bill, way, paid);
        Self { slug, told, worlds: [anna, starts[1].clone()], starts, whose: 0, is_plain: true }
    }

    pub(super) fn told(mut self, edits: &[Edit], spends: bool) -> Self {
        for (serial, edit) in (10_u8..).zip(edits) {
            self.happens(edit, serial);
            if spends {
                self.spend(100 + serial);
            }
        }
        self
    }

    /// The one who has it is asked.
    fn hers(&mut self, ask: impl Ask) {
        self.worlds[self.whose] = self.worlds[self.whose].clone().after(ask);
    }

    fn happens(&mut self, edit: &Edit, serial: u8) {
        match edit {
            Edit::Revise { ahead, bill, of_other } => {
                let there = self.there();
                let Some((number, bill)) = self.told.revise(*ahead, *bill, there) else { return };
                let asked = amend(2, number, bill.map(amount).as_deref());
                if *of_other {
                    let [anna, vera] = self.worlds.clone();
                    let pair = if self.whose == 0 { (anna, vera) } else { (vera, anna) };
                    let (gave, took) = hand_over::after(pair, asked);
                    self.worlds = if self.whose == 0 { [gave, took] } else { [took, gave] };
                    self.whose = 1 - self.whose;
                } else {
                    self.hers(asked);
                }
            }
            Edit::Refund(kopecks) => {
                let Some(kopecks) = self.told.refund(*kopecks) else { return };
                self.hers(give_back(serial, 2, &amount(kopecks)));
            }
            Edit::Later(minutes) => {
                self.is_plain = false;
                self.worlds = self.worlds.clone().map(|world| world.later(TimeDelta::minutes(*minutes)));
            }
            Edit::Due => self.hers(MemberCommand::WriteDue),
        }
    }

    /// What of the bonuses that came back lies free in the lots they came back to.
    fn there(&self) -> i64 {
        let world = self.worlds[self.whose].clone().after(MemberCommand::WriteDue);
        let mut back = BTreeMap::<LotId, i64>::new();
        for (_, event) in &world.log {
            match event {
                Event::Member(MemberEvent::BonusReturned(fact)) if fact.purchase_id == purchase_id(2) => {
                    let alive = fact.parts.iter().map(|held| (held.part.lot_id, held.part.amount));
                    for (lot, amount) in alive.chain(fact.instead.iter().map(|lot| (lot.lot_id, lot.amount)))
                    {
                        *back.entry(lot).or_default() += amount.kopecks();
                    }
                }
                Event::Member(MemberEvent::BonusesRedeemed(fact)) if fact.purchase_id == purchase_id(2) => {
                    for HeldPart { part, .. } in &fact.parts {
                        // The first capture took what had never been away.
                        back.entry(part.lot_id).and_modify(|there| *there -= part.amount.kopecks());
                    }
                }
                _ => {}
            }
        }
        let free = world.state.live_lots().filter(|lot| lot.holding == Holding::Available);
        free.map(|lot| lot.left.kopecks().min(back.get(&lot.lot_id).copied().unwrap_or(0))).sum()
    }

    /// All that she has is on hold elsewhere: what is taken back then becomes debt.
    fn spend(&mut self, serial: u8) {
        let available = self.worlds[self.whose].balance().0.kopecks();
        if available > 0 {
            self.is_plain = false;
            self.hers(hold(serial, "zakon", &amount(available * 2), &amount(available)));
        }
    }

    /// The final document alone, with the refunds it had, in the same moment as the history ends.
    pub(super) fn posted_once(&self) -> World {
        let Told { way, first_bill, kept, .. } = self.told;
        let bill = self.told.bill();
        let start = held(&self.starts[self.whose], self.slug, first_bill, kept);
        let first = First { slug: self.slug, number: 1, bill, first_bill, way, pay: kept };
        let mut once = start.after(first);
        if bill.is_some() {
            for (serial, kopecks) in (200_u8..).zip(&self.told.refunds) {
                once = once.after(give_back(serial, 2, &amount(*kopecks)));
            }
        }
        once.now = self.worlds[self.whose].now;
        once
    }

    /// The next purchase there, for what decides on it: is the category new, which status pays?
    pub(super) fn next(&self, world: &World) -> String {
        let inputs = world.clone().when(buy(self.slug, "1000.00")).accrual().inputs;
        format!("{:?} {}", inputs.status, inputs.new_category)
    }
}
