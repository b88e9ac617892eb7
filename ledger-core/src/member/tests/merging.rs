//! Two accounts of one woman: one, and two again. Rules B2, B7, C2, D3, D5, F2–F4, M1, R1, S1, S2.

use uuid::Uuid;

use super::hand_over;
use crate::category::Confidentiality::{Medical, Ordinary};
use crate::context::Context;
use crate::ids::MemberId;
use crate::log::Event;
use crate::member::MemberCommand::{self, WriteDue};
use crate::member::draft::Draft;
use crate::member::event::{BlockGround, MemberEvent};
use crate::member::gift::{Adjustment, Gift};
use crate::member::premium::PayPremium;
use crate::member::status::Status;
use crate::member::testing::{
    Decide, HERS, OLD, Pair, World, activate, amend, anna, anna_since, at, bon, buy, cancel, coupon,
    coupon_id, fixed, give_back, grant_id, hold, purchase_id, reason_id, rub,
};
use crate::member::{Accounts, merge, unmerge};
use crate::money::Bonuses;
use crate::rejection::MergeObstacle::{
    AlreadyMerged, Blocked, BothPremium, Cooldown, Debt, HasAbsorbed, NotMerged, OpenHold, SameAccount,
    WaitingDocument,
};
use crate::rejection::Rejection;

/// Anna's other account, whose purchases are numbered from 101.
fn anna_too() -> World {
    anna().numbered_after(100)
}

fn pair(old: World, hers: World) -> Pair {
    Pair::of(old, hers)
}

fn types(draft: &Draft) -> Vec<&'static str> {
    draft.events.iter().map(|new| new.event.event_type()).collect()
}

fn total(world: &World) -> Bonuses {
    world.total_and_debt().0
}

fn premium(from: &str, to: &str) -> MemberCommand {
    let payment = crate::ids::NaturalKey::from_bytes([7; 32]);
    MemberCommand::PayPremium(PayPremium { payment, from: at(from), to: at(to) })
}

#[test]
fn the_survivor_has_the_lots_with_their_life_the_bills_and_the_categories() {
    let both = pair(anna_too().after(buy("mindal", "1000.00")), anna().after(buy("kozha", "2000.00")));
    let decided = both.when_merged().expect("accepted");
    assert_eq!(types(&decided.from), ["AccountMerged"]);
    assert_eq!(types(&decided.into), ["AccountTakenIn"]);
    let before: Vec<_> = both.old.state.live_lots().cloned().collect();
    let both = both.merged();
    assert_eq!((total(&both.old), total(&both.hers)), (bon("0.00"), bon("225.00")), "75.00 + 150.00");
    assert_eq!(both.old.state.merged_into(), Some(crate::member::testing::HERS));
    assert!(both.old.state.live_lots().next().is_none() && both.old.state.books.spend.is_empty());
    assert!(before.iter().all(|lot| both.hers.state.live_lots().any(|hers| hers == lot)));
    let spent = both.hers.state.spent(at("2026-01-01T00:00:00Z"), both.hers.now).expect("fits");
    assert_eq!((spent.amount, spent.categories.len()), (rub("3000.00"), 2));
    // Rule B2: the category of the other's purchase is not new.
    assert_eq!(both.hers.when(buy("mindal", "1000.00")).earned(), bon("50.00"));
}

#[test]
fn rule_s2_the_survivor_is_reviewed_and_both_are_when_they_part() {
    let much = |world: World, slugs: [&str; 2]| {
        slugs.into_iter().fold(world, |world, slug| world.after(buy(slug, "10000.00")))
    };
    let both = pair(much(anna_too(), ["mindal", "kozha"]), much(anna(), ["buket", "linza"])).merged();
    assert_eq!(both.hers.state.shown().status, Status::Vip, "40,000 ₽ in 4 categories");
    assert_eq!(both.old.state.shown().status, Status::Insider);
    let both = both.parted();
    let tracks = [&both.old, &both.hers].map(|world| *world.state.shown());
    assert_eq!(tracks.map(|track| track.status), [Status::Insider, Status::Vip]);
    assert!(tracks[1].scheduled.is_some(), "rule S3: a grace");
}

