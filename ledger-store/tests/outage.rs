//! A database that dies under load: nothing acknowledged is lost, nothing is doubled, and the service recovers by itself.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger_store::{ExecuteError, Ledger, LedgerOptions, Request, log};
use support::{Log, business, member, own_stack, purchase, request};

/// Sends the same request until it has a receipt: what a cashier's till does.
async fn insist(ledger: &Ledger, request: Request) -> i64 {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        match ledger.execute(request.clone()).await {
            Ok(receipt) => return receipt.position.expect("written"),
            Err(ExecuteError::Unavailable) => {
                assert!(tokio::time::Instant::now() < deadline, "the ledger did not recover within 60 s");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_and_doubles_nothing() {
    let stack = own_stack();
    let log = Log::on(&stack).await;
    let ledger = log.open(LedgerOptions::default()).await;
    let shop = business(&ledger, "mindal").await;
    let id = member(&ledger, "mindal").await;
    let stop = Arc::new(AtomicBool::new(false));
    let tills: Vec<_> = (0..8)
        .map(|till| {
            let (ledger, stop) = (ledger.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut positions = Vec::new();
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let request = request(purchase(id, shop, 100), &format!("{till} {number}"));
                    positions.push(insist(&ledger, request).await);
                    number += 1;
                }
                positions
            })
        })
        .collect();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| {
            stack.postgres().kill().expect("killed");
            stack.postgres().start().expect("started again");
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for till in tills {
        acknowledged.extend(till.await.expect("joined"));
    }
    let pool = log.pool().await;
    let rows = log::read_after(&pool, 0, i64::MAX).await.expect("readable");
    assert!(rows.iter().zip(1..).all(|(stored, position)| stored.row.position == position), "no gap");
    let recorded: Vec<_> = rows.iter().filter(|stored| stored.row.event_type == "PurchaseRecorded").collect();
    assert_eq!(recorded.len(), acknowledged.len(), "every purchase exactly once");
    let distinct: std::collections::BTreeSet<_> = acknowledged.iter().collect();
    assert_eq!(distinct.len(), acknowledged.len(), "every receipt has its own place");
    assert!(acknowledged.len() > 16, "the tills sold something: {}", acknowledged.len());
}
