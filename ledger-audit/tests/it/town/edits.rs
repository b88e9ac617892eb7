//! What becomes of purchases in the town: given back, edited, handed over; and accounts that become one or two.

use ledger_core::business::decide::{WaitForPurchase, wait_for_purchase};
use ledger_core::ids::{PurchaseId, ReasonId, RefundId};
use ledger_core::log::StreamType;
use ledger_core::member::command::{MemberCommand, PurchaseDocument, PurchaseMode, RefundPurchase};
use ledger_core::member::event::PurchaseSource;
use ledger_core::member::{Accounts, AmendPurchase, HandOver, Joined, Refund, hand_over, merge, unmerge};
use ledger_core::money::Roubles;

use super::{Bought, Town};

impl Town {
    fn some_purchase(&mut self) -> Option<(PurchaseId, Bought)> {
        // One of the newest: a large town forgets the others.
        let back = self.dice.below(self.purchases.len().min(400));
        let id = *self.purchases.iter().rev().nth(back)?;
        self.bought.get(&id).map(|bought| (id, bought.clone()))
    }

    pub(super) fn refunds(&mut self) {
        let Some((_, bought)) = self.some_purchase() else { return };
        let left = bought.file.left().kopecks();
        let amount = if self.dice.one_in(2) { left } else { self.dice.between(1, left.max(1)) };
        let refund_id = RefundId::from_uuid(self.fresh());
        let refund = Refund { refund_id, amount: Roubles::from_kopecks(amount), occurred_at: self.now };
        let business_id = bought.file.business_id;
        let command = RefundPurchase { file: bought.file, business_id, refund };
        let owner = self.registry.accounts.survivor(bought.owner);
        let _ = self.ask(owner, &MemberCommand::RefundPurchase(Box::new(command)), "api");
    }

    /// A refund before its purchase. Rule D4.
    pub(super) fn refunds_early(&mut self) {
        let (member, shop) = (self.somebody(), self.shop());
        let document = self.document(shop);
        let purchase_id = PurchaseId::of_key(document.natural_key.as_bytes());
        let half = Roubles::from_kopecks((document.amount.kopecks() / 2).max(1));
        let refund_id = RefundId::from_uuid(self.fresh());
        let refund = Refund { refund_id, amount: half, occurred_at: self.now };
        let command = WaitForPurchase { business_id: shop, purchase_id, refund };
        if let Ok(events) = wait_for_purchase(&command, &self.context()) {
            self.write_events(StreamType::Business, shop.as_uuid(), events);
            self.passes(60);
            self.records(member, document, PurchaseMode::Live);
        }
    }

    pub(super) fn amends(&mut self) {
        let Some((_, bought)) = self.some_purchase() else { return };
        let Bought { owner, file, natural_key, revision } = bought;
        let cancelled = self.dice.one_in(4);
        let document = PurchaseDocument {
            business_id: file.business_id,
            natural_key,
            revision: revision + 1,
            amount: Roubles::from_kopecks(self.dice.between(1, 2_000_000)),
            occurred_at: file.bought_at,
            source: PurchaseSource::Api,
            source_system: None,
            cancelled,
            redemption_id: None,
            redeem_amount: None,
            coupon_code: None,
        };
        let owner = self.registry.accounts.survivor(owner);
        let other = self.somebody();
        let to = self.registry.accounts.survivor(other);
        let command = AmendPurchase { file, document };
        if to == owner || self.dice.one_in(2) {
            let _ = self.ask(owner, &MemberCommand::AmendPurchase(Box::new(command)), "api");
            return;
        }
        let command = HandOver::Recorded(Box::new(command));
        let decided = hand_over(&self.members[&owner], &self.members[&to], &command, &self.context());
        if let Ok(decided) = decided {
            let kind = StreamType::Member;
            let parts = vec![(kind, owner.as_uuid(), decided.from), (kind, to.as_uuid(), decided.to)];
            self.write("api", parts);
        }
    }

    pub(super) fn merges(&mut self) {
        let (from, into) = (self.somebody(), self.somebody());
        let reason_id = ReasonId::from_uuid(self.fresh());
        let kind = StreamType::Member;
        let context = self.context();
        let (old, hers) = (&self.members[&from], &self.members[&into]);
        let parts = if let Some(survivor) = old.merged_into() {
            let accounts = Accounts { from, into: survivor, reason_id };
            let joined = unmerge(old, &self.members[&survivor], &accounts, &context);
            joined.map(|Joined { from: old, into: hers, .. }| {
                vec![(kind, survivor.as_uuid(), hers), (kind, from.as_uuid(), old)]
            })
        } else {
            let joined = merge(old, hers, &Accounts { from, into, reason_id }, &context);
            joined.map(|Joined { from: old, into: hers, .. }| {
                vec![(kind, from.as_uuid(), old), (kind, into.as_uuid(), hers)]
            })
        };
        if let Ok(parts) = parts {
            self.write("api", parts);
        }
    }
}
