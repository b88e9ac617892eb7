//! A real PostgreSQL for the tests of one binary, a database for each test, and terse commands.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use ledger_core::business::decide::RegisterBusiness;
use ledger_core::business::event::Terms;
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
use ledger_ops::settings::Secret;
use ledger_store::migrate::{LEDGER_ROLE, Server, ledger_migrations};
use ledger_store::{Command, Idempotency, Ledger, LedgerOptions, Request, log};
use local_stack::{ServerKind, Stack, StackOptions};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

static STACK: OnceLock<Stack> = OnceLock::new();

/// The server that the tests of this binary share; it ends with the process.
pub(crate) fn stack() -> &'static Stack {
    STACK.get_or_init(own_stack)
}

/// A server of one's own, to be stopped and started.
pub(crate) fn own_stack() -> Stack {
    Stack::start(&StackOptions::temporary().only([ServerKind::Postgres])).expect("a PostgreSQL starts")
}

/// A database with a log of its own.
pub(crate) struct Log {
    owner_url: String,
    service_url: String,
}

impl Log {
    /// On the shared server.
    pub(crate) async fn new() -> Self {
        Self::on(stack()).await
    }

    /// On `stack`.
    pub(crate) async fn on(stack: &Stack) -> Self {
        let admin = stack.postgres().address().expect("an address");
        let name = format!("log_{}", Uuid::now_v7().simple());
        let (start, _) = admin.rsplit_once('/').expect("an address with a database");
        let (_, host) = start.rsplit_once('@').expect("an address with a user");
        let service_url = format!("postgres://{name}_service:secret@{host}/{name}");
        let owner_url = format!("{start}/{name}");
        let mut server = Server::connect(&Secret::new(admin)).await.expect("the owner connects");
        server.ensure_service(LEDGER_ROLE, &Secret::new(&service_url)).await.expect("a role");
        server.ensure_database(&name, LEDGER_ROLE).await.expect("a database");
        let pool = server.pool(&name).await.expect("a pool");
        ledger_migrations().run(&pool).await.expect("migrations");
        pool.close().await;
        server.close().await.expect("the lock is given back");
        Self { owner_url, service_url }
    }

    /// A pool as the service.
    pub(crate) async fn pool(&self) -> PgPool {
        pool(&self.service_url).await
    }

    /// A pool as the owner of the database.
    pub(crate) async fn owner_pool(&self) -> PgPool {
        pool(&self.owner_url).await
    }

    /// A ledger as another process would open it.
    pub(crate) async fn open(&self, options: LedgerOptions) -> Ledger {
        Ledger::open(self.pool().await, options, Clock::default()).await.expect("the ledger opens")
    }
}

async fn pool(url: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(6)
        .acquire_timeout(Duration::from_secs(5))
        .connect(url)
        .await
        .expect("a pool")
}

/// A key made of a text; the fingerprint of another text.
pub(crate) fn idempotency(key: &str, fingerprint: &str) -> Idempotency {
    let bytes = |text: &str| {
        let (one, two) = (Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()), Uuid::NAMESPACE_URL);
        let two = Uuid::new_v5(&two, text.as_bytes());
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(one.as_bytes());
        bytes[16..].copy_from_slice(two.as_bytes());
        bytes
    };
    Idempotency { key: bytes(key), revision: 1, fingerprint: bytes(fingerprint) }
}

/// A request of the system with the key `key`.
pub(crate) fn request(command: Command, key: &str) -> Request {
    Request {
        command,
        idempotency: idempotency(key, key),
        actor: Actor::SYSTEM,
        source: "test",
        correlation_id: CorrelationId::from_uuid(Uuid::now_v7()),
    }
}

pub(crate) fn slug(text: &str) -> Slug {
    text.parse().expect("a slug")
}

