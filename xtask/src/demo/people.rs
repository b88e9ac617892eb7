//! Balances and statuses of the members who spend most, read as they would read them: with a code by SMS and a token.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use super::service::Service;
use crate::failure::Failure;
use crate::terminal::{heading, table};

const SHOWN: usize = 8;
/// The made-up phone of a household of the extract, for the sample call.
pub(crate) const SAMPLE_PHONE: &str = "+79990001510";

/// Prints a table; the token of the first comes back. A file that is not a purchase CSV has nobody to show.
pub(crate) fn show(service: &Service, file: &Path) -> Result<Option<String>, Failure> {
    let top = top_households(file)?;
    if top.is_empty() {
        return Ok(None);
    }
    heading("Top members, as each of them sees herself");
    let titles =
        ["household", "status", "spent in 12 months", "to the next", "total", "available", "expiring soon"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    let mut first = None;
    for household in &top {
        let token = sign_in(service, &format!("+7999{household:0>7}"))?;
        let balance = service.get("/loyalty/balance", Some(&token))?;
        let progress = service.get("/loyalty/status-progress", Some(&token))?;
        rows.push(row(household, &balance, &progress));
        first.get_or_insert(token);
    }
    table(&rows);
    Ok(first)
}

fn row(household: &str, balance: &Value, progress: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let expiring = balance["expiring_soon"].as_array().map_or(0, Vec::len);
    let next = match &progress["progress"]["percentage"] {
        Value::Number(percentage) if progress["next_status"].is_string() => format!("{percentage} %"),
        _ => "–".to_owned(),
    };
    vec![
        household.to_owned(),
        text(&progress["current_status"]),
        text(&progress["progress"]["total_spent"]),
        next,
        text(&balance["total"]),
        text(&balance["available"]),
        format!("on {expiring} days"),
    ]
}

fn sign_in(service: &Service, phone: &str) -> Result<String, Failure> {
    let sent = service.open_post("/auth/send-code", &json!({"phone": phone}))?;
    let outbox = service.get(&format!("/dev/outbox?phone={}", phone.replace('+', "%2B")), None)?;
    let messages = outbox["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let code = messages.iter().rev().find_map(|message| message["code"].as_str());
    let body = json!({"code_id": sent["code_id"], "code": code});
    let signed = service.open_post("/auth/verify-code", &body)?;
    signed["access_token"].as_str().map(str::to_owned).ok_or_else(|| Failure::new("no token in the answer"))
}

/// The households with the largest sums, largest first. Only those with a short number: their phones are known.
fn top_households(file: &Path) -> Result<Vec<String>, Failure> {
    let failed = format!("reading {}", file.display());
    let mut start = [0; 2];
    let mut opened = File::open(file).map_err(Failure::at(&failed))?;
    let gzipped = opened.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
    let opened = File::open(file).map_err(Failure::at(&failed))?;
    let reader: Box<dyn Read> =
        if gzipped { Box::new(MultiGzDecoder::new(opened)) } else { Box::new(opened) };
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for line in BufReader::new(reader).lines() {
        // The import has told about bad lines already.
        let Ok(line) = line else { break };
        let fields: Vec<&str> = line.split(',').collect();
        if let [_, _, _, household, _, amount] = fields[..]
            && household.len() <= 7
            && household.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(kopecks) = amount.replace('.', "").parse::<u64>()
        {
            *sums.entry(household.to_owned()).or_default() += kopecks;
        }
    }
    let mut order: Vec<(String, u64)> = sums.into_iter().collect();
    order.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    Ok(order.into_iter().take(SHOWN).map(|(household, _)| household).collect())
}
