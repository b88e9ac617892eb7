//! What the database itself refuses.

use sqlx::AssertSqlSafe;

use crate::support::{World, access, phone};

async fn sqlstate(pool: &sqlx::PgPool, sql: &'static str) -> String {
    let refused = sqlx::query(sql).execute(pool).await.unwrap_err();
    refused.as_database_error().unwrap().code().unwrap().into_owned()
}

#[tokio::test]
async fn the_access_log_is_insert_only_for_everybody() {
    let world = World::new().await;
    world.member("+79001234567").await;
    for sql in [
        "UPDATE vault.access_log SET purpose = 'x'",
        "DELETE FROM vault.access_log",
        "TRUNCATE vault.access_log",
    ] {
        assert_eq!(sqlstate(&world.owner, sql).await, "23001", "{sql}");
        assert_eq!(sqlstate(&world.pool, sql).await, "42501", "{sql}");
    }
    world.close().await;
}

#[tokio::test]
async fn the_service_rewrites_no_api_key_and_removes_none() {
    let world = World::new().await;
    for sql in [
        "UPDATE auth.api_keys SET role = 'superadmin'",
        "DELETE FROM auth.api_keys",
        "DROP TABLE vault.members",
    ] {
        assert_eq!(sqlstate(&world.pool, sql).await, "42501", "{sql}");
    }
    world.close().await;
}

/// Columns of bytes in the vault's schemas.
const BYTES: &str = "SELECT table_schema, table_name, column_name FROM information_schema.columns
                     WHERE table_schema IN ('vault', 'vault_keys', 'auth') AND data_type = 'bytea'";

/// How many of them the planner has samples of, after it has looked.
async fn sampled(world: &World) -> i64 {
    sqlx::query("ANALYZE").execute(&world.owner).await.unwrap();
    let sql = format!(
        "SELECT count(*) FROM pg_catalog.pg_stats WHERE (schemaname, tablename, attname) IN ({BYTES})"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&world.owner).await.unwrap()
}

/// Decision 20: the planner keeps samples of columns, and of what is sealed, wrapped or an index none.
#[tokio::test]
async fn the_planners_statistics_hold_nothing_of_what_is_sealed() {
    let world = World::new().await;
    for number in 0..20 {
        world.member(&format!("+7900000{number:04}")).await;
    }
    assert_eq!(sampled(&world).await, 0);
    let others =
        "SELECT count(*) FROM pg_catalog.pg_stats WHERE schemaname = 'vault' AND tablename = 'members'";
    assert!(world.count(others).await > 0, "of other columns there are some");
    let columns = format!("SELECT count(*) FROM ({BYTES}) AS bytes");
    let columns: i64 = sqlx::query_scalar(AssertSqlSafe(columns)).fetch_one(&world.owner).await.unwrap();
    let without = "SELECT count(*) FROM pg_catalog.pg_attribute
                   WHERE attstattarget = 0 AND atttypid = 'bytea'::regtype AND NOT attisdropped
                     AND attrelid IN (SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'r')";
    assert_eq!(world.count(without).await, columns, "a new column of bytes needs SET STATISTICS 0");

    // What an installation of before has of them goes, too.
    let before = "ALTER TABLE vault.members ALTER COLUMN phone_index SET STATISTICS -1;
                  ALTER TABLE vault.member_fields ALTER COLUMN sealed SET STATISTICS -1;
                  ALTER TABLE vault_keys.member_keys ALTER COLUMN wrapped SET STATISTICS -1";
    sqlx::raw_sql(before).execute(&world.owner).await.unwrap();
    assert_eq!(sampled(&world).await, 3);
    let migration = include_str!("../../../migrations/vault/0014_no_samples.sql");
    sqlx::raw_sql(migration).execute(&world.owner).await.unwrap();
    assert_eq!(sampled(&world).await, 0);
    let kept = world.vault.members().find_by_phone(&phone("+79000000007"), &access()).await.unwrap();
    assert!(kept.is_some(), "nothing else has changed");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_installations_migrate_one_server_at_once() {
    let worlds = futures::future::join_all((0..4).map(|_| World::new())).await;
    for world in worlds {
        world.close().await;
    }
}
