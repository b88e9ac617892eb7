//! A real PostgreSQL and Kafka for the tests of this binary, an installation for each test, and a life to fill its log.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::TimeDelta;
use ledger_core::business::decide::RegisterBusiness;
use ledger_core::business::event::Terms;
use ledger_core::category::{Category, Confidentiality};
use ledger_core::ids::{BusinessId, CorrelationId, MemberId, NaturalKey, QuarantineId};
use ledger_core::log::{Actor, Position};
use ledger_core::member::MemberCommand;
use ledger_core::member::command::{PurchaseDocument, PurchaseMode, RecordPurchase};
use ledger_core::member::consent::{ConsentChange, ConsentChannel, ConsentChoice, ConsentOrigin, Purpose};
use ledger_core::member::event::PurchaseSource;
use ledger_core::money::Roubles;
use ledger_core::time::Timestamp;
use ledger_ops::clock::Clock;
use ledger_ops::settings::Secret;
use ledger_ops::telemetry::{LogFormat, start_logging};
use ledger_store::migrate::{LEDGER_ROLE, READ_ROLE, Server, ledger_migrations};
use ledger_store::{Command, Idempotency, Ledger, LedgerOptions, Request};
use local_stack::{ServerKind, Stack, StackOptions};
use projectors::engine::{Options, Projector};
use projectors::error::ProjectError;
use projectors::projections;
use projectors::source::{LogReader, LogSource, OpenSource, Source};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) const PARTITIONS: i32 = 12;
const LIMIT: Duration = Duration::from_secs(60);

static STACK: OnceLock<Stack> = OnceLock::new();

/// The servers that the tests of this binary share; they end with the process.
pub(crate) fn stack() -> &'static Stack {
    let start = || {
        // RUST_LOG chooses; silent unless a test is looked into.
        start_logging(LogFormat::Text);
        let options = StackOptions::temporary().only([ServerKind::Postgres, ServerKind::Kafka]);
        Stack::start(&options).expect("PostgreSQL and Kafka start")
    };
    STACK.get_or_init(start)
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// One installation: a log, a read database, a clock that stands where it is set.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    pub(crate) options: Options,
    pub(crate) businesses: Vec<BusinessId>,
    pub(crate) members: Vec<MemberId>,
    /// The log's database as its owner, who may do what no service may.
    pub(crate) owner: PgPool,
    numbers: u64,
}

pub(crate) async fn pool(url: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(10)
        .acquire_timeout(Duration::from_secs(10))
        .connect(url)
        .await
        .expect("a pool")
}

