//! What can be asked of a member: purchases, holds, refunds, amendments, in few words.

use crate::ids::{NaturalKey, RedemptionId, RefundId};
use crate::member::command::{
    HoldBonuses, MemberCommand, PurchaseDocument, PurchaseMode, RecordPurchase, RefundPurchase,
};
use crate::member::consent::ConsentChange;
use crate::member::event::PurchaseSource;
use crate::member::{AmendPurchase, PurchaseFile, Refund};
use crate::money::{Bonuses, Roubles};
use crate::time::Timestamp;

use super::{Ask, IN_THE_APP, World, at, bon, business_id, code, purchase_id, quarantine_id, rub};

/// A change of consents.
impl<const N: usize> Ask for [ConsentChange; N] {
    fn command(self, _: &mut World) -> MemberCommand {
        MemberCommand::ChangeConsents { changes: self.into(), origin: IN_THE_APP }
    }
}

/// A purchase, by default ordinary, live and now.
#[derive(Debug, Clone)]
pub(crate) struct Buy {
    slug: String,
    amount: Roubles,
    on: Option<Timestamp>,
    mode: PurchaseMode,
    hold: Option<(RedemptionId, Option<Bonuses>)>,
    coupon: Option<NaturalKey>,
    change: fn(&mut PurchaseDocument),
}

/// A purchase of `amount` at `slug`.
pub(crate) fn buy(slug: &str, amount: &str) -> Buy {
    Buy {
        slug: slug.to_owned(),
        amount: rub(amount),
        on: None,
        mode: PurchaseMode::Live,
        hold: None,
        coupon: None,
        change: |_| {},
    }
}

impl Buy {
    pub(crate) fn on(mut self, when: &str) -> Self {
        self.on = Some(at(when));
        self
    }

    pub(crate) fn on_moment(mut self, when: Timestamp) -> Self {
        self.on = Some(when);
        self
    }

    pub(crate) fn imported(mut self) -> Self {
        self.mode = PurchaseMode::Import { registered_at: None };
        self
    }

    pub(crate) fn imported_since(mut self, when: &str) -> Self {
        self.mode = PurchaseMode::Import { registered_at: Some(at(when)) };
        self
    }

    /// Paid with the hold of this serial, by so much.
    pub(crate) fn paying(mut self, serial: u8, amount: Option<&str>) -> Self {
        self.hold = Some((redemption_id(serial), amount.map(bon)));
        self
    }

    /// With the coupon's code of this serial.
    pub(crate) fn using(mut self, serial: u8) -> Self {
        self.coupon = Some(code(serial));
        self
    }

    /// Paid with this hold.
    pub(crate) fn with_hold(mut self, id: RedemptionId) -> Self {
        self.hold = Some((id, None));
        self
    }

    pub(crate) fn with(mut self, change: fn(&mut PurchaseDocument)) -> Self {
        self.change = change;
        self
    }
}

impl Ask for Buy {
    fn command(self, world: &mut World) -> MemberCommand {
        world.serial += 1;
        let serial = world.serial;
        let mut document = PurchaseDocument {
            business_id: business_id(&self.slug),
            natural_key: NaturalKey::from_bytes([serial; 32]),
            revision: 1,
            amount: self.amount,
            occurred_at: self.on.unwrap_or(world.now),
            source: PurchaseSource::Api,
            source_system: None,
            cancelled: false,
            redemption_id: self.hold.map(|(id, _)| id),
            redeem_amount: self.hold.and_then(|(_, amount)| amount),
            coupon_code: self.coupon,
        };
        (self.change)(&mut document);
        MemberCommand::RecordPurchase(RecordPurchase {
            quarantine_id: quarantine_id(serial),
            document,
            mode: self.mode,
        })
    }
}

/// A hold of `amount` at `slug` on a bill of `bill`.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    serial: u8,
    slug: String,
    bill: Roubles,
    amount: Bonuses,
}

