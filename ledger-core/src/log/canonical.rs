//! Canonical form and leaf hash of a row. Design L7, RFC 8785, RFC 6962.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Row;

/// SHA-256(0x00 ‖ RFC 8785 canonical JSON of the row): a leaf of the log's Merkle tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String", extend("pattern" = r"^[0-9a-f]{64}$")))]
pub struct LeafHash([u8; 32]);

/// A row that has no canonical form, or bytes that are no hash.
#[derive(Debug, thiserror::Error)]
pub enum NotCanonical {
    /// The row cannot be written as JSON.
    #[error("the row has no canonical JSON form")]
    Json(#[source] serde_json::Error),
    /// Not 32 bytes, or as a text not 64 lower-case hexadecimal digits.
    #[error("a leaf hash has 32 bytes, written as 64 lower-case hexadecimal digits")]
    Length,
}

impl LeafHash {
    /// The hash with these bytes.
    ///
    /// # Errors
    /// [`NotCanonical::Length`] unless there are 32.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, NotCanonical> {
        bytes.try_into().map(Self).map_err(|_| NotCanonical::Length)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for LeafHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeafHash({})", hex::encode(self.0))
    }
}

impl TryFrom<String> for LeafHash {
    type Error = NotCanonical;

    fn try_from(text: String) -> Result<Self, NotCanonical> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotCanonical::Length);
        }
        let bytes = hex::decode(text).map_err(|_| NotCanonical::Length)?;
        Self::from_slice(&bytes)
    }
}

impl From<LeafHash> for String {
    fn from(hash: LeafHash) -> Self {
        hex::encode(hash.0)
    }
}

impl Row {
    /// RFC 8785 canonical JSON of the row.
    ///
    /// A row's names are ASCII and stand in order, its payload is a map in order, its numbers are integers below 2^53 and
    /// its texts are escaped alike by both, so that `serde_json` writes the canonical form by itself. A property test holds
    /// this against `serde_json_canonicalizer` for every event.
    ///
    /// # Errors
    /// [`NotCanonical::Json`] when the payload cannot be written as JSON.
    pub fn canonical_json(&self) -> Result<Vec<u8>, NotCanonical> {
        serde_json::to_vec(self).map_err(NotCanonical::Json)
    }

    /// The leaf hash of the row. Design L7.
    ///
    /// # Errors
    /// As [`Row::canonical_json`].
    pub fn leaf_hash(&self) -> Result<LeafHash, NotCanonical> {
        let mut hash = Sha256::new();
        hash.update([0_u8]);
        hash.update(self.canonical_json()?);
        Ok(LeafHash(hash.finalize().into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::ids::{CorrelationId, EventId};
    use crate::log::{Actor, Metadata, StreamType};
    use crate::time::Timestamp;

    fn payload() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<u32>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-z_.A-Z0-9]{0,12}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn design_l7_a_row_is_written_in_its_canonical_form(
            payload in payload(),
            source in any::<String>(),
            caused in any::<bool>(),
            position in 1_i64..1 << 50,
            micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000,
        ) {
            let at = Timestamp::from_micros(micros).expect("within the calendar");
            let row = Row {
                position,
                event_id: EventId::from_uuid(Uuid::from_u128(7)),
                stream_type: StreamType::Member,
                stream_id: Uuid::from_u128(8),
                stream_version: 9,
                event_type: "PurchaseRecorded".to_owned(),
                schema_version: 1,
                occurred_at: at,
                recorded_at: at,
                payload: json!({ "inner": payload }),
                metadata: Metadata {
                    correlation_id: CorrelationId::from_uuid(Uuid::from_u128(1)),
                    causation_id: caused.then(|| EventId::from_uuid(Uuid::from_u128(2))),
                    actor: Actor::SYSTEM,
                    source,
                    policy_version: 1,
                    rules_revision: 1,
                    idempotency_key: "00".repeat(32),
                },
            };
            let canonical = serde_json_canonicalizer::to_vec(&row).expect("canonical");
            prop_assert_eq!(row.canonical_json().expect("canonical"), canonical);
        }
    }
}
