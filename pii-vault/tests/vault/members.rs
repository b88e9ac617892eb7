//! Registration, look-up and profile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use ledger_core::ids::MemberId;
use pii_vault::VaultError;
use pii_vault::access::Purpose;
use pii_vault::members::{FieldChange, LookUp, ProfileChanges, Registered, Registration};
use pii_vault::personal::{BirthDate, City, Email, PersonName};

use crate::support::{World, access, member_id, now, phone, registration};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_phone_registered_200_times_at_once_is_one_member() {
    let world = World::new().await;
    let tries = (0..200).map(|_| {
        let vault = world.vault.clone();
        tokio::spawn(async move { vault.members().register(&registration("+79001234567"), &access()).await })
    });
    let outcomes: Vec<Registered> =
        join_all(tries).await.into_iter().map(|outcome| outcome.unwrap().unwrap()).collect();
    let id = outcomes[0].member_id();
    assert!(outcomes.iter().all(|outcome| outcome.member_id() == id));
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Registered::Created(_))).count(), 1);
    assert_eq!(world.count("SELECT count(*) FROM vault.members").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM vault_keys.member_keys").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_pending_member_is_found_by_registration_alone_until_settled() {
    let world = World::new().await;
    let members = world.vault.members();
    let who = registration("89001234567");
    let id = members.register(&who, &access()).await.unwrap().member_id();
    assert_eq!(members.find_by_phone(&phone("+79001234567"), &access()).await.unwrap(), None);
    assert!(matches!(members.profile(id, &access()).await, Err(VaultError::UnknownMember)));
    let later = now() + chrono::TimeDelta::seconds(1);
    let nobody = MemberId::from_uuid(uuid::Uuid::nil());
    assert_eq!(members.pending_after(nobody, 10).await.unwrap(), vec![id]);
    assert_eq!(members.pending_after(id, 10).await.unwrap(), vec![]);

    let again = members.register(&registration("9001234567"), &access()).await.unwrap();
    assert_eq!(again, Registered::Resumed(id));
    let other = members.settle(id, &[0; 32], &access()).await;
    assert!(matches!(other, Err(VaultError::Unreadable { .. })), "nobody tried under that key: {other:?}");
    members.settle(id, &who.key, &access()).await.unwrap();
    members.settle(id, &who.key, &access()).await.unwrap();
    assert_eq!(members.pending_after(nobody, 10).await.unwrap(), vec![]);
    assert_eq!(members.find_by_phone(&phone("+79001234567"), &access()).await.unwrap(), Some(id));
    let known = members.register(&registration("9001234567"), &access()).await.unwrap();
    assert_eq!(known, Registered::Existing(id));
    let unknown = members.settle(member_id(), &who.key, &access()).await;
    assert!(matches!(unknown, Err(VaultError::UnknownMember)));
    members.discard(id, later, &access()).await.unwrap();
    assert!(members.is_active(id).await.unwrap(), "an active member is never discarded");
    world.close().await;
}

/// Everything a registration writes.
const LEFT: &str = "SELECT (SELECT count(*) FROM vault.members) + (SELECT count(*) FROM vault.member_fields)
                    + (SELECT count(*) FROM vault_keys.member_keys) + (SELECT count(*) FROM vault.registrations)
                    + (SELECT count(*) FROM vault.registration_fields)";

fn named(number: &str, name: &str) -> Registration {
    let mut who = registration(number);
    who.profile.first_name = FieldChange::Set(PersonName::parse(name).unwrap());
    who
}

