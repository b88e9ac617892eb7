//! One call: what came with it, who makes it, and how it is answered.
//!
//! [`guarded`] stands between the route and its handler: the credential and the role are checked there, before a byte of
//! the body is read, and a panic of a handler becomes a 503 without detail.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, Bytes, Payload};
use actix_web::{Handler, HttpMessage, HttpRequest, HttpResponse};
use futures::FutureExt;
use ledger_core::ids::{CorrelationId, MemberId};
use ledger_core::log::Position;
use ledger_core::time::Timestamp;
use ledger_store::Idempotency;
use metrics::histogram;
use pii_vault::access::{Access as VaultAccess, Accessor, Purpose};
use pii_vault::auth::By;
use pii_vault::index::network_of;
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Caller, authenticate};
use crate::body;
use crate::dto::{NoFields, document};
use crate::json::Fields;
use crate::natural_key::fingerprint;
use crate::operations::{Access, Operation};
use crate::problem::{ApiError, Cause};

/// What a handler gives.
pub(crate) type Answer = Result<HttpResponse, ApiError>;

/// What names a request: as the client wants it named, and as the log does.
#[derive(Debug, Clone)]
pub(crate) struct RequestId {
    /// Echoed to the client; may be anything she chose, so it goes nowhere else.
    pub(crate) shown: Rc<str>,
    /// On the log and in log lines; made here, since a UUID of the client's choice has room for a phone.
    pub(crate) correlation: Uuid,
}

/// The longest request id that is echoed.
const REQUEST_ID_BYTES_MAX: usize = 64;

impl RequestId {
    /// Shows the client's own if it is printable and short, else the fresh one.
    pub(crate) fn of(value: Option<&HeaderValue>) -> Self {
        let own = value.and_then(|value| value.to_str().ok()).filter(|text| is_short_printable(text));
        let correlation = Uuid::now_v7();
        Self { shown: own.map_or_else(|| correlation.to_string().into(), Into::into), correlation }
    }
}

fn is_short_printable(text: &str) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// One call.
pub(crate) struct Call {
    pub(crate) app: web::Data<App>,
    pub(crate) http: HttpRequest,
    pub(crate) operation: Operation,
    caller: Option<Caller>,
    request_id: RequestId,
}

/// A handler behind the check of its credential.
pub(crate) fn guarded<F, Fut>(
    operation: Operation,
    handler: F,
) -> impl Handler<(HttpRequest, Payload), Output = Answer, Future: 'static>
where
    F: Fn(Call, Payload) -> Fut + Clone + 'static,
    Fut: Future<Output = Answer> + 'static,
{
    move |http: HttpRequest, payload: Payload| {
        let handler = handler.clone();
        async move {
            let started = Instant::now();
            let run = async {
                match Call::open(http, operation) {
                    Ok(call) => {
                        let (app, by) = (call.app.clone(), call.by());
                        let answer = handler(call, payload).await;
                        answer.inspect_err(|error| app.security.record(error, operation, by))
                    }
                    Err(refusal) => {
                        body::pass_over(payload).await;
                        Err(refusal)
                    }
                }
            };
            let panicked = || Err(ApiError::Unavailable(Cause::Impossible("a handler panicked")));
            let answer = AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_| panicked());
            histogram!("http_request_seconds", "operation" => operation.name()).record(started.elapsed());
            answer
        }
    }
}

fn by(app: &App, caller: Option<Caller>, request_id: &RequestId) -> By {
    By {
        actor: caller.map(|caller| caller.credential),
        request_id: Some(request_id.correlation),
        at: app.clock.now().to_utc(),
    }
}

impl Call {
    fn open(http: HttpRequest, operation: Operation) -> Result<Self, ApiError> {
        let app = http.app_data::<web::Data<App>>();
        let app = app.ok_or(ApiError::Unavailable(Cause::Impossible("no state")))?.clone();
        let known = http.extensions().get::<RequestId>().cloned();
        let request_id = known.unwrap_or_else(|| RequestId::of(None));
        let caller = match operation.access() {
            Access::Open => None,
            Access::Needs(permission) => {
                let caller = authenticate(&app, &http)?;
                app.credential_limits.take(Some(caller.credential))?;
                if !caller.may(permission) {
                    let by = by(&app, Some(caller), &request_id);
                    app.security.record(&ApiError::Forbidden, operation, by);
                    return Err(ApiError::Forbidden);
                }
                Some(caller)
            }
        };
        Ok(Self { app, http, operation, caller, request_id })
    }

