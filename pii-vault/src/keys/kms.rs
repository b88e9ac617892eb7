//! Keys in a key service over HTTP: the API of HashiCorp Vault and OpenBao, secrets engines `transit` and `kv` version 2.
//!
//! Data keys are wrapped and unwrapped by `transit` under a key of type `aes256-gcm96`, whose versions are the KEKs: they
//! never leave the service. Named secrets are entries of `kv`, each with a field `key` of 64 hexadecimal digits.
//!
//! Why plain HTTP to this machine alone: those services come with an agent (Vault Agent, OpenBao Proxy) that listens on a
//! loopback address, and does TLS, signing in and renewing the token. What goes further than this machine is refused at start.
//!
//! Whatever goes wrong is a [`KeyError`] without a word of the answer, since an answer may hold a key. Each call ends
//! within its patience: members' requests wait for it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method, StatusCode, Url, redirect};
use serde_json::{Value, json};

use super::{KeyError, KeyFuture, KeyProvider, Secret, SecretName, WrappedKey};

/// What `transit` puts before the version and the ciphertext.
const FORM: &str = "vault:v";
/// An answer is a key and a few words; anything longer is not one.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The longest name of a key or a path.
const NAME_BYTES_MAX: usize = 200;

/// Where the key service is, and what of it is ours.
#[derive(Clone)]
pub struct KmsSettings {
    /// Its agent's address on this machine, such as `http://127.0.0.1:8200`.
    pub address: String,
    /// Where `transit` is mounted.
    pub transit_mount: String,
    /// The key in it.
    pub transit_key: String,
    /// Where `kv` is mounted.
    pub secrets_mount: String,
    /// The folder of the named secrets in it.
    pub secrets_path: String,
    /// A token, where the agent adds none of its own.
    pub token: Option<Secret>,
    /// How long a call may take.
    pub patience: Duration,
}

impl fmt::Debug for KmsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsSettings").field("transit_key", &self.transit_key).finish_non_exhaustive()
    }
}

/// A [`KeyProvider`] over a key service.
pub struct KmsKeyProvider {
    http: Client,
    base: Url,
    settings: KmsSettings,
}

impl KmsKeyProvider {
    /// Checks the settings; asks nothing yet.
    ///
    /// # Errors
    /// [`KeyError::Settings`].
    pub fn new(settings: KmsSettings) -> Result<Self, KeyError> {
        let wrong = |what| Err(KeyError::Settings { what });
        let base = Url::parse(&settings.address).ok().filter(is_own_machine);
        let Some(base) = base else {
            return wrong("the key service's address must be http:// with a loopback address and a port");
        };
        let names =
            [&settings.transit_mount, &settings.transit_key, &settings.secrets_mount, &settings.secrets_path];
        if !names.iter().all(|name| is_path(name)) {
            return wrong("names at the key service have letters, digits, - and _, with / between");
        }
        if settings.token.as_ref().is_some_and(|token| !token.expose().iter().all(u8::is_ascii_graphic)) {
            return wrong("the key service's token must be printable ASCII");
        }
        let http = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(settings.patience)
            .timeout(settings.patience)
            .build()
            .map_err(|_| KeyError::Settings { what: "no HTTP client can be made" })?;
        Ok(Self { http, base, settings })
    }

    /// One call; the `data` of its answer.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, KeyError> {
        let url = self.base.join(path).map_err(|_| KeyError::Unintelligible)?;
        let mut request = self.http.request(method, url).header("X-Vault-Request", "true");
        if let Some(token) = &self.settings.token {
            request = request.header("X-Vault-Token", token.expose());
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let mut answer = request.send().await.map_err(|_| KeyError::Unavailable)?;
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(KeyError::Unavailable);
        }
        if !status.is_success() {
            return Err(KeyError::Refused { status: status.as_u16() });
        }
        let mut text = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|_| KeyError::Unavailable)? {
            text.extend_from_slice(&part);
            if text.len() > ANSWER_BYTES_MAX {
                return Err(KeyError::Unintelligible);
            }
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        let mut answer: Value = serde_json::from_slice(&text).map_err(|_| KeyError::Unintelligible)?;
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }

    fn transit(&self, verb: &str) -> String {
        format!("/v1/{}/{verb}/{}", self.settings.transit_mount, self.settings.transit_key)
    }

    /// The id of a version of the key.
    fn kek_id(&self, version: u64) -> String {
        format!("{}:v{version}", self.settings.transit_key)
    }

    async fn wrap_there(&self, plain: &[u8], context: &[u8]) -> Result<WrappedKey, KeyError> {
        let body =
            json!({ "plaintext": STANDARD.encode(plain), "associated_data": STANDARD.encode(context) });
        let data = self.ask(Method::POST, &self.transit("encrypt"), Some(body)).await?;
        let text = data.get("ciphertext").and_then(Value::as_str).ok_or(KeyError::Unintelligible)?;
        let version = version_of(text).ok_or(KeyError::Unintelligible)?;
        Ok(WrappedKey { kek_id: self.kek_id(version), bytes: text.as_bytes().to_vec() })
    }

    async fn unwrap_there(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<Secret, KeyError> {
        let text = std::str::from_utf8(&wrapped.bytes).ok();
        let named = text.and_then(version_of).map(|version| self.kek_id(version));
        // A row of another provider, or moved under another key's name.
        if named.as_deref() != Some(wrapped.kek_id.as_str()) {
            return Err(KeyError::UnknownKek { kek_id: wrapped.kek_id.clone() });
        }
        let body = json!({ "ciphertext": text, "associated_data": STANDARD.encode(context) });
        let data = match self.ask(Method::POST, &self.transit("decrypt"), Some(body)).await {
            // What does not open is answered so; what is not allowed is a 403, a key that is not there a 404.
            Err(KeyError::Refused { status: 400 }) => Err(KeyError::NotOurs),
            other => other,
        }?;
        let plain = data.get("plaintext").and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
        plain.map(Secret::new).ok_or(KeyError::Unintelligible)
    }

    async fn newest(&self) -> Result<String, KeyError> {
        Ok(self.kek_id(self.newest_version().await?))
    }

    async fn newest_version(&self) -> Result<u64, KeyError> {
        let data = self.ask(Method::GET, &self.transit("keys"), None).await?;
        data.get("latest_version").and_then(Value::as_u64).ok_or(KeyError::Unintelligible)
    }

    async fn is_older(&self, kek_id: &str) -> Result<bool, KeyError> {
        let version = kek_id
            .strip_prefix(self.settings.transit_key.as_str())
            .and_then(|rest| rest.strip_prefix(":v"))
            .and_then(|version| version.parse::<u64>().ok())
            // Its only name, without zeros before it.
            .filter(|version| self.kek_id(*version) == kek_id);
        let newest = self.newest_version().await?;
        Ok(version.is_some_and(|version| version > 0 && version < newest))
    }

    async fn rotate(&self) -> Result<String, KeyError> {
        let path = format!("{}/rotate", self.transit("keys"));
        self.ask(Method::POST, &path, Some(json!({}))).await?;
        self.newest().await
    }

    async fn secret_there(&self, name: SecretName) -> Result<Secret, KeyError> {
        let KmsSettings { secrets_mount, secrets_path, .. } = &self.settings;
        let path = format!("/v1/{secrets_mount}/data/{secrets_path}/{}", name.as_str());
        let data = self.ask(Method::GET, &path, None).await?;
        let text = data.pointer("/data/key").and_then(Value::as_str).ok_or(KeyError::Unintelligible)?;
        let mut key = [0_u8; 32];
        hex::decode_to_slice(text, &mut key).map_err(|_| KeyError::Unintelligible)?;
        Ok(Secret::new(key.to_vec()))
    }
}

