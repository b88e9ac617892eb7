//! The service without any server behind it: who may call what, and what every wrong request gets.

use std::num::NonZeroU32;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App as Service, web};
use futures::future::BoxFuture;
use ledger_core::business::event::{BusinessEvent, BusinessRegistered, Terms};
use ledger_core::category::{Category, Confidentiality};
use ledger_core::context::Registry;
use ledger_core::ids::{BusinessId, MemberId, PurchaseId};
use ledger_core::log::Position;
use ledger_core::member::status::Status;
use ledger_core::member::{MemberOutcome, PurchaseOutcome};
use ledger_core::money::Bonuses;
use ledger_core::time::Timestamp;
use ledger_ops::clock::Clock;
use ledger_ops::settings::Profile;
use ledger_store::{ExecuteError, Outcome, Receipt, Repeat, Request};
use pii_vault::Vault;
use pii_vault::keys::{FileKeyProvider, MissingKeys};
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::app::{App, Commands};
use crate::auth::{Caller, EndedSessions, KeyRing, Role, Scopes, TokenKeys, Tokens};
use crate::call::{Answer, Call, guarded};
use crate::edge::{Origins, edge, no_route};
use crate::limits::{AddressLimits, AudienceLimits, CredentialLimits};
use crate::natural_key::Keyed;
use crate::operations::{Access, Exists, Operation};
use crate::read::sealed::Sealed;
use crate::security::Recorder;
use crate::shown_once::ShownOnce;

mod attacks;
mod bodies;
mod contract;
mod edges;
mod rights;
mod simulation;
mod wire;

/// Records every purchase. Its registry has businesses 1, ordinary, 2, medical, and 3, ordinary, after a refresh.
struct Recording {
    registry: RwLock<Arc<Registry>>,
}

impl Commands for Recording {
    fn execute(&self, _: Request) -> BoxFuture<'_, Result<Receipt, ExecuteError>> {
        let outcome = PurchaseOutcome::Recorded {
            amended: false,
            purchase_id: PurchaseId::from_uuid(Uuid::from_u128(5)),
            bonuses_earned: Bonuses::from_kopecks(22_500),
            bonuses_available_from: Timestamp::BEGINNING,
            bonuses_expire_at: Timestamp::BEGINNING,
            bonuses_redeemed: Bonuses::ZERO,
            coupon: None,
            status: Status::Insider,
        };
        let outcome = Outcome::Member(MemberOutcome::Purchase(outcome));
        Box::pin(async { Ok(Receipt { outcome, position: Some(9), as_of: 9, repeat: Repeat::First }) })
    }

    fn refresh(&self) -> BoxFuture<'_, ()> {
        *self.registry.write().expect("no panic") = Arc::new(registry(&["mindal", "clinic", "newcomer"]));
        Box::pin(async {})
    }

    fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().expect("no panic"))
    }

    fn head(&self) -> Position {
        9
    }
}

const ROLES: [(&str, Role); 11] = [
    ("member", Role::Member),
    ("business", Role::Business),
    ("clinic", Role::Business),
    ("business_owner", Role::BusinessOwner),
    ("business_manager", Role::BusinessManager),
    ("business_staff", Role::BusinessStaff),
    ("support", Role::Support),
    ("analyst", Role::Analyst),
    ("admin", Role::Admin),
    ("superadmin", Role::Superadmin),
    ("auditor", Role::Auditor),
];

fn registry(slugs: &[&str]) -> Registry {
    let mut registry = Registry::default();
    for (id, slug) in (1..).zip(slugs) {
        let event = BusinessEvent::BusinessRegistered(BusinessRegistered {
            business_id: BusinessId::from_uuid(Uuid::from_u128(id)),
            slug: slug.parse().expect("a slug"),
            name: (*slug).to_owned(),
            category: Category::Medicine,
            confidentiality: match *slug {
                "clinic" => Confidentiality::Medical,
                _ => Confidentiality::Ordinary,
            },
            terms: Terms::default(),
        });
        registry.businesses.apply(&event).expect("a registration");
    }
    registry
}

