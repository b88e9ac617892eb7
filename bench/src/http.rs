//! One keep-alive HTTP/1.1 connection.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::error::BenchError;

/// A connection to ledger-api with a credential.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    credential: String,
}

impl Connection {
    /// Connects to `base` (`http://host:port`) with an `Authorization` header.
    pub(crate) async fn open(base: &str, credential: &str) -> Result<Self, BenchError> {
        let authority = base.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // The sender sees the same error.
            let _ended = connection.await;
        });
        Ok(Self { sender, authority, credential: credential.to_owned() })
    }

    /// Sends a request; the status and the body.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(u16, Bytes), BenchError> {
        self.sender.ready().await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.authority)
            .header("authorization", &self.credential)
            .header("content-type", "application/json")
            .header("idempotency-key", uuid::Uuid::now_v7().to_string())
            .body(Full::new(Bytes::from(body)))?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// Sends a request that must succeed; its `data`.
    pub(crate) async fn must(
        &mut self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, BenchError> {
        let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        let (status, answer) = self.send(method, path, bytes).await?;
        if !(200..300).contains(&status) {
            return Err(refused(path, status, &answer));
        }
        let answer: Value = serde_json::from_slice(&answer)?;
        Ok(answer.get("data").cloned().unwrap_or(Value::Null))
    }
}

/// The error of an answer that should not be.
pub(crate) fn refused(path: &str, status: u16, body: &Bytes) -> BenchError {
    let text = String::from_utf8_lossy(body);
    BenchError::Answer { call: path.to_owned(), status, body: text.chars().take(300).collect() }
}
