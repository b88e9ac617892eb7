//! What is kept of one member, and what she has. Rule B6.
//!
//! Readings:
//! - B6 `expiring_soon`: pending lots are in it (they expire all the same), what is held is not.
//! - The consent `personal_data` cannot be withdrawn alone: leaving the programme is its own call.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::ids::{LotId, PurchaseId, RedemptionId};
use ledger_core::time::Timestamp;

use crate::circle::Circle;
pub use crate::command::{Command, Document, Outcome};
use crate::coupon::{Coupon, Used};
use crate::lot::{Lot, Place};
use crate::purchase::Inputs;
use crate::redemption::Hold;
use crate::refund::{Debt, Refund};
use crate::reward::{OfChain, Reaction, Trigger};
use crate::status::{Status, Track};
use crate::{Kopecks, Refusal, calendar};

/// A recorded purchase with its refunds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Which.
    pub id: PurchaseId,
    /// Where.
    pub business: String,
    /// The revision of its document. Rule D2.
    pub revision: u32,
    /// The bill of its newest revision; nothing while it is cancelled. Rule D3.
    pub amount: Kopecks,
    /// When.
    pub occurred_at: Timestamp,
    /// Which of the business's systems reported it. Rule D5.
    pub source: u8,
    /// What decided on what it earns. Rule P5.
    pub inputs: Inputs,
    /// What it earned in all. Rule B4.
    pub accrual: Kopecks,
    /// What of it the business funds. Rule B5.
    pub of_business: Kopecks,
    /// The lots it earned: of each revision the business's first.
    pub lots: Vec<LotId>,
    /// The policy that decided on it, from 0. Rule P1.
    pub policy: usize,
    /// What share of the bill may be paid in bonuses, as it was then. Rule R2.
    pub redeem_share: i128,
    /// The bill of the document that came first.
    pub first_bill: Kopecks,
    /// The hold it captured. Rule R3.
    pub redemption: Option<RedemptionId>,
    /// What the first document was paid with. Rule R3.
    pub captured: Kopecks,
    /// What it is paid with by now, in the order of spending.
    pub spent: Vec<(LotId, Kopecks)>,
    /// To which lots the rest came back, in the order in which each first did. Rules F4, D3.
    pub came_back: Vec<(LotId, Kopecks)>,
    /// What of it pays its newest revision, before refunds. Rule D3.
    pub kept: Kopecks,
    /// What its coupon did. Rule C1.
    pub coupon: Option<Used>,
    /// What was given back.
    pub refunds: Vec<Refund>,
    /// The moment it was decided as of. Rule P1.
    pub moment: Timestamp,
    /// When it was recorded. Rule T1.
    pub recorded_at: Timestamp,
    /// What was paid then. Rule X3.
    pub paid_first: Kopecks,
    /// Her status before it. Rule B1.
    pub status: Status,
    /// When what it earns is spendable: from, until. Rule B5.
    pub life: (Timestamp, Timestamp),
    /// Whether a trigger of a chain is converted by it. Rule X4.
    pub converts: bool,
    /// What a chain added to it. Rule B9.
    pub of_chain: Option<OfChain>,
    /// Whether a revision gave it to another member. Rule D3.
    pub is_handed_over: bool,
}

impl Purchase {
    /// The bill less refunds; never below nothing. Rule F6.
    #[must_use]
    pub fn net(&self) -> Kopecks {
        (self.amount - self.refunded()).max(0)
    }

    /// The bill less bonuses redeemed and coupon discount. Rules B4, X3.
    #[must_use]
    pub fn paid(&self) -> Kopecks {
        self.amount - self.kept - self.coupon.as_ref().map_or(0, |used| used.discount)
    }

    /// What was given back in all.
    #[must_use]
    pub fn refunded(&self) -> Kopecks {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }
}

