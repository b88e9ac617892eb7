//! The OpenAPI document against the parsers: both take the same bodies, field by field, and the same parameters.

use std::collections::BTreeSet;

use jsonschema::Validator;

use super::bodies::{ID, bodies};
use super::*;
use crate::json::asked;
use crate::openapi;

fn openapi() -> Value {
    serde_json::from_str(&openapi::json().expect("a document")).expect("json")
}

/// The schema of a call's body, with everything it refers to.
fn body_schema(document: &Value, operation: Operation) -> Value {
    let method = operation.method().as_str().to_lowercase();
    let body = &document["paths"][operation.path()][method]["requestBody"]["content"];
    let content = body.as_object().and_then(|kinds| kinds.values().next()).expect("a body");
    json!({ "allOf": [content["schema"]], "components": document["components"] })
}

/// The body changed in one place, with what was done: a field taken away, made null, or added that nobody knows.
fn changed(body: &Value) -> Vec<(String, Value)> {
    let mut changed = Vec::new();
    let mut objects = Vec::new();
    find_objects(body, String::new(), &mut objects);
    for place in objects {
        let object = |body: &mut Value, change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            change(body.pointer_mut(&place).and_then(Value::as_object_mut).expect("an object"));
        };
        let mut unknown = body.clone();
        object(&mut unknown, &|fields| drop(fields.insert("unheard_of".to_owned(), json!(1))));
        changed.push((format!("{place}/unheard_of"), unknown));
        let names: Vec<String> =
            body.pointer(&place).and_then(Value::as_object).expect("an object").keys().cloned().collect();
        for name in names {
            let (mut without, mut null) = (body.clone(), body.clone());
            object(&mut without, &|fields| drop(fields.remove(&name)));
            object(&mut null, &|fields| drop(fields.insert(name.clone(), Value::Null)));
            changed.push((format!("{place}/{name} away"), without));
            changed.push((format!("{place}/{name} null"), null));
        }
    }
    changed
}

fn find_objects(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| find_objects(field, format!("{place}/{name}"), found));
            found.push(place);
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| find_objects(item, format!("{place}/{index}"), found));
        }
        _ => {}
    }
}

/// What a parser may say that the document does not: an admin must name the business, an ordinary one's coupon needs its
/// words, and the names of parameters are looked at where the policy is decided.
fn is_beyond_a_schema(what: &str) -> bool {
    let away = ["/business_id away", "/description away"];
    away.iter().any(|field| what.ends_with(field)) || what.starts_with("/parameters/")
}

pub(super) async fn takes(operation: Operation, bodies: &[Value]) -> Vec<bool> {
    let kind = if operation == Operation::Import { "application/x-ndjson" } else { "application/json" };
    let key = key_of(operation);
    let requests = bodies.iter().map(|body| {
        call(operation)
            .insert_header((AUTHORIZATION, format!("ApiKey {key}")))
            .insert_header((CONTENT_TYPE, kind))
            .insert_header(("Idempotency-Key", "k"))
            .set_payload(body.to_string())
    });
    let answers = ask(Profile::Dev, requests.collect()).await;
    let refused = |body: &Value| {
        let text = body.to_string();
        assert_ne!(*body, Value::Null, "an answer in JSON");
        text.contains("VALIDATION_ERROR") || text.contains("FIELD_NOT_ALLOWED")
    };
    answers.iter().map(|(_, body)| !refused(body)).collect()
}

#[actix_web::test]
async fn the_document_takes_the_bodies_that_the_parsers_take() {
    let document = openapi();
    for operation in Operation::ALL.iter().filter(|operation| operation.body().schema.is_some()) {
        let schema = body_schema(&document, *operation);
        let validator: Validator = jsonschema::validator_for(&schema).expect("a schema");
        let good = bodies(*operation);
        asked::take();
        let taken = takes(*operation, &good).await;
        let asked = asked::take();
        for (body, taken) in good.iter().zip(taken) {
            let wrong = validator.iter_errors(body).map(|error| error.to_string()).next();
            assert_eq!((taken, wrong), (true, None), "{} {body}", operation.name());
        }
        assert_eq!(documented_fields(&schema, *operation), fields_asked_for(asked, *operation));
        let changed: Vec<_> = good.iter().flat_map(changed).collect();
        let (what, changed): (Vec<_>, Vec<_>) =
            changed.into_iter().filter(|(what, _)| !is_beyond_a_schema(what)).unzip();
        for ((what, body), taken) in what.iter().zip(&changed).zip(takes(*operation, &changed).await) {
            assert_eq!(validator.is_valid(body), taken, "{} {what}: {body}", operation.name());
        }
    }
}

/// The paths of all fields in a schema.
fn documented_fields(schema: &Value, operation: Operation) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect(schema, &schema["allOf"][0], "", &mut paths);
    // The items of a batch are read as bodies of their own, the parameters of a policy by the domain.
    let own = |path: String| match operation {
        Operation::RecordBatch => path.trim_start_matches("transactions[].").to_owned(),
        _ => path,
    };
    paths.into_iter().map(own).filter(|path| !path.starts_with("parameters.")).collect()
}

