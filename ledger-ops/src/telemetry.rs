//! Logs and metrics of a process. Neither ever carries personal data, a token or a body.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// For a collector.
    Json,
}

/// Starts logging to standard error; `RUST_LOG` chooses what, `info` by default. A second call changes nothing.
pub fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

/// Seconds: bounds of every latency histogram.
const LATENCY_SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
/// Counts: bounds of every size histogram.
const SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Starts collecting metrics; the handle renders them for `/metrics`.
///
/// # Errors
/// When a recorder was installed before.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZES)?
        .install_recorder()
}

/// A count or a number of positions as a metric's value. Metrics are floats; exact far beyond any batch or lag, and none
/// below zero.
#[must_use]
pub fn to_f64(count: impl TryInto<u64>) -> f64 {
    let count = count.try_into().unwrap_or(0);
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
