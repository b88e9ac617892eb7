//! The access log: a record for every access, a chain over the records, pages of it for auditors. Compliance P2, battery P5.

use std::time::{Duration, Instant};

use futures::future::join_all;
use pii_vault::access::{Access, AccessQuestion, AccessRecord, AccessSeal, Accessor};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::support::{World, access, business_id, now, phone};

const ALL: AccessQuestion =
    AccessQuestion { member: None, from: None, to: None, before: i64::MAX, limit: 5_000 };

async fn records(world: &World, asked: AccessQuestion) -> Vec<AccessRecord> {
    world.vault.access_log().page(asked).await.unwrap()
}

/// Seals until so many records are left. Other tests' transactions on this server hold the sealer back for a moment.
async fn seal_until(world: &World, unsealed: u64) -> Vec<AccessSeal> {
    let log = world.vault.access_log();
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut seals = Vec::new();
    while log.check(None).await.unwrap().unsealed > unsealed {
        assert!(Instant::now() < deadline, "what is complete is sealed");
        seals.extend(log.seal(now()).await.unwrap());
    }
    seals
}

fn covered(seals: &[AccessSeal]) -> usize {
    seals.iter().map(|seal| usize::try_from(seal.records).unwrap()).sum()
}

#[tokio::test]
async fn battery_p5_a_thousand_reads_are_a_thousand_records_and_all_are_sealed() {
    let world = World::new().await;
    let member = world.member("+79001234567").await;
    let log = world.vault.access_log();
    log.open().await.unwrap();
    let before = records(&world, ALL).await.len();
    let sealing = async {
        let mut seals = Vec::new();
        for _ in 0..20 {
            seals.extend(log.seal(now()).await.unwrap());
            tokio::task::yield_now().await;
        }
        seals
    };
    let reading = join_all((0..1_000).map(|_| async {
        world.vault.members().profile(member, &access()).await.unwrap();
    }));
    let (mut seals, _) = tokio::join!(sealing, reading);
    let found = records(&world, ALL).await;
    assert_eq!(found.len() - before, 1_000);
    let read = found.iter().filter(|record| record.action == "read" && record.member_id.is_some());
    assert_eq!(read.count(), 1_000);
    seals.extend(seal_until(&world, 0).await);
    assert_eq!(covered(&seals), found.len());
    assert_eq!(log.seal(now()).await.unwrap(), None, "there is nothing more");
    let checked = log.check(None).await.unwrap();
    assert!(checked.is_whole(), "{checked:?}");
    assert_eq!(usize::try_from(checked.records).unwrap(), found.len());
    world.close().await;
}

#[tokio::test]
async fn a_writer_that_is_not_done_holds_nobody_up_and_is_sealed_later() {
    let world = World::new().await;
    let member = world.member("+79001234567").await;
    let log = world.vault.access_log();
    let mut slow = world.pool.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO vault.access_log (at, actor_kind, actor_id, action, fields, purpose, result)
         VALUES (now(), 'system', '', 'read', '{phone}', 'support', 'done')",
    )
    .execute(&mut *slow)
    .await
    .unwrap();
    world.vault.members().profile(member, &access()).await.unwrap();
    let before = seal_until(&world, 1).await;
    assert_eq!(log.seal(now()).await.unwrap(), None, "what came after the slow one began waits for it");
    slow.commit().await.unwrap();
    let after = seal_until(&world, 0).await;
    assert_eq!(covered(&after), 2, "the slow one, and the one that came after it had begun");
    let checked = log.check(before.first().map(|seal| seal.hash)).await.unwrap();
    assert!(checked.is_whole() && checked.unsealed == 0, "{checked:?}");
    assert!(!log.check(Some([7; 32])).await.unwrap().is_whole(), "a hash that never was");
    world.close().await;
}

