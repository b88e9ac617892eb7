//! The OpenAPI document, made from the table of operations and the types of bodies and answers.

use utoipa::PartialSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, RefOr, Required, Response,
    ResponseBuilder, SecurityRequirement,
};

use crate::auth::Permission;
use crate::operations::{Access, Exists, Once, Operation};
use crate::{dto, query, read};

/// The document as JSON, ending in a line break.
///
/// # Errors
/// Never for this document; the writer's error keeps the door open.
pub(crate) fn json() -> Result<String, serde_json::Error> {
    let mut text = document().to_pretty_json()?;
    text.push('\n');
    Ok(text)
}

fn document() -> OpenApi {
    let mut components = ComponentsBuilder::new()
        .security_scheme(
            "token",
            SecurityScheme::Http(
                HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build(),
            ),
        )
        .security_scheme(
            "key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
                "Authorization",
                "`ApiKey <key>`: a business's machine or the programme's staff",
            ))),
        );
    let mut paths = PathsBuilder::new();
    let mut answer_meta = text_schema();
    answer_meta.description = Some("RFC 3339".to_owned());
    components = components.schema("OutcomeAnswer", dto::OutcomeAnswer::schema());
    // No call answers with it first, so that the table of calls does not name it.
    components = components.schema("ApprovalAsked", dto::ApprovalAsked::schema());
    for operation in Operation::ALL {
        for shape in [operation.body(), operation.answer().1] {
            for (name, schema) in shape.needs {
                components = components.schema(name, schema);
            }
        }
        paths =
            paths.path(operation.path(), PathItem::new(operation.documented_method(), described(*operation)));
    }
    components = components.schema("Failure", failure()).schema("Meta", meta());
    let info = InfoBuilder::new()
        .title("Own Circle ledger")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Success: `{success: true, data, meta}`. Failure: `{success: false, error: {code, message, details}, meta}`. \
             Amounts are texts with two decimals, times RFC 3339 in UTC. Every call takes `X-Request-Id`, and echoes it. \
             A body has no other fields than these, and no `null` but where one is named.",
        ))
        .build();
    OpenApiBuilder::new().info(info).paths(paths.build()).components(Some(components.build())).build()
}

fn described(operation: Operation) -> utoipa::openapi::path::Operation {
    let mut builder = OperationBuilder::new()
        .operation_id(Some(operation.name()))
        .summary(Some(operation.summary()))
        .description(Some(who(operation)));
    for parameter in parameters(operation) {
        builder = builder.parameter(parameter);
    }
    if let Some(schema) = operation.body().schema {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let kind = if operation == Operation::Import { "application/x-ndjson" } else { "application/json" };
        builder = builder.request_body(Some(
            RequestBodyBuilder::new().content(kind, content).required(Some(Required::True)).build(),
        ));
    }
    if let Access::Needs(permission) = operation.access() {
        builder = builder.security(SecurityRequirement::new("token", Vec::<String>::new()));
        if permission != Permission::OwnAccount && permission != Permission::OwnSignIns {
            builder = builder.security(SecurityRequirement::new("key", Vec::<String>::new()));
        }
    }
    for (status, response) in answers(operation) {
        builder = builder.response(status, response);
    }
    let failed = ContentBuilder::new().schema(Some(reference("Failure"))).build();
    let failed = ResponseBuilder::new().description("A failure").content("application/json", failed).build();
    builder.response("default", failed).build()
}

/// What is named beside the body: in the address, in the query, in headers.
fn parameters(operation: Operation) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = path_parameters(operation.path())
        .iter()
        .map(|name| parameter(name, ParameterIn::Path, Required::True, "An id"))
        .collect();
    if operation.once() == Once::Header {
        let text = "1 to 64 printable characters; the same key and body give the first answer again";
        parameters.push(parameter("Idempotency-Key", ParameterIn::Header, Required::True, text));
    }
    let taken = query::parameters(operation).iter();
    parameters.extend(taken.map(|taken| {
        let required = if taken.required { Required::True } else { Required::False };
        parameter(taken.name, ParameterIn::Query, required, taken.text)
    }));
    if read::takes_min_position(operation) {
        let text = "Answer only with data that has passed this position of the log (`meta.position` of a write); waits \
                    for a short while, else 503 READ_MODEL_BEHIND";
        parameters.push(parameter("X-Min-Position", ParameterIn::Header, Required::False, text));
    }
    parameters
}

