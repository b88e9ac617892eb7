//! A member is forgotten. `compliance.md` E7; Rules B8, F1–F4, M1.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::ids::ActId;
use crate::member::event::{DemandedBy, ErasureGround};
use crate::member::premium::PayPremium;
use crate::member::testing::{
    Decision, HERS, OLD, Pair, World, amend, anna, at, bon, buy, coupon, fixed, give_back, hold, refund_id,
};
use crate::member::{Erase, MemberCommand, MemberOutcome, PurchaseOutcome};
use crate::postings::{Account, postings};
use crate::rejection::Rejection;

fn act() -> ActId {
    ActId::from_uuid(Uuid::from_u128(0xac7))
}

fn erase() -> MemberCommand {
    let (demanded_by, ground) = (DemandedBy::Herself, ErasureGround::ConsentWithdrawn);
    MemberCommand::Erase(Erase { act_id: act(), demanded_by, ground })
}

fn kinds(decision: &Decision) -> Vec<&'static str> {
    decision.drafted().iter().map(|new| new.event.event_type()).collect()
}

/// Every fact's postings sum to zero in each unit (Rule M1), and each account of hers comes to nothing.
#[track_caller]
fn nothing_is_left(world: &World) {
    let mut hers = BTreeMap::new();
    for (_, event) in &world.log {
        let mut sums = BTreeMap::new();
        for posting in postings(HERS, event) {
            *sums.entry(posting.unit).or_insert(0) += posting.kopecks;
            if let Account::MemberAvailable(_)
            | Account::MemberPending(_)
            | Account::MemberHeld(_)
            | Account::MemberDebt(_) = &posting.account
            {
                *hers.entry(posting.account).or_insert(0) += posting.kopecks;
            }
        }
        assert!(sums.values().all(|sum| *sum == 0), "{event:?}");
    }
    assert!(hers.values().all(|sum| *sum == 0), "{hers:?}");
    assert_eq!((world.state.live_lots().count(), world.state.debt()), (0, Some(bon("0.00"))));
    assert!(world.state.is_erased());
}

#[test]
fn e7_whatever_she_has_ends_in_the_append_that_forgets_her() {
    let premium = PayPremium {
        payment: crate::ids::NaturalKey::from_bytes([7; 32]),
        from: at("2026-03-01T00:00:00Z"),
        to: at("2026-04-01T00:00:00Z"),
    };
    let world = anna()
        .after(MemberCommand::PayPremium(premium))
        .after(buy("mindal", "10000.00"))
        .after(buy("lisichkino", "1000.00"))
        .after(hold(1, "kozha", "1000.00", "300.00"))
        .after(coupon(1, "buket", fixed("100.00")));
    let decision = world.clone().when(erase());
    let burnt = world.state.live_lots().count();
    let mut expected = vec!["HoldReleased", "CouponRevoked", "PremiumCancelled"];
    expected.extend(vec!["BonusExpired"; burnt]);
    expected.push("MemberErased");
    assert_eq!(kinds(&decision), expected);
    assert_eq!(decision.outcome(), &MemberOutcome::Erased { act_id: act() });
    nothing_is_left(&world.after(erase()));
}

#[test]
fn e7_a_debt_is_borne_by_whoever_it_was_owed_to() {
    let owing = anna()
        .after(buy("mindal", "10000.00"))
        .after(hold(1, "kozha", "1500.00", "750.00"))
        .after(buy("kozha", "1500.00").paying(1, None))
        .after(give_back(1, 1, "10000.00"));
    assert!(owing.state.debt().expect("fits").is_positive());
    let decision = owing.clone().when(erase());
    assert!(kinds(&decision).contains(&"DebtWrittenOff"));
    nothing_is_left(&owing.after(erase()));
}

#[test]
fn e5_a_forgotten_member_is_a_stranger_and_gone_to_who_knew_her() {
    let world = anna().after(erase());
    for ask in [erase(), MemberCommand::CancelPremium, MemberCommand::Block(None), MemberCommand::ChangePhone]
    {
        world.clone().when(ask).then_rejected(Rejection::MemberErased);
    }
    world.clone().when(buy("mindal", "100.00")).then_rejected(Rejection::MemberErased);
    world.clone().when(hold(1, "mindal", "100.00", "10.00")).then_rejected(Rejection::MemberErased);
    world.clone().when(MemberCommand::WriteDue).then([]);
    world.when(MemberCommand::ReviewStatus).then([]);
    let unknown = crate::member::consent::ConsentChoice::Withdrawn;
    let consent = crate::member::testing::consent("partner:mindal", unknown);
    let world = anna().after([consent]).after(erase());
    world.clone().when(buy("mindal", "100.00")).then_outcome(PurchaseOutcome::Unmatched);
    world.when(hold(1, "mindal", "100.00", "10.00")).then_rejected(Rejection::MemberNotFound);
}

#[test]
fn e7_a_refund_after_it_goes_by_the_rules_and_burns_what_would_be_hers() {
    let world = anna()
        .after(buy("mindal", "10000.00"))
        .after(hold(1, "kozha", "1500.00", "400.00"))
        .after(buy("kozha", "1500.00").paying(1, None))
        .after(erase());
    nothing_is_left(&world);
    let decision = world.clone().when(give_back(1, 2, "1500.00"));
    let MemberOutcome::Refunded { refund_id: id, bonuses_returned, debt, .. } = decision.outcome() else {
        panic!("refunded")
    };
    assert_eq!((*id, *bonuses_returned, *debt), (refund_id(1), bon("0.00"), bon("0.00")));
    assert!(kinds(&decision).contains(&"BonusReturned"), "the business is owed the bonuses no longer");
    let world = world.after(give_back(1, 2, "1500.00"));
    nothing_is_left(&world);
    let world = world.after(give_back(2, 1, "4000.00")).after(give_back(3, 1, "6000.00"));
    nothing_is_left(&world);
    world.when(amend(1, 2, Some("1.00"))).then_outcome(PurchaseOutcome::Unmatched);
}

#[test]
fn e1_accounts_that_were_one_with_hers_are_forgotten_with_her_and_stay_so() {
    let both = Pair::of(anna().numbered_after(100).after(buy("mindal", "1000.00")), anna()).merged();
    let both = both.then(|hers| hers.after(erase()));
    nothing_is_left(&both.hers);
    let told = both.hers.log.last().and_then(|(_, event)| event.payload().ok()).expect("a fact");
    assert_eq!(told["accounts"], serde_json::json!([OLD]));
    assert_eq!(both.when_parted().map(|_| ()), Err(Rejection::MemberErased));
}