#[tokio::test]
async fn every_change_of_a_sealed_record_is_found() {
    let world = World::new().await;
    let member = world.member("+79001234567").await;
    let log = world.vault.access_log();
    let (business, staff) = (business_id(), Uuid::new_v4());
    let by_staff = Access { by: Accessor::BusinessStaff(business, staff), ..access() };
    for access in [access(), access(), by_staff] {
        world.vault.members().profile(member, &access).await.unwrap();
        seal_until(&world, 0).await;
    }
    let newest = records(&world, ALL).await.swap_remove(0);
    assert_eq!((newest.actor_kind.as_str(), newest.actor_id), ("business", business.to_string()));
    assert_eq!(newest.staff_id, Some(staff), "which of its staff it was");
    let last = "(SELECT max(access_id) FROM vault.access_log)";
    let first = "(SELECT min(access_id) FROM vault.access_log)";
    let mut changes: Vec<String> = [
        "at = at + interval '1 microsecond'",
        "actor_kind = 'admin'",
        "actor_id = 'x'",
        "member_id = gen_random_uuid()",
        "action = 'write'",
        "fields = '{phone}'",
        "purpose = 'support'",
        "result = 'failed'",
        "request_id = gen_random_uuid()",
        "written_by = '1'",
        "era = 0",
        "staff_id = gen_random_uuid()",
        "staff_id = NULL",
    ]
    .iter()
    .map(|change| format!("UPDATE vault.access_log SET {change} WHERE access_id = {last}"))
    .collect();
    changes.extend([
        format!("UPDATE vault.access_log SET staff_id = gen_random_uuid() WHERE access_id = {first}"),
        format!("DELETE FROM vault.access_log WHERE access_id = {first}"),
        format!("DELETE FROM vault.access_log WHERE access_id = {last}"),
        format!(
            "INSERT INTO vault.access_log (at, actor_kind, actor_id, action, fields, purpose, result, written_by)
             SELECT at, actor_kind, actor_id, action, fields, purpose, result, written_by FROM vault.access_log
             WHERE access_id = {first}"
        ),
        "DELETE FROM vault.access_seals WHERE seal_no = 2".to_owned(),
        "UPDATE vault.access_seals SET hash = sha256(hash) WHERE seal_no = 1".to_owned(),
        "UPDATE vault.access_seals SET records = records + 1 WHERE seal_no = 2".to_owned(),
    ]);
    assert!(log.check(None).await.unwrap().is_whole());
    for change in changes {
        // As the owner could, who switches the triggers off.
        let whole = format!(
            "ALTER TABLE vault.access_log DISABLE TRIGGER USER; ALTER TABLE vault.access_seals DISABLE TRIGGER USER;
             CREATE TABLE IF NOT EXISTS kept AS SELECT * FROM vault.access_log;
             CREATE TABLE IF NOT EXISTS kept_seals AS SELECT * FROM vault.access_seals; {change}"
        );
        sqlx::raw_sql(AssertSqlSafe(whole)).execute(&world.owner).await.unwrap();
        let found = log.check(None).await.unwrap();
        assert!(found.broken.is_some(), "{change}");
        let back = "DELETE FROM vault.access_log; DELETE FROM vault.access_seals;
                    INSERT INTO vault.access_log OVERRIDING SYSTEM VALUE SELECT * FROM kept;
                    INSERT INTO vault.access_seals SELECT * FROM kept_seals";
        sqlx::raw_sql(back).execute(&world.owner).await.unwrap();
        assert!(log.check(None).await.unwrap().is_whole(), "{change}");
    }
    world.close().await;
}

/// Seals all there is as programs did before there were forms, without which of a business's staff it was.
async fn sealed_before_there_were_forms(world: &World) {
    use aws_lc_rs::digest::{SHA256, digest};
    // Each part with its length before it.
    let records = "WITH parts AS (
             SELECT era, written_by, access_id, nth, part FROM vault.access_log, LATERAL (VALUES
                 (1, int8send(access_id)),
                 (2, int8send((extract(epoch FROM at) * 1000000)::int8)),
                 (3, convert_to(actor_kind, 'UTF8')), (4, convert_to(actor_id, 'UTF8')),
                 (5, convert_to(action, 'UTF8')), (6, convert_to(purpose, 'UTF8')), (7, convert_to(result, 'UTF8')),
                 (8, coalesce(uuid_send(member_id), '')), (9, coalesce(uuid_send(request_id), '')),
                 (10, int4send(era)), (11, int8send(written_by::text::int8)),
                 (12, int8send(cardinality(fields)::int8))) AS one (nth, part)
             UNION ALL
             SELECT era, written_by, access_id, 12 + field.nth, convert_to(field.name, 'UTF8')
             FROM vault.access_log, unnest(fields) WITH ORDINALITY AS field (name, nth))
         SELECT string_agg(int8send(octet_length(part)::int8) || part, ''::bytea ORDER BY era, written_by, access_id, nth)
         FROM parts";
    let records: Vec<u8> = sqlx::query_scalar(records).fetch_one(&world.owner).await.unwrap();
    let count = world.count("SELECT count(*) FROM vault.access_log").await;
    let upto = world.count("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8").await;
    let mut sealed = b"own-circle access seal 1\0".to_vec();
    sealed.extend([0; 32]);
    sealed.extend(1_u64.to_be_bytes());
    sealed.extend(1_i32.to_be_bytes());
    sealed.extend(upto.to_be_bytes());
    sealed.extend(count.to_be_bytes());
    sealed.extend(digest(&SHA256, &records).as_ref());
    let insert = sqlx::query(
        "INSERT INTO vault.access_seals (seal_no, era, upto, records, previous, hash, sealed_at, form)
         VALUES (1, 1, $1::text::xid8, $2, $3, $4, now(), 1)",
    );
    let insert = insert.bind(upto.to_string()).bind(count).bind(vec![0_u8; 32]);
    insert.bind(digest(&SHA256, &sealed).as_ref().to_vec()).execute(&world.owner).await.unwrap();
}