    /// Who calls; only a call that is open to anybody has nobody.
    pub(crate) fn caller(&self) -> Result<Caller, ApiError> {
        self.caller.ok_or(ApiError::Unauthenticated)
    }

    /// Records a refusal of a part of this call that may be an attempt; the whole call's is recorded by [`guarded`].
    pub(crate) fn watch(&self, error: &ApiError) {
        self.app.security.record(error, self.operation, self.by());
    }

    /// Who calls, for the log of what concerns security.
    pub(crate) fn by(&self) -> By {
        by(&self.app, self.caller, &self.request_id)
    }

    /// The member who calls on her own account: the one that stands for it, if two accounts of hers are one.
    pub(crate) fn member(&self) -> Result<MemberId, ApiError> {
        Ok(self.survivor(self.account()?))
    }

    /// The account that a member signed in by, whichever stands for it.
    pub(crate) fn account(&self) -> Result<MemberId, ApiError> {
        Ok(MemberId::from_uuid(self.caller()?.credential))
    }

    /// The account that stands for this one. What is executed is forwarded by the ledger itself; a fingerprint is over what
    /// was named, so that a repeat stays one whatever became of the account.
    pub(crate) fn survivor(&self, member: MemberId) -> MemberId {
        self.app.ledger.registry().accounts.survivor(member)
    }

    /// The accounts that are one with a member's, and hers.
    pub(crate) fn accounts(&self, member: MemberId) -> Vec<MemberId> {
        self.app.ledger.registry().accounts.one_with(member)
    }

    /// The installation's time.
    pub(crate) fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    /// What everything this request leads to shares on the log.
    pub(crate) fn correlation_id(&self) -> CorrelationId {
        CorrelationId::from_uuid(self.request_id.correlation)
    }

