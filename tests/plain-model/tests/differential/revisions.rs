//! Newer revisions of purchases in random histories, in the model's words and in the domain's. Rule D3.

use ledger_core::context::Context;
use ledger_core::log::Event;
use ledger_core::member::event::MemberEvent;
use ledger_core::member::{HandOver, HandedOver, PurchaseFile, hand_over};
use plain_model::hand_over::hand_over as plainly_hand_over;
use plain_model::lot::{Move, Place};
use plain_model::member::{Member, Outcome, Purchase};
use plain_model::redemption::Hold;
use plain_model::revision::Revision;
use plain_model::{Kopecks, Refusal};
use proptest::prelude::*;

use crate::answers::answer;
use crate::domain::{Answer, Domain, Her};
use crate::run::{Run, first_word};

/// What a newer revision of one of the last purchases says.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pick: usize,
    /// The share of the first bill; none: it is cancelled.
    permille: Option<i64>,
    /// Names the hold that the purchase captured; another one.
    hold: Named,
    /// With the share of what was captured that it is paid with.
    redeem: Option<i64>,
    /// The same of the code.
    code: Named,
}

/// What a revision names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Nothing,
    TheSame,
    Another,
}

fn named() -> impl Strategy<Value = Named> {
    prop_oneof![6 => Just(Named::Nothing), 4 => Just(Named::TheSame), 1 => Just(Named::Another)]
}

pub(crate) fn edits() -> impl Strategy<Value = Edit> {
    let bills = prop_oneof![3 => 1..1_000_i64, 2 => Just(1_000_i64), 2 => 1_001..2_500_i64];
    let permille = proptest::option::weighted(0.8, bills);
    let redeem = proptest::option::weighted(
        0.3,
        prop_oneof![2 => Just(1_000_i64), 4 => 1..1_000_i64, 2 => 1_001..1_300_i64],
    );
    (0..5_usize, permille, named(), redeem, named()).prop_map(|(pick, permille, hold, redeem, code)| Edit {
        pick,
        permille,
        hold,
        redeem,
        code,
    })
}

impl Edit {
    /// A newer revision; mostly of what was paid in bonuses or used a coupon, if something was.
    pub(crate) fn revision(&self, member: &Member) -> Option<Revision> {
        let hers = || member.purchases.iter().rev().filter(|it| !it.is_handed_over);
        let is_special = |it: &&Purchase| it.redemption.is_some() || it.coupon.is_some();
        let special = || hers().filter(is_special).nth(self.pick / 2);
        let known = if self.pick.is_multiple_of(2) { special() } else { None };
        let known = known.or_else(|| hers().nth(self.pick))?;
        // What is cancelled is mostly restored.
        let restored = known.amount == 0 && !self.pick.is_multiple_of(3);
        let permille = self.permille.or_else(|| restored.then_some(1_000));
        let bill = permille.map(|permille| (known.first_bill * Kopecks::from(permille) / 1_000).max(1));
        // Who says what it is paid with names the hold.
        let hold =
            if self.redeem.is_some() && self.hold == Named::Another { Named::TheSame } else { self.hold };
        let redemption = match hold {
            Named::Nothing => None,
            Named::TheSame => known.redemption,
            Named::Another => member.holds.iter().map(|hold: &Hold| hold.id).next_back(),
        };
        let captured = known.captured;
        let redeem_amount = self.redeem.map(|permille| (captured * Kopecks::from(permille) / 1_000).max(1));
        let coupon = match self.code {
            Named::Nothing => None,
            Named::TheSame => known.coupon.as_ref().map(|used| used.code),
            Named::Another => Some(known.coupon.as_ref().map_or(7, |used| used.code + 1)),
        };
        Some(Revision {
            purchase: known.id,
            revision: known.revision + 1,
            bill,
            redemption,
            // A cancelled document is paid with nothing.
            redeem_amount: redeem_amount.filter(|_| bill.is_some()),
            coupon,
        })
    }
}

