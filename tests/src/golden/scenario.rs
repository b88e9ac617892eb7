//! A scenario as it stands in its file. Unknown keys are errors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::GoldenError;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What a reader should learn from it.
    pub name: String,
    /// The rules it shows.
    #[serde(default)]
    pub rules: Vec<String>,
    #[serde(default)]
    pub(crate) given: Given,
    pub(crate) steps: Vec<Step>,
}

/// What is there before the first step.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Given {
    pub(crate) clock: Option<String>,
    pub(crate) policy: Option<Map<String, Value>>,
    pub(crate) businesses: Vec<Business>,
    pub(crate) members: Vec<Member>,
    pub(crate) chains: Vec<Value>,
}

/// A partner: the body of `POST /admin/businesses`; the name is made from the slug when it is not given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Business {
    pub(crate) slug: String,
    pub(crate) category: String,
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) confidentiality: Confidentiality,
    pub(crate) cashback_multiplier: Option<Value>,
    pub(crate) hold_days: Option<Value>,
    pub(crate) max_redeem_share: Option<Value>,
    pub(crate) purchase_sources: Option<Value>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Confidentiality {
    #[default]
    Ordinary,
    Medical,
}

impl Confidentiality {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Medical => "medical",
        }
    }
}

/// A member: a name, or a name with more consents or another day of registration.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Member {
    Name(String),
    More(MemberWithMore),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberWithMore {
    pub(crate) name: String,
    /// Purposes beside `personal_data` and `partner:<each business>`, such as `medical:<slug>`.
    #[serde(default)]
    pub(crate) consents: Vec<String>,
    pub(crate) registered_at: Option<String>,
}

impl Member {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::More(more) => &more.name,
        }
    }
}

/// One step: a move of the clock, a call, a settling, or the first together with one of the others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) at: Option<String>,
    #[serde(rename = "as")]
    pub(crate) actor: Option<String>,
    pub(crate) call: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Value>,
    pub(crate) body: Option<Value>,
    pub(crate) expect: Option<Expect>,
    #[serde(default)]
    pub(crate) save: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) settle: bool,
}

/// What the answer must be. Without it, it must be a success.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) status: Option<u16>,
    pub(crate) data: Option<Value>,
    pub(crate) error: Option<String>,
    /// The facts of the failure, as `data` of a success: of what is not well formed, by field.
    pub(crate) details: Option<Value>,
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// `File` or `Format`.
    pub fn read(path: &Path) -> Result<Self, GoldenError> {
        let failed = |source| GoldenError::File { path: path.to_path_buf(), source };
        Self::parse(&fs::read_to_string(path).map_err(failed)?)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, GoldenError> {
        let scenario: Self =
            serde_saphyr::from_str(text).map_err(|error| GoldenError::Format(error.to_string()))?;
        scenario.check().map_err(GoldenError::Format)?;
        Ok(scenario)
    }

    /// What the types cannot say.
    fn check(&self) -> Result<(), String> {
        if self.steps.is_empty() {
            return Err("it has no steps".to_owned());
        }
        let businesses = self.given.businesses.iter().map(|business| business.slug.as_str());
        let members = self.given.members.iter().map(Member::name);
        let mut names: Vec<&str> = businesses.chain(members).chain(["admin", "nobody"]).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(format!("`{}` names two", twice.concat().split_at(twice.concat().len() / 2).0));
        }
        for (index, step) in self.steps.iter().enumerate() {
            step.check().map_err(|problem| format!("step {}: {problem}", index + 1))?;
        }
        Ok(())
    }
}

impl Step {
    fn check(&self) -> Result<(), &'static str> {
        let speaks = self.actor.is_some()
            || self.body.is_some()
            || self.expect.is_some()
            || !self.headers.is_empty()
            || !self.save.is_empty();
        match (&self.call, self.settle) {
            (Some(_), true) => Err("a step either calls or settles"),
            (None, _) if speaks => Err("as, headers, body, expect and save belong to a call"),
            (None, false) if self.at.is_none() => Err("it does nothing"),
            _ => Ok(()),
        }
    }

    /// For messages.
    pub(crate) fn title(&self) -> String {
        match (&self.call, &self.actor) {
            (Some(call), Some(actor)) => format!("{actor}: {call}"),
            (Some(call), None) => call.clone(),
            (None, _) if self.settle => "settle".to_owned(),
            (None, _) => "the clock".to_owned(),
        }
    }
}

/// The scenario files at or below the folders, sorted; a file may be named as well.
///
/// # Errors
/// `File` for a folder that cannot be read.
pub fn files_below(places: &[PathBuf]) -> Result<Vec<PathBuf>, GoldenError> {
    let mut files = Vec::new();
    for place in places {
        collect(place, &mut files)?;
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn collect(place: &Path, files: &mut Vec<PathBuf>) -> Result<(), GoldenError> {
    let failed = |source| GoldenError::File { path: place.to_path_buf(), source };
    if !fs::metadata(place).map_err(failed)?.is_dir() {
        files.push(place.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(place).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let scenario = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if path.is_dir() || scenario {
            collect(&path, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
name: a purchase
rules: [B1]
given:
  clock: \"2026-03-02T10:00:00+03:00\"
  policy: {redeem.max_share: \"0.30\"}
  businesses:
    - {slug: mindal, category: beauty_salon}
  members: [anna, {name: vera, consents: [\"medical:steam-center\"]}]
  chains:
    - {name: dinner, kind: linear, steps: []}
steps:
  - at: \"2026-03-02T12:00:00+03:00\"
    as: mindal
    call: POST /transactions
    headers: {Idempotency-Key: k1}
    body: {member: {member_id: $anna}, amount: \"3000.00\"}
    expect: {status: 201, data: {status: insider}}
    save: {p1: transaction_id}
  - settle: true
";

    fn problem(text: &str) -> String {
        Scenario::parse(text).err().map_or_else(|| "none".to_owned(), |error| error.to_string())
    }

    #[test]
    fn the_documented_form_is_read() {
        let scenario = Scenario::parse(GOOD).unwrap();
        assert_eq!(scenario.steps.len(), 2);
        assert_eq!(scenario.given.members[1].name(), "vera");
        assert_eq!(scenario.given.chains[0]["name"], "dinner");
        let body = scenario.steps[0].body.clone().unwrap();
        assert_eq!(body["member"]["member_id"], "$anna");
        assert_eq!(body["amount"], "3000.00");
    }

    #[test]
    fn unknown_keys_and_misplaced_ones_are_errors() {
        for (from, to, said) in [
            ("rules:", "rule:", "rule"),
            ("clock:", "now:", "now"),
            ("category: b", "kategory: b", "kategory"),
            ("expect: {status", "expect: {code: 1, status", "code"),
            ("- settle: true", "- wait: true", "wait"),
            ("- settle: true", "- {settle: true, as: anna}", "belong to a call"),
            ("- settle: true", "- {settle: true, call: GET /health}", "either calls or settles"),
            ("- settle: true", "- {}", "it does nothing"),
            ("name: vera,", "name: mindal,", "`mindal` names two"),
            ("name: vera,", "nom: vera,", "match"),
            ("name: a purchase", "name: a\nname: b", "duplicate"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            assert!(problem(&text).contains(said), "{from} -> {to}: {}", problem(&text));
        }
        assert!(problem("name: x\nsteps: []\n").contains("no steps"));
    }
}