fn collect(root: &Value, schema: &Value, path: &str, paths: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).expect("a target");
        collect(root, target, path, paths);
    }
    for alternatives in ["anyOf", "oneOf", "allOf"] {
        let alternatives = schema[alternatives].as_array().into_iter().flatten();
        alternatives.for_each(|alternative| collect(root, alternative, path, paths));
    }
    if schema["items"].is_object() {
        collect(root, &schema["items"], &format!("{path}[]"), paths);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(root, field, &path, paths);
        paths.insert(path);
    }
}

/// The paths that readers asked for, as [`documented_fields`] writes them. `business_id` is taken before the others.
fn fields_asked_for(asked: BTreeSet<String>, operation: Operation) -> BTreeSet<String> {
    let named = matches!(
        operation,
        Operation::RecordPurchase
            | Operation::RecordBatch
            | Operation::RecordScan
            | Operation::RefundPurchase
            | Operation::RefundByNumber
            | Operation::HoldBonuses
            | Operation::CaptureHold
            | Operation::CancelHold
            | Operation::IssueCoupon
            | Operation::DraftOffer
            | Operation::PreviewOffer
            | Operation::Import
    );
    let plain = asked.into_iter().map(|path| path.trim_start_matches("body").replace("[0]", "[]"));
    plain.chain(named.then(|| "business_id".to_owned())).collect()
}

fn key_of(operation: Operation) -> &'static str {
    let roles = operation.access().roles();
    let may = |role| roles.contains(&role);
    match operation.access() {
        Access::Open => "admin",
        _ if may(Role::Member) => "member",
        _ if may(Role::Admin) => "admin",
        _ if may(Role::Superadmin) => "superadmin",
        _ if may(Role::Business) => "business",
        _ => "auditor",
    }
}

fn documented_parameters(document: &Value, operation: Operation, place: &str) -> BTreeSet<String> {
    let method = operation.method().as_str().to_lowercase();
    let parameters = document["paths"][operation.path()][method]["parameters"].as_array();
    let here = parameters.into_iter().flatten().filter(|parameter| parameter["in"] == place);
    here.map(|parameter| parameter["name"].as_str().expect("a name").to_owned()).collect()
}

/// A call's address with something in its place.
fn named(operation: Operation) -> String {
    let path = operation.path().replace("{id}", ID).replace("{key_id}", ID);
    path.replace("{staff_id}", ID).replace("{purpose}", "marketing")
}

/// Calls of machines that watch: they look at nothing in a request.
const UNREAD: [Operation; 4] =
    [Operation::Live, Operation::Ready, Operation::Metrics, Operation::OpenApiDocument];

#[actix_web::test]
async fn the_document_names_the_query_parameters_that_calls_take() {
    let document = openapi();
    let values = [
        ("limit", "1"),
        ("cursor", "x"),
        ("offset", "1"),
        ("as_of", "2026-01-01T00:00:00Z"),
        ("known_at", "2026-01-01T00:00:00Z"),
        ("type", "earned"),
        ("from", "2026-01-01T00:00:00Z"),
        ("to", "2026-01-01T00:00:00Z"),
        ("phone", "%2B79990000000"),
        ("business_id", "mindal"),
        ("position", "1"),
        ("tree_size", "1"),
        ("member_id", ID),
        ("version", "1"),
        ("cosigned", "x"),
        ("state", "open"),
    ];
    for operation in Operation::ALL.iter().filter(|operation| !UNREAD.contains(operation)) {
        let path = named(*operation);
        let requests = values.iter().map(|(name, value)| {
            let request = TestRequest::with_uri(&format!("{path}?{name}={value}"));
            let key = format!("ApiKey {}", key_of(*operation));
            request.method(operation.method()).insert_header((AUTHORIZATION, key))
        });
        let answers = ask(Profile::Dev, requests.collect()).await;
        let refused = |name: &str, body: &Value| {
            let reason = body["error"]["details"][name][0].as_str().unwrap_or_default();
            reason.starts_with("is not a parameter")
        };
        let taken = values.iter().zip(&answers).filter(|((name, _), (_, body))| !refused(name, body));
        let taken: BTreeSet<String> = taken.map(|((name, _), _)| (*name).to_owned()).collect();
        assert_eq!(documented_parameters(&document, *operation, "query"), taken, "{}", operation.name());
    }
}

#[actix_web::test]
async fn the_document_names_the_headers_that_calls_take() {
    let document = openapi();
    for operation in Operation::ALL.iter().filter(|operation| !UNREAD.contains(operation)) {
        let path = named(*operation);
        let query = if *operation == Operation::Purchases { "?business_id=mindal" } else { "" };
        let request = TestRequest::with_uri(&format!("{path}{query}"))
            .method(operation.method())
            .insert_header((AUTHORIZATION, format!("ApiKey {}", key_of(*operation))))
            .insert_header(("X-Min-Position", "x"))
            .insert_header(("Idempotency-Key", ""));
        let answers = ask(Profile::Dev, vec![request]).await;
        let (_, body) = answers.first().expect("an answer");
        let names = ["X-Min-Position", "Idempotency-Key"].into_iter();
        let looked_at = names.filter(|name| body["error"]["details"][name].is_array());
        let looked_at: BTreeSet<String> = looked_at.map(str::to_owned).collect();
        assert_eq!(documented_parameters(&document, *operation, "header"), looked_at, "{}", operation.name());
    }
}
