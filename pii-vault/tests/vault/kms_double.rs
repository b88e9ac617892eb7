//! A key service as far as the vault asks one: `transit` with versions of one key, `kv` with the named secrets. It wraps for
//! real, and can be made to refuse, to be slow, and to answer nonsense.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pii_vault::keys::{KmsKeyProvider, KmsSettings, Secret};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "test-token";

/// What it does with every call.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Mood {
    Works,
    Answers(u16),
    Babbles(&'static str),
    Sleeps(Duration),
}

struct State {
    versions: Vec<[u8; 32]>,
    mood: Mood,
    secrets: HashMap<String, String>,
}

/// It stops with the last handle.
pub(crate) struct KeyService {
    state: Arc<Mutex<State>>,
    pub(crate) address: String,
    server: actix_web::dev::ServerHandle,
}

impl KeyService {
    pub(crate) fn start() -> Self {
        let secrets = ["blind-index", "code-mac", "code-seal"];
        let secrets = secrets.map(|name| (name.to_owned(), hex::encode([name.len().to_le_bytes()[0]; 32])));
        let state = State { versions: vec![[1; 32]], mood: Mood::Works, secrets: HashMap::from(secrets) };
        let state = Arc::new(Mutex::new(state));
        let shared = web::Data::from(Arc::clone(&state));
        let server =
            HttpServer::new(move || App::new().app_data(shared.clone()).default_service(web::to(answer)));
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { state, address, server: handle }
    }

    pub(crate) fn mood(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    pub(crate) fn forget_version(&self, version: usize) {
        self.state.lock().unwrap().versions[version - 1] = [0; 32];
    }

    pub(crate) async fn stop(&self) {
        // A worker may outlive its server's last word by a moment: what it still hears it never answers.
        self.mood(Mood::Sleeps(Duration::from_secs(3_600)));
        self.server.stop(false).await;
    }

    pub(crate) fn settings(&self) -> KmsSettings {
        KmsSettings {
            address: self.address.clone(),
            transit_mount: "transit".to_owned(),
            transit_key: "own-circle".to_owned(),
            secrets_mount: "secret".to_owned(),
            secrets_path: "own-circle/vault".to_owned(),
            token: Some(Secret::new(TOKEN.as_bytes().to_vec())),
            patience: Duration::from_millis(500),
        }
    }

    pub(crate) fn provider(&self) -> KmsKeyProvider {
        KmsKeyProvider::new(self.settings()).unwrap()
    }
}

async fn answer(http: HttpRequest, body: web::Bytes, state: web::Data<Mutex<State>>) -> HttpResponse {
    let mood = state.lock().unwrap().mood.clone();
    match mood {
        Mood::Works => {}
        Mood::Answers(status) => {
            let status = actix_web::http::StatusCode::from_u16(status).unwrap();
            return HttpResponse::build(status).json(json!({"errors": ["as it was told"]}));
        }
        Mood::Babbles(text) => return HttpResponse::Ok().content_type("application/json").body(text),
        Mood::Sleeps(time) => tokio::time::sleep(time).await,
    }
    if http.headers().get("X-Vault-Token").is_none_or(|token| token != TOKEN) {
        return HttpResponse::Forbidden().json(json!({"errors": ["permission denied"]}));
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut state = state.lock().unwrap();
    let data = match (http.method().as_str(), http.path()) {
        ("POST", "/v1/transit/encrypt/own-circle") => state.encrypt(&body),
        ("POST", "/v1/transit/decrypt/own-circle") => state.decrypt(&body),
        ("GET", "/v1/transit/keys/own-circle") => Some(json!({"latest_version": state.versions.len()})),
        ("POST", "/v1/transit/keys/own-circle/rotate") => {
            let next = u8::try_from(state.versions.len() + 1).unwrap();
            state.versions.push([next; 32]);
            return HttpResponse::NoContent().finish();
        }
        ("GET", path) => match path.strip_prefix("/v1/secret/data/own-circle/vault/") {
            Some(name) => state.secrets.get(name).map(|key| json!({"data": {"key": key}})),
            None => return HttpResponse::NotFound().json(json!({"errors": []})),
        },
        _ => return HttpResponse::NotFound().json(json!({"errors": []})),
    };
    match data {
        Some(data) => HttpResponse::Ok().json(json!({"data": data})),
        None => HttpResponse::BadRequest().json(json!({"errors": ["invalid ciphertext"]})),
    }
}

fn decoded(body: &Value, field: &str) -> Option<Vec<u8>> {
    STANDARD.decode(body[field].as_str()?).ok()
}

impl State {
    fn encrypt(&self, body: &Value) -> Option<Value> {
        let (mut plain, bound) = (decoded(body, "plaintext")?, decoded(body, "associated_data")?);
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.versions.last()?).ok()?;
        let nonce = key.seal_in_place_append_tag(Aad::from(&bound), &mut plain).ok()?;
        let whole = [nonce.as_ref().as_slice(), &plain].concat();
        Some(json!({"ciphertext": format!("vault:v{}:{}", self.versions.len(), STANDARD.encode(whole))}))
    }

    fn decrypt(&self, body: &Value) -> Option<Value> {
        let bound = decoded(body, "associated_data")?;
        let (version, text) = body["ciphertext"].as_str()?.strip_prefix("vault:v")?.split_once(':')?;
        let key = self.versions.get(version.parse::<usize>().ok()?.checked_sub(1)?)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
        let whole = STANDARD.decode(text).ok()?;
        let (nonce, sealed) = whole.split_at_checked(12)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = key.open_in_place(nonce, Aad::from(&bound), &mut sealed).ok()?;
        Some(json!({"plaintext": STANDARD.encode(plain)}))
    }
}
