//! What people do in the town.

use chrono::TimeDelta;
use ledger_core::business::decide::{SetMultiplier, set_multiplier};
use ledger_core::ids::{
    BusinessId, CouponId, GrantId, MemberId, PurchaseId, QuarantineId, ReasonId, RedemptionId,
};
use ledger_core::log::{Event, StreamType};
use ledger_core::member::command::{
    HoldBonuses, MemberCommand, PurchaseDocument, PurchaseMode, RecordPurchase,
};
use ledger_core::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin, Purpose};
use ledger_core::member::coupon::{ActivateCoupon, FundedBy, IssueCoupon};
use ledger_core::member::event::{CouponBenefit, CouponConditions, GiftKind, MemberEvent, PurchaseSource};
use ledger_core::member::gift::{Adjustment, Gift};
use ledger_core::member::premium::PayPremium;
use ledger_core::member::standing::{Ranking, Rankings};
use ledger_core::member::{MemberOutcome, PurchaseFile};
use ledger_core::money::{Bonuses, Roubles};
use ledger_core::policy::POLICY_STREAM;
use ledger_core::policy::decide::{PublishPolicy, publish};
use ledger_core::time::Timestamp;
use serde_json::json;

use super::{Bought, SHOPS, Town};

const ORIGIN: ConsentOrigin = ConsentOrigin::from_channel(ConsentChannel::App);

fn change(purpose: Purpose, choice: ConsentChoice) -> ConsentChange {
    ConsentChange { purpose, choice, version: "2026-01".parse().expect("a version"), text_hash: None }
}

impl Town {
    /// Keeps what is known of purchases.
    pub(super) fn remember(&mut self, member: MemberId, occurred_at: Timestamp, event: &Event) {
        let Event::Member(fact) = event else { return };
        if let MemberEvent::BonusReturned(fact) = fact {
            // Its own purchase, and whatever purchases it gives lots of back: no lot is of two.
            let lots = fact.past_life.iter().filter_map(|part| part.origin.purchase_id());
            let all: std::collections::BTreeSet<PurchaseId> = lots.chain([fact.purchase_id]).collect();
            for id in all {
                if let Some(bought) = self.bought.get_mut(&id) {
                    bought.file.see(event);
                }
            }
            return;
        }
        let Some(id) = PurchaseFile::about(event) else { return };
        if matches!(fact, MemberEvent::PurchaseRecorded(_)) {
            self.purchases.push(id);
        }
        let before = self.bought.remove(&id);
        let (owner, natural_key, revision) = match (fact, &before) {
            (MemberEvent::PurchaseRecorded(fact), _) => (member, fact.natural_key, fact.revision),
            (MemberEvent::PurchaseTakenOver(fact), _) => {
                (member, fact.purchase.natural_key, fact.purchase.revision)
            }
            (MemberEvent::PurchaseAmended(fact), Some(before)) => {
                (before.owner, before.natural_key, fact.revision)
            }
            (_, Some(before)) => (before.owner, before.natural_key, before.revision),
            (_, None) => return,
        };
        if let Some(file) = PurchaseFile::fold(before.map(|it| it.file), occurred_at, event) {
            self.bought.insert(id, Bought { owner, file, natural_key, revision });
        }
    }

    /// Somebody joins.
    pub(crate) fn joins(&mut self) -> MemberId {
        let member = MemberId::from_uuid(self.fresh());
        let mut consents = vec![change(Purpose::PersonalData, ConsentChoice::Granted)];
        for (slug, _, confidentiality, _) in SHOPS {
            let purpose = Purpose::to_report(slug.parse().expect("a slug"), confidentiality);
            consents.push(change(purpose, ConsentChoice::Granted));
        }
        let registered_at = self.now;
        let command = MemberCommand::Register { registered_at, consents, origin: ORIGIN };
        self.ask(member, &command, "api").expect("she joins");
        member
    }

    pub(super) fn somebody(&mut self) -> MemberId {
        self.order[self.dice.below(self.order.len())]
    }

    pub(super) fn shop(&mut self) -> BusinessId {
        let (slug, ..) = SHOPS[self.dice.below(SHOPS.len())];
        self.registry.businesses.by_slug(&slug.parse().expect("a slug")).expect("a shop").business_id
    }

    pub(super) fn document(&mut self, business_id: BusinessId) -> PurchaseDocument {
        let late = if self.dice.one_in(12) { self.dice.between(0, 100 * 86_400) } else { 0 };
        PurchaseDocument {
            business_id,
            natural_key: self.key(),
            revision: 1,
            amount: Roubles::from_kopecks(self.dice.between(1, 2_000_000)),
            occurred_at: self.now.minus(TimeDelta::seconds(late)),
            source: PurchaseSource::Api,
            source_system: None,
            cancelled: self.dice.one_in(40),
            redemption_id: None,
            redeem_amount: None,
            coupon_code: None,
        }
    }