impl Run {
    /// A newer revision names the `to`th of the other members.
    pub(crate) fn hand_over(&mut self, edit: &Edit, to: usize) -> Result<(), TestCaseError> {
        let Some(asked) = edit.revision(&self.member) else { return Ok(()) };
        // She is there, and it is about the one again.
        self.meet(to);
        self.meet(to);
        let now = self.now;
        let (other, their_other) = &mut self.others[to];
        let ours = plainly_hand_over(&self.circle, now, (&mut self.member, other), &asked);
        let theirs = self.domain.hand_over(now, &asked, their_other);
        prop_assert_eq!(&theirs, &ours, "domain and model hand over {:?} at {:?}", asked, now);
        self.commands += 1;
        self.see_hand_over(&ours);
        self.compare()?;
        self.meet(to);
        self.compare()?;
        self.look_back_at_revisions();
        self.meet(to);
        Ok(())
    }

    fn see_hand_over(&mut self, answer: &Result<Outcome, Refusal>) {
        let outcome = |outcome| first_word(&format!("{outcome:?}"));
        let answer = answer.as_ref().map_or_else(|code| (*code).to_owned(), outcome);
        self.seen.insert(format!("HandOver {answer}"));
    }

    /// What revisions led to, for `seen`.
    pub(crate) fn look_back_at_revisions(&mut self) {
        let hers = &self.member.purchases;
        let is_revised = |it: &Purchase| it.revision > 1 && it.amount > 0;
        let came_back = |it: &Purchase| {
            !it.is_handed_over && hers.iter().any(|old| old.id == it.id && old.is_handed_over)
        };
        let discount = |it: &Purchase| it.coupon.as_ref().map_or(0, |used| used.discount);
        let lots = |it: &Purchase| it.coupon.as_ref().map_or(0, |used| used.lots.len());
        // One that was recorded first is on the list before whatever was taken over since.
        let is_taken_over = |it: &Purchase| !it.is_handed_over && it.revision > 1 && it.first_bill > 0;
        let in_part = |it: &Purchase| is_taken_over(it) && it.refunded() > 0 && it.net() > 0;
        // More went from her holds to businesses than her purchases captured.
        let is_paid = |it: &&Move| it.from == Place::Held && matches!(it.to, Place::Redeemed(_));
        let moves = self.member.lots.iter().flat_map(|lot| &lot.moves);
        let paid: Kopecks = moves.filter(is_paid).map(|it| it.amount).sum();
        let captured: Kopecks = hers.iter().map(|it| it.captured).sum();
        let seen = [
            (paid > captured, "bonuses that came back and were taken again"),
            (hers.iter().any(came_back), "a purchase that came back to who had it"),
            (hers.iter().any(in_part), "a purchase that was taken over and given back in part"),
            (hers.iter().any(|it| is_revised(it) && it.kept > 0), "a revision of a bill paid in bonuses"),
            (
                hers.iter().any(|it| is_revised(it) && it.kept > 0 && it.kept < it.captured),
                "a revision with the amount it is paid with",
            ),
            (
                hers.iter().any(|it| is_revised(it) && discount(it) > 0),
                "a revision of a bill with a discount",
            ),
            (hers.iter().any(|it| lots(it) > 1), "a coupon's bonuses given anew"),
        ];
        self.seen.extend(seen.into_iter().filter(|(is_it, _)| *is_it).map(|(_, what)| what.to_owned()));
    }
}

impl Domain {
    /// A newer revision of a purchase of hers names another.
    fn hand_over(&mut self, now: ledger_core::time::Timestamp, asked: &Revision, other: &mut Her) -> Answer {
        let command = HandOver::Recorded(Box::new(self.revision(asked)));
        let context = Context { recorded_at: now, registry: &self.registry };
        let handed = hand_over(&self.her.state, &other.state, &command, &context);
        let HandedOver { from, to, outcome } = handed.map_err(|refused| refused.code())?;
        if to.events.is_empty() {
            return Ok(answer(outcome));
        }
        self.write(now, from);
        let mut file = self.file(asked.purchase);
        std::mem::swap(&mut self.her, other);
        let before = self.her.log.len();
        self.write(now, to);
        let is_first = |event: &Event| matches!(event, Event::Member(MemberEvent::PurchaseTakenOver(_)));
        let place = self.her.log[before..].iter().position(|told| is_first(&told.event));
        if let Some(place) = place {
            let told = &self.her.log[before + place];
            file = PurchaseFile::fold(file, told.occurred_at, &told.event);
            let file = file.expect("a purchase that was taken over");
            self.her.taken_over.insert(asked.purchase, (file, before + place + 1));
        }
        std::mem::swap(&mut self.her, other);
        Ok(answer(outcome))
    }
}