async fn first_name(world: &World, member: MemberId) -> String {
    let profile = world.vault.members().profile(member, &access()).await.unwrap();
    profile.first_name.unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_refused_registration_leaves_nothing_of_itself_and_undoes_nothing_of_another() {
    let world = World::new().await;
    let members = world.vault.members();
    let (anna, vera) = (named("9001234567", "Anna"), named("9001234567", "Vera"));
    let alone = members.register(&anna, &access()).await.unwrap().member_id();
    members.withdraw(&anna, alone, &access()).await.unwrap();
    assert_eq!(world.count(LEFT).await, 0, "the only one");

    let (anna, olga) = (named("9001234567", "Anna"), named("9001234567", "Olga"));
    let first = members.register(&anna, &access()).await.unwrap();
    let second = members.register(&vera, &access()).await.unwrap();
    let third = members.register(&olga, &access()).await.unwrap();
    let id = first.member_id();
    assert_eq!((second, third), (Registered::Resumed(id), Registered::Resumed(id)));
    members.withdraw(&anna, id, &access()).await.unwrap();
    // Olga was refused because the log took Vera; Vera's last step is taken on the log's word, and then by herself.
    members.settle(id, &vera.key, &access()).await.unwrap();
    members.withdraw(&olga, id, &access()).await.unwrap();
    members.settle(id, &vera.key, &access()).await.unwrap();
    assert_eq!(first_name(&world, id).await, "Vera");
    // A repeat of the last step changes nothing that she has changed since.
    let changed = ProfileChanges {
        first_name: FieldChange::Set(PersonName::parse("Veronika").unwrap()),
        ..ProfileChanges::default()
    };
    members.update_profile(id, &changed, &access()).await.unwrap();
    members.settle(id, &vera.key, &access()).await.unwrap();
    members.withdraw(&anna, id, &access()).await.unwrap();
    assert_eq!(first_name(&world, id).await, "Veronika");
    assert_eq!(world.count("SELECT count(*) FROM vault.registrations").await, 0);
    world.close().await;
}

#[tokio::test]
async fn the_profile_is_that_of_the_try_the_log_took_even_when_that_try_dies() {
    let world = World::new().await;
    let members = world.vault.members();
    for (number, taken) in [("9001234501", 0), ("9001234502", 1), ("9001234503", 2)] {
        let tries = ["Anna", "Vera", "Olga"].map(|name| named(number, name));
        let mut id = None;
        for one in &tries {
            let registered = members.register(one, &access()).await.unwrap().member_id();
            assert_eq!(*id.get_or_insert(registered), registered);
        }
        let id = id.unwrap();
        // The log's word is all there is of the try that it took: it never came to its last step. The others are refused.
        for refused in tries.iter().filter(|one| one.key != tries[taken].key) {
            members.settle(id, &tries[taken].key, &access()).await.unwrap();
            members.withdraw(refused, id, &access()).await.unwrap();
        }
        assert_eq!(first_name(&world, id).await, ["Anna", "Vera", "Olga"][taken]);
        assert_eq!(members.profile(id, &access()).await.unwrap().phone, phone(number));
    }
    assert_eq!(world.count("SELECT count(*) FROM vault.registrations").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM vault.registration_fields").await, 0);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn registrations_of_one_phone_that_race_end_with_the_profile_of_the_one_the_log_took() {
    let world = World::new().await;
    let members = world.vault.members();
    for round in 0..10 {
        let number = format!("+7900123{round:04}");
        // Stands for the log: of all who come for one id, the first is taken, and every other of those dies then.
        let log = Arc::new(Mutex::new(HashMap::new()));
        let tries = (0..24_u8).map(|number_of_try| {
            let (vault, log, number) = (world.vault.clone(), Arc::clone(&log), number.clone());
            tokio::spawn(async move {
                let name = format!("Anna{}", char::from(b'a' + number_of_try));
                let (who, members) = (named(&number, &name), vault.members());
                let registered = members.register(&who, &access()).await.unwrap();
                let id = registered.member_id();
                // Every third is refused before the log takes anybody's word.
                let taken = number_of_try % 3 != 0
                    && log.lock().unwrap().entry(id).or_insert_with(|| (name.clone(), who.key)).0 == name;
                if taken && round % 2 == 0 {
                    return;
                }
                let logged = log.lock().unwrap().get(&id).cloned();
                if let Some((_, key)) = logged {
                    members.settle(id, &key, &access()).await.unwrap();
                }
                if !taken && !matches!(registered, Registered::Existing(_)) {
                    members.withdraw(&who, id, &access()).await.unwrap();
                }
            })
        });
        join_all(tries).await.into_iter().for_each(|one| one.unwrap());
        let log = log.lock().unwrap().clone();
        assert_eq!(log.len(), 1, "one phone is one member: {log:?}");
        for (id, (name, key)) in log {
            members.settle(id, &key, &access()).await.unwrap();
            assert_eq!(first_name(&world, id).await, name);
        }
    }
    assert_eq!(world.count("SELECT count(*) FROM vault.members").await, 10);
    assert_eq!(world.count("SELECT count(*) FROM vault_keys.member_keys").await, 10);
    assert_eq!(world.count("SELECT count(*) FROM vault.registrations").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_discarded_registration_leaves_nothing_and_frees_the_phone() {
    let world = World::new().await;
    let members = world.vault.members();
    let id = members.register(&registration("9001234567"), &access()).await.unwrap().member_id();
    members.discard(id, now(), &access()).await.unwrap();
    assert_eq!(
        world.count("SELECT count(*) FROM vault.members").await,
        1,
        "a try of today may still be under way"
    );
    members.discard(id, now() + chrono::TimeDelta::seconds(1), &access()).await.unwrap();
    assert_eq!(world.count(LEFT).await, 0);
    let again = members.register(&registration("9001234567"), &access()).await.unwrap();
    assert!(matches!(again, Registered::Created(new) if new != id));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_look_ups_are_answered_in_order_and_logged_one_by_one() {
    let world = World::new().await;
    let members = world.vault.members();
    let anna = world.member("+79000000007").await;
    let vera = world.member("+79000000500").await;
    let before = world.count("SELECT count(*) FROM vault.access_log").await;
    let questions: Vec<LookUp> = (0..1_000)
        .map(|number| LookUp::Phone(members.index_of(&phone(&format!("+7900{number:07}")))))
        .collect();
    let found = members.look_up(&questions, &access()).await.unwrap();
    for (number, member) in found.iter().enumerate() {
        let expected = [(7, anna), (500, vera)].into_iter().find(|(place, _)| *place == number);
        assert_eq!(*member, expected.map(|(_, member)| member), "question {number}");
    }
    assert_eq!(world.count("SELECT count(*) FROM vault.access_log").await - before, 1_000);

    // Concurrent calls share statements; each still gets its own answers.
    let calls = (0..200).map(|number| {
        let vault = world.vault.clone();
        let wanted = if number % 2 == 0 { ("+79000000007", anna) } else { ("+79000000500", vera) };
        tokio::spawn(async move {
            let found = vault.members().find_by_phone(&phone(wanted.0), &access()).await.unwrap();
            assert_eq!(found, Some(wanted.1));
        })
    });
    join_all(calls).await.into_iter().for_each(|call| call.unwrap());
    assert_eq!(world.count("SELECT count(*) FROM vault.access_log").await - before, 1_200);
    let one_too_many = [questions.as_slice(), &questions[..1]].concat();
    assert!(members.look_up(&one_too_many, &access()).await.is_err());
    world.close().await;
}

#[tokio::test]
async fn a_profile_reads_back_and_changes_field_by_field() {
    let world = World::new().await;
    let id = world.member("+79001234567").await;
    let members = world.vault.members();
    let changes = ProfileChanges {
        first_name: FieldChange::Set(PersonName::parse("Анна").unwrap()),
        email: FieldChange::Set(Email::parse("anna@example.org").unwrap()),
        birth_date: FieldChange::Set(BirthDate::parse("1990-05-06", now().date_naive()).unwrap()),
        city: FieldChange::Set(City::parse("Казань").unwrap()),
        ..ProfileChanges::default()
    };
    members.update_profile(id, &changes, &access()).await.unwrap();
    let clear = ProfileChanges { email: FieldChange::Clear, ..ProfileChanges::default() };
    members.update_profile(id, &clear, &access()).await.unwrap();

    let profile = members.profile(id, &access()).await.unwrap();
    assert_eq!(profile.phone.expose(), "+79001234567");
    assert_eq!(profile.first_name.unwrap().expose(), "Анна");
    assert_eq!(profile.birth_date.unwrap().expose().to_string(), "1990-05-06");
    assert_eq!(profile.city.unwrap().expose(), "Казань");
    assert!(profile.email.is_none() && profile.last_name.is_none());
    let unknown = members.update_profile(member_id(), &clear, &access()).await;
    assert!(matches!(unknown, Err(VaultError::UnknownMember)));
    world.close().await;
}

#[tokio::test]
async fn nothing_personal_is_stored_in_the_clear() {
    let world = World::new().await;
    let mut who = registration("+79001234567");
    who.profile.first_name = FieldChange::Set(PersonName::parse("Canaria").unwrap());
    who.profile.email = FieldChange::Set(Email::parse("canary@example.org").unwrap());
    let id = world.vault.members().register(&who, &access()).await.unwrap().member_id();
    // Rows as text, with every bytea also read as the bytes it holds.
    let found = "SELECT count(*) FROM (
            SELECT m::text || encode(phone_index, 'escape') AS row FROM vault.members m
            UNION ALL SELECT f::text || encode(sealed, 'escape') FROM vault.member_fields f
            UNION ALL SELECT t::text || encode(sealed, 'escape') FROM vault.registration_fields t
            UNION ALL SELECT l::text FROM vault.access_log l
        ) rows WHERE row ILIKE ANY (ARRAY['%9001234567%', '%canar%', '%39303031323334%', '%63616e617279%'])";
    assert_eq!(world.count(found).await, 0);
    assert_eq!(world.count("SELECT count(*) FROM vault.registration_fields").await, 3);
    world.vault.members().settle(id, &who.key, &access()).await.unwrap();
    assert_eq!(world.count(found).await, 0);
    assert_eq!(world.count("SELECT count(*) FROM vault.member_fields").await, 3);
    // The same scan finds what is in the clear.
    sqlx::query("UPDATE vault.member_fields SET sealed = 'canary@example.org'::bytea WHERE field = 'email'")
        .execute(&world.owner)
        .await
        .unwrap();
    assert_eq!(world.count(found).await, 1);
    world.close().await;
}

#[tokio::test]
async fn swapped_rows_and_a_lost_key_are_refused_and_the_failure_is_logged() {
    let world = World::new().await;
    let (anna, vera) = (world.member("+79001234567").await, world.member("+79001234568").await);
    let members = world.vault.members();
    sqlx::query("UPDATE vault.member_fields SET sealed = (SELECT sealed FROM vault.member_fields WHERE member_id = $2)
                 WHERE member_id = $1")
        .bind(anna.as_uuid())
        .bind(vera.as_uuid())
        .execute(&world.owner)
        .await
        .unwrap();
    let refused = members.profile(anna, &access()).await;
    assert!(matches!(refused, Err(VaultError::Unreadable { member, .. }) if member == anna), "{refused:?}");
    sqlx::query(
        "UPDATE vault_keys.member_keys SET wrapped = (SELECT wrapped FROM vault_keys.member_keys
                 WHERE member_id = $1) WHERE member_id = $2",
    )
    .bind(anna.as_uuid())
    .bind(vera.as_uuid())
    .execute(&world.owner)
    .await
    .unwrap();
    assert!(matches!(members.profile(vera, &access()).await, Err(VaultError::Keys(_))));
    sqlx::query("DELETE FROM vault_keys.member_keys").execute(&world.owner).await.unwrap();
    assert!(matches!(members.profile(vera, &access()).await, Err(VaultError::Unreadable { .. })));
    assert_eq!(world.count("SELECT count(*) FROM vault.access_log WHERE result = 'failed'").await, 3);
    // Without keys the ledger still finds its members.
    assert_eq!(members.find_by_phone(&phone("+79001234568"), &access()).await.unwrap(), Some(vera));
    world.close().await;
}

#[tokio::test]
async fn every_access_names_who_whom_what_and_why() {
    let world = World::new().await;
    let id = world.member("+79001234567").await;
    let own = pii_vault::access::Access {
        by: pii_vault::access::Accessor::Member(id),
        purpose: Purpose::OwnProfile,
        request_id: Some(uuid::Uuid::from_u128(5)),
        at: now(),
    };
    world.vault.members().profile(id, &own).await.unwrap();
    let row: String = sqlx::query_scalar(
        "SELECT concat_ws(' ', actor_kind, actor_id, member_id, action, array_to_string(fields, ','), purpose, result,
                          request_id)
         FROM vault.access_log ORDER BY access_id DESC LIMIT 1",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    let fields = "phone,first_name,last_name,email,birth_date,city";
    let request = uuid::Uuid::from_u128(5);
    assert_eq!(row, format!("member {id} {id} read {fields} own_profile done {request}"));
    world.close().await;
}

#[tokio::test]
async fn a_reason_is_sealed_with_her_key_and_opens_for_her_alone() {
    let world = World::new().await;
    let (anna, vera) = (world.member("+79001230001").await, world.member("+79001230002").await);
    let members = world.vault.members();
    let reason = ledger_core::ids::ReasonId::from_uuid(uuid::Uuid::new_v4());
    assert!(members.keep_reason(anna, reason, "карта Анны", &access()).await.unwrap());
    assert!(!members.keep_reason(anna, reason, "другое", &access()).await.unwrap(), "the first stays");
    assert_eq!(members.reason(anna, reason, &access()).await.unwrap().as_deref(), Some("карта Анны"));
    assert_eq!(members.reason(vera, reason, &access()).await.unwrap(), None);
    let plain =
        "SELECT count(*) FROM vault.reasons WHERE position(convert_to('карта', 'UTF8') IN sealed) > 0";
    assert_eq!(world.count(plain).await, 0);
    let unknown = members.keep_reason(member_id(), reason, "x", &access()).await;
    assert!(matches!(unknown, Err(VaultError::UnknownMember)));
    members.put_reason(anna, reason, "ключ Анны", &access()).await.unwrap();
    members.put_reason(vera, reason, "ключ Веры", &access()).await.unwrap();
    members.forget_reason(vera, reason, &access()).await.unwrap();
    members.forget_reason(anna, reason, &access()).await.unwrap();
    let kept = members.reason(anna, reason, &access()).await.unwrap();
    assert_eq!(kept.as_deref(), Some("ключ Анны"), "two kept it, and one lets go");
    members.forget_reason(anna, reason, &access()).await.unwrap();
    assert_eq!(members.reason(anna, reason, &access()).await.unwrap(), None);
    let logged = "SELECT count(*) FROM vault.access_log WHERE fields = '{reason}'";
    assert_eq!(world.count(logged).await, 12, "every access leaves its entry");
    world.close().await;
}

/// A first request is refused and lets go of a reason while a second one with its key keeps the same.
#[tokio::test]
async fn a_reason_that_two_requests_keep_at_once_stays_for_the_one_that_does_something() {
    let world = World::new().await;
    let anna = world.member("+79001230003").await;
    let members = world.vault.members();
    for round in 0..50_u128 {
        let reason = ledger_core::ids::ReasonId::from_uuid(uuid::Uuid::from_u128(round + 1));
        let (one, other) = (access(), access());
        assert!(members.keep_reason(anna, reason, "по просьбе", &one).await.unwrap());
        let (gone, kept) = tokio::join!(
            members.forget_reason(anna, reason, &one),
            members.keep_reason(anna, reason, "по просьбе", &other)
        );
        gone.unwrap();
        kept.unwrap();
        let found = members.reason(anna, reason, &access()).await.unwrap();
        assert_eq!(found.as_deref(), Some("по просьбе"), "round {round}");
    }
    world.close().await;
}
