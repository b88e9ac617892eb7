//! Compares an answer with what a scenario expects of it.
//!
//! An object is a subset: what it does not name is not looked at. Lists have the same length and are compared element
//! by element. Times are compared as moments, whatever their zone; amounts are texts and compared as such. `null`
//! counts as not there.

use std::fmt;

use chrono::DateTime;
use serde_json::Value;

use super::names::{ABSENT, ANY};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Where, such as `data.progress.percentage`.
    pub place: String,
    /// What the scenario says.
    pub expected: String,
    /// What came.
    pub answered: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, answered {}", self.place, self.expected, self.answered)
    }
}

impl Mismatch {
    pub(crate) fn new(place: &str, expected: impl fmt::Display, answered: impl fmt::Display) -> Self {
        Self { place: place.to_owned(), expected: expected.to_string(), answered: answered.to_string() }
    }
}

/// Adds every difference between `expected` and `answered` (`None`: not there).
pub(crate) fn compare(place: &str, expected: &Value, answered: Option<&Value>, found: &mut Vec<Mismatch>) {
    let answered = answered.filter(|value| !value.is_null());
    let nothing = "nothing".to_owned();
    let shown = || answered.map_or(nothing.clone(), Value::to_string);
    match (expected, answered) {
        (Value::String(text), Some(_)) if text == ANY => {}
        (Value::String(text), None) if text == ABSENT => {}
        (Value::String(text), _) if text == ANY => found.push(Mismatch::new(place, "anything", shown())),
        (Value::String(text), _) if text == ABSENT => found.push(Mismatch::new(place, "nothing", shown())),
        (Value::Null, None) => {}
        (Value::Object(fields), Some(Value::Object(given))) => {
            for (key, field) in fields {
                compare(&format!("{place}.{key}"), field, given.get(key), found);
            }
        }
        (Value::Array(items), Some(Value::Array(given))) => {
            if items.len() != given.len() {
                let length = |count: usize| format!("{count} elements");
                let answered = format!("{}: {}", length(given.len()), shown());
                found.push(Mismatch::new(place, length(items.len()), answered));
                return;
            }
            for (index, (item, given)) in items.iter().zip(given).enumerate() {
                compare(&format!("{place}.{index}"), item, Some(given), found);
            }
        }
        (expected, Some(given)) if equal(expected, given) => {}
        _ => found.push(Mismatch::new(place, expected, shown())),
    }
}

fn equal(expected: &Value, answered: &Value) -> bool {
    match (expected, answered) {
        (Value::String(one), Value::String(other)) => {
            let moment = |text: &str| DateTime::parse_from_rfc3339(text).ok();
            one == other || moment(one).is_some_and(|at| moment(other) == Some(at))
        }
        // 2 and 2.0 are one number.
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        _ => expected == answered,
    }
}

/// The part of a value at `a.b.0`; `None` if there is none.
pub(crate) fn part<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => value.get(step),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(expected: &Value, answered: &Value) -> Vec<String> {
        let mut found = Vec::new();
        compare("data", expected, Some(answered), &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_is_named_is_compared() {
        let answered =
            json!({"total": "1.00", "held": "0.00", "progress": {"percentage": 21, "spent": "1.00"}});
        assert!(differences(&json!({"total": "1.00", "progress": {"percentage": 21}}), &answered).is_empty());
        assert_eq!(
            differences(&json!({"total": "1.0", "progress": {"percentage": 22}, "debt": "0.00"}), &answered),
            [
                "data.debt: expected \"0.00\", answered nothing",
                "data.progress.percentage: expected 22, answered 21",
                "data.total: expected \"1.0\", answered \"1.00\"",
            ]
        );
    }

    #[test]
    fn lists_have_the_same_length_and_order() {
        let answered = json!([{"a": 1, "b": 2}, {"a": 3}]);
        assert!(differences(&json!([{"a": 1}, {"a": 3}]), &answered).is_empty());
        assert_eq!(differences(&json!([{"a": 3}, {"a": 1}]), &answered).len(), 2);
        assert_eq!(
            differences(&json!([]), &answered),
            [r#"data: expected 0 elements, answered 2 elements: [{"a":1,"b":2},{"a":3}]"#]
        );
        assert_eq!(differences(&json!([]), &json!({})), ["data: expected [], answered {}"]);
    }

    #[test]
    fn any_and_absent_look_only_whether_something_is_there() {
        let answered = json!({"here": 0, "empty": null});
        assert!(
            differences(&json!({"here": "$any", "gone": "$absent", "empty": "$absent"}), &answered)
                .is_empty()
        );
        assert_eq!(
            differences(&json!({"here": "$absent", "gone": "$any", "empty": "$any"}), &answered),
            [
                "data.empty: expected anything, answered nothing",
                "data.gone: expected anything, answered nothing",
                "data.here: expected nothing, answered 0",
            ]
        );
    }

    #[test]
    fn types_are_not_mixed_but_times_are_moments() {
        assert_eq!(differences(&json!("1"), &json!(1)).len(), 1);
        assert_eq!(differences(&json!(true), &json!("true")).len(), 1);
        assert!(differences(&json!(2), &json!(2.0)).is_empty());
        assert!(
            differences(&json!("2026-03-02T10:00:00+03:00"), &json!("2026-03-02T07:00:00.000000Z"))
                .is_empty()
        );
        assert_eq!(differences(&json!("2026-03-02T10:00:00+03:00"), &json!("2026-03-02T07:00:01Z")).len(), 1);
    }

    #[test]
    fn a_part_is_found_by_its_path() {
        let value = json!({"items": [{"id": "a"}, {"id": "b"}]});
        assert_eq!(part(&value, "items.1.id"), Some(&json!("b")));
        assert_eq!(part(&value, "items.2.id"), None);
    }
}
