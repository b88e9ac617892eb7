//! Another key-encryption key while the service reads and writes.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::future::join_all;
use ledger_core::ids::MemberId;
use pii_vault::keys::{FileKeyProvider, MissingKeys};
use pii_vault::rotation::RetireError;
use pii_vault::{Vault, VaultError};

use crate::kms_double::KeyService;
use crate::support::{World, access, business_id, now, phone, registration};

async fn join(vault: &Vault, number: &str) -> Result<MemberId, VaultError> {
    let who = registration(number);
    let member = vault.members().register(&who, &access()).await?.member_id();
    vault.members().settle(member, &who.key, &access()).await?;
    Ok(member)
}

/// As a client does that is told to try again.
async fn join_at_last(vault: &Vault, number: &str) -> MemberId {
    loop {
        match join(vault, number).await {
            Err(error) if error.is_retryable() => {}
            joined => return joined.unwrap(),
        }
    }
}

/// All of them read as they did.
async fn readable(vault: &Vault, members: &[MemberId]) {
    for member in members {
        vault.members().profile(*member, &access()).await.unwrap();
    }
}

#[tokio::test]
async fn a_kek_is_replaced_while_members_join_and_are_read_and_then_its_file_may_go() {
    let world = World::new().await;
    let mut members = Vec::new();
    for number in 0..40 {
        members.push(world.member(&format!("+790000000{number:02}")).await);
    }
    let business = business_id();
    world.vault.members().create_phone_key(business, &members, &access()).await.unwrap();
    world.vault.signing_keys().ensure(now()).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let joined = Arc::new(AtomicU64::new(0));
    let load = {
        let (vault, stop, joined) = (world.vault.clone(), Arc::clone(&stop), Arc::clone(&joined));
        let known = members.clone();
        tokio::spawn(async move {
            let mut mine = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let number = joined.fetch_add(1, Ordering::Relaxed);
                mine.push(join_at_last(&vault, &format!("+79001{number:06}")).await);
                readable(&vault, &known[..3]).await;
            }
            mine
        })
    };
    let rotation = world.vault.key_rotation();
    assert_eq!(rotation.begin().await.unwrap(), "0002");
    // A rotation that is not finished goes on: no third key is made.
    assert_eq!(rotation.begin().await.unwrap(), "0002");
    assert!(matches!(rotation.retire("0001", now()).await, Err(RetireError::InUse { .. })));
    let ended = rotation.rewrap(|_| {}).await.unwrap();
    assert_eq!(ended.kek_id, "0002");
    assert!(ended.done >= 42, "{ended:?}");
    // One who joined with the old key while the new one was made may have come after the last look.
    while let Err(error) = rotation.retire("0001", now()).await {
        assert!(matches!(error, RetireError::InUse { .. }), "{error}");
        rotation.rewrap(|_| {}).await.unwrap();
    }
    assert!(matches!(rotation.retire("0002", now()).await, Err(RetireError::Current)));
    fs::remove_file(world.keys.join("kek-0001.key")).unwrap();
    let before = joined.load(Ordering::Relaxed);
    while joined.load(Ordering::Relaxed) < before + 5 {
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    members.extend(load.await.unwrap());
    // As after a start anew, without the old key.
    let keys = FileKeyProvider::open(&world.keys, MissingKeys::Refuse).unwrap();
    let anew = Vault::open(world.pool.clone(), Arc::new(keys)).await.unwrap();
    readable(&anew, &members).await;
    assert_eq!(anew.signing_keys().list().await.unwrap().len(), 1);
    let one = join(&anew, "+79009999999").await.unwrap();
    anew.members().profile(one, &access()).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_rotation_that_was_stopped_goes_on_with_what_is_left() {
    let world = World::new().await;
    let mut members = Vec::new();
    for number in 0..20 {
        members.push(world.member(&format!("+790000000{number:02}")).await);
    }
    let rotation = world.vault.key_rotation();
    let kek = rotation.begin().await.unwrap();
    // What a run that died had done.
    let done = members[..7].iter().map(|member| rewrapped(&world, *member));
    join_all(done).await;
    let runs = join_all((0..3).map(|_| rotation.rewrap(|_| {}))).await;
    let done: u64 = runs.iter().map(|run| run.as_ref().unwrap().done).sum();
    assert_eq!(done, 13, "each key once, however many run");
    assert_eq!(runs[0].as_ref().unwrap().kek_id, kek);
    readable(&world.vault, &members).await;
    world.close().await;
}

/// Her key under the newest KEK, as a run leaves it.
async fn rewrapped(world: &World, member: MemberId) {
    use pii_vault::keys::{KeyProvider, WrappedKey};
    let keys = FileKeyProvider::open(&world.keys, MissingKeys::Refuse).unwrap();
    let row: (String, Vec<u8>) =
        sqlx::query_as("SELECT kek_id, wrapped FROM vault_keys.member_keys WHERE member_id = $1")
            .bind(member.as_uuid())
            .fetch_one(&world.pool)
            .await
            .unwrap();
    let context = [b"member-key\0".as_slice(), member.as_uuid().as_bytes()].concat();
    let key = keys.unwrap(&WrappedKey { kek_id: row.0, bytes: row.1 }, &context).await.unwrap();
    let wrapped = keys.wrap(key.expose(), &context).await.unwrap();
    sqlx::query("UPDATE vault_keys.member_keys SET kek_id = $2, wrapped = $3 WHERE member_id = $1")
        .bind(member.as_uuid())
        .bind(wrapped.kek_id)
        .bind(wrapped.bytes)
        .execute(&world.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_a_retired_kek_wraps_is_refused_by_the_database_and_may_be_tried_again() {
    let world = World::new().await;
    let member = world.member("+79001234567").await;
    sqlx::query("INSERT INTO vault_keys.retired_keks VALUES ('0001', now())")
        .execute(&world.pool)
        .await
        .unwrap();
    let refused = join(&world.vault, "+79001234568").await;
    assert!(matches!(&refused, Err(error) if error.is_retryable()), "{refused:?}");
    readable(&world.vault, &[member]).await;
    world.vault.key_rotation().begin().await.unwrap();
    join(&world.vault, "+79001234568").await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_key_that_nobody_opens_is_counted_and_stops_nothing() {
    let world = World::new().await;
    let (anna, vera) = (world.member("+79001234567").await, world.member("+79001234568").await);
    sqlx::query("UPDATE vault_keys.member_keys SET wrapped = '\\x00' WHERE member_id = $1")
        .bind(anna.as_uuid())
        .execute(&world.owner)
        .await
        .unwrap();
    let rotation = world.vault.key_rotation();
    rotation.begin().await.unwrap();
    let ended = rotation.rewrap(|_| {}).await.unwrap();
    assert_eq!((ended.done, ended.left, ended.unreadable), (1, 1, 1));
    assert_eq!(ended.unreadable_rows, [format!("vault_keys.member_keys {anna}")]);
    // It keeps no later rotation from beginning.
    assert_eq!(rotation.begin().await.unwrap(), "0002");
    assert_eq!(rotation.begin_anew().await.unwrap(), "0003");
    let again = rotation.rewrap(|_| {}).await.unwrap();
    assert_eq!((again.kek_id.as_str(), again.done, again.left), ("0003", 1, 1));
    readable(&world.vault, &[vera]).await;
    world.close().await;
}

/// A name that is not yet a key's is not retired: whoever made that key later could wrap nothing with it.
#[tokio::test]
async fn only_a_kek_that_was_replaced_is_retired_and_a_retired_name_is_skipped() {
    let world = World::new().await;
    let member = world.member("+79001234567").await;
    let rotation = world.vault.key_rotation();
    for unborn in ["0002", "0009", "1", "own-circle:v1", ""] {
        let refused = rotation.retire(unborn, now()).await;
        assert!(matches!(refused, Err(RetireError::Unknown)), "{unborn}: {refused:?}");
    }
    // As an operator's hand may have left it.
    sqlx::query("INSERT INTO vault_keys.retired_keks VALUES ('0002', now())")
        .execute(&world.owner)
        .await
        .unwrap();
    assert_eq!(rotation.begin().await.unwrap(), "0003");
    assert_eq!(rotation.rewrap(|_| {}).await.unwrap().left, 0);
    readable(&world.vault, &[member]).await;
    world.close().await;
}

#[tokio::test]
async fn versions_of_a_key_service_rotate_alike() {
    let world = World::new().await;
    let service = KeyService::start();
    let vault = Vault::open(world.pool.clone(), Arc::new(service.provider())).await.unwrap();
    let member = join(&vault, "+79001234567").await.unwrap();
    let rotation = vault.key_rotation();
    assert_eq!(rotation.begin().await.unwrap(), "own-circle:v2");
    assert_eq!(rotation.rewrap(|_| {}).await.unwrap().left, 0);
    for unborn in ["own-circle:v3", "own-circle:v01", "own-circle:v0", "other:v1", "0001"] {
        let refused = rotation.retire(unborn, now()).await;
        assert!(matches!(refused, Err(RetireError::Unknown)), "{unborn}: {refused:?}");
    }
    rotation.retire("own-circle:v1", now()).await.unwrap();
    service.forget_version(1);
    readable(&vault, &[member]).await;
    let found = vault.members().find_by_phone(&phone("+79001234567"), &access()).await.unwrap();
    assert_eq!(found, Some(member));
    service.stop().await;
    world.close().await;
}
