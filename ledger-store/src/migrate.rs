//! Databases, roles and tables. Run as the server's owner, before services start; may be run again at any time.

use std::str::FromStr;

use ledger_ops::settings::Secret;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, PgPool};

use crate::error::StoreError;

/// The group role of services on the log.
pub const LEDGER_ROLE: &str = "own_circle_ledger";
/// The group role of services on the read models.
pub const READ_ROLE: &str = "own_circle_read";
/// The group role of services on the vault.
pub const VAULT_ROLE: &str = "own_circle_vault";

/// The group role of who seals the log.
pub const SEAL_ROLE: &str = "own_circle_seal";
/// The group role of who audits the log.
pub const AUDIT_ROLE: &str = "own_circle_audit";

/// One lock for all migrations of a server, so that processes that start at once take turns.
const MIGRATION_LOCK: i64 = 0x6f77_6e63_6972;

static LEDGER: Migrator = sqlx::migrate!("../migrations/ledger");

/// The log's migrations.
#[must_use]
pub fn ledger_migrations() -> &'static Migrator {
    &LEDGER
}

/// The server's owner, under the lock of migrations.
pub struct Server {
    options: PgConnectOptions,
    connection: PgConnection,
}

impl Server {
    /// Connects with the owner's address and takes the lock; it is given back when the value is dropped.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn connect(owner: &Secret) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(owner.reveal())?;
        let mut connection = options.clone().disable_statement_logging().connect().await?;
        sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut connection).await?;
        Ok(Self { options, connection })
    }

    /// Makes sure that the group role `group` exists and that the service of address `url` may log in as a member of it,
    /// with the password of its address.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for an address without a user; [`StoreError::Database`].
    pub async fn ensure_service(&mut self, group: &str, url: &Secret) -> Result<(), StoreError> {
        self.ensure_group(group).await?;
        let (user, password) = credentials_of(url)?;
        if user == group {
            let alter = "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1, $2)";
            return self.run_formatted(alter, &[group, password.reveal()]).await;
        }
        let login = if self.role_exists(&user).await? {
            "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1, $2)"
        } else {
            "SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', $1, $2)"
        };
        self.run_formatted(login, &[&user, password.reveal()]).await?;
        self.run_formatted("SELECT format('GRANT %I TO %I', $1, $2)", &[group, &user]).await
    }

    /// Makes sure that the group role `group` exists.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn ensure_group(&mut self, group: &str) -> Result<(), StoreError> {
        if self.role_exists(group).await? {
            return Ok(());
        }
        self.run_formatted("SELECT format('CREATE ROLE %I NOLOGIN', $1)", &[group]).await
    }

    async fn role_exists(&mut self, role: &str) -> Result<bool, StoreError> {
        let exists = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)");
        Ok(exists.bind(role).fetch_one(&mut self.connection).await?)
    }

    /// Makes sure that the database exists; only the owner and `role` may connect to it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn ensure_database(&mut self, name: &str, role: &str) -> Result<(), StoreError> {
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(name)
            .fetch_one(&mut self.connection)
            .await?;
        if !exists {
            self.run_formatted("SELECT format('CREATE DATABASE %I', $1)", &[name]).await?;
        }
        self.run_formatted("SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $1)", &[name]).await?;
        self.let_in(name, role).await
    }

    /// Lets `role` connect to the database `name`. A dump of a database does not say who may.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn let_in(&mut self, name: &str, role: &str) -> Result<(), StoreError> {
        self.run_formatted("SELECT format('GRANT CONNECT ON DATABASE %I TO %I', $1, $2)", &[name, role]).await
    }

    /// Runs a statement that takes no parameters: the server itself quotes the names and passwords into it.
    async fn run_formatted(&mut self, format: &'static str, values: &[&str]) -> Result<(), StoreError> {
        let mut query = sqlx::query_scalar::<_, String>(format);
        for value in values {
            query = query.bind((*value).to_owned());
        }
        let statement = query.fetch_one(&mut self.connection).await?;
        self.connection.execute(sqlx::AssertSqlSafe(statement)).await?;
        Ok(())
    }

    /// A small pool on database `name` as the owner, for its migrations.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn pool(&self, name: &str) -> Result<PgPool, StoreError> {
        let options = self.options.clone().database(name);
        Ok(PgPoolOptions::new().max_connections(2).connect_with(options).await?)
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }
}

/// The database's name in a service's address.
///
/// # Errors
/// [`StoreError::Refused`] when there is none.
pub fn database_of(url: &Secret) -> Result<String, StoreError> {
    let options = PgConnectOptions::from_str(url.reveal())?;
    let none = || StoreError::Refused("a database address must end with the name of a database".to_owned());
    options.get_database().map(str::to_owned).ok_or_else(none)
}

/// The user and the password in a service's address.
///
/// # Errors
/// [`StoreError::Refused`] when the address has no `user:password@`.
fn credentials_of(url: &Secret) -> Result<(String, Secret), StoreError> {
    let lacking =
        || StoreError::Refused("a database address must begin with postgres://user:password@".to_owned());
    let (_, rest) = url.reveal().split_once("://").ok_or_else(lacking)?;
    let (credentials, _) = rest.split_once('@').ok_or_else(lacking)?;
    let (user, password) = credentials.split_once(':').ok_or_else(lacking)?;
    Ok((user.to_owned(), Secret::new(password)))
}