/// A fresh database for the service role `role`; the service's address.
async fn database(part: &str, role: &str) -> (PgPool, PgPool) {
    let admin = stack().postgres().address().expect("an address").to_owned();
    let name = format!("{part}_{}", Uuid::now_v7().simple());
    let (start, _) = admin.rsplit_once('/').expect("an address with a database");
    let (_, host) = start.rsplit_once('@').expect("an address with a user");
    let service_url = format!("postgres://{name}_service:secret@{host}/{name}");
    let mut server = Server::connect(&Secret::new(&admin)).await.expect("the owner connects");
    server.ensure_service(role, &Secret::new(&service_url)).await.expect("a role");
    server.ensure_database(&name, role).await.expect("a database");
    let owner = server.pool(&name).await.expect("a pool");
    server.close().await.expect("the lock is given back");
    if role == READ_ROLE {
        let grant = format!("GRANT CREATE ON DATABASE {name} TO {role}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(grant)).execute(&owner).await.expect("the grant");
    } else {
        ledger_migrations().run(&owner).await.expect("migrations");
    }
    (pool(&service_url).await, owner)
}

/// A read database of its own.
pub(crate) async fn read_database() -> PgPool {
    database("read", READ_ROLE).await.0
}

impl World {
    /// An empty one, on the morning of 2026-03-02 in Moscow.
    pub(crate) async fn new() -> Self {
        let (log, owner) = database("log", LEDGER_ROLE).await;
        let clock = Clock::default();
        clock.set(Some(at("2026-03-02T07:00:00Z")));
        let ledger =
            Ledger::open(log.clone(), LedgerOptions::default(), clock.clone()).await.expect("a ledger");
        let options =
            Options { read: read_database().await, log: LogReader::new(log), partitions: PARTITIONS };
        Self { ledger, clock, options, businesses: Vec::new(), members: Vec::new(), owner, numbers: 1 }
    }

    /// One with businesses and members.
    pub(crate) async fn with_members(members: usize) -> Self {
        let mut world = Self::new().await;
        world.business("salon", Category::BeautySalon, Confidentiality::Ordinary, 0).await;
        world.business("laser", Category::Cosmetology, Confidentiality::Ordinary, 14).await;
        world.business("clinic", Category::Medicine, Confidentiality::Medical, 0).await;
        for _ in 0..members {
            world.member().await;
        }
        world
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        // An order that looks random and is the same every time.
        self.numbers.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
    }

    pub(crate) async fn execute(&mut self, command: Command) {
        let (one, two) = (Uuid::now_v7(), Uuid::new_v4());
        let key: [u8; 32] = [*one.as_bytes(), *two.as_bytes()].concat().try_into().expect("32 bytes");
        let request = Request {
            command,
            idempotency: Idempotency { key, revision: 1, fingerprint: key },
            actor: Actor::SYSTEM,
            source: "test",
            correlation_id: CorrelationId::from_uuid(one),
        };
        self.ledger.execute(request).await.expect("the command is carried out");
    }

    pub(crate) async fn business(
        &mut self,
        slug: &str,
        category: Category,
        confidentiality: Confidentiality,
        hold: u32,
    ) {
        let business_id = BusinessId::from_uuid(Uuid::new_v4());
        let command = RegisterBusiness {
            business_id,
            slug: slug.parse().expect("a slug"),
            name: slug.to_owned(),
            category,
            confidentiality,
            terms: Terms { hold_days: Some(hold), ..Terms::default() },
        };
        self.execute(Command::RegisterBusiness(command)).await;
        self.businesses.push(business_id);
    }

    pub(crate) async fn member(&mut self) {
        let member_id = MemberId::from_uuid(Uuid::new_v4());
        let purposes = ["personal_data", "partner:salon", "partner:laser", "medical:clinic"];
        let consents = purposes.map(|purpose| ConsentChange {
            purpose: purpose.parse::<Purpose>().expect("a purpose"),
            choice: ConsentChoice::Granted,
            version: "1".parse().expect("a version"),
            text_hash: None,
        });
        let registered_at = self.clock.now().minus(TimeDelta::days(400));
        let origin = ConsentOrigin::from_channel(ConsentChannel::App);
        let command = MemberCommand::Register { registered_at, consents: consents.to_vec(), origin };
        self.execute(Command::Member { member_id, command }).await;
        self.members.push(member_id);
    }

    /// The member with this number grants one more consent.
    pub(crate) async fn consent(&mut self, member: usize, purpose: &str) {
        let change = ConsentChange {
            purpose: purpose.parse::<Purpose>().expect("a purpose"),
            choice: ConsentChoice::Granted,
            version: "1".parse().expect("a version"),
            text_hash: None,
        };
        let origin = ConsentOrigin::from_channel(ConsentChannel::App);
        let command = MemberCommand::ChangeConsents { changes: vec![change], origin };
        self.execute(Command::Member { member_id: self.members[member], command }).await;
    }

    /// A purchase of the member and business with these numbers, now.
    pub(crate) async fn purchase(&mut self, member: usize, business: usize, kopecks: i64) {
        self.bill(member, business, kopecks, self.clock.now(), PurchaseMode::Live).await;
    }

    /// A purchase as an admin imports it, so many days after it happened. Rule T6.
    pub(crate) async fn import(&mut self, member: usize, business: usize, kopecks: i64, days_ago: i64) {
        let occurred_at = self.clock.now().minus(TimeDelta::days(days_ago));
        let mode = PurchaseMode::Import { registered_at: None };
        self.bill(member, business, kopecks, occurred_at, mode).await;
    }

    async fn bill(
        &mut self,
        member: usize,
        business: usize,
        kopecks: i64,
        occurred_at: Timestamp,
        mode: PurchaseMode,
    ) {
        let (member_id, business_id) = (self.members[member], self.businesses[business]);
        let key = [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat();
        let document = PurchaseDocument {
            business_id,
            natural_key: NaturalKey::from_bytes(key.try_into().expect("32 bytes")),
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
            mode,
        });
        self.execute(Command::Member { member_id, command }).await;
    }

    /// Some purchases spread over members, businesses and hours.
    pub(crate) async fn purchases(&mut self, count: usize) {
        for _ in 0..count {
            let members = u64::try_from(self.members.len()).expect("few");
            let member = usize::try_from(self.number() % members).expect("few");
            let business = usize::try_from(self.number() % 3).expect("few");
            let kopecks = i64::try_from(self.number() % 2_000_000).expect("not so many") + 100;
            self.purchase(member, business, kopecks).await;
            self.pass(TimeDelta::minutes(7));
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: TimeDelta) {
        self.clock.set(Some(self.clock.now().plus(time)));
    }

    /// Writes what is due for every member, and reviews her.
    pub(crate) async fn review_all(&mut self) {
        for member_id in self.members.clone() {
            self.execute(Command::Member { member_id, command: MemberCommand::ReviewStatus }).await;
        }
    }

    /// A life in which everything happens: lots that mature and expire, statuses that rise and fall, a withdrawn consent.
    pub(crate) async fn live(&mut self) {
        self.purchases(60).await;
        self.pass(TimeDelta::days(20));
        self.review_all().await;
        self.purchases(20).await;
        self.consent(0, "medical_status").await;
        self.pass(TimeDelta::days(100));
        self.review_all().await;
        self.pass(TimeDelta::days(300));
        self.purchases(10).await;
        self.review_all().await;
        self.pass(TimeDelta::days(40));
        self.review_all().await;
    }

    pub(crate) async fn head(&self) -> Position {
        self.options.log.head().await.expect("a head")
    }

    /// Runs the projection `name` into `read`, from sources that `open` opens, until it is dropped.
    pub(crate) fn project(&self, name: &str, read: &PgPool, open: OpenSource) -> JoinHandle<ProjectError> {
        let projection =
            projections().into_iter().find(|projection| projection.name() == name).expect("a projection");
        let options = Options { read: read.clone(), ..self.options.clone() };
        let projector = Projector::new(projection, options, open);
        tokio::spawn(async move { projector.run().await })
    }

    /// Runs every projection from the log, until they are aborted.
    pub(crate) fn follow_all(&self) -> Vec<JoinHandle<ProjectError>> {
        let names = projections().into_iter().map(|projection| projection.name());
        names.map(|name| self.project(name, &self.options.read, self.log_source())).collect()
    }

    /// Opens the log as a source.
    pub(crate) fn log_source(&self) -> OpenSource {
        let log = self.options.log.clone();
        Arc::new(move || Ok(Box::new(LogSource::new(log.clone())) as Box<dyn Source>))
    }

    /// The tables of every projection after one undisturbed run from the log into a database of its own.
    pub(crate) async fn expected(&self) -> Vec<String> {
        let read = read_database().await;
        let mut dumps = Vec::new();
        for projection in projections() {
            let running = self.project(projection.name(), &read, self.log_source());
            wait_until_passed(&read, projection.name(), self.head().await).await;
            running.abort();
            dumps.push(dump(&read, projection.name()).await);
        }
        dumps
    }
}

/// Waits until the projection `name` has passed `position`.
pub(crate) async fn wait_until_passed(read: &PgPool, name: &str, position: Position) {
    let until = Instant::now() + LIMIT;
    let mut last: Option<(i64, String, Option<String>)> = None;
    while Instant::now() < until {
        let row = sqlx::query_as("SELECT passed, state, reason FROM projectors.progress WHERE name = $1");
        // Before the first run there is no table.
        last = row.bind(name).fetch_optional(read).await.unwrap_or_default();
        if last.as_ref().is_some_and(|(passed, _, _)| *passed >= position) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{name} has not passed {position}: {last:?}");
}

/// Every row of every table of `schema`, but for the checkpoint, as sorted text.
pub(crate) async fn dump(read: &PgPool, schema: &str) -> String {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = $1 AND tablename <> 'checkpoint' ORDER BY 1",
    )
    .bind(schema)
    .fetch_all(read)
    .await
    .expect("tables");
    let mut text = String::new();
    for table in tables {
        let rows = format!("SELECT row_to_json(t)::text FROM {schema}.{table} t ORDER BY 1");
        let rows: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_all(read).await.expect("rows");
        text.push_str(&format!("{table}: {}\n{}\n", rows.len(), rows.join("\n")));
    }
    text
}
