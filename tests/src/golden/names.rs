//! `$names`: values known to a scenario, put where it names them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::GoldenError;

/// Matches anything that is there.
pub(crate) const ANY: &str = "$any";
/// Matches what is not there.
pub(crate) const ABSENT: &str = "$absent";

/// What the scenario knows by name.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, Value>);

impl Names {
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    fn get(&self, name: &str) -> Result<&Value, GoldenError> {
        self.0.get(name).ok_or_else(|| GoldenError::UnknownName(name.to_owned()))
    }

    /// The value with every text that is a `$name` exchanged for what it names.
    pub(crate) fn fill(&self, value: &Value) -> Result<Value, GoldenError> {
        Ok(match value {
            Value::String(text) if text != ANY && text != ABSENT => match text.strip_prefix('$') {
                Some(name) if is_name(name) => self.get(name)?.clone(),
                _ => value.clone(),
            },
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let filled = fields.iter().map(|(key, field)| Ok((key.clone(), self.fill(field)?)));
                Value::Object(filled.collect::<Result<_, GoldenError>>()?)
            }
            other => other.clone(),
        })
    }

    /// The text with every `$name` in it exchanged: for paths.
    pub(crate) fn fill_text(&self, text: &str) -> Result<String, GoldenError> {
        let mut pieces = text.split('$');
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let end = piece.find(|c: char| !is_name_character(c)).unwrap_or(piece.len());
            let (name, rest) = piece.split_at(end);
            match self.get(name)? {
                Value::String(value) => filled.push_str(value),
                other => filled.push_str(&other.to_string()),
            }
            filled.push_str(rest);
        }
        Ok(filled)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_character)
}

/// A slug is a name too, so hyphens belong to it.
fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '-'
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_exchanged_wherever_a_value_may_stand() {
        let mut names = Names::default();
        names.set("anna", json!("id-1"));
        names.set("position", json!(7));
        names.set("steam-center", json!("id-2"));
        let filled = names.fill(&json!({"a": ["$anna", "$position", "$ 5"], "b": {"c": "$steam-center"}}));
        assert_eq!(filled.unwrap(), json!({"a": ["id-1", 7, "$ 5"], "b": {"c": "id-2"}}));
        assert_eq!(names.fill_text("/a/$anna/b?from=$position").unwrap(), "/a/id-1/b?from=7");
        assert_eq!(names.fill(&json!(["$any", "$absent"])).unwrap(), json!(["$any", "$absent"]));
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        let names = Names::default();
        assert!(
            matches!(names.fill(&json!(["$vera"])), Err(GoldenError::UnknownName(name)) if name == "vera")
        );
        assert!(matches!(names.fill_text("/x/$p1/y"), Err(GoldenError::UnknownName(name)) if name == "p1"));
    }
}
