//! Around every request: its id, the failure envelope, security headers, counts.
//!
//! What is no HTTP request does not come here: bytes that cannot be parsed, more than 96 headers or 128 KiB of them. The
//! server itself answers those with a bare 400 or 431 and closes; it has no place for an answer of ours, and a proxy in
//! front refuses them earlier anyway.

use std::collections::HashSet;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use metrics::counter;
use serde_json::json;

use crate::app::App;
use crate::call::{Meta, RequestId};
use crate::json::FieldErrors;
use crate::problem::{ApiError, Cause};
use crate::routing;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The origins whose pages may call from a browser; none unless the settings name them.
pub(crate) struct Origins(HashSet<String>);

impl Origins {
    /// These.
    pub(crate) fn new(origins: &[String]) -> Self {
        Self(origins.iter().cloned().collect())
    }
}

/// The origin that a request names, if it is one of ours. A star is never answered, and a credential is a header that a page
/// sets itself, so none travels without it.
fn allowed_origin(request: &ServiceRequest) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    let app = request.app_data::<web::Data<App>>()?;
    origin.to_str().is_ok_and(|text| app.origins.0.contains(text)).then(|| origin.clone())
}

fn is_preflight(request: &ServiceRequest) -> bool {
    *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn answer_preflight(headers: &mut HeaderMap, origin: &HeaderValue) {
    share(headers, origin);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, idempotency-key, x-min-position, x-request-id",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Lets the page of an origin read the answer.
fn share(headers: &mut HeaderMap, origin: &HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    let shown = HeaderValue::from_static("retry-after, x-read-position, x-request-id");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
}

/// The outermost layer.
pub(crate) async fn edge(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = RequestId::of(request.headers().get(REQUEST_ID));
    request.extensions_mut().insert(id.clone());
    let origin = allowed_origin(&request);
    if let Some(origin) = &origin
        && is_preflight(&request)
    {
        let mut response = request.into_response(HttpResponse::NoContent().finish());
        answer_preflight(response.headers_mut(), origin);
        secure(response.headers_mut(), false);
        return Ok(response);
    }
    let response = next.call(request).await?.map_into_boxed_body();
    let failure = failure_of(&response);
    let mut response = match failure {
        Some(envelope) => response.into_response(envelope),
        None => response,
    };
    if let Ok(value) = HeaderValue::from_str(&id.shown) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if let Some(origin) = origin {
        share(response.headers_mut(), &origin);
    }
    let documents = response.request().path().starts_with("/docs");
    secure(response.headers_mut(), documents);
    counter!("http_responses_total", "class" => class_of(response.status())).increment(1);
    Ok(response)
}

/// The envelope of a failure; `None` for an answer that is none.
fn failure_of(response: &ServiceResponse<BoxBody>) -> Option<HttpResponse> {
    let status = response.status();
    if let Some(error) = response.response().error() {
        return Some(match error.as_error::<ApiError>() {
            Some(error) => envelope(response.request(), error),
            None => envelope(response.request(), &of_framework(status)),
        });
    }
    let bare = status.is_client_error() || status.is_server_error();
    bare.then(|| envelope(response.request(), &of_framework(status)))
}

/// What the framework itself refused, by its status.
fn of_framework(status: StatusCode) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => ApiError::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ApiError::MethodNotAllowed(Vec::new()),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge(0),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ApiError::UnsupportedMediaType,
        status if status.is_client_error() => {
            ApiError::Validation(FieldErrors::one("request", "cannot be read"))
        }
        _ => ApiError::Unavailable(Cause::Impossible("the framework failed")),
    }
}

/// An error as a client gets it.
fn envelope(request: &HttpRequest, error: &ApiError) -> HttpResponse {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_else(|| RequestId::of(None));
    error.log_cause(&id.correlation.to_string());
    let now = request
        .app_data::<web::Data<App>>()
        .map_or_else(ledger_ops::clock::Clock::machine_now, |app| app.clock.now());
    let body = json!({
        "success": false,
        "error": { "code": error.code(), "message": error.message(), "details": error.details() },
        "meta": Meta { timestamp: now, request_id: &id.shown, position: None },
    });
    let mut response = HttpResponse::build(error.status());
    if let Some(seconds) = error.retry_after_s() {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    if let ApiError::MethodNotAllowed(methods) = error {
        let names: Vec<&str> = methods.iter().map(actix_web::http::Method::as_str).collect();
        response.insert_header((header::ALLOW, names.join(", ")));
    }
    if matches!(error, ApiError::Unauthenticated) {
        response.insert_header((header::WWW_AUTHENTICATE, "Bearer, ApiKey"));
    }
    response.content_type("application/json").body(body.to_string())
}

/// What no route took: an address with other methods, or nothing at all.
pub(crate) async fn no_route(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let profile = request.app_data::<web::Data<App>>().map(|app| app.profile).unwrap_or_default();
    let methods = routing::methods_of(profile, request.path());
    Err(if methods.is_empty() { ApiError::NotFound } else { ApiError::MethodNotAllowed(methods) })
}

/// Headers that keep a browser from doing more than it should. Swagger UI runs its own scripts; a paper to be printed brings its
/// own style.
fn secure(headers: &mut HeaderMap, documents: bool) {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_paper = kind.is_some_and(|kind| kind.starts_with("text/html"));
    let policy = if documents {
        "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         frame-ancestors 'none'"
    } else if is_paper {
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
        (header::PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=299 => "2xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}
