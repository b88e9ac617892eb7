//! A database per test, with the migrations of the owner and a pool under the service's role.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use ledger_core::ids::{BusinessId, MemberId};
use local_stack::{Existing, ServerKind, Stack, StackOptions};
use pii_vault::Vault;
use pii_vault::access::{Access, Accessor, Purpose};
use pii_vault::keys::{FileKeyProvider, MissingKeys};
use pii_vault::members::{ProfileChanges, Registration};
use pii_vault::phone::Phone;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use uuid::Uuid;

pub(crate) struct World {
    pub(crate) vault: Vault,
    /// Under the service's role.
    pub(crate) pool: PgPool,
    /// Under the owner's.
    pub(crate) owner: PgPool,
    name: String,
    pub(crate) keys: PathBuf,
}

fn server() -> String {
    static STACK: OnceLock<Stack> = OnceLock::new();
    let options = StackOptions { existing: Existing::Use, ..StackOptions::temporary() };
    let stack = STACK.get_or_init(|| Stack::start(&options.only([ServerKind::Postgres])).unwrap());
    stack.postgres().address().unwrap().to_owned()
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = tokio::task::spawn_blocking(server).await.unwrap();
        let name = format!("vault_test_{}", Uuid::new_v4().simple());
        let mut maintenance = PgConnection::connect(&server).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut maintenance)
            .await
            .unwrap();
        let options = PgConnectOptions::from_str(&server).unwrap().database(&name);
        let owner = PgPoolOptions::new().max_connections(2).connect_with(options.clone()).await.unwrap();
        pii_vault::MIGRATIONS.run(&owner).await.unwrap();
        let service = PgPoolOptions::new().max_connections(16).after_connect(|connection, _| {
            Box::pin(
                async move { sqlx::query("SET ROLE own_circle_vault").execute(connection).await.map(|_| ()) },
            )
        });
        let pool = service.connect_with(options).await.unwrap();
        let keys = std::env::temp_dir().join(&name);
        let provider = FileKeyProvider::open(&keys, MissingKeys::Create).unwrap();
        let vault = Vault::open(pool.clone(), Arc::new(provider)).await.unwrap();
        Self { vault, pool, owner, name, keys }
    }

    /// Removes the database and the keys; a failed test leaves them for a look.
    pub(crate) async fn close(self) {
        self.pool.close().await;
        self.owner.close().await;
        let server = tokio::task::spawn_blocking(server).await.unwrap();
        let mut maintenance = PgConnection::connect(&server).await.unwrap();
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        sqlx::query(AssertSqlSafe(drop)).execute(&mut maintenance).await.unwrap();
        std::fs::remove_dir_all(&self.keys).unwrap();
    }

    /// A confirmed member.
    pub(crate) async fn member(&self, number: &str) -> MemberId {
        let who = registration(number);
        let member = self.vault.members().register(&who, &access()).await.unwrap().member_id();
        self.vault.members().settle(member, &who.key, &access()).await.unwrap();
        member
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.owner).await.unwrap()
    }
}

pub(crate) fn now() -> DateTime<Utc> {
    "2025-03-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn access() -> Access {
    Access { by: Accessor::System, purpose: Purpose::Attribution, request_id: None, at: now() }
}

pub(crate) fn phone(text: &str) -> Phone {
    Phone::parse(text).unwrap()
}

pub(crate) fn member_id() -> MemberId {
    MemberId::from_uuid(Uuid::new_v4())
}

pub(crate) fn business_id() -> BusinessId {
    BusinessId::from_uuid(Uuid::new_v4())
}

pub(crate) fn registration(number: &str) -> Registration {
    let fresh_id = member_id();
    let key = [fresh_id.as_uuid().into_bytes(); 2].concat().try_into().unwrap();
    Registration { fresh_id, key, phone: phone(number), profile: ProfileChanges::default() }
}