impl KeyProvider for KmsKeyProvider {
    fn wrap<'a>(&'a self, plain: &'a [u8], context: &'a [u8]) -> KeyFuture<'a, WrappedKey> {
        Box::pin(self.wrap_there(plain, context))
    }

    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a [u8]) -> KeyFuture<'a, Secret> {
        Box::pin(self.unwrap_there(wrapped, context))
    }

    fn current_kek(&self) -> KeyFuture<'_, String> {
        Box::pin(self.newest())
    }

    fn create_kek(&self) -> KeyFuture<'_, String> {
        Box::pin(self.rotate())
    }

    fn is_older_kek<'a>(&'a self, kek_id: &'a str) -> KeyFuture<'a, bool> {
        Box::pin(self.is_older(kek_id))
    }

    fn secret(&self, name: SecretName) -> KeyFuture<'_, Secret> {
        Box::pin(self.secret_there(name))
    }
}

/// `http://` and an address of this machine, nothing else in it.
fn is_own_machine(url: &Url) -> bool {
    let host = url.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']'));
    let is_loopback = host.and_then(|host| host.parse::<IpAddr>().ok()).is_some_and(|ip| ip.is_loopback());
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    url.scheme() == "http" && is_loopback && is_bare && url.username().is_empty() && url.password().is_none()
}

fn is_path(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= NAME_BYTES_MAX && name.split('/').all(is_part)
}

/// The version of the key that made a ciphertext.
fn version_of(ciphertext: &str) -> Option<u64> {
    let (version, rest) = ciphertext.strip_prefix(FORM)?.split_once(':')?;
    version.parse().ok().filter(|version| *version > 0 && !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(address: &str, key: &str) -> KmsSettings {
        KmsSettings {
            address: address.to_owned(),
            transit_mount: "transit".to_owned(),
            transit_key: key.to_owned(),
            secrets_mount: "secret".to_owned(),
            secrets_path: "own-circle/vault".to_owned(),
            token: None,
            patience: Duration::from_secs(1),
        }
    }

    #[test]
    fn keys_go_no_further_than_this_machine() {
        for right in ["http://127.0.0.1:8200", "http://[::1]:8200/"] {
            assert!(KmsKeyProvider::new(settings(right, "own-circle")).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "127.0.0.1:8200",
            "https://127.0.0.1:8200",
            "http://vault.example.org:8200",
            "http://10.0.0.1:8200",
            "http://localhost:8200",
            "http://127.0.0.1:8200/v1",
            "http://someone@127.0.0.1:8200",
        ] {
            assert!(KmsKeyProvider::new(settings(wrong, "own-circle")).is_err(), "{wrong}");
        }
        for wrong in ["", "a//b", "../sys", "a b", "a?b"] {
            let made = KmsKeyProvider::new(settings("http://127.0.0.1:8200", wrong));
            assert!(matches!(made, Err(KeyError::Settings { .. })), "{wrong}");
        }
    }

    #[test]
    fn the_version_stands_before_the_ciphertext() {
        assert_eq!(version_of("vault:v12:abc="), Some(12));
        for wrong in ["", "vault:v0:abc", "vault:v1:", "vault:vx:abc", "v1:abc", "vault:v1"] {
            assert_eq!(version_of(wrong), None, "{wrong}");
        }
    }
}
