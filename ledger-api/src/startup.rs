//! From settings to a listening service; one clear line for whatever stands against it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App as Service, HttpServer, web};
use ledger_ops::clock::Clock;
use ledger_ops::settings::{Database, Profile, SettingsError};
use ledger_ops::telemetry;
use ledger_store::published::Published;
use ledger_store::start::check_durable;
use ledger_store::{Ledger, LedgerOptions, StoreError, dev_clock};
use pii_vault::keys::{FileKeyProvider, KeyError, KeyProvider, KmsKeyProvider, MissingKeys};
use pii_vault::rotation::RetireError;
use pii_vault::{Vault, VaultError};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::Semaphore;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;
use crate::auth::{EndedSessions, KeyRing, TokenKeys, Tokens};
use crate::edge::{Origins, edge, no_route};
use crate::erasure::{self, Gone};
use crate::limits::{AddressLimits, AudienceLimits, CredentialLimits};
use crate::natural_key::Keyed;
use crate::problem::ApiError;
use crate::security::{self, Recorder};
use crate::settings::Settings;
use crate::shown_once::ShownOnce;
use crate::{housekeeping, read, routing};

/// Why the service did not start: one line for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A setting that cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A server that does not answer, by the setting that names it.
    #[error("{key}: the database does not answer or refuses ({reason})")]
    Database {
        /// The setting.
        key: &'static str,
        /// The class of the failure.
        reason: String,
    },
    /// The log refuses to be served.
    #[error("the ledger: {0}")]
    Ledger(String),
    /// The vault cannot be opened.
    #[error("the vault: {0}")]
    Vault(#[from] VaultError),
    /// The folder of keys cannot be used.
    #[error("secrets.dir: {0}")]
    Keys(#[from] KeyError),
    /// The settings of the key service cannot be.
    #[error("secrets.kms: {0}")]
    Kms(KeyError),
    /// A key-encryption key is not retired.
    #[error("the key-encryption key stays: {0}")]
    Retire(#[from] RetireError),
    /// A rotation has not wrapped everything anew.
    #[error("{left} keys are still wrapped by an older key-encryption key")]
    Rotation {
        /// How many.
        left: u64,
    },
    /// The access log is not what was sealed.
    #[error("the access log is not what was sealed: {0}")]
    AccessLog(String),
    /// The signing keys cannot be used.
    #[error("the vault's signing keys cannot be used")]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// The address cannot be listened on.
    #[error("http.listen: {address} cannot be listened on ({reason})")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: std::io::Error,
    },
    /// Something else of the operating system.
    #[error("{what}: {reason}")]
    System {
        /// What failed.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        Self::Ledger(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// The read models and the reactor, and with them the sink where ClickHouse is configured.
const READ_MODELS: &[&str] = &["balances", "history", "statuses", "directory", "journal", "react"];
const ALL_PROJECTIONS: &[&str] =
    &["balances", "history", "statuses", "directory", "journal", "react", "analytics"];
/// How long a start waits for a database.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// A pool on one database, tried once.
pub(crate) async fn pool(key: &'static str, database: &Database) -> Result<PgPool, StartError> {
    let refused = |error: sqlx::Error| {
        let reason = match error {
            sqlx::Error::PoolTimedOut => "no answer in 5 s".to_owned(),
            sqlx::Error::Configuration(_) => "not a PostgreSQL address".to_owned(),
            other => other.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        };
        StartError::Database { key, reason }
    };
    let options = PgPoolOptions::new()
        .max_connections(database.connections)
        .acquire_timeout(CONNECT_PATIENCE)
        // A broken connection answers 503 and is replaced; asking each one first would cost a round trip a request.
        .test_before_acquire(false);
    let connect: sqlx::postgres::PgConnectOptions = database.url.reveal().parse().map_err(refused)?;
    let pool = options.connect_with(connect).await.map_err(refused)?;
    Ok(pool)
}

/// The vault of these settings.
pub(crate) async fn vault(settings: &Settings) -> Result<Vault, StartError> {
    let missing = match settings.profile {
        Profile::Dev => MissingKeys::Create,
        Profile::Production => MissingKeys::Refuse,
    };
    let keys: Arc<dyn KeyProvider> = match &settings.secrets.kms {
        Some(kms) => Arc::new(KmsKeyProvider::new(kms.to_provider()).map_err(StartError::Kms)?),
        None => Arc::new(FileKeyProvider::open(&settings.secrets_dir()?, missing)?),
    };
    let pool = pool("vault.url", &settings.vault).await?;
    let vault = Vault::open(pool, keys).await?;
    vault.access_log().open().await?;
    Ok(vault)
}

/// The state of a process, the tasks that keep it current, and who could not be asked yet what the log has published.
async fn open(settings: &Settings) -> Result<(App, Published), StartError> {
    let metrics = telemetry::start_metrics()
        .map_err(|error| StartError::System { what: "metrics", reason: error.to_string() })?;
    let clock = Clock::default();
    let log_pool = pool("ledger.url", &settings.ledger).await?;
    let read_pool = pool("read.url", &settings.read).await?;
    let vault = vault(settings).await?;
    check_durable(&log_pool).await?;
    let projections = if settings.clickhouse.is_some() { ALL_PROJECTIONS } else { READ_MODELS };
    let mut published = Published::nowhere(log_pool.clone())
        .to_read_models(read_pool.clone(), projections.iter().copied())
        .to_topic(settings.kafka.as_ref())
        .to_clickhouse(settings.clickhouse.as_ref());
    published.ask().await?;
    if settings.profile == Profile::Dev {
        clock.set(dev_clock::read(&log_pool).await?.0);
        tokio::spawn(dev_clock::follow(log_pool.clone(), clock.clone()));
    }
    let ledger = Ledger::open(log_pool.clone(), LedgerOptions::default(), clock.clone()).await?;
    if let Some(key) = &settings.dev.admin_key {
        vault.api_keys().ensure_admin_key(key.reveal(), clock.now().to_utc()).await?;
    }
    let keys = Arc::new(KeyRing::new());
    keys.reload(vault.api_keys()).await?;
    tokio::spawn(Arc::clone(&keys).follow(vault.clone()));
    let signing = vault.signing_keys().ensure(clock.now().to_utc()).await?;
    let tokens = Arc::new(Tokens::new(TokenKeys::new(&signing)?, settings.tokens.clone()));
    let ended = Arc::new(EndedSessions::new(settings.tokens.access_seconds));
    ended.reload(&vault, clock.now().to_utc()).await?;
    tokio::spawn(Arc::clone(&ended).follow(vault.clone(), clock.clone()));
    let (security, taken) = Recorder::new();
    tokio::spawn(security::write(taken, vault.clone()));
    let app = App {
        profile: settings.profile,
        clock,
        ledger: Box::new(ledger),
        log_pool,
        sealed: read::sealed::Sealed::new(settings.witnesses()?),
        read_pool,
        clickhouse: settings.clickhouse.as_ref().map(read::warehouse::client),
        vault,
        keys,
        tokens,
        gone: Arc::new(Gone::default()),
        operator: settings.operator(),
        ended,
        security,
        origins: Origins::new(&settings.http.cors_origins),
        keyed: Keyed::new(&settings.natural_key()?),
        limits: AddressLimits::new(settings.profile),
        credential_limits: CredentialLimits::new(settings.profile, settings.http.calls_per_second),
        audience_limits: AudienceLimits::new(settings.profile),
        shown_once: ShownOnce::new(),
        read_wait: Duration::from_millis(settings.http.read_wait_ms),
        import_in_flight: settings.http.import_in_flight,
        simulating: Arc::new(Semaphore::new(1)),
        counting: Semaphore::new(read::offers::AT_ONCE),
        partitions: settings.kafka.as_ref().map_or(12, |kafka| kafka.partitions),
        projections,
        metrics: Some(metrics),
    };
    Ok((app, published))
}

/// Serves until told to stop.
pub(crate) async fn serve(settings: &Settings) -> Result<(), StartError> {
    let (app, published) = open(settings).await?;
    // Before anybody is answered: whoever the log says is forgotten, is.
    let agreed = async {
        erasure::agree(&app).await?;
        erasure::go_on(&app).await?;
        Ok(app.gone.read(&app.vault, &app.clock).await?)
    };
    agreed.await.map_err(|error: ApiError| {
        error.log_cause("start");
        StartError::System { what: "the list of the forgotten", reason: error.to_string() }
    })?;
    tokio::spawn(Arc::clone(&app.gone).follow(app.vault.clone(), app.clock.clone()));
    let app = web::Data::new(app);
    tokio::spawn(housekeeping::run(app.clone().into_inner()));
    tokio::spawn(housekeeping::seal_accesses(app.clone().into_inner()));
    let profile = settings.profile;
    let address = settings.http.listen;
    let service = move || {
        let swagger = SwaggerUi::new("/docs/{_:.*}").config(Config::from("/api/v1/openapi.json"));
        Service::new()
            .app_data(app.clone())
            .wrap(from_fn(edge))
            .configure(routing::configure(profile))
            .service(web::redirect("/docs", "/docs/"))
            .service(swagger)
            .default_service(web::to(no_route))
    };
    let listen = |reason| StartError::Listen { address, reason };
    let server = HttpServer::new(service)
        .workers(settings.http.workers)
        .client_request_timeout(Duration::from_secs(5))
        .keep_alive(Duration::from_secs(75))
        .shutdown_timeout(settings.http.shutdown_seconds)
        .bind(address)
        .map_err(listen)?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    if let Some(file) = &settings.http.address_file {
        write_address(file, bound)?;
    }
    tracing::info!(address = %bound, profile = ?profile, "listening");
    let failed =
        |error: std::io::Error| StartError::System { what: "the HTTP server", reason: error.to_string() };
    tokio::select! {
        ended = server.run() => ended.map_err(failed),
        // Kafka or ClickHouse was away at the start, and says now that the log lacks what was published: nothing more
        // may be appended to it.
        refused = published.watch() => Err(refused.into()),
    }
}

/// In one step, so that whoever waits for the file never reads half of it.
fn write_address(file: &std::path::Path, address: SocketAddr) -> Result<(), StartError> {
    let draft = file.with_extension("draft");
    let written = std::fs::write(&draft, format!("{address}\n")).and_then(|()| std::fs::rename(&draft, file));
    written.map_err(|error| StartError::System { what: "http.address_file", reason: error.to_string() })
}
