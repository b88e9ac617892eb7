//! Load on the command runner alone, without HTTP: purchases of 10,000 members by a number of waiting callers, on the
//! database of `DATABASE_URL` (an empty one, migrated here, as its owner).
//!
//! `cargo run --release -p ledger-store --example append-load -- 64 5`

use std::time::{Duration, Instant};

use futures::future::join_all;
use ledger_core::business::decide::RegisterBusiness;
use ledger_core::business::event::Terms;
use ledger_core::category::{Category, Confidentiality};
use ledger_core::ids::{BusinessId, CorrelationId, MemberId, NaturalKey, QuarantineId};
use ledger_core::log::Actor;
use ledger_core::member::MemberCommand;
use ledger_core::member::command::{PurchaseDocument, PurchaseMode, RecordPurchase};
use ledger_core::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin, Purpose};
use ledger_core::member::event::PurchaseSource;
use ledger_core::money::Roubles;
use ledger_ops::clock::Clock;
use ledger_store::{Command, Idempotency, Ledger, LedgerOptions, Request};
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn request(command: Command) -> Request {
    let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
    let mut key = [0; 32];
    key[..16].copy_from_slice(one.as_bytes());
    key[16..].copy_from_slice(two.as_bytes());
    Request {
        command,
        idempotency: Idempotency { key, revision: 1, fingerprint: key },
        actor: Actor::SYSTEM,
        source: "bench",
        correlation_id: CorrelationId::from_uuid(Uuid::now_v7()),
    }
}

fn purchase(member_id: MemberId, business_id: BusinessId, kopecks: i64) -> Command {
    let document = PurchaseDocument {
        business_id,
        natural_key: NaturalKey::from_bytes([7; 32]),
        revision: 1,
        amount: Roubles::from_kopecks(kopecks),
        occurred_at: Clock::machine_now(),
        source: PurchaseSource::Api,
        source_system: None,
        cancelled: false,
        redemption_id: None,
        redeem_amount: None,
        coupon_code: None,
    };
    let command = RecordPurchase {
        quarantine_id: QuarantineId::from_uuid(Uuid::now_v7()),
        document,
        mode: PurchaseMode::Live,
    };
    Command::Member { member_id, command: MemberCommand::RecordPurchase(command) }
}

async fn members(ledger: &Ledger, count: usize) -> Result<Vec<MemberId>, Failure> {
    let mut ids = Vec::new();
    for _ in 0..count / 500 {
        let registrations = (0..500).map(|_| {
            let member_id = MemberId::from_uuid(Uuid::new_v4());
            let consent = |purpose: &str| -> Result<ConsentChange, Failure> {
                Ok(ConsentChange {
                    purpose: purpose.parse::<Purpose>()?,
                    choice: ConsentChoice::Granted,
                    version: "1".parse()?,
                    text_hash: None,
                })
            };
            async move {
                let consents = vec![consent("personal_data")?, consent("partner:mindal")?];
                let origin = ConsentOrigin::from_channel(ConsentChannel::App);
                let command =
                    MemberCommand::Register { registered_at: Clock::machine_now(), consents, origin };
                ledger.execute(request(Command::Member { member_id, command })).await?;
                Ok::<_, Failure>(member_id)
            }
        });
        for id in join_all(registrations).await {
            ids.push(id?);
        }
    }
    Ok(ids)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let callers: usize = arguments.next().unwrap_or_else(|| "64".to_owned()).parse()?;
    let seconds: u64 = arguments.next().unwrap_or_else(|| "5".to_owned()).parse()?;
    let pool = PgPoolOptions::new()
        .max_connections(4)
        .test_before_acquire(false)
        .connect(&std::env::var("DATABASE_URL")?)
        .await?;
    let ledger = Ledger::open(pool, LedgerOptions::default(), Clock::default()).await?;
    let business_id = BusinessId::from_uuid(Uuid::new_v4());
    let business = RegisterBusiness {
        business_id,
        slug: "mindal".parse()?,
        name: "Миндаль".to_owned(),
        category: Category::BeautySalon,
        confidentiality: Confidentiality::Ordinary,
        terms: Terms::default(),
    };
    ledger.execute(request(Command::RegisterBusiness(business))).await?;
    let members = members(&ledger, 10_000).await?;
    let started = Instant::now();
    let until = started + Duration::from_secs(seconds);
    let loops = (0..callers).map(|caller| {
        let (ledger, members) = (ledger.clone(), members.clone());
        tokio::spawn(async move {
            let mut done = 0_u32;
            let mut latencies = Vec::new();
            let mut next = caller * 7919;
            while Instant::now() < until {
                let Some(id) = members.get(next % members.len()) else { break };
                let before = Instant::now();
                ledger.execute(request(purchase(*id, business_id, 123_456))).await?;
                latencies.push(before.elapsed());
                done += 1;
                next += 104_729;
            }
            Ok::<_, Failure>((done, latencies))
        })
    });
    let (mut done, mut latencies) = (0, Vec::new());
    for one in join_all(loops).await {
        let (count, some) = one??;
        done += count;
        latencies.extend(some);
    }
    latencies.sort();
    let per_second = f64::from(done) / started.elapsed().as_secs_f64();
    let p99 = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default();
    tracing::info!("done");
    std::io::Write::write_all(
        &mut std::io::stdout(),
        format!("{callers} callers: {per_second:.0} purchases/s, p99 {:.2} ms\n", p99.as_secs_f64() * 1e3)
            .as_bytes(),
    )?;
    Ok(())
}
