//! Two accounts of one woman: all sides are equal while they are one, and when they are two again.

use ledger_core::business::decide::RegisterBusiness;
use ledger_core::business::event::Terms;
use ledger_core::category::{Category, Confidentiality};
use ledger_core::ids::{
    BusinessId, CorrelationId, CouponId, GrantId, MemberId, NaturalKey, PurchaseId, QuarantineId, ReasonId,
    RedemptionId, RefundId,
};
use ledger_core::log::Actor;
use ledger_core::member::command::{HoldBonuses, PurchaseDocument, PurchaseMode, RecordPurchase};
use ledger_core::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin};
use ledger_core::member::coupon::{FundedBy, IssueCoupon};
use ledger_core::member::event::{CouponBenefit, CouponConditions, GiftKind, PurchaseSource};
use ledger_core::member::gift::Gift;
use ledger_core::member::premium::PayPremium;
use ledger_core::member::{Accounts, MemberCommand};
use ledger_core::money::{Bonuses, Roubles};
use ledger_ops::clock::Clock;
use ledger_store::{Command, Idempotency, Ledger, LedgerOptions, RefundRequest, Request, Unknown};
use uuid::Uuid;

use super::{checked, follow};
use crate::fixture::Installation;

fn fresh() -> [u8; 32] {
    let mut bytes = [7; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes
}

struct Site {
    ledger: Ledger,
    shops: Vec<BusinessId>,
}

impl Site {
    async fn ask_with(&self, key: [u8; 32], command: Command) {
        let request = Request {
            command,
            idempotency: Idempotency { key, revision: 1, fingerprint: key },
            actor: Actor::SYSTEM,
            source: "test",
            correlation_id: CorrelationId::from_uuid(Uuid::now_v7()),
        };
        self.ledger.execute(request).await.expect("carried out");
    }

    async fn ask(&self, command: Command) {
        self.ask_with(fresh(), command).await;
    }

    async fn of(&self, member_id: MemberId, command: MemberCommand) {
        self.ask(Command::Member { member_id, command }).await;
    }

    async fn shop(&mut self, slug: &str, confidentiality: Confidentiality, hold_days: u32) {
        let business_id = BusinessId::from_uuid(Uuid::new_v4());
        let terms = Terms { hold_days: Some(hold_days), ..Terms::default() };
        let (slug, name) = (slug.parse().expect("a slug"), slug.to_owned());
        let category = Category::Cosmetology;
        let command = RegisterBusiness { business_id, slug, name, category, confidentiality, terms };
        self.ask(Command::RegisterBusiness(command)).await;
        self.shops.push(business_id);
    }

    async fn member(&self) -> MemberId {
        let id = MemberId::from_uuid(Uuid::new_v4());
        let consent = |purpose: &str| ConsentChange {
            purpose: purpose.parse().expect("a purpose"),
            choice: ConsentChoice::Granted,
            version: "1".parse().expect("a version"),
            text_hash: None,
        };
        let consents = ["personal_data", "partner:salon", "partner:later", "medical:clinic"].map(consent);
        let registered_at = Clock::machine_now().minus(chrono::TimeDelta::days(9));
        let origin = ConsentOrigin::from_channel(ConsentChannel::App);
        let consents = consents.to_vec();
        self.of(id, MemberCommand::Register { registered_at, consents, origin }).await;
        id
    }

    /// A purchase of the shop with this number, paid with the hold if there is one.
    async fn buys(&self, member: MemberId, shop: usize, hold: Option<RedemptionId>) -> PurchaseId {
        let key = fresh();
        let document = PurchaseDocument {
            business_id: self.shops[shop],
            natural_key: NaturalKey::from_bytes(key),
            revision: 1,
            amount: Roubles::from_kopecks(100_000),
            occurred_at: Clock::machine_now(),
            source: PurchaseSource::Api,
            source_system: None,
            cancelled: false,
            redemption_id: hold,
            redeem_amount: None,
            coupon_code: None,
        };
        let quarantine_id = QuarantineId::from_uuid(Uuid::now_v7());
        let record = RecordPurchase { quarantine_id, document, mode: PurchaseMode::Live };
        let command = MemberCommand::RecordPurchase(record);
        self.ask_with(key, Command::Member { member_id: member, command }).await;
        PurchaseId::of_key(&key)
    }

    async fn refunds(&self, purchase_id: PurchaseId, shop: usize) {
        let (business_id, refund_id) = (self.shops[shop], RefundId::of_key(&fresh()));
        let (amount, unknown) = (Roubles::from_kopecks(40_000), Unknown::Refused);
        let refund =
            RefundRequest { purchase_id, business_id, refund_id, amount, occurred_at: None, unknown };
        self.ask(Command::Refund(refund)).await;
    }

    async fn spends(&self, member: MemberId) {
        let key = fresh();
        let redemption_id = RedemptionId::of_key(&key);
        let command = MemberCommand::HoldBonuses(HoldBonuses {
            redemption_id,
            business_id: self.shops[0],
            bill_amount: Roubles::from_kopecks(100_000),
            amount: Bonuses::from_kopecks(6_000),
        });
        self.ask_with(key, Command::Member { member_id: member, command }).await;
        self.buys(member, 0, Some(redemption_id)).await;
    }

    async fn has(&self, member: MemberId) {
        let now = Clock::machine_now();
        let key = fresh();
        let conditions = CouponConditions {
            min_bill: None,
            new_customers_only: false,
            statuses: Vec::new(),
            with_bonuses: true,
            valid_from: None,
        };
        let coupon = IssueCoupon {
            coupon_id: CouponId::of_key(&key),
            business_id: self.shops[0],
            gives: CouponBenefit::DiscountFixed { value: Roubles::from_kopecks(1_000) },
            conditions,
            expires_at: now.plus(chrono::TimeDelta::days(9)),
            funded_by: FundedBy::Business,
            description: None,
            gift: None,
        };
        let command = MemberCommand::IssueCoupon(Box::new(coupon));
        self.ask_with(key, Command::Member { member_id: member, command }).await;
        let (from, to) = (now, now.plus(chrono::TimeDelta::days(9)));
        let payment = NaturalKey::from_bytes(fresh());
        self.of(member, MemberCommand::PayPremium(PayPremium { payment, from, to })).await;
        self.of(member, MemberCommand::Invite(true)).await;
        let gift = Gift {
            grant_id: GrantId::from_uuid(Uuid::new_v4()),
            kind: GiftKind::Goodwill,
            reason_id: Some(ReasonId::from_uuid(Uuid::new_v4())),
            amount: Bonuses::from_kopecks(777),
            life_days: None,
        };
        self.of(member, MemberCommand::Gift(gift)).await;
    }
}

#[tokio::test]
async fn all_sides_are_equal_while_two_accounts_are_one_and_when_they_are_two_again() {
    let installation = Installation::new().await;
    let clock = Clock::default();
    let ledger = Ledger::open(installation.ledger.clone(), LedgerOptions::default(), clock).await;
    let mut site = Site { ledger: ledger.expect("a log"), shops: Vec::new() };
    site.shop("salon", Confidentiality::Ordinary, 0).await;
    site.shop("later", Confidentiality::Ordinary, 14).await;
    site.shop("clinic", Confidentiality::Medical, 0).await;
    let (old, hers) = (site.member().await, site.member().await);
    let mut bought = Vec::new();
    for shop in 0..3 {
        bought.push(site.buys(old, shop, None).await);
        site.buys(hers, shop, None).await;
    }
    site.has(old).await;
    let tasks = follow(&installation);
    let accounts = Accounts { from: old, into: hers, reason_id: ReasonId::from_uuid(Uuid::new_v4()) };
    let equal = |at: &'static str| {
        let installation = &installation;
        async move {
            let report = checked(installation).await;
            assert!(report.equal, "{at}: {}", report.table());
        }
    };
    equal("before").await;
    for times in 0..2 {
        site.ask(Command::Merge(accounts)).await;
        equal("merged").await;
        for (shop, purchase) in bought.iter().enumerate().filter(|_| times == 0) {
            site.refunds(*purchase, shop).await;
        }
        site.buys(old, 1, None).await;
        site.spends(old).await;
        site.of(hers, MemberCommand::ReviewStatus).await;
        equal("meanwhile").await;
        site.ask(Command::Unmerge(accounts)).await;
        equal("parted").await;
        site.buys(old, 0, None).await;
        site.buys(hers, 2, None).await;
        equal("afterwards").await;
    }
    let whose: Vec<Uuid> = sqlx::query_scalar("SELECT DISTINCT member_id FROM statuses.premium")
        .fetch_all(&installation.read)
        .await
        .expect("Premium");
    assert_eq!(whose, [old.as_uuid()]);
    drop(tasks);
}