/// During an update old and new processes run side by side: the old ones know nothing of staff, nor of forms.
#[tokio::test]
async fn seals_of_an_older_program_hold_and_it_makes_none_beside_a_newer_one() {
    let world = World::new().await;
    let member = world.member("+79001234567").await;
    let log = world.vault.access_log();
    let by_staff = Access { by: Accessor::BusinessStaff(business_id(), Uuid::new_v4()), ..access() };
    world.vault.members().profile(member, &by_staff).await.unwrap();
    sealed_before_there_were_forms(&world).await;
    let checked = log.check(None).await.unwrap();
    assert!(checked.is_whole() && checked.seals == 1, "{checked:?}");
    let old = "INSERT INTO vault.access_seals (seal_no, era, upto, records, previous, hash, sealed_at)
               SELECT 2, era, upto, records, hash, hash, now() FROM vault.access_seals";
    let refused = sqlx::query(old).execute(&world.pool).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("23502"), "{refused}");
    world.vault.members().profile(member, &by_staff).await.unwrap();
    assert_eq!(seal_until(&world, 0).await.len(), 1);
    assert!(log.check(None).await.unwrap().is_whole());
    // What is sealed now holds the form, and the field.
    for (change, broken) in [
        (
            "ALTER TABLE vault.access_seals DISABLE TRIGGER USER; UPDATE vault.access_seals SET form = 1",
            Some(2),
        ),
        ("UPDATE vault.access_seals SET form = seal_no", None),
        (
            "ALTER TABLE vault.access_log DISABLE TRIGGER USER; UPDATE vault.access_log SET staff_id = NULL
             WHERE access_id = (SELECT max(access_id) FROM vault.access_log)",
            Some(2),
        ),
    ] {
        sqlx::raw_sql(change).execute(&world.owner).await.unwrap();
        assert_eq!(log.check(None).await.unwrap().broken, broken, "{change}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_dump_that_is_restored_elsewhere_begins_a_new_era() {
    let world = World::new().await;
    let member = world.member("+79001234567").await;
    let log = world.vault.access_log();
    seal_until(&world, 0).await;
    // As if the last seal were of a server that had come further.
    let far = "ALTER TABLE vault.access_seals DISABLE TRIGGER USER; ALTER TABLE vault.access_log DISABLE TRIGGER USER;
               UPDATE vault.access_seals SET upto = '9000000000'";
    sqlx::raw_sql(far).execute(&world.owner).await.unwrap();
    world.vault.members().profile(member, &access()).await.unwrap();
    assert_eq!(log.seal(now()).await.unwrap(), None, "its number is below");
    log.open().await.unwrap();
    log.open().await.unwrap();
    world.vault.members().profile(member, &access()).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let seal = loop {
        assert!(Instant::now() < deadline, "what is complete is sealed");
        if let Some(seal) = log.seal(now()).await.unwrap() {
            break seal;
        }
    };
    assert_eq!(seal.records, 1);
    assert_eq!(world.count("SELECT era::int8 FROM vault.access_era").await, 2);
    world.close().await;
}

#[tokio::test]
async fn auditors_read_it_by_member_and_time_in_pages() {
    let world = World::new().await;
    let (anna, vera) = (world.member("+79001234567").await, world.member("+79001234568").await);
    let late = now() + chrono::TimeDelta::hours(1);
    let later = pii_vault::access::Access { at: late, ..access() };
    for _ in 0..3 {
        world.vault.members().profile(anna, &access()).await.unwrap();
        world.vault.members().profile(vera, &later).await.unwrap();
    }
    let hers = records(&world, AccessQuestion { member: Some(anna), ..ALL }).await;
    assert!(hers.iter().all(|record| record.member_id == Some(anna.as_uuid())));
    assert!(hers.is_sorted_by(|a, b| a.access_id > b.access_id));
    let since = records(&world, AccessQuestion { from: Some(late), ..ALL }).await;
    assert_eq!(since.len(), 3);
    assert!(since.iter().all(|record| record.member_id == Some(vera.as_uuid())));
    let before = records(&world, AccessQuestion { to: Some(late), ..ALL }).await;
    assert_eq!(before.len() + since.len(), records(&world, ALL).await.len());
    let mut paged = Vec::new();
    let mut asked = AccessQuestion { member: Some(anna), limit: 2, ..ALL };
    loop {
        let page = records(&world, asked).await;
        let Some(last) = page.last() else { break };
        asked.before = last.access_id;
        paged.extend(page);
    }
    assert_eq!(paged, hers);
    world.close().await;
}

#[tokio::test]
async fn a_phone_that_is_kept_for_a_code_or_handed_out_for_one_is_on_record() {
    use pii_vault::auth::{CodeUse, SendLimits, SendMoment};
    let world = World::new().await;
    let moment = SendMoment { installation: now(), machine: now() };
    let codes = world.vault.codes();
    let sent =
        codes.issue(&phone("+79001234567"), None, &SendLimits::standard(), moment, None).await.unwrap();
    codes.check(sent.code_id, &sent.code, CodeUse::Burn, &access()).await.unwrap();
    codes.check(sent.code_id, &sent.code, CodeUse::Burn, &access()).await.unwrap_err();
    let found: Vec<_> =
        records(&world, ALL).await.into_iter().map(|record| (record.action, record.fields)).collect();
    let phone = vec!["phone".to_owned()];
    assert_eq!(found, [("read".to_owned(), phone.clone()), ("write".to_owned(), phone)]);
    world.close().await;
}