async fn state(profile: Profile) -> App {
    // Nobody listens there: what reaches a database answers 503.
    let lazy = || {
        let options = PgPoolOptions::new().acquire_timeout(Duration::from_millis(20));
        options.connect_lazy("postgres://nobody:nothing@127.0.0.1:1/none").expect("an address")
    };
    let folder = std::env::temp_dir().join(format!("ledger-api-test-{}", Uuid::new_v4()));
    let keys = FileKeyProvider::open(&folder, MissingKeys::Create).expect("keys");
    let vault = Vault::open(lazy(), Arc::new(keys)).await.expect("a vault");
    std::fs::remove_dir_all(&folder).expect("removed");
    let mut ring = KeyRing::new();
    for (key, role) in ROLES {
        let business = (role == Role::Business || role.is_of_business()).then_some(match key {
            "clinic" => 2,
            _ => 1,
        });
        let business = business.map(|id| BusinessId::from_uuid(Uuid::from_u128(id)));
        let session = (role != Role::Business).then_some(Uuid::from_u128(78));
        let credential = Uuid::from_u128(77);
        ring = ring.with(key, Caller { role, credential, business, session, scopes: Scopes::ALL });
    }
    App {
        profile,
        clock: Clock::default(),
        ledger: Box::new(Recording { registry: RwLock::new(Arc::new(registry(&["mindal", "clinic"]))) }),
        log_pool: lazy(),
        sealed: Sealed::new(Vec::new()),
        read_pool: lazy(),
        clickhouse: None,
        vault,
        keys: Arc::new(ring),
        tokens: Arc::new(Tokens::new(TokenKeys::new(&[]).expect("no keys"), Default::default())),
        gone: Arc::default(),
        operator: None,
        ended: Arc::new(EndedSessions::new(900)),
        security: Recorder::new().0,
        origins: Origins::new(&["https://app.example.org".to_owned()]),
        keyed: Keyed::new(&[3; 32]),
        limits: AddressLimits::new(profile),
        credential_limits: CredentialLimits::new(profile, NonZeroU32::MAX),
        audience_limits: AudienceLimits::new(profile),
        shown_once: ShownOnce::new(),
        read_wait: Duration::from_millis(50),
        import_in_flight: 8,
        simulating: Arc::new(Semaphore::new(1)),
        counting: Semaphore::new(crate::read::offers::AT_ONCE),
        partitions: 12,
        projections: &[],
        metrics: None,
    }
}

async fn ask(profile: Profile, requests: Vec<TestRequest>) -> Vec<(ServiceResponse, Value)> {
    let service = Service::new()
        .app_data(web::Data::new(state(profile).await))
        .wrap(from_fn(edge))
        .configure(crate::routing::configure(profile))
        .default_service(web::to(no_route));
    let service = init_service(service).await;
    let mut answers = Vec::new();
    for request in requests {
        let (request, response) = service.call(request.to_request()).await.expect("an answer").into_parts();
        let (response, body) = response.into_parts();
        let body = to_bytes(body).await.expect("a body");
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        answers.push((
            ServiceResponse::new(request, response.map_body(|_, ()| actix_web::body::BoxBody::new(()))),
            json,
        ));
    }
    answers
}

fn call(operation: Operation) -> TestRequest {
    let is_business = operation.path().contains("/businesses/{id}");
    let id = if is_business { "mindal".to_owned() } else { Uuid::nil().to_string() };
    let path = operation.path().replace("members/{id}", "members/018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10");
    let nil = Uuid::nil().to_string();
    let path = path.replace("{purpose}", "marketing").replace("{id}", &id);
    let path = path.replace("{key_id}", &nil).replace("{staff_id}", &nil);
    TestRequest::with_uri(&path).method(operation.method())
}

fn purchase(key: &str, body: impl Into<web::Bytes>) -> TestRequest {
    let request = call(Operation::RecordPurchase).insert_header((AUTHORIZATION, format!("ApiKey {key}")));
    request.insert_header((CONTENT_TYPE, "application/json")).set_payload(body)
}

fn document() -> Value {
    let member = MemberId::from_uuid(Uuid::from_u128(4)).to_string();
    json!({
        "external_id": "r1", "member": { "member_id": member }, "amount": "3000.00",
        "occurred_at": "2026-03-02T10:00:00+03:00",
    })
}

#[actix_web::test]
async fn dev_calls_exist_in_dev_alone() {
    let dev: Vec<_> =
        Operation::ALL.iter().filter(|operation| operation.exists() == Exists::DevOnly).collect();
    assert_eq!(dev.len(), 3);
    for (response, body) in
        ask(Profile::Production, dev.iter().map(|operation| call(**operation)).collect()).await
    {
        assert_eq!((response.status().as_u16(), &body["error"]["code"]), (404, &json!("NOT_FOUND")));
    }
}

