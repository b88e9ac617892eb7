//! What the database itself refuses.

use crate::support::World;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_installations_migrate_one_server_at_once() {
    let worlds = futures::future::join_all((0..4).map(|_| World::new())).await;
    for world in worlds {
        world.close().await;
    }
}
