//! Sending purchases as a till or an import does, and hearing what became of each.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::client::{Answer, Client};
use super::journal::{Fate, Journal, Sale};

/// How long a purchase or an import is tried again before the test fails.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);

/// Sends one purchase once, with the business's credential. `None`: no answer came.
///
/// # Panics
/// For an answer that the contract does not know.
pub async fn record(client: &Client, journal: &Journal, sale: &Sale) -> Option<Answer> {
    journal.about_to_send(sale);
    let answer = client.try_call_with("POST", "/transactions", &sale.body(), &[]).await.ok()?;
    let fate = match answer.status {
        200 | 201 => Fate::Recorded { transaction_id: text(&answer.body["data"]["transaction_id"]) },
        202 => Fate::Refused(text(&answer.body["data"]["outcome"])),
        503 => {
            assert!(!answer.header("retry-after").is_empty(), "503 without Retry-After: {}", answer.text);
            Fate::Unknown
        }
        400..=499 => Fate::Refused(answer.code().to_owned()),
        other => panic!("{other}: {}", answer.text),
    };
    journal.heard(&sale.business.slug, &sale.external_id, fate);
    Some(answer)
}

/// Sends one purchase until what became of it is known, as every till must.
///
/// # Panics
/// When that takes longer than 90 s.
pub async fn record_until_known(client: &Client, journal: &Journal, sale: &Sale) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = record(client, journal, sale).await;
        match answer {
            Some(answer) if answer.status != 503 => return answer,
            last => assert!(Instant::now() < deadline, "{}: still unknown: {last:?}", sale.external_id),
        }
        sleep(PAUSE).await;
    }
}

/// Sends one import and notes the answers that come, which may be fewer than the lines.
pub async fn import_once(admin: &Client, journal: &Journal, sales: &[Sale]) {
    sales.iter().for_each(|sale| journal.about_to_send(sale));
    let body: String = sales.iter().map(Sale::line).collect();
    let Ok(mut response) = admin.stream("/admin/import", "application/x-ndjson", body).await else { return };
    if response.status().as_u16() != 200 {
        assert_eq!(response.status().as_u16(), 503, "an import was refused");
        return;
    }
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        text.extend_from_slice(&chunk);
    }
    for line in String::from_utf8_lossy(&text).split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let answer: Value = serde_json::from_str(line).expect("a line of answers is JSON");
        let number =
            usize::try_from(answer["line"].as_u64().expect("a line number")).expect("a small number");
        let sale = &sales[number - 1];
        assert_eq!(answer["external_id"], sale.external_id.as_str(), "answers come in order: {line}");
        let fate = match (answer["outcome"].as_str(), answer["code"].as_str()) {
            (Some("created" | "replayed"), _) => Fate::Recorded { transaction_id: text_of(&answer) },
            (_, Some("UNAVAILABLE")) => Fate::Unknown,
            (outcome, code) => Fate::Refused(format!("{outcome:?} {code:?}")),
        };
        journal.heard(&sale.business.slug, &sale.external_id, fate);
    }
}

/// Sends an import again, from the first line that is not known, until every line is.
///
/// # Panics
/// When that takes longer than 90 s.
pub async fn import_until_known(admin: &Client, journal: &Journal, sales: &[Sale]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        import_once(admin, journal, sales).await;
        let unknown = journal.unknown();
        if unknown.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{} lines are still unknown", unknown.len());
        sleep(PAUSE).await;
    }
}

fn text_of(answer: &Value) -> String {
    text(&answer["transaction_id"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}
