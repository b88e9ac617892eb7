//! What the import is asked to do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ledger_core::category::Category;

use super::error::ImportError;

/// What happens at the first line that is bad or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// Note it and go on.
    Continue,
    /// Stop; what was sent before it is counted.
    Stop,
}

/// Send a file of purchases to Own Circle.
///
/// FILE is NDJSON (one line is the body of POST /transactions with `business_id`), or a CSV with the columns
/// occurred_at, receipt, category, household, store, amount_rub; either may be gzipped. Times without a zone are Moscow
/// times. Lines must be sorted by time. For a CSV a member is made for each household, with a made-up phone.
///
/// The command may be run again after any interruption: a purchase that is there already is counted as replayed.
///
/// Exit codes: 0 everything is in; 1 some lines were bad or refused (see --errors); 2 wrong arguments, file or
/// credentials; 3 the service could not be reached, or refused the import as a whole.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file; `.gz` or not is seen from its first bytes.
    pub(crate) file: PathBuf,
    /// Where ledger-api answers.
    #[arg(long, value_name = "URL", env = "OWN_CIRCLE_BASE_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) base_url: String,
    /// A file that holds an administrator's API key. Without it the key is taken from OWN_CIRCLE_API_KEY.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Which business stands for a category of the CSV: category=slug, separated by commas.
    #[arg(long, value_name = "category=slug,…", value_delimiter = ',', value_parser = parse_pair)]
    pub(crate) business_map: Vec<(Category, String)>,
    /// The source system of the CSV's receipts: a part of each purchase's natural key.
    #[arg(long, value_name = "NAME", default_value = "csv")]
    pub(crate) source_system: String,
    /// Shift all times of the CSV by whole days so that the newest purchase was yesterday.
    #[arg(long, conflicts_with = "shift_days")]
    pub(crate) shift_to_yesterday: bool,
    /// Shift all times of the CSV by so many days; repeats an earlier run's shift on another day.
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true, default_value_t = 0)]
    pub(crate) shift_days: i32,
    /// What to do at a line that is bad or refused.
    #[arg(long, value_enum, default_value_t = OnError::Continue)]
    pub(crate) on_error: OnError,
    /// Send only the first so many purchases.
    #[arg(long, value_name = "LINES")]
    pub(crate) limit: Option<u64>,
    /// Write the bad and refused lines here as CSV: line, code, reason. Without it the first twenty are shown.
    #[arg(long, value_name = "FILE")]
    pub(crate) errors: Option<PathBuf>,
    /// How long to go on trying while the service cannot be reached.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) retry_seconds: u64,
}

impl Arguments {
    /// The key, from the file or the environment. Never an argument: arguments are visible to everybody on a machine.
    pub(crate) fn key(&self) -> Result<String, ImportError> {
        let text = match &self.key_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ImportError::File { path: path.clone(), source })?,
            None => std::env::var("OWN_CIRCLE_API_KEY").map_err(|_| ImportError::NoKey)?,
        };
        let key = text.trim();
        let sendable = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        if sendable { Ok(key.to_owned()) } else { Err(ImportError::NoKey) }
    }

    pub(crate) fn businesses(&self) -> BTreeMap<Category, String> {
        self.business_map.iter().cloned().collect()
    }

    pub(crate) fn retry_for(&self) -> Duration {
        Duration::from_secs(self.retry_seconds)
    }
}

fn parse_pair(text: &str) -> Result<(Category, String), String> {
    let (category, slug) = text.split_once('=').ok_or("must be category=slug")?;
    let known = Category::ALL.into_iter().find(|known| known.as_str() == category);
    let known = known.ok_or_else(|| {
        let names = Category::ALL.map(Category::as_str).join(", ");
        format!("`{category}` is not a category; there are {names}")
    })?;
    let slug: ledger_core::ids::Slug = slug.parse().map_err(|error| format!("`{slug}`: {error}"))?;
    Ok((known, slug.as_str().to_owned()))
}
