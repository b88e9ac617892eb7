//! The JSON Schemas in `schemas/`: one for the newest version of every event type, and one for the Kafka envelope.
//!
//! What is returned here is what is committed there; a test fails on drift. The schema of an older version is no longer
//! generated: its file stays as it was written. Design L6.

use schemars::Schema;
use serde_json::{Value, json};

use crate::ids::LogId;
use crate::log::{Event, LeafHash, Row};

/// The version of the Kafka envelope's shape.
pub const ENVELOPE_VERSION: u32 = 1;

/// Every generated file: its path below `schemas/`, and its text.
///
/// # Errors
/// Never for the types of this crate; the serialiser's error type keeps a panic out.
pub fn files() -> Result<Vec<(String, String)>, serde_json::Error> {
    let events = Event::schemas().into_iter().map(|(event_type, version, schema)| {
        Ok((format!("events/{event_type}.v{version}.json"), text(&schema.to_value())?))
    });
    let envelope = Ok((format!("kafka-envelope.v{ENVELOPE_VERSION}.json"), text(&envelope())?));
    events.chain([envelope]).collect()
}

fn text(schema: &Value) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(schema)?;
    text.push('\n');
    Ok(text)
}

/// A row with its log and its hash beside it: the value of a Kafka record.
fn envelope() -> Value {
    let mut generator = schemars::SchemaGenerator::default();
    let log_id = generator.subschema_for::<LogId>();
    let leaf_hash = generator.subschema_for::<LeafHash>();
    let mut envelope: Schema = generator.into_root_schema_for::<Row>();
    envelope.insert("title".to_owned(), json!("KafkaEnvelope"));
    envelope.insert("description".to_owned(), json!("One row of the log as Kafka carries it."));
    if let Some(properties) = envelope.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("log_id".to_owned(), log_id.to_value());
        properties.insert("leaf_hash".to_owned(), leaf_hash.to_value());
    }
    if let Some(required) = envelope.get_mut("required").and_then(Value::as_array_mut) {
        required.extend([json!("log_id"), json!("leaf_hash")]);
    }
    envelope.to_value()
}
