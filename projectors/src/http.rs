//! A process's own page: alive, ready, metrics. Plain HTTP/1.1 for probes and Prometheus; nothing else is answered.
//!
//! Bounds: a request is read up to [`REQUEST_BYTES_MAX`] and for [`REQUEST_WAIT`]; every connection is closed after its
//! answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::error::ProjectError;

const REQUEST_BYTES_MAX: usize = 8_192;
const REQUEST_WAIT: Duration = Duration::from_secs(5);

/// Gives the metrics in the text format of Prometheus.
pub(crate) type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// The roles of this process that stopped, and why.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopped(Arc<Mutex<BTreeMap<String, String>>>);

impl Stopped {
    /// `role` stopped because of `error`.
    pub(crate) fn add(&self, role: &str, error: &ProjectError) {
        let mut roles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roles.insert(role.to_owned(), error.to_string());
    }

    /// All of them in one line; `None` while every role is at work.
    pub(crate) fn told(&self) -> Option<String> {
        let roles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told: Vec<String> = roles.iter().map(|(role, reason)| format!("{role} ({reason})")).collect();
        (!told.is_empty()).then(|| format!("stopped: {}", told.join("; ")))
    }
}

/// Answers at `address` in the background.
///
/// # Errors
/// [`ProjectError::Setup`] when the address cannot be taken.
pub(crate) async fn serve(
    address: SocketAddr,
    metrics: Render,
    read: PgPool,
    stopped: Stopped,
) -> Result<SocketAddr, ProjectError> {
    let taken = |error: std::io::Error| ProjectError::Setup(format!("--http {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let bound = listener.local_addr().map_err(taken)?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (metrics, read, stopped) = (metrics.clone(), read.clone(), stopped.clone());
            tokio::spawn(async move {
                if let Err(error) = answer(stream, &metrics, &read, &stopped).await {
                    tracing::debug!(%error, "a probe went away");
                }
            });
        }
    });
    tracing::info!(address = %bound, "health and metrics");
    Ok(bound)
}

async fn answer(
    mut stream: TcpStream,
    metrics: &Render,
    read: &PgPool,
    stopped: &Stopped,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0_u8; 1_024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < REQUEST_BYTES_MAX {
        let Ok(count) = tokio::time::timeout(REQUEST_WAIT, stream.read(&mut buffer)).await else {
            return Ok(());
        };
        let count = count?;
        if count == 0 {
            break;
        }
        request.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, body) = match line.split(|byte| *byte == b' ').nth(1) {
        Some(b"/health/live") => ("200 OK", "{\"status\":\"live\"}".to_owned()),
        Some(b"/health/ready") => ready(read, stopped).await,
        Some(b"/metrics") => ("200 OK", metrics()),
        _ => ("404 Not Found", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// Ready while the read database answers and no role of this process is stopped.
async fn ready(read: &PgPool, stopped: &Stopped) -> (&'static str, String) {
    const NOT_READY: &str = "503 Service Unavailable";
    match (stopped.told(), sqlx::query("SELECT 1").execute(read).await) {
        (Some(stopped), _) => (NOT_READY, stopped),
        (None, Err(_)) => (NOT_READY, "missing: read database".to_owned()),
        (None, Ok(_)) => ("200 OK", "{\"status\":\"ready\"}".to_owned()),
    }
}
