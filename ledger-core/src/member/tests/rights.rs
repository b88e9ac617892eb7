//! Processing that is blocked while something is looked into. `compliance.md` S5.

use uuid::Uuid;

use crate::ids::{ActId, NaturalKey};
use crate::member::MemberCommand::{
    Block, BlockProcessing, ChangePhone, Gift, Invite, PayPremium, RankSpending, ReviewStatus,
    UnblockProcessing, WriteDue,
};
use crate::member::consent::ConsentChoice::{Granted, Withdrawn};
use crate::member::event::{
    BlockGround, DemandedBy, ErasureGround, GiftKind, ProcessingBlocked, ProcessingUnblocked, UnblockGround,
};
use crate::member::gift;
use crate::member::premium;
use crate::member::standing::Rankings;
use crate::member::testing::{
    Decision, World, amend, anna, at, bon, buy, cancel, consent, coupon, fixed, give_back, given, grant_id,
    hold, reason_id, registered, revoke,
};
use crate::member::{Erase, MemberCommand, MemberOutcome, PurchaseOutcome};
use crate::rejection::Rejection;

const DISPUTED: MemberCommand = BlockProcessing(BlockGround::AccuracyDisputed);
const SETTLED: MemberCommand = UnblockProcessing(UnblockGround::Confirmed);

/// Anna with bonuses, a hold and a coupon, whose data are not used.
fn blocked() -> World {
    let world = anna().after(buy("mindal", "10000.00")).after(hold(1, "kozha", "1000.00", "100.00"));
    world.after(coupon(1, "buket", fixed("100.00"))).after(DISPUTED)
}

#[test]
fn s5_it_is_a_fact_with_its_ground_and_happens_once() {
    let fact = ProcessingBlocked { ground: BlockGround::AccuracyDisputed };
    anna().when(DISPUTED).then([fact.into()]);
    let world = anna().after(DISPUTED);
    assert!(world.state.is_processing_blocked() && world.state.is_barred() && !world.state.is_blocked());
    let again = world.clone().when(BlockProcessing(BlockGround::AuthorityDemand)).then([]);
    assert_eq!(again.outcome(), &MemberOutcome::Processing { blocked: true });
    let fact = ProcessingUnblocked { ground: UnblockGround::Confirmed };
    world.clone().when(SETTLED).then([fact.into()]);
    world.after(SETTLED).when(SETTLED).then([]);
    given([]).when(DISPUTED).then_rejected(Rejection::MemberNotFound);
    given([]).when(SETTLED).then_rejected(Rejection::MemberNotFound);
}

#[test]
fn s5_nothing_uses_her_data_anew() {
    let world = blocked();
    let gift = gift::Gift {
        grant_id: grant_id(1),
        kind: GiftKind::Goodwill,
        reason_id: Some(reason_id(1)),
        amount: bon("10.00"),
        life_days: None,
    };
    let premium = premium::PayPremium {
        payment: NaturalKey::from_bytes([7; 32]),
        from: at("2026-03-01T00:00:00Z"),
        to: at("2026-04-01T00:00:00Z"),
    };
    let refused = |decision: Decision| decision.then_rejected(Rejection::ProcessingBlocked);
    refused(world.clone().when(buy("mindal", "100.00")));
    refused(world.clone().when(buy("mindal", "100.00").imported()));
    refused(world.clone().when(buy("kozha", "1000.00").paying(1, None)));
    refused(world.clone().when(hold(2, "kozha", "100.00", "10.00")));
    refused(world.clone().when(amend(1, 2, Some("10000.01"))));
    refused(world.clone().when(coupon(2, "buket", fixed("50.00"))));
    refused(world.clone().when([consent("marketing", Granted)]));
    refused(world.clone().when(Gift(gift)));
    refused(world.clone().when(PayPremium(premium)));
    refused(world.when(Invite(true)));
}

#[test]
fn s5_what_ends_what_is_hers_and_money_given_back_go_on() {
    let world = blocked();
    assert!(!world.clone().when(give_back(1, 1, "5000.00")).drafted().is_empty(), "a refund");
    assert!(!world.clone().when(amend(1, 2, Some("9000.00"))).drafted().is_empty(), "less is less");
    assert_eq!(world.clone().when(cancel(1, "kozha")).drafted().len(), 1);
    assert_eq!(world.clone().when(revoke(1)).drafted().len(), 1);
    assert_eq!(world.clone().when([consent("partner:mindal", Withdrawn)]).drafted().len(), 1);
    assert_eq!(world.clone().when(ChangePhone).drafted().len(), 1);
    let (demanded_by, ground) = (DemandedBy::Herself, ErasureGround::Unlawful);
    let erase = Erase { act_id: ActId::from_uuid(Uuid::from_u128(1)), demanded_by, ground };
    assert!(world.clone().after(MemberCommand::Erase(erase)).state.is_erased());
    // Rule R1: a hold lapses by itself, and Rule B8: a lot is over when it is.
    let lapsed = world.at("2026-09-01T12:00:00+03:00").after(WriteDue);
    assert_eq!(lapsed.balance(), (bon("0.00"), bon("0.00")));
}

#[test]
fn s5_schedules_find_nothing_to_do_and_unblocking_restores_all() {
    let world = blocked();
    world.clone().when(ReviewStatus).then([]);
    world.clone().when(RankSpending(Rankings::default())).then([]);
    let free = world.clone().after(SETTLED);
    assert_eq!(free.balance(), world.balance());
    assert_eq!(free.clone().when(buy("mindal", "100.00")).earned(), bon("5.00"));
    assert!(!free.when(buy("kozha", "1000.00").paying(1, None)).drafted().is_empty(), "the hold is there");
}

#[test]
fn s5_the_laws_word_comes_before_the_programmes() {
    let both = anna().after(Block(Some(reason_id(1)))).after(DISPUTED);
    both.clone().when(buy("mindal", "100.00")).then_rejected(Rejection::ProcessingBlocked);
    let blocked = both.after(SETTLED);
    blocked.when(buy("mindal", "100.00")).then_rejected(Rejection::MemberBlocked);
}

#[test]
fn compliance_c6_it_is_not_told_to_a_partner_she_did_not_consent_to() {
    let world = given([registered("2026-01-01T00:00:00Z")]).after(DISPUTED);
    world.clone().when(buy("mindal", "100.00")).then([]).then_outcome(PurchaseOutcome::Unmatched);
    world.clone().when(hold(1, "mindal", "100.00", "10.00")).then_rejected(Rejection::MemberNotFound);
    world.when(coupon(1, "mindal", fixed("1.00"))).then_rejected(Rejection::MemberNotFound);
}
