//! Rows and keys apart: who has one of them, or another member's key, has nothing. Compliance D5, battery P7.

use pii_vault::cipher::{Field, MemberCipher};
use pii_vault::keys::{FileKeyProvider, KeyProvider, MissingKeys, WrappedKey};
use pii_vault::members::{FieldChange, ProfileChanges};
use pii_vault::personal::{City, PersonName};
use sqlx::AssertSqlSafe;

use crate::support::{World, access};

const CITY: &str = "Усть-Канарейск";
const NAME: &str = "Златоцвета";

async fn named(world: &World, number: &str) -> ledger_core::ids::MemberId {
    let member = world.member(number).await;
    let changes = ProfileChanges {
        first_name: FieldChange::Set(PersonName::parse(NAME).unwrap()),
        city: FieldChange::Set(City::parse(CITY).unwrap()),
        ..ProfileChanges::default()
    };
    world.vault.members().update_profile(member, &changes, &access()).await.unwrap();
    member
}

#[tokio::test]
async fn battery_p7_no_members_key_opens_a_row_of_another_in_ten_thousand_tries() {
    let world = World::new().await;
    let mut members = Vec::new();
    for number in 0..72 {
        members.push(named(&world, &format!("+790000000{number:02}")).await);
    }
    let provider = FileKeyProvider::open(&world.keys, MissingKeys::Refuse).unwrap();
    let mut keys = Vec::new();
    for member in &members {
        let (kek_id, bytes): (String, Vec<u8>) =
            sqlx::query_as("SELECT kek_id, wrapped FROM vault_keys.member_keys WHERE member_id = $1")
                .bind(member.as_uuid())
                .fetch_one(&world.pool)
                .await
                .unwrap();
        let context = [b"member-key\0".as_slice(), member.as_uuid().as_bytes()].concat();
        keys.push(provider.unwrap(&WrappedKey { kek_id, bytes }, &context).await.unwrap());
    }
    let rows: Vec<(uuid::Uuid, String, Vec<u8>)> =
        sqlx::query_as("SELECT member_id, field, sealed FROM vault.member_fields")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    let (mut opened, mut refused) = (0, 0);
    for (owner, field, sealed) in &rows {
        let field = Field::from_name(field).unwrap();
        for (member, key) in members.iter().zip(&keys) {
            // Her own id with another's key: that the id is bound too is not what refuses.
            let owner = ledger_core::ids::MemberId::from_uuid(*owner);
            let is_open = MemberCipher::new(owner, key).unwrap().open(field, sealed).is_ok();
            assert_eq!(is_open, *member == owner);
            if is_open { opened += 1 } else { refused += 1 }
        }
    }
    assert_eq!(opened, rows.len());
    assert!(refused > 10_000, "{refused}");
    world.close().await;
}

#[tokio::test]
async fn a_dump_of_either_schema_alone_reveals_nothing() {
    let world = World::new().await;
    let member = named(&world, "+79217403865").await;
    let rows = dump(&world, &["vault", "auth"]).await;
    let keys = dump(&world, &["vault_keys"]).await;
    assert!(rows.contains(&member.to_string()) && keys.contains(&member.to_string()), "both are of her");
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM vault.member_fields WHERE field = 'city'")
        .fetch_one(&world.owner)
        .await
        .unwrap();
    let wrapped: Vec<u8> = sqlx::query_scalar("SELECT wrapped FROM vault_keys.member_keys")
        .fetch_one(&world.owner)
        .await
        .unwrap();
    assert!(rows.contains(&hex::encode(&sealed)) && !rows.contains(&hex::encode(&wrapped)));
    assert!(keys.contains(&hex::encode(&wrapped)) && !keys.contains(&hex::encode(&sealed)));
    for text in [CITY, NAME, "9217403865", "921-740"] {
        for form in [text.to_owned(), hex::encode(text), text.to_lowercase()] {
            assert!(!rows.contains(&form) && !keys.contains(&form), "{form}");
        }
    }
    // Nor both together without the key-encryption keys, which no dump has.
    for entry in std::fs::read_dir(&world.keys).unwrap() {
        let key = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!rows.contains(key.trim()) && !keys.contains(key.trim()));
    }
    world.close().await;
}

/// Every row of every table of these schemas, as `pg_dump --schema` writes their values.
async fn dump(world: &World, schemas: &[&str]) -> String {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = ANY($1)",
    )
    .bind(schemas)
    .fetch_all(&world.owner)
    .await
    .unwrap();
    let mut text = String::new();
    for table in tables {
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT t::text FROM {table} AS t")))
                .fetch_all(&world.owner)
                .await
                .unwrap();
        text.extend(rows);
    }
    text
}
