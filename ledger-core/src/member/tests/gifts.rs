//! Gifts and manual adjustments. Rules B5, B7, B10, M1.

use crate::ids::LotId;
use crate::member::MemberCommand::{self, WriteDue};
use crate::member::command::MemberOutcome;
use crate::member::event::{BonusAdjusted, BonusGifted, BonusWithdrawn, GiftKind, Holding};
use crate::member::gift::{Adjustment, Gift};
use crate::member::lot::{Funder, Lot, LotOrigin};
use crate::member::testing::{
    World, anna, at, bon, bought, buy, given, grant_id, matured, purchase_id, reason_id,
};
use crate::money::Bonuses;
use crate::rejection::Rejection;

fn gift(serial: u8, amount: &str, life_days: Option<u32>) -> MemberCommand {
    let reason_id = Some(reason_id(serial));
    MemberCommand::Gift(Gift {
        grant_id: grant_id(serial),
        kind: GiftKind::Goodwill,
        reason_id,
        amount: bon(amount),
        life_days,
    })
}

fn adjust(serial: u8, amount: &str) -> MemberCommand {
    let (grant_id, reason_id) = (grant_id(serial), reason_id(serial));
    MemberCommand::Adjust(Adjustment { grant_id, reason_id, amount: bon(amount) })
}

fn given_lot(serial: u8, amount: &str, expires_at: &str) -> Lot {
    Lot {
        lot_id: LotId::of_grant(grant_id(serial)),
        funder: Funder::Coalition,
        amount: bon(amount),
        opens: Holding::Available,
        available_from: at(crate::member::testing::NOON),
        expires_at: at(expires_at),
    }
}

fn withdrawn(serial: u8, lot_id: LotId, origin: LotOrigin, funder: &str, amount: &str) -> crate::log::Event {
    let (grant_id, reason_id) = (grant_id(serial), reason_id(serial));
    let funder = funder.parse().expect("a funder");
    let (confidentiality, amount) = (origin.confidentiality(), bon(amount));
    BonusWithdrawn { grant_id, reason_id, lot_id, origin, confidentiality, funder, amount }.into()
}

fn available(world: &World) -> Bonuses {
    world.balance().0
}

#[test]
fn rule_b10_b5_a_gift_has_no_hold_and_its_own_life() {
    let lot = given_lot(1, "500.00", "2026-03-09T23:59:59.999999+03:00");
    let (grant_id, reason_id) = (grant_id(1), Some(reason_id(1)));
    let fact = BonusGifted { grant_id, kind: GiftKind::Goodwill, reason_id, lot: lot.clone() };
    let decision = anna().when(gift(1, "500.00", Some(7)));
    let outcome = MemberOutcome::Granted { grant_id, expires_at: Some(lot.expires_at) };
    assert_eq!(decision.outcome(), &outcome);
    decision.then([fact.into()]);
    let world = anna().after(gift(1, "500.00", Some(7)));
    assert_eq!(available(&world), bon("500.00"));
    assert_eq!(available(&world.clone().at("2026-03-09T23:59:59.999999+03:00")), bon("500.00"));
    assert_eq!(available(&world.clone().at("2026-03-10T00:00:00+03:00")), Bonuses::ZERO);
    let expired = world.at("2026-03-10T00:00:00+03:00").after(WriteDue);
    assert_eq!(expired.state.live_lots().count(), 0);
}

#[test]
fn rule_b10_an_adjustment_upwards_lives_as_long_as_what_is_earned() {
    let lot = given_lot(1, "12.50", "2026-05-31T23:59:59.999999+03:00");
    let fact = BonusAdjusted { grant_id: grant_id(1), reason_id: reason_id(1), lot };
    anna().when(adjust(1, "12.50")).then([fact.into()]);
    let world = anna().after(adjust(1, "12.50"));
    let origins: Vec<_> = world.state.live_lots().map(|lot| lot.origin).collect();
    assert_eq!(origins, [LotOrigin::Adjustment { grant_id: grant_id(1) }]);
}

