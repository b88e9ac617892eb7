//! An audit that decides a log again holds ClickHouse against it, up to where it was sent it; what cannot be compared is said.

use std::time::Duration;

use system_tests::system::{
    Journal, Role, Seeded, Site, Town, Warehouse, eventually, import_until_known, shared,
};

use crate::{recently, sale, sales};

/// How long an audit of so small a log may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Replays a bundle against the ClickHouse at `address`: the exit code, and what is said.
fn replay(site: &Site, bundle: &str, address: &str) -> (Option<i32>, String) {
    let arguments = ["replay", bundle, "--clickhouse-url", address];
    let (status, said) = site.run_to_end("replay", "ledger-audit", &arguments, &[], LIMIT);
    (status.code(), said)
}

/// Nothing is wrong with a bundle, and ClickHouse was asked.
fn clean(site: &Site, bundle: &str) {
    let (code, said) = replay(site, bundle, &site.clickhouse());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Compared with ClickHouse up to position"), "{said}");
}

/// Waits until ClickHouse has been sent the log as it is.
async fn caught_up(site: &Site) {
    let (head, warehouse) = (site.head().await.to_string(), site.warehouse());
    let look = || warehouse.value("SELECT max(to_position) FROM ingested_batches");
    eventually("ClickHouse", LIMIT, look, |passed| *passed == head).await;
}

/// A row changed by hand: what changes it, what takes that back, and what must be said of it.
struct Fault {
    make: String,
    take_back: String,
    said: &'static str,
}

/// What is added to an amount of the rows of `table` for which `of` holds.
fn more(table: &str, column: &str, of: &str, said: &'static str) -> Fault {
    let change = |sign: &str| {
        format!(
            "ALTER TABLE {table} UPDATE {column} = {column} {sign} 1 WHERE {of} SETTINGS mutations_sync = 2"
        )
    };
    Fault { make: change("+"), take_back: change("-"), said }
}

/// A fault for every kind of row that is compared.
async fn faults(warehouse: &Warehouse) -> Vec<Fault> {
    let first = async |table: &str, of: &str| {
        let position = warehouse.value(&format!("SELECT min(position) FROM {table} WHERE {of}")).await;
        format!("{of} AND position = {position}")
    };
    let purchase = first("transaction_facts", "true").await;
    let movement = first("bonus_movements", "kind = 'accrued'").await;
    let clearing = first("postings", "unit = 'RUB' AND account LIKE 'business/%/clearing'").await;
    let hers = first("postings", "unit = 'BON' AND account = 'member/available'").await;
    let mut faults = vec![
        more("transaction_facts", "amount", &purchase, "purchases of member"),
        more("transaction_facts", "bonus_accrued", &purchase, "purchases of member"),
        more("bonus_movements", "amount", &movement, "movements of bonuses, accrued"),
        more("postings", "amount", &clearing, "postings in RUB to business/"),
        more("postings", "amount", &hers, "postings in BON to member/available"),
    ];
    // Another's: the account comes to the same, and her balance does not.
    let owner = warehouse.value(&format!("SELECT any(member_id) FROM postings WHERE {hers}")).await;
    let change = |to: &str| {
        format!("ALTER TABLE postings UPDATE member_id = '{to}' WHERE {hers} SETTINGS mutations_sync = 2")
    };
    faults.push(Fault {
        make: change("00000000-0000-0000-0000-000000000007"),
        take_back: change(&owner),
        said: "balance of member",
    });
    faults.push(Fault {
        make: "INSERT INTO transaction_facts SELECT toInt64(1) AS position, * EXCEPT (position) \
               REPLACE (generateUUIDv4() AS event_id) FROM transaction_facts LIMIT 1"
            .to_owned(),
        take_back: "ALTER TABLE transaction_facts DELETE WHERE position = 1 SETTINGS mutations_sync = 2"
            .to_owned(),
        said: "purchases of member",
    });
    let newest = warehouse.value("SELECT max(to_position) FROM ingested_batches").await;
    let newest = format!("to_position = {newest}");
    let hash =
        warehouse.value(&format!("SELECT any(hex(leaf_hash)) FROM ingested_batches WHERE {newest}")).await;
    let change = |hash: &str| {
        format!(
            "ALTER TABLE ingested_batches UPDATE leaf_hash = toFixedString(unhex('{hash}'), 32) WHERE {newest} \
             SETTINGS mutations_sync = 2"
        )
    };
    faults.push(Fault { make: change(&"07".repeat(32)), take_back: change(&hash), said: "leaf hash of" });
    faults
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clickhouse_says_otherwise_is_found_by_a_replay() {
    let mut site = Site::start(shared()).await;
    let town = Town::settle(&site, 5).await;
    let (journal, seeded) = (Journal::default(), Seeded::new("replayed", 91));
    let lines = sales(&seeded, &town.businesses, &town.members, 0, 60);
    import_until_known(&site.admin(), &journal, &lines).await;
    site.settle().await;
    // Nobody may repair what is broken here, nor write more.
    site.kill_role(Role::Schedule);
    site.kill_role(Role::React);
    caught_up(&site).await;
    site.kill_role(Role::Analytics);
    let bundle = site.export("replayed-log").display().to_string();
    let (warehouse, address) = (site.warehouse(), site.clickhouse());
    clean(&site, &bundle);
    for Fault { make, take_back, said: expected } in faults(&warehouse).await {
        warehouse.run(&make).await;
        let (code, said) = replay(&site, &bundle, &address);
        assert_eq!(code, Some(1), "{make}: {said}");
        assert!(said.contains(expected), "{make}: {said}");
        warehouse.run(&take_back).await;
        clean(&site, &bundle);
    }
    let (code, said) = replay(&site, &bundle, "http://127.0.0.1:1/nowhere");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("ClickHouse does not answer"), "{said}");
    let (code, said) = replay(&site, &bundle, &site.clickhouse().replace("http://", "ftp://"));
    assert_eq!(code, Some(2), "{said}");

    // What it was not sent cannot be decided; what differs before that is found all the same.
    let next = sale("behind", &town.businesses[0], &town.members[0], 10_000, &recently());
    let _ = next.business.till(&site).post("/transactions", &next.body()).await.data(201);
    let longer = site.export("replayed-longer-log").display().to_string();
    let (code, said) = replay(&site, &longer, &address);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("what lies between cannot be compared"), "{said}");
    assert!(said.contains("Compared with ClickHouse up to position"), "{said}");
    // Ahead of the log that is audited, it is compared up to that log's end.
    site.start_role(Role::Analytics);
    caught_up(&site).await;
    clean(&site, &bundle);
    clean(&site, &longer);
    site.kill_role(Role::Analytics);
    warehouse.run("TRUNCATE TABLE business_day_states").await;
    for log in [&bundle, &longer] {
        let (code, said) = replay(&site, log, &address);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("daily statistics of mindal"), "{said}");
    }
}