/// One member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Since when.
    pub registered_at: Option<Timestamp>,
    /// Every word of hers on a consent, in order.
    pub consents: Vec<(String, bool)>,
    /// In log order.
    pub purchases: Vec<Purchase>,
    /// In log order; of one accrual the business's first.
    pub lots: Vec<Lot>,
    /// In log order.
    pub holds: Vec<Hold>,
    /// In log order.
    pub coupons: Vec<Coupon>,
    /// Oldest first.
    pub debts: Vec<Debt>,
    /// The status without purchases at medical businesses. Rule S7.
    pub ordinary: Track,
    /// The status with them.
    pub with_medical: Track,
    /// Whether she is invited to the inner circle. Rule S1.
    pub is_invited: bool,
    /// Whether she is blocked.
    pub is_blocked: bool,
    /// Documents that wait for an admin. Rules T3, D5.
    pub quarantine: Vec<Document>,
    /// Those that wait, or waited, because they are too old. Rule T3.
    pub too_old: BTreeSet<PurchaseId>,
    /// What was paid for of Premium: first moment, first moment after. Rule S4.
    pub premium: Vec<(Timestamp, Timestamp)>,
    /// Steps of chains that purchases of hers triggered, in the order in which that was decided. Rule X3.
    pub triggers: Vec<Trigger>,
    /// What chains have not answered yet.
    pub to_react: Vec<Reaction>,
}

/// What she has. Rule B6.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the rule book")]
pub struct Balance {
    pub total: Kopecks,
    pub available: Kopecks,
    pub pending: Kopecks,
    pub held: Kopecks,
    pub debt: Kopecks,
    pub expiring_soon: BTreeMap<Timestamp, Kopecks>,
}

impl Member {
    /// Does what is asked, or refuses and changes nothing. Rule Z.
    ///
    /// # Errors
    /// The code of the refusal.
    pub fn command(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        command: &Command,
    ) -> Result<Outcome, Refusal> {
        let mut after = self.clone();
        let outcome = after.act(circle, now, command)?;
        *self = after;
        Ok(outcome)
    }

    /// Rule B5: a decision on a member first writes what is due for her.
    fn act(&mut self, circle: &Circle, now: Timestamp, command: &Command) -> Result<Outcome, Refusal> {
        if let Command::Register { at, consents } = command {
            return self.register(*at, now, consents);
        }
        if let Command::Purchase(document) = command {
            return self.purchase(circle, now, document);
        }
        if let Command::TakeReward(step) = command {
            return Ok(self.take_reward(circle, now, step));
        }
        if let Command::CrossBonus(followed) = command {
            return Ok(self.cross_bonus(circle, now, followed));
        }
        if matches!(command, Command::Due | Command::Review) && self.registered_at.is_none() {
            return Ok(Outcome::Done);
        }
        if let Command::Hold { business, .. } = command
            && circle.business(business).is_none()
        {
            return Err("BUSINESS_NOT_FOUND");
        }
        if self.registered_at.is_none() {
            return Err("MEMBER_NOT_FOUND");
        }
        if let Command::Revise(revision) = command {
            return self.revise(circle, now, revision);
        }
        self.write_due(circle, now);
        match command {
            Command::Apply(id) => self.apply(circle, now, *id),
            Command::Drop(id) => self.discard(*id),
            Command::Register { .. }
            | Command::Purchase(_)
            | Command::TakeReward(_)
            | Command::CrossBonus(_)
            | Command::Revise(_) => unreachable!("answered above"),
            Command::ChangeConsents(changes) => self.change_consents(circle, now, changes),
            Command::Hold { id, business, bill, amount } => {
                self.hold(circle, now, *id, business, *bill, *amount)
            }
            Command::Cancel { id, business } => self.cancel(circle, now, *id, business),
            Command::Refund { purchase, business, id, amount, occurred_at } => {
                self.refund(circle, now, *purchase, business, *id, *amount, *occurred_at)
            }
            Command::Due => Ok(Outcome::Done),
            Command::Review => {
                self.review(circle, now);
                Ok(Outcome::Done)
            }
            Command::Rank { ordinary, with_medical } => self.rank(circle, now, *ordinary, *with_medical),
            Command::Invite(is_invited) => self.invite(circle, now, *is_invited),
            Command::Block(is_blocked) => self.block(now, *is_blocked),
            Command::PayPremium { from, to } => self.pay_premium(now, *from, *to),
            Command::CancelPremium => self.cancel_premium(now),
            Command::Gift { lot, amount, life_days, .. } => self.gift(circle, now, *lot, *amount, *life_days),
            Command::Adjust { lot, amount, .. } => self.adjust(circle, now, *lot, *amount),
            Command::IssueCoupon(coupon) => self.issue(circle, now, coupon),
            Command::ActivateCoupon { id, code } => self.activate(circle, now, *id, *code),
            Command::RevokeCoupon { id } => self.revoke(now, *id),
        }
    }

