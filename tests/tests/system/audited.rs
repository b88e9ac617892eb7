//! The audit itself: each of these faults, made by hand, must be found. A checker that cannot fail proves nothing.

use system_tests::system::{
    Audit, Duplicates, Fate, Journal, Role, Seeded, Site, Town, import_until_known, shared,
};

use crate::{past, sale, sales};

/// A fault in the read models: what makes it, and what takes it back.
const READ_FAULTS: [(&str, &str, &str); 5] = [
    (
        "a balance that is a hundredth too high",
        "UPDATE balances.member_balances SET available_kopecks = available_kopecks + 1 WHERE available_kopecks > 0",
        "UPDATE balances.member_balances SET available_kopecks = available_kopecks - 1 WHERE available_kopecks > 0",
    ),
    (
        "a lot that is a hundredth too high",
        "UPDATE balances.lots SET left_kopecks = left_kopecks + 1",
        "UPDATE balances.lots SET left_kopecks = left_kopecks - 1",
    ),
    (
        "a line of history that counts twice",
        "UPDATE history.lines SET amount_kopecks = amount_kopecks * 2",
        "UPDATE history.lines SET amount_kopecks = amount_kopecks / 2",
    ),
    (
        "a purchase that is another's",
        "UPDATE directory.purchases SET amount_kopecks = amount_kopecks + 1",
        "UPDATE directory.purchases SET amount_kopecks = amount_kopecks - 1",
    ),
    (
        "a bill that is missing",
        "CREATE TABLE statuses.hidden AS SELECT * FROM statuses.bills ORDER BY position LIMIT 1;
         DELETE FROM statuses.bills WHERE position IN (SELECT position FROM statuses.hidden)",
        "INSERT INTO statuses.bills SELECT * FROM statuses.hidden; DROP TABLE statuses.hidden",
    ),
];

/// Whether the audit finds something.
async fn finds(site: &std::sync::Arc<Site>, journal: &std::sync::Arc<Journal>) -> bool {
    let (site, journal) = (site.clone(), journal.clone());
    tokio::spawn(async move { Audit::pass(&site, &journal, Duplicates::None).await }).await.is_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_finds_every_fault() {
    let mut site = Site::start(shared()).await;
    site.set_clock(Some("2026-03-02T10:00:00Z")).await;
    let town = Town::settle(&site, 5).await;
    let journal = std::sync::Arc::new(Journal::default());
    let seeded = Seeded::new("audited", 81);
    let lines = sales(&seeded, &town.businesses, &town.members, 0, 60);
    import_until_known(&site.admin(), &journal, &lines).await;
    Audit::pass(&site, &journal, Duplicates::None).await;
    // Nobody may repair what is broken here.
    Role::ALL.into_iter().for_each(|role| site.kill_role(role));
    let site = std::sync::Arc::new(site);
    assert!(!finds(&site, &journal).await, "nothing is wrong yet");

    let read = site.database("read").await;
    for (fault, make, take_back) in READ_FAULTS {
        sqlx::raw_sql(make).execute(&read).await.expect("the fault");
        assert!(finds(&site, &journal).await, "{fault} is not found");
        sqlx::raw_sql(take_back).execute(&read).await.expect("its end");
    }
    assert!(!finds(&site, &journal).await, "everything is mended");
    read.close().await;
    journal_faults(&site, &journal, &town).await;
    clickhouse_faults(&site, &journal).await;
}

/// K1 to K4: the journal and the log say different things.
async fn journal_faults(site: &std::sync::Arc<Site>, journal: &std::sync::Arc<Journal>, town: &Town) {
    let all = journal.all();
    let of = |change: &dyn Fn(&Journal)| {
        let changed = Journal::default();
        change(&changed);
        std::sync::Arc::new(changed)
    };
    let copied = |to: &Journal, skip: usize| {
        for (one, fate) in all.iter().skip(skip) {
            to.about_to_send(one);
            to.heard(&one.business.slug, &one.external_id, fate.clone());
        }
    };
    let never = sale("never", &town.businesses[0], &town.members[0], 100, &past(0));
    let id = "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10".to_owned();
    for (fault, changed) in [
        ("nobody sent it", of(&|to| copied(to, 1))),
        (
            "acknowledged and lost",
            of(&|to| {
                copied(to, 0);
                to.about_to_send(&never);
                to.heard(&never.business.slug, "never", Fate::Recorded { transaction_id: id.clone() });
            }),
        ),
        (
            "refused and written",
            of(&|to| {
                copied(to, 1);
                to.about_to_send(&all[0].0);
                to.heard(
                    &all[0].0.business.slug,
                    &all[0].0.external_id,
                    Fate::Refused("by the test".to_owned()),
                );
            }),
        ),
        (
            "another amount",
            of(&|to| {
                copied(to, 1);
                let mut one = all[0].0.clone();
                one.kopecks += 1;
                to.about_to_send(&one);
            }),
        ),
    ] {
        assert!(finds(site, &changed).await, "{fault}: not found");
    }
    let unknown = of(&|to| {
        copied(to, 1);
        to.about_to_send(&all[0].0);
        to.about_to_send(&never);
    });
    assert!(!finds(site, &unknown).await, "what is unknown may be there, or not");
}

async fn clickhouse_faults(site: &std::sync::Arc<Site>, journal: &std::sync::Arc<Journal>) {
    let warehouse = site.warehouse();
    let columns = "* EXCEPT (position) REPLACE (generateUUIDv4() AS event_id)";
    let extra = format!(
        "INSERT INTO transaction_facts SELECT 1000000 AS position, {columns} FROM transaction_facts LIMIT 1"
    );
    warehouse.run(&extra).await;
    assert!(finds(site, journal).await, "a fact of nothing is not found");
    let gone = "ALTER TABLE transaction_facts DELETE WHERE position = 1000000 SETTINGS mutations_sync = 2";
    warehouse.run(gone).await;
    assert!(!finds(site, journal).await, "it is gone");
    // A merge of the server's own would make one of the two.
    warehouse.run("SYSTEM STOP MERGES transaction_facts").await;
    let twice = "INSERT INTO transaction_facts SELECT * FROM transaction_facts LIMIT 1 SETTINGS insert_deduplicate = 0";
    warehouse.run(twice).await;
    assert!(finds(site, journal).await, "a row that is there twice is not found");
    warehouse.run("SYSTEM START MERGES transaction_facts").await;
    warehouse.run("OPTIMIZE TABLE transaction_facts FINAL").await;
    warehouse.run("TRUNCATE TABLE bonus_movements").await;
    assert!(finds(site, journal).await, "movements that are missing are not found");
}