/// Every answer but failures, by status.
fn answers(operation: Operation) -> Vec<(&'static str, Response)> {
    let (status, shape) = operation.answer();
    let mut answers = vec![(status, answered(operation, operation.summary(), shape.schema.clone()))];
    match operation {
        Operation::RecordPurchase | Operation::RecordScan => {
            let repeated = OneOfBuilder::new()
                .item(reference("PurchaseAnswer"))
                .item(reference("OutcomeAnswer"))
                .description(Some("A recorded purchase, or an outcome."));
            let text = "The same document again (`replayed: true`), a newer revision of it (`amended: true`), or \
                        one older than what is known (`outcome: \"stale\"`)";
            answers.push(("200", answered(operation, text, Some(repeated.into()))));
            let text = "Not recorded: `unmatched` (a stranger, or no consent: nothing is stored), `quarantined` (an admin \
                        decides) or `before_membership`";
            answers.push(("202", answered(operation, text, Some(reference("OutcomeAnswer")))));
        }
        Operation::GiftBonuses
        | Operation::AdjustBonuses
        | Operation::PublishPolicy
        | Operation::IssueCoupon => {
            let text = "The first answer again, with `replayed: true`";
            answers.push(("200", answered(operation, text, shape.schema)));
            let text =
                "More than `approval.manual_bonus`: it waits for a second person, and nothing was done";
            answers.push(("202", answered(operation, text, Some(reference("ApprovalAsked")))));
        }
        Operation::EraseMember | Operation::DeleteAccount => {
            let text = "Begun (`state: \"in_progress\"`): no credential of hers is good any more, the rest follows by itself";
            answers.push(("202", answered(operation, text, shape.schema)));
        }
        _ if operation.once() == Once::Header && status != "200" => {
            let text = "The first answer again, with `replayed: true`";
            answers.push(("200", answered(operation, text, shape.schema)));
        }
        _ => {}
    }
    answers
}

fn answered(operation: Operation, text: &str, schema: Option<RefOr<Schema>>) -> Response {
    let mut response = ResponseBuilder::new().description(text);
    if read::takes_min_position(operation) {
        let position = ObjectBuilder::new().schema_type(Type::Integer);
        let header =
            HeaderBuilder::new().schema(Some(position)).description(Some("The position the data is of"));
        response = response.header("X-Read-Position", header.build());
    }
    let Some(schema) = schema else { return response.build() };
    let bare = operation == Operation::Jwks || streams(operation);
    let schema = if bare { schema } else { enveloped(schema) };
    let kind = if streams(operation) { "application/x-ndjson" } else { "application/json" };
    response.content(kind, ContentBuilder::new().schema(Some(schema)).build()).build()
}

/// Whether the answer comes line by line, without the envelope.
const fn streams(operation: Operation) -> bool {
    matches!(operation, Operation::Import | Operation::SimulatePolicy | Operation::SimulateChain)
}

/// `{success: true, data, meta}`.
fn enveloped(data: RefOr<Schema>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .property("success", ObjectBuilder::new().schema_type(Type::Boolean))
        .property("data", data)
        .property("meta", reference("Meta"))
        .required("success")
        .required("data")
        .required("meta")
        .into()
}

fn meta() -> RefOr<Schema> {
    ObjectBuilder::new()
        .property("timestamp", text_schema())
        .property("request_id", text_schema())
        .property("position", ObjectBuilder::new().schema_type(Type::Integer))
        .required("timestamp")
        .required("request_id")
        .into()
}

fn failure() -> RefOr<Schema> {
    let error = ObjectBuilder::new()
        .property("code", text_schema())
        .property("message", text_schema())
        .property("details", ObjectBuilder::new().schema_type(Type::Object))
        .required("code")
        .required("message")
        .required("details");
    ObjectBuilder::new()
        .property("success", ObjectBuilder::new().schema_type(Type::Boolean))
        .property("error", error)
        .property("meta", reference("Meta"))
        .required("success")
        .required("error")
        .required("meta")
        .into()
}

fn text_schema() -> utoipa::openapi::schema::Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(utoipa::openapi::Ref::from_schema_name(name))
}

fn parameter(name: &str, place: ParameterIn, required: Required, text: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(text))
        .schema(Some(text_schema()))
        .build()
}

fn path_parameters(path: &str) -> Vec<String> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(str::to_owned).collect()
}

/// Who may make a call, for a reader.
fn who(operation: Operation) -> String {
    let roles = match operation.access() {
        Access::Open => "Needs no credential.".to_owned(),
        Access::Needs(permission) => {
            let names: Vec<&str> = permission.roles().iter().map(|role| role.as_str()).collect();
            let scope =
                permission.scope().map(|scope| format!(" A key needs the scope `{}`.", scope.as_str()));
            format!("For: {}.{}", names.join(", "), scope.unwrap_or_default())
        }
    };
    let dev = if operation.exists() == Exists::DevOnly { " Exists in the `dev` profile alone." } else { "" };
    format!("{roles}{dev}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_in_the_document_and_every_reference_leads_somewhere() {
        let text = json().expect("a document");
        let document: serde_json::Value = serde_json::from_str(&text).expect("json");
        for operation in Operation::ALL {
            let method = operation.method().as_str().to_lowercase();
            let there = &document["paths"][operation.path()][&method]["operationId"];
            assert_eq!(there, operation.name(), "{} {}", method, operation.path());
        }
        let known = document["components"]["schemas"].as_object().expect("schemas");
        for part in text.split("\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().expect("a name");
            assert!(known.contains_key(name), "{name}");
        }
    }
}