    fn register(
        &mut self,
        at: Timestamp,
        now: Timestamp,
        consents: &[(String, bool)],
    ) -> Result<Outcome, Refusal> {
        if self.registered_at.is_some() {
            return Err("MEMBER_EXISTS");
        }
        self.consents = consents.to_vec();
        if !self.consents_to("personal_data") {
            return Err("CONSENT_REQUIRED");
        }
        self.registered_at = Some(at.min(now));
        Ok(Outcome::Done)
    }

    fn change_consents(
        &mut self,
        circle: &Circle,
        now: Timestamp,
        changes: &[(String, bool)],
    ) -> Result<Outcome, Refusal> {
        let medical_before = self.consents_to("medical_status");
        self.consents.extend_from_slice(changes);
        if !self.consents_to("personal_data") {
            return Err("CONSENT_REQUIRED");
        }
        // Rule S2.
        if self.consents_to("medical_status") != medical_before {
            self.review(circle, now);
        }
        Ok(Outcome::Done)
    }

    /// Her last word on `purpose`.
    #[must_use]
    pub fn consents_to(&self, purpose: &str) -> bool {
        self.consents.iter().rfind(|(of, _)| of == purpose).is_some_and(|(_, granted)| *granted)
    }

    /// What she has at `now`, whether or not what is due has been written. Rules B5, B6.
    #[must_use]
    pub fn balance(&self, circle: &Circle, now: Timestamp) -> Balance {
        let after = self.at(circle, now);
        let sum = |place: &Place| after.lots.iter().map(|lot| lot.amount_at(place)).sum();
        let mut balance = Balance {
            available: sum(&Place::Available),
            pending: sum(&Place::Pending),
            held: sum(&Place::Held),
            debt: after.debt(),
            ..Balance::default()
        };
        balance.total = balance.available + balance.pending + balance.held;
        let soon = calendar::end_of(calendar::days_after(now, circle.policy(now).expiring_soon_days));
        for lot in after.lots.iter().filter(|lot| lot.expires_at <= soon) {
            let left = lot.amount_at(&Place::Available) + lot.amount_at(&Place::Pending);
            if left > 0 {
                *balance.expiring_soon.entry(lot.expires_at).or_default() += left;
            }
        }
        balance
    }

    /// She as she is at `now`, with everything written that is due by then.
    #[must_use]
    pub fn at(&self, circle: &Circle, now: Timestamp) -> Self {
        let mut after = self.clone();
        after.write_due(circle, now);
        after
    }

    /// The lots with something available at `now`, in the order of spending. Rule B7.
    pub(crate) fn in_order_of_spending(&self, now: Timestamp) -> Vec<usize> {
        let spendable = |place: &usize| {
            let lot = &self.lots[*place];
            lot.is_alive(now) && lot.amount_at(&Place::Available) > 0
        };
        let mut places: Vec<_> = (0..self.lots.len()).filter(spendable).collect();
        // Stable, and the list is in log order with the business's lot first.
        places.sort_by_key(|place| self.lots[*place].expires_at);
        places
    }

    pub(crate) fn available(&self, now: Timestamp) -> Kopecks {
        let lots = self.in_order_of_spending(now);
        lots.iter().map(|place| self.lots[*place].amount_at(&Place::Available)).sum()
    }

    pub(crate) fn lot_mut(&mut self, id: LotId) -> &mut Lot {
        self.lots.iter_mut().find(|lot| lot.id == id).expect("a lot she has")
    }

    /// Moves `amount` of what is available to `to`, in the order of spending; what was taken of which lot. Rule B7.
    pub(crate) fn take(&mut self, amount: Kopecks, now: Timestamp, to: &Place) -> Vec<(LotId, Kopecks)> {
        let mut rest = amount;
        let mut taken = Vec::new();
        for place in self.in_order_of_spending(now) {
            let lot = &mut self.lots[place];
            let part = rest.min(lot.amount_at(&Place::Available));
            if part > 0 {
                lot.shift(part, Place::Available, to.clone());
                taken.push((lot.id, part));
                rest -= part;
            }
        }
        taken
    }
}
