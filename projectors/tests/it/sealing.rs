//! What the tests of the seal share: who seals a world's log, with which keys, and whether what was sealed holds.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger_core::log::Position;
use ledger_ops::settings::Secret;
use ledger_store::migrate::{SEAL_ROLE, Server};
use ledger_store::seal::{self, Checkpoint, Roots};
use projectors::error::ProjectError;
use projectors::seal::{FirstKey, KeyFolder, Seal};
use projectors::source::LogReader;
use sqlx::{ConnectOptions, PgPool};
use tlog_tiles::tlog::{Hash, check_record, check_tree};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::{World, pool, stack};

const LIMIT: Duration = Duration::from_secs(60);

/// Who seals the log of a world.
pub(crate) struct Sealing {
    url: String,
    pub(crate) pool: PgPool,
    directory: PathBuf,
}

impl Sealing {
    /// With a role of the seal, and an empty folder for keys.
    pub(crate) async fn of(world: &World) -> Self {
        let admin = stack().postgres().address().expect("an address").to_owned();
        let name: String =
            sqlx::query_scalar("SELECT current_database()").fetch_one(&world.owner).await.expect("a name");
        let (_, host) = admin.rsplit_once('@').expect("an address with a user");
        let (host, _) = host.rsplit_once('/').expect("an address with a database");
        let url = format!("postgres://{name}_seal:secret@{host}/{name}");
        let mut server = Server::connect(&Secret::new(&admin)).await.expect("the owner connects");
        server.ensure_service(SEAL_ROLE, &Secret::new(&url)).await.expect("a role");
        server.close().await.expect("the lock is given back");
        let directory = std::env::temp_dir().join(format!("own-circle-seal-{}", Uuid::new_v4().simple()));
        Self { pool: pool(&url).await, url, directory }
    }

    pub(crate) fn folder(&self) -> KeyFolder {
        KeyFolder::new(self.directory.clone())
    }

    /// Seals until it is aborted.
    pub(crate) fn start(&self, first: FirstKey) -> JoinHandle<ProjectError> {
        let seal = Seal::new(LogReader::new(self.pool.clone()), self.folder(), first);
        tokio::spawn(async move { seal.run().await })
    }

    /// The program, as it is deployed.
    pub(crate) fn process(&self, world: &World) -> Child {
        Command::new(env!("CARGO_BIN_EXE_projectors"))
            .arg("seal")
            .env("OWN_CIRCLE__PROFILE", "dev")
            .env("OWN_CIRCLE__LEDGER__URL", &self.url)
            .env("OWN_CIRCLE__READ__URL", world.options.read.connect_options().to_url_lossy().as_str())
            .env("OWN_CIRCLE__SEAL__URL", &self.url)
            .env("OWN_CIRCLE__SEAL__DIR", &self.directory)
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts")
    }

    /// A key that begins at `from`, or now.
    pub(crate) async fn key(
        &self,
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> seal::SealKey {
        projectors::seal::new_key(&self.pool, &self.folder(), from, until).await.expect("a key")
    }

    /// Waits until everything up to `position` is sealed.
    pub(crate) async fn wait_until_sealed(&self, position: Position) -> Checkpoint {
        let until = Instant::now() + LIMIT;
        let mut last = None;
        while Instant::now() < until {
            last = seal::newest(&self.pool).await.expect("a checkpoint");
            if let Some(checkpoint) = last.clone().filter(|checkpoint| checkpoint.tree_size >= position) {
                return checkpoint;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{position} is not sealed: {last:?}");
    }

    pub(crate) async fn checkpoints(&self) -> Vec<Checkpoint> {
        let mut all = Vec::new();
        while let Some(next) =
            seal::at_least(&self.pool, all.last().map_or(1, |last: &Checkpoint| last.tree_size + 1))
                .await
                .expect("a checkpoint")
        {
            all.push(next);
        }
        all
    }

    /// Everything that was sealed, looked at as an auditor would: each checkpoint is signed with the key that was in force,
    /// continues the one before, and has the root over the log's leaves; each leaf is in it.
    pub(crate) async fn check_everything(&self) {
        let keys = seal::keys(&self.pool).await.expect("keys");
        let origin = seal::origin(ledger_store::log::log_id(&self.pool).await.expect("a log"));
        let (mut db, roots) = (self.pool.acquire().await.expect("a connection"), Roots::default());
        let all = self.checkpoints().await;
        let mut before: Option<&Checkpoint> = None;
        for checkpoint in &all {
            let signed = seal::verify(&checkpoint.signed_note, &origin, &keys, checkpoint.sealed_at);
            let tree = checkpoint.tree().expect("a tree");
            assert_eq!(signed, Ok((tree.size, tree.root)), "{checkpoint:?}");
            if let Some(old) = before.and_then(Checkpoint::tree) {
                let proof = tree.consistency(&mut db, &roots, old.size, tree.size).await.expect("a proof");
                check_tree(&proof, tree.size, tree.root, old.size, old.root)
                    .expect("it continues the one before");
            }
            before = Some(checkpoint);
        }
        let tree = all.last().expect("a checkpoint").tree().expect("a tree");
        let rows = ledger_store::log::read_after(&self.pool, 0, i64::MAX).await.expect("rows");
        for stored in rows.iter().take(usize::try_from(tree.size).expect("small")) {
            let index = seal::leaf_index(stored.row.position).expect("a position");
            let leaf = Hash(*stored.row.leaf_hash().expect("a hash").as_bytes());
            let proof = tree.inclusion(&mut db, &roots, (index, leaf), tree.size).await.expect("a proof");
            check_record(&proof.path, tree.size, tree.root, index, leaf).expect("the leaf is in the tree");
        }
    }
}

impl Drop for Sealing {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.directory);
    }
}