#[actix_web::test]
async fn addresses_and_methods_nobody_knows_are_told_apart() {
    let requests = vec![
        TestRequest::get().uri("/api/v1/nothing").insert_header(("X-Request-Id", "mine")),
        TestRequest::delete().uri("/api/v1/admin/businesses/mindal"),
        TestRequest::get().uri("/api/v1/../../etc/passwd"),
    ];
    let answers = ask(Profile::Production, requests).await;
    let statuses: Vec<u16> = answers.iter().map(|(response, _)| response.status().as_u16()).collect();
    assert_eq!(statuses, [404, 405, 404]);
    let (first, body) = answers.first().expect("an answer");
    assert_eq!(body["meta"]["request_id"], "mine");
    assert_eq!(first.headers().get("x-request-id").expect("echoed"), "mine");
    let allowed = answers.get(1).and_then(|(response, _)| response.headers().get(ALLOW)).expect("Allow");
    assert_eq!(allowed, "GET, PATCH");
}

#[actix_web::test]
async fn a_purchase_is_recorded_and_everything_else_is_refused_without_its_value() {
    let with = |name: &str, value: Value| {
        let mut document = document();
        document[name] = value;
        document.to_string()
    };
    let cases = [
        ("business", document().to_string(), 201, ""),
        ("business", with("description", json!("маникюр")), 201, ""),
        ("business", with("business_id", json!("mindal")), 403, "FORBIDDEN"),
        ("business", with("secret", json!("SECRET")), 400, "VALIDATION_ERROR"),
        ("business", with("amount", json!("SECRET")), 400, "VALIDATION_ERROR"),
        ("business", with("amount", json!(null)), 400, "VALIDATION_ERROR"),
        ("business", with("external_id", json!("")), 400, "VALIDATION_ERROR"),
        ("business", with("external_id", json!("x".repeat(129))), 400, "VALIDATION_ERROR"),
        ("business", with("occurred_at", json!("2026-03-02T10:00:00")), 400, "VALIDATION_ERROR"),
        ("business", with("revision", json!(0)), 400, "VALIDATION_ERROR"),
        ("business", with("member", json!({})), 400, "VALIDATION_ERROR"),
        ("business", with("member", json!({ "phone": "SECRET" })), 400, "VALIDATION_ERROR"),
        ("business", "{\"amount\": 1, \"amount\": 2}".to_owned(), 400, "VALIDATION_ERROR"),
        ("business", "x".repeat(70_000), 413, "PAYLOAD_TOO_LARGE"),
        ("clinic", document().to_string(), 201, ""),
        ("clinic", with("description", json!("SECRET")), 422, "FIELD_NOT_ALLOWED"),
        ("clinic", with("SECRET", json!("SECRET")), 422, "FIELD_NOT_ALLOWED"),
        ("clinic", with("member", json!({ "name": "SECRET" })), 422, "FIELD_NOT_ALLOWED"),
        ("admin", document().to_string(), 400, "VALIDATION_ERROR"),
        ("admin", with("business_id", json!("nowhere")), 422, "BUSINESS_NOT_FOUND"),
        ("admin", with("business_id", json!("mindal")), 201, ""),
    ];
    let requests = cases.iter().map(|(key, body, ..)| purchase(key, body.clone())).collect();
    let answers = ask(Profile::Production, requests).await;
    for ((key, body, status, code), (response, answer)) in cases.iter().zip(&answers) {
        let found = (response.status().as_u16(), answer["error"]["code"].as_str().unwrap_or_default());
        assert_eq!(found, (*status, *code), "{key} {:.80}: {answer}", body);
        assert!(!answer.to_string().contains("SECRET"), "{answer}");
    }
    let (_, first) = answers.first().expect("an answer");
    assert_eq!(first["data"]["bonuses_earned"], "225.00");
    assert_eq!(first["meta"]["position"], 9);
}

