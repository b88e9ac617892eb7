//! The `phone_hash` index.

use std::sync::atomic::{AtomicI64, Ordering};

use ledger_core::ids::{BusinessId, MemberId};
use pii_vault::VaultError;
use pii_vault::auth::{SendLimits, SendMoment};
use pii_vault::index::PhoneKey;
use pii_vault::members::{LookUp, PartnerConsent};

use crate::support::{World, access, business_id, member_id, now, phone};

async fn by_hash(world: &World, business: BusinessId, key: &PhoneKey, number: &str) -> Option<MemberId> {
    let question = LookUp::PartnerHash(business, key.hash(&phone(number)));
    world.vault.members().look_up(&[question], &access()).await.unwrap()[0]
}

/// Notes a consent later than every one before.
async fn consent(world: &World, member: MemberId, business: BusinessId, consent: PartnerConsent) {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    note(world, member, business, consent, NEXT.fetch_add(1, Ordering::Relaxed)).await;
}

async fn note(world: &World, member: MemberId, business: BusinessId, consent: PartnerConsent, as_of: i64) {
    world.vault.members().partner_consents(member, &[(business, consent)], as_of, &access()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn consents_noted_in_any_order_end_as_the_log_has_them() {
    let world = World::new().await;
    let cafe = business_id();
    let key = world.vault.members().create_phone_key(cafe, &[], &access()).await.unwrap();
    let mut people = Vec::new();
    for number in 0..20 {
        let number = format!("+7900000{number:04}");
        people.push((world.member(&number).await, number));
    }
    // Position by position given and withdrawn; who came last on the log counts, whoever comes last here.
    let said = |as_of: i64| match as_of % 2 {
        0 => PartnerConsent::Withdrawn,
        _ => PartnerConsent::Granted,
    };
    let newest = |person: usize| 8 + i64::try_from(person % 2).unwrap();
    let world_ref = &world;
    let notes = people.iter().enumerate().flat_map(|(person, (member, _))| {
        (1..=newest(person)).rev().map(move |as_of| note(world_ref, *member, cafe, said(as_of), as_of))
    });
    futures::future::join_all(notes).await;
    for (person, (member, number)) in people.iter().enumerate() {
        let expected = (said(newest(person)) == PartnerConsent::Granted).then_some(*member);
        assert_eq!(by_hash(&world, cafe, &key, number).await, expected, "{number}");
        // A retry of the oldest changes nothing.
        note(&world, *member, cafe, said(newest(person) + 1), 1).await;
        assert_eq!(by_hash(&world, cafe, &key, number).await, expected, "{number}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_hash_is_known_from_consent_to_withdrawal_and_to_its_business_alone() {
    let world = World::new().await;
    let (cafe, shop) = (business_id(), business_id());
    let anna = world.member("+79001234567").await;
    let key = world.vault.members().create_phone_key(cafe, &[], &access()).await.unwrap();
    assert_eq!(by_hash(&world, cafe, &key, "+79001234567").await, None);
    consent(&world, anna, cafe, PartnerConsent::Granted).await;
    assert_eq!(by_hash(&world, cafe, &key, "+79001234567").await, Some(anna));
    assert_eq!(by_hash(&world, shop, &key, "+79001234567").await, None);
    consent(&world, anna, cafe, PartnerConsent::Withdrawn).await;
    assert_eq!(by_hash(&world, cafe, &key, "+79001234567").await, None);
    assert_eq!(
        world.count("SELECT count(*) FROM vault.partner_members WHERE phone_hash IS NOT NULL").await,
        0
    );
    world.close().await;
}

#[tokio::test]
async fn a_later_key_indexes_earlier_consents_and_never_a_withdrawn_one() {
    let world = World::new().await;
    let cafe = business_id();
    let (anna, vera, olga) = (
        world.member("+79000000001").await,
        world.member("+79000000002").await,
        world.member("+79000000003").await,
    );
    consent(&world, anna, cafe, PartnerConsent::Granted).await;
    consent(&world, vera, cafe, PartnerConsent::Withdrawn).await;
    let older_list = [anna, vera, olga, member_id()];
    let key = world.vault.members().create_phone_key(cafe, &older_list, &access()).await.unwrap();
    assert_eq!(by_hash(&world, cafe, &key, "+79000000001").await, Some(anna));
    assert_eq!(by_hash(&world, cafe, &key, "+79000000002").await, None);
    assert_eq!(by_hash(&world, cafe, &key, "+79000000003").await, Some(olga));

    let newer = world.vault.members().create_phone_key(cafe, &[], &access()).await.unwrap();
    assert_ne!(newer.expose_hex(), key.expose_hex());
    assert_eq!(by_hash(&world, cafe, &key, "+79000000001").await, None);
    assert_eq!(by_hash(&world, cafe, &newer, "+79000000001").await, Some(anna));
    let stranger = [(cafe, PartnerConsent::Granted)];
    let refused = world.vault.members().partner_consents(member_id(), &stranger, 1, &access()).await;
    assert!(matches!(refused, Err(VaultError::UnknownMember)));
    world.close().await;
}

#[tokio::test]
async fn another_phone_finds_her_everywhere_and_the_old_one_nowhere() {
    let world = World::new().await;
    let cafe = business_id();
    let (anna, vera) = (world.member("+79000000001").await, world.member("+79000000002").await);
    let key = world.vault.members().create_phone_key(cafe, &[], &access()).await.unwrap();
    consent(&world, anna, cafe, PartnerConsent::Granted).await;
    let members = world.vault.members();
    let taken = members.change_phone(anna, &phone("+79000000002"), &access()).await;
    assert!(matches!(taken, Err(VaultError::PhoneTaken)), "{taken:?}");
    assert_eq!(by_hash(&world, cafe, &key, "+79000000001").await, Some(anna), "nothing has changed");
    let (old, limits) = (phone("+79000000001"), SendLimits::standard());
    let moment = SendMoment { installation: now(), machine: now() };
    world.vault.codes().issue(&old, None, &limits, moment, None).await.unwrap();
    let kept = "SELECT (SELECT count(*) FROM auth.otp_requests) + (SELECT count(*) FROM auth.send_windows)";
    assert!(world.count(kept).await > 0, "something was sent to the old phone");
    // Twice: a retry carries on where the first try stopped.
    for _ in 0..2 {
        members.change_phone(anna, &phone("+79000000003"), &access()).await.unwrap();
        assert_eq!(by_hash(&world, cafe, &key, "+79000000001").await, None);
        members.index_anew(anna, &access()).await.unwrap();
    }
    assert_eq!(world.count(kept).await, 0, "nothing is left of what was sent to it");
    assert_eq!(by_hash(&world, cafe, &key, "+79000000003").await, Some(anna));
    assert_eq!(by_hash(&world, cafe, &key, "+79000000001").await, None);
    let find = async |number: &str| members.find_by_phone(&phone(number), &access()).await.unwrap();
    assert_eq!(find("+79000000003").await, Some(anna));
    assert_eq!(find("+79000000001").await, None);
    assert_eq!(find("+79000000002").await, Some(vera));
    assert_eq!(members.profile(anna, &access()).await.unwrap().phone, phone("+79000000003"));
    let olga = world.member("+79000000001").await;
    assert_eq!(find("+79000000001").await, Some(olga), "the number is free for another");
    let nobody = members.change_phone(member_id(), &phone("+79000000004"), &access()).await;
    assert!(matches!(nobody, Err(VaultError::UnknownMember)));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_made_while_consents_come_in_misses_none() {
    let world = World::new().await;
    let cafe = business_id();
    let mut people = Vec::new();
    for number in 0..40 {
        let number = format!("+7900000{number:04}");
        people.push((world.member(&number).await, number));
    }
    let consents = people.iter().map(|(member, _)| consent(&world, *member, cafe, PartnerConsent::Granted));
    let members = world.vault.members();
    let (empty, none) = (access(), Vec::new());
    let (key, _) =
        futures::join!(members.create_phone_key(cafe, &none, &empty), futures::future::join_all(consents));
    let key = key.unwrap();
    for (member, number) in &people {
        assert_eq!(by_hash(&world, cafe, &key, number).await, Some(*member), "a consent was lost");
    }
    world.close().await;
}