#[test]
fn rule_b7_an_adjustment_downwards_takes_what_expires_first() {
    // 50.00 of mindal and 25.00 of the coalition until 31 May; a gift of 40.00 until 12 March.
    let world = anna().after(buy("mindal", "1000.00")).after(gift(2, "40.00", Some(10)));
    let of_gift = LotOrigin::Gift { grant_id: grant_id(2) };
    let first = withdrawn(3, LotId::of_grant(grant_id(2)), of_gift, "coalition", "40.00");
    let mindal = LotId::of(purchase_id(1), "mindal");
    let second = withdrawn(3, mindal, bought(1, "mindal"), "mindal", "50.00");
    let coalition = LotId::of(purchase_id(1), "coalition");
    let third = withdrawn(3, coalition, bought(1, "mindal"), "coalition", "0.01");
    world.clone().when(adjust(3, "-90.01")).then([first, second, third]);
    let after = world.after(adjust(3, "-90.01"));
    assert_eq!(available(&after), bon("24.99"));
    assert_eq!(after.state.live_lots().map(|lot| lot.lot_id).collect::<Vec<_>>(), [coalition]);
}

#[test]
fn rule_z_no_more_than_is_available_is_taken() {
    let refused = |available: &str, asked: &str| Rejection::InsufficientBonuses {
        available: bon(available),
        asked: bon(asked),
    };
    anna().when(adjust(1, "-0.01")).then_rejected(refused("0.00", "0.01"));
    let world = anna().after(buy("mindal", "1000.00"));
    world.clone().when(adjust(1, "-75.01")).then_rejected(refused("75.00", "75.01"));
    assert_eq!(available(&world.clone().after(adjust(1, "-75.00"))), Bonuses::ZERO);
    world.at("2026-06-01T00:00:00+03:00").when(adjust(1, "-0.01")).then_rejected(refused("0.00", "0.01"));
    // Pending bonuses are not available.
    let pending = anna().after(buy("lisichkino", "1000.00"));
    pending.clone().when(adjust(1, "-0.01")).then_rejected(refused("0.00", "0.01"));
    // What has matured is, in the same append.
    let matured_first = pending.at("2026-03-17T12:00:00+03:00").when(adjust(1, "-50.00"));
    let taken =
        withdrawn(1, LotId::of(purchase_id(1), "lisichkino"), bought(1, "lisichkino"), "lisichkino", "50.00");
    matured_first.then([
        matured(1, "lisichkino", "lisichkino", "50.00"),
        matured(1, "lisichkino", "coalition", "25.00"),
        taken,
    ]);
}

#[test]
fn rule_b10_amounts_and_members_that_cannot_be_are_refused() {
    anna().when(adjust(1, "0.00")).then_rejected(Rejection::AmountOutOfRange);
    anna().when(adjust(1, "100000000.01")).then_rejected(Rejection::AmountOutOfRange);
    anna().when(gift(1, "0.00", None)).then_rejected(Rejection::AmountOutOfRange);
    anna().when(gift(1, "-1.00", None)).then_rejected(Rejection::AmountOutOfRange);
    given([]).when(adjust(1, "1.00")).then_rejected(Rejection::MemberNotFound);
    given([]).when(gift(1, "1.00", None)).then_rejected(Rejection::MemberNotFound);
}

#[test]
fn a_gift_is_no_purchase_it_lifts_no_status_and_ends_no_newness() {
    let world = anna().after(gift(1, "99999.00", None));
    assert!(world.state.books.spend.is_empty());
    assert_eq!(world.when(buy("mindal", "100.00")).earned(), bon("7.50"));
}

#[test]
fn the_origin_of_a_lot_reads_back_from_its_columns() {
    let grant_id = grant_id(3);
    for origin in [
        bought(1, "mindal"),
        bought(1, "steam-center"),
        LotOrigin::Gift { grant_id },
        LotOrigin::Referral { grant_id },
        LotOrigin::Adjustment { grant_id },
    ] {
        let medical = origin.confidentiality() == crate::category::Confidentiality::Medical;
        let business = origin.business_id().map(|id| id.as_uuid());
        assert_eq!(LotOrigin::of_columns(origin.kind(), origin.id(), business, medical), Some(origin));
    }
    assert_eq!(LotOrigin::of_columns("purchase", grant_id.as_uuid(), None, false), None);
    assert_eq!(LotOrigin::of_columns("raffle", grant_id.as_uuid(), None, false), None);
}