#[test]
fn rule_b7_bonuses_of_both_are_spent_by_their_expiry_and_what_is_spent_stays_spent() {
    let old = anna_too().after(buy("mindal", "1000.00").on("2026-03-01T12:00:00+03:00"));
    let hers = anna().after(buy("kozha", "1000.00"));
    let both = pair(old, hers).merged().then(|world| {
        let held = world.after(hold(1, "buket", "200.00", "90.00"));
        held.after(buy("buket", "200.00").paying(1, None))
    });
    // 75.00 of the old account's expire first; 15.00 are the survivor's. 110.00 × 0.05 × 1.5 are earned.
    assert_eq!(total(&both.hers), bon("68.25"));
    let both = both.parted();
    assert_eq!((total(&both.old), total(&both.hers)), (bon("0.00"), bon("68.25")));
}

#[test]
fn rule_f2_a_refund_meanwhile_is_taken_off_what_goes_back() {
    let both = pair(anna_too().after(buy("mindal", "1000.00")), anna().after(buy("kozha", "1000.00")));
    let both = both.merged().then(|world| world.after(give_back(1, 101, "400.00")));
    assert_eq!(total(&both.hers), bon("120.00"), "150.00 less 40 % of 75.00");
    let both = both.parted();
    assert_eq!((total(&both.old), total(&both.hers)), (bon("45.00"), bon("75.00")));
    let since = at("2026-01-01T00:00:00Z");
    let spent = |world: &World| world.state.spent(since, world.now).expect("fits").amount;
    assert_eq!((spent(&both.old), spent(&both.hers)), (rub("600.00"), rub("1000.00")));
    // And the rest of it afterwards, on the account whose purchase it is.
    let old = both.old.after(give_back(2, 101, "600.00"));
    assert_eq!((total(&old), old.total_and_debt().1), (bon("0.00"), bon("0.00")));
    assert_eq!(old.when(buy("mindal", "1000.00")).earned(), bon("75.00"), "rule F6: new again");
}

#[test]
fn rule_f4_what_comes_back_of_an_old_purchase_is_the_old_accounts() {
    let old = anna_too().after(buy("mindal", "1000.00")).after(hold(101, "kozha", "150.00", "75.00"));
    let old = old.after(buy("kozha", "150.00").paying(101, None));
    let both = pair(old, anna()).merged().then(|world| world.after(give_back(1, 102, "150.00")));
    let both = both.parted();
    assert_eq!((total(&both.old), total(&both.hers)), (bon("75.00"), bon("0.00")));
}

#[test]
fn rule_d3_a_revision_meanwhile_makes_lots_of_the_old_account() {
    let both = pair(anna_too().after(buy("mindal", "1000.00")), anna());
    let both = both.merged().then(|world| world.after(amend(101, 2, Some("2000.00"))));
    assert_eq!(total(&both.hers), bon("150.00"));
    let both = both.parted();
    assert_eq!((total(&both.old), total(&both.hers)), (bon("150.00"), bon("0.00")));
}

#[test]
fn what_is_bought_meanwhile_stays_with_the_survivor() {
    let both = pair(anna_too().after(buy("mindal", "1000.00")), anna()).merged();
    let both = both.then(|world| world.after(buy("kozha", "1000.00"))).parted();
    assert_eq!((total(&both.old), total(&both.hers)), (bon("75.00"), bon("75.00")));
    assert_eq!(both.hers.when(buy("mindal", "1000.00")).earned(), bon("75.00"), "rule B2");
    assert_eq!(both.old.when(buy("kozha", "1000.00")).earned(), bon("75.00"), "rule B2");
}

