//! Keys in a key service: what it wraps, and what becomes of its failures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pii_vault::keys::{KeyError, KeyProvider, KmsKeyProvider, KmsSettings, Secret, SecretName};
use pii_vault::{Vault, VaultError};

use crate::kms_double::{KeyService, Mood};
use crate::support::{World, access, phone, registration};

#[tokio::test]
async fn a_key_service_wraps_for_one_context_and_its_versions_are_the_keks() {
    let service = KeyService::start();
    let keys = service.provider();
    let first = keys.wrap(b"a data key", b"context").await.unwrap();
    assert_eq!(first.kek_id, "own-circle:v1");
    assert_eq!(keys.create_kek().await.unwrap(), "own-circle:v2");
    assert_eq!(keys.current_kek().await.unwrap(), "own-circle:v2");
    let second = keys.wrap(b"another", b"context").await.unwrap();
    assert_eq!(second.kek_id, "own-circle:v2");
    assert_eq!(keys.unwrap(&first, b"context").await.unwrap().expose(), b"a data key");
    assert!(matches!(keys.unwrap(&first, b"other").await, Err(KeyError::NotOurs)));
    let mut renamed = first.clone();
    renamed.kek_id = second.kek_id;
    assert!(matches!(keys.unwrap(&renamed, b"context").await, Err(KeyError::UnknownKek { .. })));
    for name in SecretName::ALL {
        assert_eq!(keys.secret(name).await.unwrap().expose().len(), 32);
    }
    let shown = format!("{:?}", service.settings());
    assert!(!shown.contains("token"), "{shown}");
    service.stop().await;
}

#[tokio::test]
async fn whatever_the_key_service_does_the_answer_comes_in_time_and_holds_no_word_of_its() {
    let service = KeyService::start();
    let keys = service.provider();
    let wrapped = keys.wrap(b"a data key", b"context").await.unwrap();
    let moods = [
        (Mood::Answers(500), "unavailable"),
        (Mood::Answers(503), "unavailable"),
        (Mood::Answers(429), "unavailable"),
        (Mood::Answers(403), "refuses"),
        (Mood::Answers(404), "refuses"),
        (Mood::Answers(302), "refuses"),
        (Mood::Babbles("no JSON"), "cannot be read"),
        (Mood::Babbles("{}"), "cannot be read"),
        (Mood::Babbles(r#"{"data": {"ciphertext": "vault:v0:x", "plaintext": "?"}}"#), "cannot be read"),
        (Mood::Sleeps(Duration::from_secs(20)), "unavailable"),
    ];
    for (mood, told) in moods {
        service.mood(mood);
        let asked = Instant::now();
        let errors = [
            keys.wrap(b"x", b"context").await.err(),
            keys.unwrap(&wrapped, b"context").await.err(),
            keys.current_kek().await.err(),
            keys.secret(SecretName::BlindIndex).await.err(),
        ];
        assert!(asked.elapsed() < Duration::from_secs(10));
        for error in errors {
            let error = error.expect("no answer").to_string();
            assert!(error.contains(told) && !error.contains("as it was told"), "{error}");
        }
    }
    service.mood(Mood::Works);
    let stranger = KmsSettings { token: Some(Secret::new(b"another".to_vec())), ..service.settings() };
    let refused = KmsKeyProvider::new(stranger).unwrap().wrap(b"x", b"context").await;
    assert!(matches!(refused, Err(KeyError::Refused { status: 403 })));
    service.stop().await;
    assert!(matches!(keys.wrap(b"x", b"context").await, Err(KeyError::Unavailable)));
}

#[tokio::test]
async fn battery_p6_with_the_key_service_away_members_are_found_and_nothing_of_them_is_read() {
    let world = World::new().await;
    let service = KeyService::start();
    let vault = Vault::open(world.pool.clone(), Arc::new(service.provider())).await.unwrap();
    let who = registration("+79001234567");
    let member = vault.members().register(&who, &access()).await.unwrap().member_id();
    vault.members().settle(member, &who.key, &access()).await.unwrap();
    vault.members().profile(member, &access()).await.unwrap();
    service.stop().await;
    let away = vault.members().profile(member, &access()).await;
    assert!(matches!(away, Err(VaultError::Keys(KeyError::Unavailable))), "{away:?}");
    assert_eq!(world.count("SELECT count(*) FROM vault.access_log WHERE result = 'failed'").await, 1);
    let found = vault.members().find_by_phone(&phone("+79001234567"), &access()).await.unwrap();
    assert_eq!(found, Some(member));
    // Nobody new is half made.
    let refused = vault.members().register(&registration("+79001234568"), &access()).await;
    assert!(matches!(refused, Err(VaultError::Keys(KeyError::Unavailable))), "{refused:?}");
    assert_eq!(world.count("SELECT count(*) FROM vault.members").await, 1);
    world.close().await;
}

#[tokio::test]
async fn compliance_p2_words_that_could_not_be_read_are_in_the_access_log_as_such() {
    let world = World::new().await;
    let service = KeyService::start();
    let vault = Vault::open(world.pool.clone(), Arc::new(service.provider())).await.unwrap();
    let members = vault.members();
    let who = registration("+79001234569");
    let member = members.register(&who, &access()).await.unwrap().member_id();
    members.settle(member, &who.key, &access()).await.unwrap();
    let reason = ledger_core::ids::ReasonId::from_uuid(uuid::Uuid::new_v4());
    members.keep_reason(member, reason, "по просьбе", &access()).await.unwrap();
    assert_eq!(members.remarks(member, &access()).await.unwrap().len(), 1);
    service.stop().await;
    let failed = "SELECT count(*) FROM vault.access_log
                  WHERE result = 'failed' AND action = 'read' AND 'reason' = ANY(fields)";
    assert_eq!(world.count(failed).await, 0);
    let away = |error: Option<VaultError>| matches!(error, Some(VaultError::Keys(KeyError::Unavailable)));
    assert!(away(members.remarks(member, &access()).await.err()));
    assert_eq!(world.count(failed).await, 1);
    assert!(away(members.reason(member, reason, &access()).await.err()));
    assert!(away(members.coupon_words(member, &[reason], &[], &access()).await.err()));
    assert_eq!(world.count(failed).await, 3, "every reading that failed leaves its entry");
    world.close().await;
}