    fn buys(&mut self) {
        let (member, shop) = (self.somebody(), self.shop());
        let mut document = self.document(shop);
        if self.dice.one_in(3) {
            let redemption_id = RedemptionId::from_uuid(self.fresh());
            let amount = Bonuses::from_kopecks(self.dice.between(100, 60_000));
            let bill_amount = document.amount;
            let hold = HoldBonuses { redemption_id, business_id: shop, bill_amount, amount };
            if self.ask(member, &MemberCommand::HoldBonuses(hold), "api").is_ok() {
                let wait = self.dice.between(1, 1_000);
                self.passes(wait);
                if self.dice.one_in(5) {
                    let command = MemberCommand::CancelHold { redemption_id, business_id: shop };
                    let _ = self.ask(member, &command, "api");
                } else {
                    document.redemption_id = Some(redemption_id);
                    document.redeem_amount = self.dice.one_in(2).then_some(amount);
                }
            }
        }
        if self.dice.one_in(4) {
            document.coupon_code = self.coupon(member, shop);
        }
        self.records(member, document, PurchaseMode::Live);
    }

    pub(super) fn records(&mut self, member: MemberId, document: PurchaseDocument, mode: PurchaseMode) {
        let quarantine_id = QuarantineId::from_uuid(self.fresh());
        let source = if mode == PurchaseMode::Live { "api" } else { "import" };
        let command = RecordPurchase { quarantine_id, document, mode };
        let decided = self.ask(member, &MemberCommand::RecordPurchase(command), source);
        if let Ok(MemberOutcome::Purchase(outcome)) = decided
            && matches!(outcome, ledger_core::member::PurchaseOutcome::Quarantined { .. })
        {
            self.passes(5_000);
            let command = match self.dice.below(3) {
                0 => MemberCommand::DropQuarantined(quarantine_id),
                _ => MemberCommand::ApplyQuarantined(quarantine_id),
            };
            let _ = self.ask(member, &command, "api");
        }
    }

    /// A coupon for her, and its code.
    fn coupon(&mut self, member: MemberId, shop: BusinessId) -> Option<ledger_core::ids::NaturalKey> {
        let coupon_id = CouponId::from_uuid(self.fresh());
        let value = Roubles::from_kopecks(self.dice.between(100, 50_000));
        let gives = match self.dice.below(3) {
            0 => CouponBenefit::DiscountFixed { value },
            1 => CouponBenefit::Bonus { value: Bonuses::from_kopecks(value.kopecks()) },
            _ => CouponBenefit::Gift {},
        };
        let conditions = CouponConditions {
            min_bill: None,
            new_customers_only: false,
            statuses: Vec::new(),
            with_bonuses: true,
            valid_from: None,
        };
        let expires_at = self.now.plus(TimeDelta::days(self.dice.between(1, 60)));
        let funded_by = if self.dice.one_in(2) { FundedBy::Business } else { FundedBy::Coalition };
        let (description, gift) = (Some(ReasonId::from_uuid(self.fresh())), None);
        let issue = IssueCoupon {
            coupon_id,
            business_id: shop,
            gives,
            conditions,
            expires_at,
            funded_by,
            description,
            gift,
        };
        self.ask(member, &MemberCommand::IssueCoupon(Box::new(issue)), "api").ok()?;
        if self.dice.one_in(8) {
            let reason_id = ReasonId::from_uuid(self.fresh());
            let _ = self.ask(member, &MemberCommand::RevokeCoupon { coupon_id, reason_id }, "api");
            return None;
        }
        let code = self.key();
        let reserved_until = self.now.plus(TimeDelta::days(5));
        let activate = ActivateCoupon { coupon_id, code, reserved_until };
        self.ask(member, &MemberCommand::ActivateCoupon(activate), "api").ok()?;
        self.dice.one_in(4).then_some(()).map_or(Some(code), |()| None)
    }

    fn given(&mut self) {
        let member = self.somebody();
        let (grant_id, reason_id) = (GrantId::from_uuid(self.fresh()), ReasonId::from_uuid(self.fresh()));
        let kopecks = self.dice.between(1, 30_000);
        let command = match self.dice.below(3) {
            0 => MemberCommand::Gift(Gift {
                grant_id,
                kind: GiftKind::Goodwill,
                reason_id: Some(reason_id),
                amount: Bonuses::from_kopecks(kopecks),
                life_days: self.dice.one_in(2).then_some(7),
            }),
            one => {
                let amount = Bonuses::from_kopecks(if one == 1 { kopecks } else { -kopecks });
                MemberCommand::Adjust(Adjustment { grant_id, reason_id, amount })
            }
        };
        let _ = self.ask(member, &command, "api");
    }