/// Registers an ordinary beauty salon.
pub(crate) async fn business(ledger: &Ledger, name: &str) -> BusinessId {
    let business_id = BusinessId::from_uuid(Uuid::new_v4());
    let command = RegisterBusiness {
        business_id,
        slug: slug(name),
        name: name.to_owned(),
        category: Category::BeautySalon,
        confidentiality: Confidentiality::Ordinary,
        terms: Terms::default(),
    };
    let request = request(Command::RegisterBusiness(command), &format!("business {name}"));
    ledger.execute(request).await.expect("the business is registered");
    business_id
}

/// The command that registers a member who consents to `business`.
pub(crate) fn register(member_id: MemberId, business: &str) -> Command {
    let consents = vec![granted(Purpose::PersonalData), granted(Purpose::Partner(slug(business)))];
    let registered_at = Clock::machine_now().minus(chrono::TimeDelta::days(30));
    let origin = ConsentOrigin::from_channel(ConsentChannel::App);
    Command::Member { member_id, command: MemberCommand::Register { registered_at, consents, origin } }
}

fn granted(purpose: Purpose) -> ConsentChange {
    let version = "1".parse().expect("a version");
    ConsentChange { purpose, choice: ConsentChoice::Granted, version, text_hash: None }
}

/// The command that lets one more business report her purchases.
pub(crate) fn let_report(member_id: MemberId, business: &str) -> Command {
    let origin = ConsentOrigin::from_channel(ConsentChannel::App);
    let changes = vec![granted(Purpose::Partner(slug(business)))];
    Command::Member { member_id, command: MemberCommand::ChangeConsents { changes, origin } }
}

/// A registered member.
pub(crate) async fn member(ledger: &Ledger, business: &str) -> MemberId {
    let member_id = MemberId::from_uuid(Uuid::new_v4());
    let request = request(register(member_id, business), &format!("member {member_id}"));
    ledger.execute(request).await.expect("the member is registered");
    member_id
}

/// The command that records a purchase of `kopecks` just now.
pub(crate) fn purchase(member_id: MemberId, business_id: BusinessId, kopecks: i64) -> Command {
    purchase_at(member_id, business_id, kopecks, Clock::machine_now())
}

/// The command that records a purchase.
pub(crate) fn purchase_at(
    member_id: MemberId,
    business_id: BusinessId,
    kopecks: i64,
    occurred_at: Timestamp,
) -> Command {
    let document = PurchaseDocument {
        business_id,
        natural_key: NaturalKey::from_bytes(fresh_bytes()),
        revision: 1,
        amount: Roubles::from_kopecks(kopecks),
        occurred_at,
        source: PurchaseSource::Api,
        source_system: None,
        cancelled: false,
        redemption_id: None,
        redeem_amount: None,
        coupon_code: None,
    };
    let command = MemberCommand::RecordPurchase(RecordPurchase {
        quarantine_id: QuarantineId::from_uuid(Uuid::now_v7()),
        document,
        mode: PurchaseMode::Live,
    });
    Command::Member { member_id, command }
}

/// Reads the whole log and checks L1, L2 and L7 on it: gapless positions, gapless versions, hashes of what was read back.
pub(crate) async fn whole_log(pool: &PgPool) -> Vec<log::StoredRow> {
    let rows = log::read_after(pool, 0, i64::MAX).await.expect("the log reads");
    let mut versions = BTreeMap::<Uuid, i32>::new();
    for (expected, stored) in (1_i64..).zip(&rows) {
        assert_eq!(stored.row.position, expected, "positions have no gap");
        let version = versions.entry(stored.row.stream_id).or_default();
        *version += 1;
        assert_eq!(stored.row.stream_version, *version, "versions have no gap");
        assert_eq!(stored.row.leaf_hash().expect("canonical"), stored.leaf_hash, "the hash of what was read");
    }
    let head = log::head(pool).await.expect("a head");
    assert_eq!(usize::try_from(head).expect("fits"), rows.len(), "the head is the last position");
    rows
}

/// Waits until `check` holds, no longer than 20 s.
pub(crate) async fn eventually<F: Future<Output = bool>>(mut check: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !check().await {
        assert!(tokio::time::Instant::now() < deadline, "it did not come true within 20 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn fresh_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes
}
