//! Looking for values in every store there is: in what the servers say, and in the files that lie behind.

use std::collections::BTreeSet;

use system_tests::system::{Needles, Site};

use crate::privacy::{bytes_of, dump};

/// Everything there is, once over: what is found, as `place: form`.
///
/// Every row of every table; the topic's records and ClickHouse's rows as their servers give them, since segments and parts are
/// compressed; metrics; and all files.
pub(crate) async fn everywhere(site: &Site, needles: &Needles) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut look = |place: &str, bytes: &[u8]| {
        assert!(!bytes.is_empty(), "{place}: there is nothing");
        found.extend(needles.find(bytes).into_iter().map(|form| format!("{place}: {form}")));
    };
    for part in ["ledger", "read", "vault"] {
        look(&format!("rows of {part}"), dump(site, part).await.as_bytes());
    }
    let records: Vec<u8> = site.topic().records().iter().flat_map(bytes_of).collect();
    look("records of the topic", &records);
    look("rows of ClickHouse", site.warehouse().dump().await.as_bytes());
    look("metrics", site.nobody().get("/metrics").await.text.as_bytes());
    // So that what is in the server's memory is in its files, too.
    let pool = site.database("ledger").await;
    sqlx::query("CHECKPOINT").execute(&pool).await.expect("a checkpoint");
    pool.close().await;
    found.extend(in_files(site, needles, &[]).await);
    found
}

/// The files of PostgreSQL (heap, indexes, WAL), Kafka and ClickHouse, the logs of all servers and processes, and whatever else
/// an installation has in its folder: what is found, as `file: form`.
pub(crate) async fn in_files(site: &Site, needles: &Needles, skip: &[&str]) -> Vec<String> {
    let postgres = site.postgres_folder().await;
    needles.find_in_files(&[postgres.as_path(), site.stack().folder()], skip).whole()
}
