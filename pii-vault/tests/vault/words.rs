//! What partners say in words.

use std::collections::HashMap;

use ledger_core::ids::ReasonId;
use uuid::Uuid;

use crate::support::{World, access};

#[tokio::test]
async fn words_are_kept_once_sealed_and_forgotten() {
    let world = World::new().await;
    let words = world.vault.words();
    let [one, other] = [1, 2].map(|number| ReasonId::from_uuid(Uuid::from_u128(number)));
    let kept = words.keep(&[(one, "Ужин после маникюра"), (other, "−500 ₽")], &access()).await.unwrap();
    assert_eq!(kept.len(), 2);
    let again = words.keep(&[(one, "Другое")], &access()).await.unwrap();
    assert_eq!(again, [], "the first word stays");
    let expected = HashMap::from([(one, "Ужин после маникюра".to_owned()), (other, "−500 ₽".to_owned())]);
    assert_eq!(words.texts(&[one, other], &access()).await.unwrap(), expected);
    let clear = "SELECT count(*) FROM vault.words WHERE position(convert_to('Ужин', 'UTF8') IN sealed) > 0";
    assert_eq!(world.count(clear).await, 0);
    words.put(&[(one, "Ужин")], &access()).await.unwrap();
    words.forget(&[one], &access()).await.unwrap();
    let found = words.texts(&[one, other], &access()).await.unwrap();
    assert_eq!(found.get(&one).map(String::as_str), Some("Ужин"), "two kept it, and one lets go");
    words.forget(&[one], &access()).await.unwrap();
    assert_eq!(words.texts(&[one, other], &access()).await.unwrap().len(), 1);
    let moved = "UPDATE vault.words SET text_id = '00000000-0000-0000-0000-000000000007'";
    sqlx::query(moved).execute(&world.owner).await.unwrap();
    let seven = ReasonId::from_uuid(Uuid::from_u128(7));
    assert!(words.texts(&[seven], &access()).await.is_err(), "a text opens under its own id alone");
    assert_eq!(world.count("SELECT count(*) FROM vault.access_log WHERE fields = '{words}'").await, 8);
    world.close().await;
}

/// A first request is refused and lets go of its words while a second one with its key keeps the same.
#[tokio::test]
async fn words_that_two_requests_keep_at_once_stay_for_the_one_that_does_something() {
    let world = World::new().await;
    let words = world.vault.words();
    for round in 0..50_u128 {
        let ids = [1, 2].map(|number| ReasonId::from_uuid(Uuid::from_u128(round * 2 + number)));
        let (one, other) = (access(), access());
        words.keep(&[(ids[0], "Ужин"), (ids[1], "−500 ₽")], &one).await.unwrap();
        // In another order: they do not wait for each other in a circle.
        let (theirs, again) = ([ids[1], ids[0]], [(ids[1], "−500 ₽"), (ids[0], "Ужин")]);
        let (gone, kept) = tokio::join!(words.forget(&theirs, &one), words.keep(&again, &other));
        gone.unwrap();
        kept.unwrap();
        assert_eq!(words.texts(&ids, &access()).await.unwrap().len(), 2, "round {round}");
    }
    world.close().await;
}
