//! A large log: made-up members with a year behind them, decided and appended as any import is.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use ledger_core::business::decide::RegisterBusiness;
use ledger_core::category::{Category, Confidentiality};
use ledger_core::ids::{BusinessId, CorrelationId, MemberId, NaturalKey, QuarantineId, Slug};
use ledger_core::log::Actor;
use ledger_core::member::MemberCommand;
use ledger_core::member::command::{PurchaseDocument, PurchaseMode, RecordPurchase};
use ledger_core::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin, Purpose};
use ledger_core::member::event::PurchaseSource;
use ledger_core::money::Roubles;
use ledger_core::time::Timestamp;
use ledger_ops::clock::Clock;
use ledger_store::{Command, Idempotency, Ledger, LedgerOptions, Request};
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::BenchError;
use crate::report;

/// Members on their way at once.
const AT_ONCE: usize = 1_024;
/// One of so many members is vip: 3 bills of 12,000 ₽ in 3 categories (Rule S1).
const VIPS: u64 = 20;
/// One of so many of all members is a vip whose first bill left the window within the last day.
const LEAVES: u64 = 100;
/// How often to say how far it is.
const TOLD_EVERY: u64 = 100_000;

/// The businesses of the seed: what it takes to be vip.
const BUSINESSES: [(&str, Category); 3] = [
    ("seed-salon", Category::BeautySalon),
    ("seed-bar", Category::Gastronomy),
    ("seed-flowers", Category::Floristry),
];

/// Where and when the members buy.
struct Seed {
    ledger: Ledger,
    businesses: Vec<(BusinessId, Slug)>,
    now: Timestamp,
}

/// Appends `members` members with one purchase, or three for a vip. The events on the log after it, and how long it took.
pub(crate) async fn seed(pool: PgPool, members: u64) -> Result<(i64, Duration), BenchError> {
    let clock = Clock::default();
    let now = clock.now();
    let ledger = Ledger::open(pool, LedgerOptions::default(), clock).await?;
    let mut seed = Seed { ledger, businesses: Vec::new(), now };
    for (slug, category) in BUSINESSES {
        seed.business(slug, category).await?;
    }
    let before = seed.ledger.head();
    let started = Instant::now();
    let all = stream::iter(0..members).map(|number| seed.member(number)).buffer_unordered(AT_ONCE);
    let told = all.try_fold(0_u64, |done, ()| async move {
        if (done + 1).is_multiple_of(TOLD_EVERY) {
            report::line(&format!(
                "  {} members seeded in {:.0} s",
                done + 1,
                started.elapsed().as_secs_f64()
            ));
        }
        Ok(done + 1)
    });
    told.await?;
    Ok((seed.ledger.head() - before, started.elapsed()))
}

impl Seed {
    async fn business(&mut self, slug: &str, category: Category) -> Result<(), BenchError> {
        let (business_id, slug) = (BusinessId::from_uuid(Uuid::now_v7()), slug.parse::<Slug>()?);
        let command = Command::RegisterBusiness(RegisterBusiness {
            business_id,
            slug: slug.clone(),
            name: slug.to_string(),
            category,
            confidentiality: Confidentiality::Ordinary,
            terms: ledger_core::business::event::Terms::default(),
        });
        self.execute(command, fresh_key()).await?;
        self.businesses.push((business_id, slug));
        Ok(())
    }

    async fn member(&self, number: u64) -> Result<(), BenchError> {
        let member_id = MemberId::from_uuid(Uuid::now_v7());
        let is_vip = number.is_multiple_of(VIPS);
        let buys_at = if is_vip { self.businesses.len() } else { 1 };
        let joined = self.now.minus(TimeDelta::days(400));
        let register = MemberCommand::Register {
            registered_at: joined,
            consents: self.consents(buys_at)?,
            origin: ConsentOrigin::from_channel(ConsentChannel::Import),
        };
        self.execute(Command::Member { member_id, command: register }, fresh_key()).await?;
        let a_year_ago = self.now.months_before(12);
        for (index, (business_id, _)) in (0_i64..).zip(&self.businesses).take(buys_at) {
            let of_year = i64::try_from(number % 300).unwrap_or_default();
            let occurred_at = if number.is_multiple_of(LEAVES) && index == 0 {
                a_year_ago.minus(TimeDelta::hours(12))
            } else {
                a_year_ago.plus(TimeDelta::days(30 + of_year) + TimeDelta::hours(index))
            };
            let kopecks = if is_vip { 1_200_000 } else { 100_000 + 100 * of_year };
            let key = fresh_key();
            let document = PurchaseDocument {
                business_id: *business_id,
                natural_key: NaturalKey::from_bytes(key),
                revision: 1,
                amount: Roubles::from_kopecks(kopecks),
                occurred_at,
                source: PurchaseSource::Import,
                source_system: None,
                cancelled: false,
                redemption_id: None,
                redeem_amount: None,
                coupon_code: None,
            };
            let command = MemberCommand::RecordPurchase(RecordPurchase {
                quarantine_id: QuarantineId::from_uuid(Uuid::now_v7()),
                document,
                mode: PurchaseMode::Import { registered_at: None },
            });
            self.execute(Command::Member { member_id, command }, key).await?;
        }
        Ok(())
    }

    /// To take part, and that the first `businesses` report.
    fn consents(&self, businesses: usize) -> Result<Vec<ConsentChange>, BenchError> {
        let to_partners =
            self.businesses.iter().take(businesses).map(|(_, slug)| Purpose::Partner(slug.clone()));
        let purposes = std::iter::once(Purpose::PersonalData).chain(to_partners);
        purposes
            .map(|purpose| {
                Ok(ConsentChange {
                    purpose,
                    choice: ConsentChoice::Granted,
                    version: "1".parse()?,
                    text_hash: None,
                })
            })
            .collect()
    }

    async fn execute(&self, command: Command, key: [u8; 32]) -> Result<(), BenchError> {
        let request = Request {
            command,
            idempotency: Idempotency { key, revision: 1, fingerprint: key },
            actor: Actor::SYSTEM,
            source: "import",
            correlation_id: CorrelationId::from_uuid(Uuid::now_v7()),
        };
        self.ledger.execute(request).await?;
        Ok(())
    }
}

/// A key nobody has used: of random and time, as a partner's document numbers come.
fn fresh_key() -> [u8; 32] {
    let mut key = [0; 32];
    let (first, second) = key.split_at_mut(16);
    first.copy_from_slice(Uuid::new_v4().as_bytes());
    second.copy_from_slice(Uuid::now_v7().as_bytes());
    key
}
