//! `ledger-api migrate`: databases, roles and tables, as the server's owner. May be run again at any time.
//!
//! The tables of read models are made by the projectors, whose role may create schemas in the read database; ClickHouse's
//! by the analytics sink; the topic by the relay.

use ledger_ops::settings::SettingsError;
use ledger_store::migrate::{
    AUDIT_ROLE, LEDGER_ROLE, READ_ROLE, SEAL_ROLE, Server, VAULT_ROLE, database_of, ledger_migrations,
};

use crate::settings::Settings;
use crate::startup::StartError;

/// Brings everything up to date.
pub(crate) async fn run(settings: &Settings) -> Result<(), StartError> {
    let missing = || {
        SettingsError::Wrong {
        key: "admin.url",
        right: "must be the address of the PostgreSQL owner, such as postgres://postgres:password@host:port/postgres"
            .to_owned(),
    }
    };
    let owner = settings.admin.url.as_ref().ok_or_else(missing)?;
    let mut server = Server::connect(owner).await?;
    for (role, database) in
        [(LEDGER_ROLE, &settings.ledger), (READ_ROLE, &settings.read), (VAULT_ROLE, &settings.vault)]
    {
        server.ensure_service(role, &database.url).await?;
        server.ensure_database(&database_of(&database.url)?, role).await?;
    }
    let migrate = |error: sqlx::migrate::MigrateError| {
        let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        StartError::System { what: "migrations", reason: text }
    };
    let ledger_name = database_of(&settings.ledger.url)?;
    // Each time: a log that was brought from another server has all its migrations, and nobody there is let in.
    for group in [SEAL_ROLE, AUDIT_ROLE] {
        server.ensure_group(group).await?;
        server.let_in(&ledger_name, group).await?;
    }
    let ledger = server.pool(&ledger_name).await?;
    ledger_migrations().run(&ledger).await.map_err(migrate)?;
    if let Some(seal) = &settings.seal {
        server.ensure_service(SEAL_ROLE, &seal.url).await?;
    }
    let vault = server.pool(&database_of(&settings.vault.url)?).await?;
    pii_vault::MIGRATIONS.run(&vault).await.map_err(migrate)?;
    let read_name = database_of(&settings.read.url)?;
    let read = server.pool(&read_name).await?;
    let refused = |error: sqlx::Error| StartError::System { what: "read.url", reason: error.to_string() };
    let grant: String = sqlx::query_scalar("SELECT format('GRANT CREATE ON DATABASE %I TO %I', $1, $2)")
        .bind(&read_name)
        .bind(READ_ROLE)
        .fetch_one(&read)
        .await
        .map_err(refused)?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(grant)).execute(&read).await.map_err(refused)?;
    tracing::info!("databases, roles and tables are up to date");
    Ok(server.close().await?)
}