    /// The client's address, as the connection says it: headers about it are ignored.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.http.peer_addr().map(|address| address.ip())
    }

    /// What of it is limited: whoever has one address of a network of IPv6 has them all.
    pub(crate) fn network(&self) -> Option<IpAddr> {
        self.address().map(network_of)
    }

    /// An access to the vault on the caller's behalf.
    pub(crate) fn vault_access(&self, by: Accessor, purpose: Purpose) -> VaultAccess {
        VaultAccess { by, purpose, request_id: self.vault_request(), at: self.now().to_utc() }
    }

    /// The request as the vault's access log names it.
    pub(crate) fn vault_request(&self) -> Option<Uuid> {
        Some(self.request_id.correlation)
    }

    /// The body, whole.
    pub(crate) async fn body(&self, payload: Payload, limit: body::Limit) -> Result<Bytes, ApiError> {
        body::read(&self.http, payload, limit).await
    }

    /// A body that says nothing: `{}`, or none at all.
    pub(crate) async fn no_fields(&self, payload: Payload) -> Result<(), ApiError> {
        let NoFields {} = self.perhaps(payload, |_| Some(NoFields {})).await?;
        Ok(())
    }

    /// A body that may say something, or none at all.
    pub(crate) async fn perhaps<T: Default>(
        &self,
        payload: Payload,
        read: impl for<'a> FnOnce(&mut Fields<'a, '_>) -> Option<T>,
    ) -> Result<T, ApiError> {
        let headers = self.http.headers();
        let is_there = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
        if is_there
            || headers.contains_key(header::CONTENT_TYPE)
            || headers.contains_key(header::TRANSFER_ENCODING)
        {
            let body = self.body(payload, body::Limit::Document).await?;
            return document(&body, read);
        }
        Ok(T::default())
    }

    /// A part of the address.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.http.match_info().get(name).unwrap_or_default()
    }

    /// A UUID in the address.
    pub(crate) fn path_uuid(&self, name: &'static str) -> Result<Uuid, ApiError> {
        crate::json::read_uuid(self.path(name)).ok_or_else(|| ApiError::field(name, "must be a UUID"))
    }

    /// The key of a request that needs the header; checked before the body is read.
    pub(crate) fn idempotency_key(&self) -> Result<[u8; 32], ApiError> {
        self.key_about(None, self.idempotency_header()?)
    }

    /// The key of a request about one business or member, however the address names it: the same header may serve two.
    pub(crate) fn idempotency_key_about(&self, about: Uuid, header: &str) -> Result<[u8; 32], ApiError> {
        self.key_about(Some(about), header)
    }

    /// What makes a request about one thing this one: which it is, and what its body says besides, if that counts.
    pub(crate) fn idempotency_about(
        &self,
        about: Uuid,
        header: &str,
        said: Option<&[u8]>,
    ) -> Result<Idempotency, ApiError> {
        let key = self.idempotency_key_about(about, header)?;
        let parts: Vec<&[u8]> = std::iter::once(about.as_bytes().as_slice()).chain(said).collect();
        Ok(Idempotency { key, revision: 1, fingerprint: fingerprint(&parts) })
    }

    fn key_about(&self, about: Option<Uuid>, header: &str) -> Result<[u8; 32], ApiError> {
        Ok(self.app.keyed.request(self.caller()?.owner(), self.operation.name(), about, header))
    }

    /// The header of a request that needs it.
    pub(crate) fn idempotency_header(&self) -> Result<&str, ApiError> {
        let mut values = self.http.headers().get_all("Idempotency-Key");
        let wrong = |message| Err(ApiError::field("Idempotency-Key", message));
        let value = match (values.next(), values.next()) {
            (None, _) => return wrong("this header is required"),
            (Some(_), Some(_)) => return wrong("this header must be given once"),
            (Some(value), None) => value,
        };
        match value.to_str() {
            Ok(text) if is_short_printable(text) => Ok(text),
            _ => wrong("must have 1 to 64 printable ASCII characters"),
        }
    }

    /// A key that no other request has, for a call that may be repeated as it is.
    pub(crate) fn fresh_key() -> Idempotency {
        let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
        let mut key = [0; 32];
        for (byte, random) in key.iter_mut().zip(one.as_bytes().iter().chain(other.as_bytes())) {
            *byte = *random;
        }
        Idempotency { key, revision: 1, fingerprint: [0; 32] }
    }

    /// An answer in the envelope of success.
    pub(crate) fn answer(
        &self,
        status: StatusCode,
        data: &impl Serialize,
        position: Option<Position>,
    ) -> Answer {
        let envelope = Envelope {
            success: true,
            data,
            meta: Meta { timestamp: self.now(), request_id: &self.request_id.shown, position },
        };
        let body = serde_json::to_vec(&envelope)
            .map_err(|_| ApiError::Unavailable(Cause::Impossible("an answer cannot be written")))?;
        Ok(HttpResponse::build(status).content_type("application/json").body(body))
    }

    /// 200.
    pub(crate) fn ok(&self, data: &impl Serialize) -> Answer {
        self.answer(StatusCode::OK, data, None)
    }

    /// An answer to a GET, with the position its data is of. Design J7.
    pub(crate) fn read(&self, data: &impl Serialize, position: Position) -> Answer {
        let mut answer = self.answer(StatusCode::OK, data, None)?;
        answer
            .headers_mut()
            .insert(header::HeaderName::from_static("x-read-position"), HeaderValue::from(position));
        Ok(answer)
    }
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    success: bool,
    data: &'a T,
    meta: Meta<'a>,
}

/// What stands beside data and errors alike.
#[derive(Serialize)]
pub(crate) struct Meta<'a> {
    pub(crate) timestamp: Timestamp,
    pub(crate) request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<Position>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_echoed_when_it_is_short_and_printable() {
        let of = |text: &'static str| RequestId::of(Some(&HeaderValue::from_static(text)));
        assert_eq!(&*of("order 7").shown, "order 7");
        let own = of("00000000-0000-4000-8000-079217403865");
        assert_eq!(&*own.shown, "00000000-0000-4000-8000-079217403865");
        assert_ne!(own.correlation.to_string(), &*own.shown, "what a client chooses stays off the log");
        for wrong in ["", "x\ty", "12345678901234567890123456789012345678901234567890123456789012345"] {
            let made = of(wrong);
            assert_eq!(made.shown.as_ref(), made.correlation.to_string(), "{wrong:?}");
        }
    }
}