    fn stands(&mut self) {
        let member = self.somebody();
        let ranking = Ranking {
            members: 100,
            enter_above: Some(Roubles::from_kopecks(3_000_000)),
            stay_above: Some(Roubles::from_kopecks(2_000_000)),
        };
        let choice = if self.dice.one_in(2) { ConsentChoice::Granted } else { ConsentChoice::Withdrawn };
        let (from, to) = (self.now, self.now.plus(TimeDelta::days(30)));
        let command = match self.dice.below(9) {
            0 => MemberCommand::Invite(true),
            1 => MemberCommand::Invite(false),
            2 => MemberCommand::Block(Some(ReasonId::from_uuid(self.fresh()))),
            3 | 4 => MemberCommand::Block(None),
            5 => MemberCommand::ChangePhone,
            6 => MemberCommand::PayPremium(PayPremium { payment: self.key(), from, to }),
            7 if self.dice.one_in(2) => MemberCommand::CancelPremium,
            7 => MemberCommand::RankSpending(Rankings { ordinary: ranking, with_medical: ranking }),
            _ => MemberCommand::ChangeConsents {
                changes: vec![change(Purpose::MedicalStatus, choice), change(Purpose::Marketing, choice)],
                origin: ORIGIN,
            },
        };
        let source = if matches!(command, MemberCommand::RankSpending(_)) { "schedule" } else { "api" };
        let _ = self.ask(member, &command, source);
    }

    /// What is due is written, and everybody's status looked at.
    fn night(&mut self) {
        let days = self.dice.between(1, 25);
        self.passes(days * 86_400);
        let members: Vec<MemberId> = self.members.keys().copied().collect();
        for member in members {
            let command =
                if self.dice.one_in(2) { MemberCommand::WriteDue } else { MemberCommand::ReviewStatus };
            let _ = self.ask(member, &command, "schedule");
        }
    }

    /// What is due for a few is written.
    fn wakes(&mut self) {
        self.passes(3_600);
        for _ in 0..20 {
            let member = self.somebody();
            let _ = self.ask(member, &MemberCommand::WriteDue, "schedule");
        }
    }

    fn governs(&mut self) {
        if self.dice.one_in(2) {
            let business_id = self.shop();
            let (from, to) = (self.now, self.now.plus(TimeDelta::days(3)));
            let value = "1.50".parse().expect("a multiplier");
            let command = SetMultiplier { business_id, from, to, value };
            if let Ok(events) = set_multiplier(&self.registry.businesses, &command, self.now) {
                self.write_events(StreamType::Business, business_id.as_uuid(), events);
            }
            return;
        }
        let rates = ["0.04", "0.05", "0.06"];
        let rate = json!(rates[self.dice.below(rates.len())]);
        let changes = [("rates.insider".to_owned(), rate)].into_iter().collect();
        let command = PublishPolicy { effective_from: None, changes };
        if let Ok(published) = publish(&self.registry.policies, &command, self.now) {
            self.write_events(StreamType::Policy, POLICY_STREAM, vec![published.into()]);
        }
    }

    fn imports(&mut self) {
        let (member, shop) = (self.somebody(), self.shop());
        let mut document = self.document(shop);
        let days = self.dice.between(1, 300);
        document.occurred_at = self.now.minus(TimeDelta::days(days));
        document.source = PurchaseSource::Import;
        let registered_at = Some(document.occurred_at.minus(TimeDelta::days(1)));
        self.records(member, document, PurchaseMode::Import { registered_at });
    }

    /// So many people join at once, and nights, which look at everybody, become rare.
    #[allow(dead_code, reason = "for large logs")]
    pub(crate) fn crowded(mut self, members: i64) -> Self {
        (0..members).for_each(|_| {
            self.joins();
        });
        self.is_crowded = true;
        self
    }

    /// One thing happens.
    pub(crate) fn lives(&mut self) {
        let seconds = self.dice.between(1, 20_000);
        self.passes(seconds);
        if self.members.len() < 2 || self.dice.one_in(if self.is_crowded { 400 } else { 25 }) {
            self.joins();
            return;
        }
        match self.dice.below(40) {
            0..=21 => self.buys(),
            22..=25 => self.refunds(),
            26 => self.refunds_early(),
            27..=29 => self.amends(),
            30 => self.merges(),
            31..=33 => self.given(),
            34..=36 => self.stands(),
            37 if self.is_crowded => self.wakes(),
            37 => self.night(),
            38 => self.governs(),
            _ => self.imports(),
        }
    }

    /// Lives until the log has `events` events.
    pub(crate) fn grown(mut self, events: i64) -> Self {
        while self.count() < events {
            self.lives();
        }
        self
    }
}