#[test]
fn rule_d5_another_systems_report_of_an_old_sale_waits() {
    let both = pair(anna_too().after(buy("mindal", "1000.00")), anna()).merged();
    let other = buy("mindal", "1000.00")
        .with(|document| document.source_system = Some(crate::ids::SourceKey::from_bytes([9; 8])));
    let decision = both.hers.when(other);
    assert_eq!(decision.drafted()[0].event.event_type(), "PurchaseQuarantined");
}

#[test]
fn rule_t5_she_is_a_member_since_the_earlier_of_both() {
    let (old, hers) = (anna_too(), anna_since("2026-03-01T12:00:00+03:00"));
    let late = || buy("mindal", "1000.00").on("2026-02-20T12:00:00+03:00");
    assert!(hers.clone().when(late()).drafted().is_empty());
    assert_eq!(pair(old, hers).merged().hers.when(late()).earned(), bon("75.00"));
}

#[test]
fn rule_c2_open_coupons_move_and_those_still_open_go_back() {
    let issued = |world: World, serial| world.after(coupon(serial, "mindal", fixed("100.00")));
    let old = issued(issued(anna_too(), 101), 102).after(activate(101, 101));
    let both = pair(old, anna()).merged();
    let both = both.then(|world| world.after(buy("mindal", "1000.00").using(101)));
    assert_eq!(both.hers.state.open_coupons().count(), 1);
    let both = both.parted();
    let open: Vec<_> = both.old.state.open_coupons().map(|coupon| coupon.issued.coupon_id).collect();
    assert_eq!(open, [coupon_id(102)]);
    assert_eq!(both.hers.state.open_coupons().count(), 0);
}

