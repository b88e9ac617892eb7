//! What every handler can reach: one value per process, shared by the workers.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ledger_core::business::Business;
use ledger_core::context::Registry;
use ledger_core::ids::{BusinessId, Slug};
use ledger_core::log::Position;
use ledger_ops::clock::Clock;
use ledger_ops::settings::Profile;
use ledger_store::{ExecuteError, Ledger, Receipt, Request};
use metrics_exporter_prometheus::PrometheusHandle;
use pii_vault::Vault;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::auth::{EndedSessions, KeyRing, Tokens};
use crate::edge::Origins;
use crate::erasure::Gone;
use crate::limits::{AddressLimits, AudienceLimits, CredentialLimits};
use crate::natural_key::Keyed;
use crate::read::sealed::Sealed;
use crate::security::Recorder;
use crate::settings::Operator;
use crate::shown_once::ShownOnce;

/// The ledger as handlers use it; a trait, so that what needs no server is tested without one.
pub(crate) trait Commands: Send + Sync {
    /// Executes a command; answers after the durable commit.
    fn execute(&self, request: Request) -> BoxFuture<'_, Result<Receipt, ExecuteError>>;
    /// Folds in what other processes appended.
    fn refresh(&self) -> BoxFuture<'_, ()>;
    /// Policies and businesses.
    fn registry(&self) -> Arc<Registry>;
    /// The newest position seen.
    fn head(&self) -> Position;
}

impl Commands for Ledger {
    fn execute(&self, request: Request) -> BoxFuture<'_, Result<Receipt, ExecuteError>> {
        Box::pin(Ledger::execute(self, request))
    }

    fn refresh(&self) -> BoxFuture<'_, ()> {
        Box::pin(Ledger::refresh(self))
    }

    fn registry(&self) -> Arc<Registry> {
        Ledger::registry(self)
    }

    fn head(&self) -> Position {
        Ledger::head(self)
    }
}

/// The process's state.
pub(crate) struct App {
    /// Which installation this is.
    pub(crate) profile: Profile,
    /// The installation's clock.
    pub(crate) clock: Clock,
    /// Commands.
    pub(crate) ledger: Box<dyn Commands>,
    /// The log's database, for what is read from the log itself.
    pub(crate) log_pool: PgPool,
    /// What requests share of the seal. Design L8.
    pub(crate) sealed: Sealed,
    /// The read models.
    pub(crate) read_pool: PgPool,
    /// Analytics, where it is part of the installation.
    pub(crate) clickhouse: Option<clickhouse::Client>,
    /// Personal data and credentials.
    pub(crate) vault: Vault,
    /// Live API keys.
    pub(crate) keys: Arc<KeyRing>,
    /// Tokens of members and staff.
    pub(crate) tokens: Arc<Tokens>,
    /// Whose tokens are good no longer, since they were forgotten.
    pub(crate) gone: Arc<Gone>,
    /// Who operates this installation, as papers say.
    pub(crate) operator: Option<Operator>,
    /// Sign-ins that were ended.
    pub(crate) ended: Arc<EndedSessions>,
    /// Takes refusals down.
    pub(crate) security: Recorder,
    /// Who may call from a browser's page.
    pub(crate) origins: Origins,
    /// Keys of idempotency.
    pub(crate) keyed: Keyed,
    /// Limits per address.
    pub(crate) limits: AddressLimits,
    /// Limits per credential.
    pub(crate) credential_limits: CredentialLimits,
    /// Limits of questions about audiences.
    pub(crate) audience_limits: AudienceLimits,
    /// Secrets shown once, for retries.
    pub(crate) shown_once: ShownOnce,
    /// How long a GET waits for its read model. Design J7.
    pub(crate) read_wait: Duration,
    /// Lines of one import under way at the same time.
    pub(crate) import_in_flight: usize,
    /// Held by the simulation under way. Rule P3.
    pub(crate) simulating: Arc<Semaphore>,
    /// Turns of those who ask whom an offer reaches, and what became of it.
    pub(crate) counting: Semaphore,
    /// Partitions of the log's topic, by which read models are ahead or behind.
    pub(crate) partitions: i32,
    /// Projections and sinks that must have caught up before everything is settled.
    pub(crate) projections: &'static [&'static str],
    /// Renders `/metrics`.
    pub(crate) metrics: Option<PrometheusHandle>,
}

impl App {
    /// The registry with this business in it, if anybody ever registered it: another process may have, a moment ago.
    pub(crate) async fn registry_with(&self, id: BusinessId) -> Arc<Registry> {
        let registry = self.ledger.registry();
        if registry.businesses.get(id).is_some() {
            return registry;
        }
        self.ledger.refresh().await;
        self.ledger.registry()
    }

    /// The business that a path or a body names by id or slug.
    pub(crate) async fn business(&self, name: &str) -> Option<Business> {
        self.find(|registry| find_business(registry, name).cloned()).await
    }

    /// What the registry has, if anybody ever wrote it: another process may have, a moment ago.
    pub(crate) async fn find<T>(&self, find: impl Fn(&Registry) -> Option<T>) -> Option<T> {
        if let Some(found) = find(&self.ledger.registry()) {
            return Some(found);
        }
        self.ledger.refresh().await;
        find(&self.ledger.registry())
    }
}

/// The business with this id or slug.
pub(crate) fn find_business<'a>(registry: &'a Registry, name: &str) -> Option<&'a Business> {
    if let Some(id) = crate::json::read_uuid(name) {
        return registry.businesses.get(BusinessId::from_uuid(id));
    }
    name.parse::<Slug>().ok().and_then(|slug| registry.businesses.by_slug(&slug))
}
