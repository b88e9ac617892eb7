//! A purchase file as the import sees it: numbered purchases of either format.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ImportError;
use super::lines::{LineProblem, Lines, NumberedLine};
use super::purchase_csv::{Columns, Row, RowProblem};

/// What is wrong with a line that is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadLine {
    #[error(transparent)]
    Line(#[from] LineProblem),
    #[error(transparent)]
    Row(#[from] RowProblem),
    #[error("not a JSON object")]
    NotAnObject,
    #[error("external_id: must be a text")]
    NoExternalId,
    #[error("no business is named for its category (--business-map)")]
    NoBusiness,
    #[error("its time cannot be shifted so far")]
    Shift,
}

/// One purchase as it stands in the file.
#[derive(Debug)]
pub(crate) enum Purchase {
    /// Of the CSV.
    Row(Row),
    /// Of the NDJSON: a line that is sent as it stands.
    Line {
        /// Its natural number, to match the answer.
        external_id: String,
        /// The line.
        text: String,
    },
}

/// The two formats.
#[derive(Debug, Clone)]
enum Format {
    Csv(Columns),
    Ndjson,
}

/// A file whose format is known.
#[derive(Debug, Clone)]
pub(crate) struct PurchaseFile {
    path: PathBuf,
    format: Format,
    limit: u64,
}

impl PurchaseFile {
    /// Looks at the first line. `limit` is the number of lines read of it.
    pub(crate) fn open(path: &Path, limit: Option<u64>) -> Result<Self, ImportError> {
        let problem = |problem: String| ImportError::Format { path: path.to_path_buf(), problem };
        let format = match Lines::open(path)?.next() {
            None => return Err(problem("is empty".to_owned())),
            Some((_, Err(error))) => return Err(problem(format!("its first line is {error}"))),
            Some((_, Ok(line))) => match Columns::of_header(&line) {
                Some(columns) => Format::Csv(columns),
                None if line.trim_start().starts_with('{') => Format::Ndjson,
                None => {
                    let wanted = "its first line is neither a JSON object nor the header \
                                  occurred_at,receipt,category,household,store,amount_rub";
                    return Err(problem(wanted.to_owned()));
                }
            },
        };
        Ok(Self { path: path.to_path_buf(), format, limit: limit.unwrap_or(u64::MAX) })
    }

    /// Whether households become members.
    pub(crate) fn has_households(&self) -> bool {
        matches!(self.format, Format::Csv(_))
    }

    /// Reads it from the beginning: purchases and bad lines by line number.
    pub(crate) fn read(
        &self,
    ) -> Result<impl Iterator<Item = (u64, Result<Purchase, BadLine>)> + use<>, ImportError> {
        let mut lines = Lines::open(&self.path)?;
        if self.has_households() {
            lines.next();
        }
        let format = self.format.clone();
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        Ok(lines.take(limit).map(move |line| parse(&format, line)))
    }
}

fn parse(format: &Format, (number, line): NumberedLine) -> (u64, Result<Purchase, BadLine>) {
    let purchase = line.map_err(BadLine::from).and_then(|text| match format {
        Format::Csv(columns) => columns.read(&text).map(Purchase::Row).map_err(BadLine::from),
        Format::Ndjson => document(text),
    });
    (number, purchase)
}

/// Only what the import itself needs is looked at; everything else is the service's to judge.
fn document(text: String) -> Result<Purchase, BadLine> {
    if !text.trim_start().starts_with('{') {
        return Err(BadLine::NotAnObject);
    }
    let document: Document = serde_json::from_str(&text).map_err(|_| BadLine::NotAnObject)?;
    match document.external_id {
        Some(Value::String(external_id)) => Ok(Purchase::Line { external_id, text: text.trim().to_owned() }),
        _ => Err(BadLine::NoExternalId),
    }
}

#[derive(Deserialize)]
struct Document {
    external_id: Option<Value>,
}

/// The import line of a CSV row.
pub(crate) fn import_line(row: &Row, business: &str, source_system: &str, member: &Value) -> String {
    json!({
        "external_id": row.receipt,
        "source_system": source_system,
        "source": "csv",
        "business_id": business,
        "member": member,
        "amount": row.amount,
        "occurred_at": row.occurred_at,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_is_sent_as_it_stands() {
        let text = r#" {"external_id": "r1", "amount": 1e400, "unknown": [1] } "#;
        match document(text.to_owned()).unwrap() {
            Purchase::Line { external_id, text: sent } => {
                assert_eq!((external_id.as_str(), sent.as_str()), ("r1", text.trim()));
            }
            Purchase::Row(row) => panic!("{row:?}"),
        }
    }

    #[test]
    fn damaged_json_lines_are_named_and_never_panic() {
        let nested = "[".repeat(10_000);
        for text in ["", "{", "[1]", "null", "\"text\"", "{\"external_id\": \"r\"} x", &nested] {
            assert_eq!(document(text.to_owned()).unwrap_err(), BadLine::NotAnObject, "{text:.20}");
        }
        for text in ["{}", r#"{"external_id": 7}"#, r#"{"external_id": null}"#] {
            assert_eq!(document(text.to_owned()).unwrap_err(), BadLine::NoExternalId, "{text}");
        }
    }

    #[test]
    fn any_bytes_are_a_line_or_a_problem() {
        let columns = Columns::of_header("occurred_at,receipt,category,household,store,amount_rub").unwrap();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..20_000 {
            let mut bytes = b"2017-01-01T11:53:26,311,gastronomy,900,330,50.00".to_vec();
            for _ in 0..3 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let [place, byte, ..] = state.to_le_bytes();
                let place = usize::from(place) % bytes.len();
                bytes[place] = byte;
            }
            for line in Lines::of(Box::new(std::io::Cursor::new(bytes))) {
                let _ = parse(&Format::Csv(columns.clone()), line.clone());
                let _ = parse(&Format::Ndjson, line);
            }
        }
    }
}
