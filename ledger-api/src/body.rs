//! Reading a body: plain JSON in UTF-8, within its limit, never unpacked.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures::StreamExt;

use crate::problem::ApiError;

/// How large a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// One document.
    Document,
    /// Up to 1000 documents.
    Batch,
}

impl Limit {
    const fn bytes(self) -> usize {
        match self {
            Self::Document => 64 * 1024,
            Self::Batch => 1024 * 1024,
        }
    }
}

/// What of a body that is refused is still taken off the line, so that the client can read the refusal.
const DRAIN_BYTES_MAX: usize = 256 * 1024 * 1024;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
const PASS_OVER_MAX: Duration = Duration::from_secs(2);

/// The whole body.
pub(crate) async fn read(http: &HttpRequest, mut payload: Payload, limit: Limit) -> Result<Bytes, ApiError> {
    check_type(http, &["application/json"])?;
    let too_large = || ApiError::TooLarge(limit.bytes());
    let announced =
        http.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut body = BytesMut::with_capacity(announced.unwrap_or(512).min(limit.bytes()));
    if announced.is_some_and(|length| length > limit.bytes()) {
        drain(payload).await;
        return Err(too_large());
    }
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::field("body", "was cut off"))?;
        if body.len().saturating_add(chunk.len()) > limit.bytes() {
            drain(payload).await;
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Refuses any type but these, and anything packed.
pub(crate) fn check_type(http: &HttpRequest, allowed: &[&str]) -> Result<(), ApiError> {
    let packed = http.headers().get(CONTENT_ENCODING).is_some_and(|value| value != "identity");
    let value = http.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_allowed = value.is_some_and(|value| {
        let mut parts = value.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let known = allowed.iter().any(|name| kind.eq_ignore_ascii_case(name));
        known
            && parts.all(|part| {
                matches!(part.to_ascii_lowercase().as_str(), "charset=utf-8" | "charset=\"utf-8\"")
            })
    });
    if packed || !is_allowed { Err(ApiError::UnsupportedMediaType) } else { Ok(()) }
}

/// Takes a small body off the line that nobody will read, so that the client can read the refusal.
pub(crate) async fn pass_over(mut payload: Payload) {
    let rest = async {
        let mut left = Limit::Batch.bytes();
        while let Some(Ok(chunk)) = payload.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    if tokio::time::timeout(PASS_OVER_MAX, rest).await.is_err() {
        tracing::debug!("a refused body came too slowly");
    }
}

/// Takes what is left off the line, within bounds.
async fn drain(mut payload: Payload) {
    let rest = async {
        let mut taken = 0_usize;
        while let Some(Ok(chunk)) = payload.next().await {
            taken = taken.saturating_add(chunk.len());
            if taken > DRAIN_BYTES_MAX {
                break;
            }
        }
    };
    if tokio::time::timeout(DRAIN_TIME_MAX, rest).await.is_err() {
        tracing::debug!("a refused body came too slowly");
    }
}