#[test]
fn rule_s4_premium_moves_when_the_survivor_has_none() {
    let paid = premium("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
    let both = pair(anna_too().after(paid.clone()), anna()).merged();
    assert!(both.hers.state.premium().is_active(both.hers.now));
    assert!(!both.old.state.premium().is_active(both.hers.now));
    let both = both.parted();
    assert!(!both.hers.state.premium().is_active(both.hers.now));
    assert!(both.old.state.premium().is_active(both.hers.now));
    let each = pair(anna_too().after(paid.clone()), anna().after(paid));
    assert_eq!(each.when_merged(), Err(Rejection::MergeNotPossible { because: BothPremium }));
}

#[test]
fn rule_s1_the_invitation_moves_and_goes_back_unless_it_was_withdrawn() {
    let both = pair(anna_too().after(MemberCommand::Invite(true)), anna()).merged();
    assert_eq!(both.hers.state.shown().status, Status::InnerCircle);
    let kept = both.clone().parted();
    assert_eq!((kept.old.state.shown().invited, kept.hers.state.shown().invited), (true, false));
    let withdrawn = both.then(|world| world.after(MemberCommand::Invite(false))).parted();
    assert_eq!((withdrawn.old.state.shown().invited, withdrawn.hers.state.shown().invited), (false, false));
    let invited = pair(anna_too(), anna().after(MemberCommand::Invite(true))).merged().parted();
    assert_eq!((invited.old.state.shown().invited, invited.hers.state.shown().invited), (false, true));
}

#[test]
fn a_debt_for_an_old_purchase_goes_back_with_it() {
    // What the purchase gave is spent by then, by the survivor.
    let both = pair(anna_too().after(buy("mindal", "1000.00")), anna()).merged().then(|world| {
        let held = world.after(hold(1, "kozha", "150.00", "75.00"));
        held.after(buy("kozha", "150.00").paying(1, None)).after(give_back(1, 101, "1000.00"))
    });
    // 75.00 are owed, less 5.63 of the second purchase: 75.00 × 0.05 × 1.5.
    assert_eq!(both.hers.total_and_debt(), (bon("0.00"), bon("69.37")));
    let both = both.parted();
    assert_eq!(both.old.total_and_debt(), (bon("0.00"), bon("69.37")));
    assert_eq!(both.hers.total_and_debt(), (bon("0.00"), bon("0.00")));
}

#[test]
fn rule_d3_a_debt_for_an_old_purchase_that_another_has_by_now_goes_back_with_it_too() {
    let both = pair(anna_too().after(buy("mindal", "1000.00")), anna()).merged().then(|world| {
        let held = world.after(hold(1, "kozha", "150.00", "75.00"));
        held.after(buy("kozha", "150.00").paying(1, None))
    });
    let Pair { old, hers } = both;
    let (hers, vera) = hand_over::after((hers, anna()), amend(101, 2, Some("1000.00")));
    // 75.00 are owed, less 5.63 of the second purchase.
    assert_eq!((hers.total_and_debt(), total(&vera)), ((bon("0.00"), bon("69.37")), bon("75.00")));
    let apart = pair(old.clone(), hers.clone()).parted();
    assert_eq!(apart.old.total_and_debt(), (bon("0.00"), bon("69.37")));
    assert_eq!(apart.hers.total_and_debt(), (bon("0.00"), bon("0.00")));
    // Once it comes back, it is the survivor's own; so is what she owes for it then.
    let (_, hers) = hand_over::after((vera, hers), amend(101, 3, Some("1000.00")));
    assert_eq!(hers.total_and_debt(), (bon("5.63"), bon("0.00")));
    let apart = pair(old, hers.after(give_back(1, 101, "1000.00"))).parted();
    assert_eq!(apart.old.total_and_debt(), (bon("0.00"), bon("0.00")));
    assert_eq!(apart.hers.total_and_debt(), (bon("0.00"), bon("69.37")));
}

#[test]
fn rule_s7_what_is_a_secret_of_one_part_of_a_lot_is_one_of_all_when_the_parts_meet() {
    let both = pair(anna_too().after(buy("mindal", "1000.00")), anna()).merged().then(|world| {
        let held = world.after(hold(1, "kozha", "60.00", "30.00"));
        held.after(buy("kozha", "60.00").paying(1, None))
    });
    let Pair { old, hers } = both.parted();
    // 30.00 of the business's 50.00 come back to whom that purchase belongs; the other 20.00 were held at a clinic.
    let hers = hers.after(give_back(1, 1, "60.00"));
    let old = old.after(hold(2, "steam-center", "40.00", "20.00")).after(cancel(2, "steam-center"));
    let lots = |world: &World| -> Vec<_> {
        world.state.live_lots().map(|lot| (lot.left, lot.confidentiality)).collect()
    };
    assert_eq!(lots(&hers), [(bon("30.00"), Ordinary)]);
    assert_eq!(lots(&old), [(bon("20.00"), Medical), (bon("25.00"), Ordinary)]);
    let one = pair(old, hers).merged().hers;
    assert_eq!(lots(&one), [(bon("50.00"), Medical), (bon("25.00"), Ordinary)]);
}

#[test]
fn what_is_due_is_written_before_it_moves() {
    let old = anna_too().after(buy("lisichkino", "1000.00"));
    let mut both = pair(old, anna());
    (both.old, both.hers) =
        (both.old.at("2026-03-20T12:00:00+03:00"), both.hers.at("2026-03-20T12:00:00+03:00"));
    let decided = both.when_merged().expect("accepted");
    assert_eq!(types(&decided.from), ["BonusMatured", "BonusMatured", "AccountMerged"]);
    assert_eq!(both.merged().hers.balance(), (bon("75.00"), bon("0.00")));
}

#[test]
fn what_is_pending_moves_and_matures_with_the_survivor() {
    let both = pair(anna_too().after(buy("lisichkino", "1000.00")), anna()).merged();
    assert_eq!(both.hers.balance(), (bon("0.00"), bon("75.00")));
    let both = both.then(|world| world.at("2026-03-20T12:00:00+03:00").after(WriteDue)).parted();
    assert_eq!(both.old.balance(), (bon("75.00"), bon("0.00")));
}

#[test]
fn accounts_that_cannot_be_merged_say_why() {
    let holds =
        |world: World| world.after(buy("mindal", "1000.00")).after(hold(1, "kozha", "100.00", "50.00"));
    let owes = |world: World, first: u8| {
        let held = world.after(buy("mindal", "1000.00")).after(hold(1, "kozha", "150.00", "75.00"));
        held.after(buy("kozha", "150.00").paying(1, None)).after(give_back(1, first, "1000.00"))
    };
    let waits = |world: World| world.after(buy("mindal", "1.00").on("2025-11-02T12:00:00+03:00"));
    let long_ago = || anna_since("2025-01-01T00:00:00Z");
    let blocked = |world: World| world.after(MemberCommand::Block(Some(reason_id(2))));
    let unused = |world: World| world.after(MemberCommand::BlockProcessing(BlockGround::LawfulnessDisputed));
    let cases = [
        (pair(holds(anna_too()), anna()), OpenHold),
        (pair(anna_too(), holds(anna())), OpenHold),
        (pair(owes(anna_too(), 101), anna()), Debt),
        (pair(anna_too(), owes(anna(), 1)), Debt),
        (pair(waits(long_ago().numbered_after(100)), anna()), WaitingDocument),
        (pair(anna_too(), waits(long_ago())), WaitingDocument),
        (pair(blocked(anna_too()), anna()), Blocked),
        (pair(unused(anna_too()), anna()), Blocked),
        (pair(anna_too(), unused(anna())), Blocked),
        (pair(anna_too(), anna()).merged(), AlreadyMerged),
    ];
    for (both, because) in cases {
        assert_eq!(both.when_merged(), Err(Rejection::MergeNotPossible { because }), "{because:?}");
    }
    // One level only.
    let survivor = pair(anna_too(), anna()).merged().hers;
    let further = pair(survivor.clone(), anna().numbered_after(50));
    assert_eq!(further.when_merged(), Err(Rejection::MergeNotPossible { because: HasAbsorbed }));
    assert!(pair(anna().numbered_after(150), anna()).when_merged().is_ok(), "and several of them");
    let herself = Accounts { from: OLD, into: OLD, reason_id: reason_id(1) };
    let context = Context { recorded_at: survivor.now, registry: &survivor.registry };
    let same = merge(&survivor.state, &survivor.state, &herself, &context);
    assert_eq!(same, Err(Rejection::MergeNotPossible { because: SameAccount }));
    let stranger = pair(crate::member::testing::given([]), anna());
    assert_eq!(stranger.when_merged(), Err(Rejection::MemberNotFound));
}

#[test]
fn accounts_that_cannot_be_parted_say_why() {
    let apart = pair(anna_too(), anna());
    assert_eq!(apart.when_parted(), Err(Rejection::MergeNotPossible { because: NotMerged }));
    let one = || pair(anna_too(), anna()).merged();
    let held =
        one().then(|world| world.after(buy("mindal", "1000.00")).after(hold(1, "kozha", "100.00", "50.00")));
    assert_eq!(held.when_parted(), Err(Rejection::MergeNotPossible { because: OpenHold }));
    let lapsed = held.then(|world| world.at("2026-03-02T12:15:00+03:00"));
    assert!(lapsed.when_parted().is_ok(), "rule R1: a hold that lapsed is none");
    let blocked = one().then(|world| world.after(MemberCommand::Block(Some(reason_id(2)))));
    assert_eq!(blocked.when_parted(), Err(Rejection::MergeNotPossible { because: Blocked }));
    assert!(blocked.then(|world| world.after(MemberCommand::Block(None))).when_parted().is_ok());
    let changed = one().then(|world| world.after(MemberCommand::ChangePhone));
    assert_eq!(changed.when_parted(), Err(Rejection::MergeNotPossible { because: Cooldown }));
    assert!(changed.then(|world| world.at("2026-03-03T12:00:00+03:00")).when_parted().is_ok());
}

#[test]
fn the_facts_name_the_other_account_the_reason_and_what_moves() {
    let gift = Gift {
        grant_id: grant_id(1),
        kind: crate::member::event::GiftKind::Goodwill,
        reason_id: Some(reason_id(9)),
        amount: bon("10.00"),
        life_days: None,
    };
    let old = anna_too().after(MemberCommand::Gift(gift));
    let decided = pair(old, anna()).when_merged().expect("accepted");
    let [taken_in] = &decided.into.events[..] else { panic!("one fact: {decided:?}") };
    let Event::Member(MemberEvent::AccountTakenIn(fact)) = &taken_in.event else { panic!("{taken_in:?}") };
    assert_eq!((fact.absorbed, fact.reason_id), (OLD, reason_id(1)));
    assert_eq!(fact.estate.bonuses(), bon("10.00"));
    let [merged] = &decided.from.events[..] else { panic!("one fact: {decided:?}") };
    let Event::Member(MemberEvent::AccountMerged(other)) = &merged.event else { panic!("{merged:?}") };
    assert_eq!(other.estate, fact.estate);
}

#[test]
fn a_correction_downwards_meanwhile_takes_from_both_by_their_expiry() {
    let old = anna_too().after(buy("mindal", "1000.00").on("2026-03-01T12:00:00+03:00"));
    let both = pair(old, anna().after(buy("kozha", "1000.00"))).merged();
    let (grant_id, reason_id) = (grant_id(1), reason_id(2));
    let less = MemberCommand::Adjust(Adjustment { grant_id, reason_id, amount: bon("-100.00") });
    let both = both.then(|world| world.after(less)).parted();
    assert_eq!((total(&both.old), total(&both.hers)), (bon("0.00"), bon("50.00")));
    assert!(both.old.file(101).is_some_and(|file| file.purchase_id == purchase_id(101)));
}

#[test]
fn the_time_without_spending_after_another_phone_is_waited_for() {
    let changed = || anna_too().after(buy("mindal", "1000.00")).after(MemberCommand::ChangePhone);
    let refused = pair(changed(), anna()).when_merged();
    assert_eq!(refused, Err(Rejection::MergeNotPossible { because: Cooldown }));
    let later = pair(changed().at("2026-03-03T12:00:00+03:00"), anna());
    assert_eq!(total(&later.merged().hers), bon("75.00"));
    // Hers goes on, whatever comes to it.
    let both = pair(anna_too().after(buy("mindal", "1000.00")), anna().after(MemberCommand::ChangePhone));
    let until = at("2026-03-03T12:00:00+03:00");
    both.merged()
        .hers
        .when(hold(1, "mindal", "100.00", "25.00"))
        .then_rejected(Rejection::IdentityCooldown { until });
}

#[test]
fn rule_s1_an_invitation_is_lent_as_long_as_an_account_that_has_it_is_one_with_hers() {
    let invited = || anna().after(MemberCommand::Invite(true));
    let (mut others, mut hers) = ([invited(), invited()], anna());
    let mut after = |decide: Decide, which: usize| {
        let from = MemberId::from_uuid(Uuid::from_u128(which as u128 + 1));
        let accounts = Accounts { from, into: HERS, reason_id: reason_id(1) };
        let context = Context { recorded_at: hers.now, registry: &hers.registry };
        let joined = decide(&others[which].state, &hers.state, &accounts, &context).expect("accepted");
        joined.from.events.into_iter().for_each(|new| others[which].write(new.occurred_at, new.event));
        joined.into.events.into_iter().for_each(|new| hers.write(new.occurred_at, new.event));
        (hers.state.tracks().0.invited, others[which].state.tracks().0.invited)
    };
    assert_eq!((after(merge, 0), after(merge, 1)), ((true, false), (true, false)));
    assert_eq!(after(unmerge, 0), (true, true), "by the other");
    assert_eq!(after(unmerge, 1), (false, true));
}