#[actix_web::test]
async fn a_handler_that_panics_answers_503_without_detail() {
    async fn panics(_: Call, _: web::Payload) -> Answer {
        panic!("SECRET")
    }
    let service = Service::new()
        .app_data(web::Data::new(state(Profile::Production).await))
        .wrap(from_fn(edge))
        .route("/panics", web::get().to(guarded(Operation::Live, panics)));
    let service = init_service(service).await;
    let response = service.call(TestRequest::get().uri("/panics").to_request()).await.expect("an answer");
    assert_eq!(response.status().as_u16(), 503);
    let body = to_bytes(response.into_body()).await.expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("json");
    assert_eq!(body["error"]["code"], "UNAVAILABLE");
    assert!(!body.to_string().contains("SECRET"));
}

#[actix_web::test]
async fn bodies_of_another_type_or_packed_are_refused() {
    let packed = purchase("business", document().to_string()).insert_header(("Content-Encoding", "gzip"));
    let text = purchase("business", document().to_string()).insert_header((CONTENT_TYPE, "text/plain"));
    let latin = purchase("business", "{}").insert_header((CONTENT_TYPE, "application/json; charset=latin1"));
    for (response, body) in ask(Profile::Production, vec![packed, text, latin]).await {
        assert_eq!(
            (response.status().as_u16(), &body["error"]["code"]),
            (415, &json!("UNSUPPORTED_MEDIA_TYPE"))
        );
    }
}

#[actix_web::test]
async fn a_database_that_is_away_is_a_503_with_a_time_to_come_again() {
    let quarantine = call(Operation::Quarantine).insert_header((AUTHORIZATION, "ApiKey admin"));
    let ready = call(Operation::Ready);
    for (response, body) in ask(Profile::Production, vec![quarantine, ready]).await {
        assert_eq!(response.status().as_u16(), 503, "{body}");
        assert!(response.headers().contains_key(RETRY_AFTER));
    }
}

fn batch(key: &str, documents: &[Value]) -> TestRequest {
    call(Operation::RecordBatch)
        .insert_header((AUTHORIZATION, format!("ApiKey {key}")))
        .insert_header((CONTENT_TYPE, "application/json"))
        .set_payload(json!({ "transactions": documents }).to_string())
}

fn outcomes(body: &Value) -> Vec<&str> {
    let outcomes = body["data"]["outcomes"].as_array().expect("outcomes").iter();
    outcomes.map(|outcome| outcome["outcome"].as_str().unwrap_or_default()).collect()
}

#[actix_web::test]
async fn a_batch_answers_each_item_in_order() {
    let mut wrong = document();
    wrong["amount"] = json!("-1");
    let requests = vec![batch("business", &[document(), wrong, document()])];
    let answers = ask(Profile::Production, requests).await;
    let (_, body) = answers.first().expect("an answer");
    assert_eq!(outcomes(body), ["created", "refused", "created"]);
}

#[actix_web::test]
async fn a_batch_that_meets_a_server_away_is_a_503_as_a_whole() {
    let mut by_phone = document();
    // Whose phone it is only the vault knows, and the vault is away.
    by_phone["member"] = json!({ "phone": "+79990000000" });
    let answers = ask(Profile::Production, vec![batch("business", &[document(), by_phone])]).await;
    let (response, body) = answers.first().expect("an answer");
    assert_eq!((response.status().as_u16(), &body["error"]["code"]), (503, &json!("UNAVAILABLE")));
    assert!(response.headers().contains_key(RETRY_AFTER));
}

#[actix_web::test]
async fn an_admin_may_name_a_business_that_another_process_has_just_registered() {
    let mut late = document();
    late["business_id"] = json!("newcomer");
    let answers = ask(Profile::Production, vec![purchase("admin", late.to_string())]).await;
    assert_eq!(answers.first().expect("an answer").0.status().as_u16(), 201);
    let answers = ask(Profile::Production, vec![batch("admin", &[late])]).await;
    assert_eq!(outcomes(&answers.first().expect("an answer").1), ["created"]);
}

#[actix_web::test]
async fn a_balance_in_the_future_is_refused_with_the_reason() {
    let ahead = TestRequest::get().uri("/api/v1/loyalty/balance?as_of=2999-01-01T00:00:00Z");
    let answers = ask(Profile::Production, vec![ahead.insert_header((AUTHORIZATION, "ApiKey member"))]).await;
    let (response, body) = answers.first().expect("an answer");
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(body["error"]["details"], json!({ "as_of": ["must not be in the future"] }));
}
