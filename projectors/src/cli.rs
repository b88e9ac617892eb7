//! The command line: what each role does, and what it needs.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Follows the log of the ledger: into Kafka, into read models, into ClickHouse, and back as commands on the clock.
#[derive(Debug, Parser)]
#[command(
    name = "projectors",
    version,
    after_help = "Settings come from --config (TOML) and the environment, for example:\n  \
        OWN_CIRCLE__LEDGER__URL=postgres://…/own_circle_ledger\n  \
        OWN_CIRCLE__READ__URL=postgres://…/own_circle_read\n  \
        OWN_CIRCLE__KAFKA__BROKERS=127.0.0.1:9092\n  \
        OWN_CIRCLE__CLICKHOUSE__URL=http://127.0.0.1:8123\n\n\
        Every role may run in several processes: one works, the others stand by and take over.\n\
        RUST_LOG chooses what is logged, to standard error."
)]
pub struct Cli {
    /// A settings file in TOML; the environment wins over it
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Answers /health/live, /health/ready and /metrics at this address, such as 127.0.0.1:9464
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub http: Option<SocketAddr>,
    /// What to do
    #[command(subcommand)]
    pub role: Role,
}

/// Where records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SourceKind {
    /// The topic, filled by `projectors relay`
    #[default]
    Kafka,
    /// The log's own table: no Kafka needed
    Log,
}

/// Where a role reads.
#[derive(Debug, Clone, Copy, Args)]
pub struct From {
    /// Where records come from
    #[arg(long, value_enum, default_value_t)]
    pub source: SourceKind,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// Carries the log to the Kafka topic, in order
    ///
    /// Makes the topic when it is missing and fills it again when it was deleted. Refuses to write to a topic that knows
    /// more than the log, or another log: that log is a restored backup.
    Relay,
    /// Keeps a read model in PostgreSQL up to date: balances, history, statuses, directory, journal, or all
    ///
    /// Makes its tables on the first run. A record that cannot be applied stops that read model alone; the place and the
    /// reason are in table projectors.progress and in metric projector_stopped. Beside the journal the standing checks of the
    /// ledger are watched: metrics ledger_check_ok (1 or 0) and ledger_check_off_kopecks, by check.
    Project {
        /// Which read models: one or more names, or `all`
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Where to read
        #[command(flatten)]
        from: From,
    },
    /// Sends the commands that are due on the clock: matured and expired bonuses, the daily review of statuses
    Schedule,
    /// Sends the commands that purchases trigger by chains of cross-promotion
    React {
        /// Where to read
        #[command(flatten)]
        from: From,
    },
    /// Seals the log: a Merkle tree over its events, whose head is signed every second while there is something new
    ///
    /// Hashes every event anew; one that is not what its hash says is never sealed and ends this role with its position.
    /// Needs OWN_CIRCLE__SEAL__URL, the log's database with the seal's own role, and OWN_CIRCLE__SEAL__DIR, the folder of the
    /// keys. In the dev profile the first key is made by itself.
    Seal,
    /// The keys that the log is sealed with
    SealKey {
        /// What to do
        #[command(subcommand)]
        what: SealKeyRole,
    },
    /// Everything in one process: relay, all read models, analytics, schedule, react, seal
    ///
    /// With `--source log` no Kafka is needed and the relay does not run. Without a `clickhouse` section analytics does not
    /// run, without a `seal` section nothing is sealed.
    All {
        /// Where to read
        #[command(flatten)]
        from: From,
    },
    /// Keeps the facts in ClickHouse up to date, exactly once, ordinary businesses only
    ///
    /// Makes the database and its tables on the first run. Asks ClickHouse now and then what it really holds, and sends
    /// again what it lost.
    Analytics {
        /// Where to read
        #[command(flatten)]
        from: From,
        /// How often to ask ClickHouse what it holds, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        audit_every: u64,
    },
    /// Folds the log and compares it with the read models and ClickHouse, to the kopeck
    ///
    /// Exit code 0: all is equal. 1: it is not; the first differences are named. 2: it cannot be decided, because a server
    /// is away or a side is behind.
    Check {
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
        /// How long to wait for the sides to catch up with the log, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        wait: u64,
    },
    /// Builds a read model anew from the log beside the live one, then puts it in its place
    ///
    /// Readers see the old one until the new one is complete; a running projector goes on with the new one.
    Rebuild {
        /// Which read model: balances, history, statuses, directory, journal or analytics
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum SealKeyRole {
    /// Makes a key, lists its public half for ever, and prints it as verifiers of signed notes take it
    ///
    /// Of the keys that are in force the one that began last signs: a new key takes over by itself, and what older ones
    /// signed while they were in force stays good.
    New {
        /// From when it signs, such as 2027-01-01T00:00:00Z; now, if not said
        #[arg(long, value_name = "TIME")]
        from: Option<DateTime<Utc>>,
        /// Until when; without it until another one takes over
        #[arg(long, value_name = "TIME")]
        until: Option<DateTime<Utc>>,
    },
}

impl Role {
    /// True for what goes on until it is told to stop.
    pub(crate) const fn follows_the_log(&self) -> bool {
        match self {
            Self::Relay
            | Self::Project { .. }
            | Self::Schedule
            | Self::Seal
            | Self::React { .. }
            | Self::All { .. }
            | Self::Analytics { .. } => true,
            Self::Check { .. } | Self::Rebuild { .. } | Self::SealKey { .. } => false,
        }
    }
}