pub(crate) fn hold(serial: u8, slug: &str, bill: &str, amount: &str) -> Hold {
    Hold { serial, slug: slug.to_owned(), bill: rub(bill), amount: bon(amount) }
}

/// The id of the hold with this serial.
pub(crate) fn redemption_id(serial: u8) -> RedemptionId {
    RedemptionId::of_key(&[serial; 32])
}

impl Ask for Hold {
    fn command(self, _: &mut World) -> MemberCommand {
        MemberCommand::HoldBonuses(HoldBonuses {
            redemption_id: redemption_id(self.serial),
            business_id: business_id(&self.slug),
            bill_amount: self.bill,
            amount: self.amount,
        })
    }
}

/// The hold with this serial is called off by `slug`.
pub(crate) fn cancel(serial: u8, slug: &str) -> MemberCommand {
    MemberCommand::CancelHold { redemption_id: redemption_id(serial), business_id: business_id(slug) }
}

/// A refund of `amount` for the `purchase`th purchase, which must be recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GiveBack {
    serial: u8,
    purchase: u8,
    amount: Roubles,
}

pub(crate) fn give_back(serial: u8, purchase: u8, amount: &str) -> GiveBack {
    GiveBack { serial, purchase, amount: rub(amount) }
}

/// The id of the refund with this serial.
pub(crate) fn refund_id(serial: u8) -> RefundId {
    RefundId::of_key(&[serial; 32])
}

impl World {
    /// The file of the `purchase`th purchase.
    pub(crate) fn file(&self, purchase: u8) -> Option<PurchaseFile> {
        let id = purchase_id(purchase);
        let about = self.known.iter().filter(|(_, event)| PurchaseFile::concerns(id, event));
        about.fold(None, |file, (at, event)| PurchaseFile::fold(file, *at, event))
    }

    /// Total and debt now.
    pub(crate) fn total_and_debt(&self) -> (Bonuses, Bonuses) {
        let balance = self.state.balance(self.now, 30).expect("fits");
        (balance.total().expect("fits"), balance.debt)
    }
}

impl Ask for GiveBack {
    fn command(self, world: &mut World) -> MemberCommand {
        let file = world.file(self.purchase).expect("a recorded purchase");
        let refund =
            Refund { refund_id: refund_id(self.serial), amount: self.amount, occurred_at: world.now };
        let business_id = file.business_id;
        MemberCommand::RefundPurchase(Box::new(RefundPurchase { file, business_id, refund }))
    }
}

/// A revision of the `purchase`th purchase's document, which must be recorded.
#[derive(Debug, Clone)]
pub(crate) struct Amend {
    purchase: u8,
    revision: u32,
    amount: Option<Roubles>,
    change: fn(&mut PurchaseDocument),
}

/// A revision that says `amount`, or without one that the purchase is cancelled.
pub(crate) fn amend(purchase: u8, revision: u32, amount: Option<&str>) -> Amend {
    Amend { purchase, revision, amount: amount.map(rub), change: |_| {} }
}

impl Amend {
    pub(crate) fn with(mut self, change: fn(&mut PurchaseDocument)) -> Self {
        self.change = change;
        self
    }
}

impl Ask for Amend {
    fn command(self, world: &mut World) -> MemberCommand {
        let file = world.file(self.purchase).expect("a recorded purchase");
        let mut document = PurchaseDocument {
            business_id: file.business_id,
            natural_key: NaturalKey::from_bytes([self.purchase; 32]),
            revision: self.revision,
            amount: self.amount.unwrap_or(rub("1.00")),
            occurred_at: file.bought_at,
            source: PurchaseSource::Api,
            source_system: None,
            cancelled: self.amount.is_none(),
            redemption_id: None,
            redeem_amount: None,
            coupon_code: None,
        };
        (self.change)(&mut document);
        MemberCommand::AmendPurchase(Box::new(AmendPurchase { file, document }))
    }
}
