//! Servers, processes, a business and its members for a benchmark.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use local_stack::installation::Installation;
use local_stack::{Process, ProcessOptions, ServerKind, Stack, StackOptions};
use serde_json::{Value, json};

use crate::baseline;
use crate::error::BenchError;
use crate::http::Connection;
use crate::report;

pub(crate) const READY: Duration = Duration::from_secs(60);
/// Connections that register members.
const REGISTRARS: usize = 32;
/// The number of the first phone that no member of [`Bench::start`] has.
pub(crate) const FIRST_FREE: usize = 500_000;
/// How long the projectors may take to catch up.
const DRAIN: Duration = Duration::from_secs(600);

/// Everything a benchmark runs against.
pub(crate) struct Bench {
    stack: Stack,
    pub(crate) installation: Installation,
    pub(crate) api: Process,
    /// Where ledger-api answers.
    pub(crate) base: String,
    /// The business's credential.
    pub(crate) business_key: String,
    /// Members that consent to the business.
    pub(crate) members: Arc<Vec<String>>,
    /// The server's owner: baselines and figures.
    pub(crate) baseline_url: String,
}

/// How fast the projectors caught up with what the load left on the log.
pub(crate) struct Drain {
    /// Positions on the log.
    pub(crate) events: i64,
    /// From the start of the projectors until every read model and ClickHouse had them.
    pub(crate) elapsed: Duration,
}

impl Bench {
    /// Starts the servers and ledger-api, and registers a business and `members` members.
    pub(crate) async fn start(members: usize, api_only: bool) -> Result<Self, BenchError> {
        let options = StackOptions::temporary();
        let options = if api_only { options.only([ServerKind::Postgres]) } else { options };
        let stack = Stack::start(&options)?;
        let mut installation = Installation::new(&stack, "bench")?;
        for (variable, address) in [
            ("OWN_CIRCLE__KAFKA__BROKERS", "127.0.0.1:9"),
            ("OWN_CIRCLE__CLICKHOUSE__URL", "http://127.0.0.1:9"),
        ] {
            if api_only {
                installation.set(variable, address);
            }
        }
        installation.migrate()?;
        let mut api = installation.start(ProcessOptions::new("ledger-api", "ledger-api", ["serve"]))?;
        let base = installation.http_url();
        api.wait_ready(&format!("{base}/health/live"), READY)?;
        let baseline_url = installation.admin_url().to_owned();
        baseline::prepare(&baseline_url).await?;
        let admin = format!("ApiKey {}", installation.admin_key());
        let mut connection = Connection::open(&base, &admin).await?;
        let business = json!({"slug": "mindal", "name": "Миндаль", "category": "beauty_salon", "confidentiality": "ordinary"});
        connection.must(Method::POST, "/api/v1/admin/businesses", &business).await?;
        let key = connection
            .must(Method::POST, "/api/v1/admin/businesses/mindal/api-keys", &json!({"name": "till"}))
            .await?;
        let business_key = format!("ApiKey {}", key["key"].as_str().unwrap_or_default());
        let started = Instant::now();
        let consents = |_| "mindal".to_owned();
        let members = register(&base, &admin, (0, members), consents).await?;
        report::line(&format!(
            "{} members registered in {:.1} s",
            members.len(),
            started.elapsed().as_secs_f64()
        ));
        Ok(Self { stack, installation, api, base, business_key, members: Arc::new(members), baseline_url })
    }

    /// Starts the projectors and waits until they have everything the load left on the log.
    pub(crate) async fn drain(&self) -> Result<Drain, BenchError> {
        let admin = format!("ApiKey {}", self.installation.admin_key());
        let mut connection = Connection::open(&self.base, &admin).await?;
        let started = Instant::now();
        let _projectors =
            self.installation.start(ProcessOptions::new("projectors", "projectors", ["all"]))?;
        loop {
            let (status, answer) = connection.send(Method::POST, "/api/v1/dev/settle", Vec::new()).await?;
            if status == 200 {
                let answer: Value = serde_json::from_slice(&answer)?;
                let events = answer["meta"]["position"].as_i64().or(answer["data"]["position"].as_i64());
                return Ok(Drain { events: events.unwrap_or_default(), elapsed: started.elapsed() });
            }
            if started.elapsed() > DRAIN {
                return Err(BenchError::TooLong(String::from_utf8_lossy(&answer).into_owned()));
            }
        }
    }

    /// Stops everything in order.
    pub(crate) fn stop(self) {
        drop(self.api);
        drop(self.installation);
        drop(self.stack);
    }
}

/// Registers `members.1` members whose phones are numbered from `members.0` on, each with a consent to the business that
/// `consents` names by her number. Their ids, in the order of numbers.
pub(crate) async fn register(
    base: &str,
    admin: &str,
    (first, count): (usize, usize),
    consents: impl Fn(usize) -> String,
) -> Result<Vec<String>, BenchError> {
    let consent = |purpose: &str| json!({"purpose": purpose, "version": "1"});
    let body = |number: usize| {
        let partner = format!("partner:{}", consents(number));
        let consents = [consent("personal_data"), consent(&partner)];
        json!({"phone": format!("+7900{number:07}"), "first_name": "Участница", "consents": consents})
    };
    let tasks: Vec<_> = (0..REGISTRARS)
        .map(|registrar| {
            let (base, admin) = (base.to_owned(), admin.to_owned());
            let hers = (first + registrar..first + count).step_by(REGISTRARS);
            let bodies: Vec<(usize, Value)> = hers.map(|number| (number, body(number))).collect();
            tokio::spawn(async move {
                let mut connection = Connection::open(&base, &admin).await?;
                let mut ids = Vec::new();
                for (number, body) in bodies {
                    let data = connection.must(Method::POST, "/api/v1/admin/members", &body).await?;
                    ids.push((number, data["member_id"].as_str().unwrap_or_default().to_owned()));
                }
                Ok::<_, BenchError>(ids)
            })
        })
        .collect();
    let mut all = Vec::with_capacity(count);
    for task in tasks {
        all.extend(task.await??);
    }
    all.sort_unstable();
    Ok(all.into_iter().map(|(_, id)| id).collect())
}
