//! What can be asked on the command line.

mod compare;
mod run;

use std::path::PathBuf;

pub use run::run;

use clap::{Args, Parser, Subcommand};
use ledger_core::ids::MemberId;
use uuid::Uuid;

use crate::balance::At;
use crate::report::Format;

/// Whether the ledger's log is what was sealed, and whether it follows from the rules.
///
/// SOURCE is a bundle that `ledger-audit export` wrote (a folder, or a .tar.zst), or the address of the ledger's database.
#[derive(Debug, Parser)]
#[command(name = "ledger-audit", version, after_long_help = LESSON)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

const LESSON: &str = "\
Exit codes: 0 nothing is wrong, 1 the log was tampered with (or is not what the rules make of it), 2 it cannot be decided.

A first audit:
  ledger-audit export postgres://auditor:…@host/own_circle_ledger log.tar.zst
  ledger-audit report log.tar.zst --key 'own-circle/…+1a2b3c4d+AQ…' --format html --output audit.html

Does everything else say what the log says? Each side is named, and read by who may read it and nothing else:
  ledger-audit replay log.tar.zst --read-url postgres://…@host/own_circle_read --clickhouse-url http://…@host:8123/own_circle

The key is the line that the operator publishes; without it, the keys that the log itself lists are taken, and the report says so.
Of a log whose key has changed, give every key since the beginning: what another has signed cannot be decided.

What only a witness finds: who holds the signing key can write the whole log anew and sign it. Somebody else runs, now and then,
  ledger-audit witness-key witness.example.org > witness.key        (once; the public line goes to whoever asks the witness)
  curl -H 'Authorization: ApiKey …' https://…/api/v1/audit/checkpoint > new.txt
  curl -H 'Authorization: ApiKey …' 'https://…/api/v1/audit/proof/consistency?from=SEEN&to=NEW' > proof.json
  ledger-audit witness --key-file witness.key --kept seen.txt --log-key '…' --checkpoint new.txt --proof proof.json \
    --cosignature said.json
  curl -H 'Authorization: ApiKey …' --json @said.json https://…/api/v1/audit/cosignatures
and an auditor gives what it kept, or at least its key, for the cosignatures that were handed in are exported with the log:
  ledger-audit verify log.tar.zst --witness seen.txt --witness-key 'witness.example.org+…'
  ledger-audit verify log.tar.zst --witness-key 'witness.example.org+…'
Of a tail that was cut off together with its checkpoints, only what it kept tells. The report says what is excluded, and what is not.";

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Take the log out of its database, with what witnesses cosigned: a bundle, which anybody can audit without the service
    Export(Export),
    /// Is the log what was sealed? Positions, hashes, bytes, checkpoints, signatures
    Verify(Asked),
    /// Does it follow from the rules? Everything of `verify`, and every decision taken again
    Replay(Asked),
    /// Is anything personal or medical on it? Everything of `verify`, and every field looked at
    Scan(Asked),
    /// All of it, as a report
    Report(Asked),
    /// Prove that an event is on the log (a receipt), or that the log only grew
    Prove(Prove),
    /// Does a receipt prove what it says? Needs nothing but the receipt and the log's key
    VerifyReceipt(VerifyReceipt),
    /// What a member had, from her own events alone
    Balance(BalanceOf),
    /// Cosign a checkpoint, if the log grew to it from what was seen last
    Witness(WitnessOf),
    /// Make a key for a witness: the secret line on standard output, the public one on standard error
    WitnessKey {
        /// Its name: a schema-less address of whoever runs it
        name: String,
    },
}

/// What is taken out, and where to.
#[derive(Debug, Args)]
pub struct Export {
    /// The address of the ledger's database, for a role that is a member of own_circle_audit
    #[arg(env = "OWN_CIRCLE_AUDIT_URL", hide_env_values = true)]
    pub address: String,
    /// A folder to be made, or a file that ends in .tar.zst
    pub target: PathBuf,
}

/// What is audited, and what is believed.
#[derive(Debug, Args)]
pub struct Asked {
    /// A bundle (a folder or a .tar.zst), or the address of the ledger's database: then it is taken out first
    pub source: String,
    /// The address of the read models, to compare balances with (of `replay` and `report`)
    #[arg(long, env = "OWN_CIRCLE_AUDIT_READ_URL", hide_env_values = true)]
    pub read_url: Option<String>,
    /// The address of ClickHouse's database, http://USER:PASSWORD@HOST:8123/DATABASE, to compare purchases, balances and postings with
    /// (of `replay` and `report`)
    #[arg(long, env = "OWN_CIRCLE_AUDIT_CLICKHOUSE_URL", hide_env_values = true)]
    pub clickhouse_url: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it")]
    pub trust: TrustArgs,
    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Where the report goes; standard output when absent
    #[arg(long, short)]
    pub output: Option<PathBuf>,
}

/// What is believed.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// A key of the log (`name+id+base64`), or a file with one a line; every key since the beginning, one after the other
    #[arg(long = "key")]
    pub keys: Vec<String>,
    /// What a witness kept: a file with a checkpoint, cosigned
    #[arg(long)]
    pub witness: Option<PathBuf>,
    /// The key of a witness (`name+id+base64`), or a file with one a line: its cosignatures that came with the log are checked, and its
    /// hand under what --witness has
    #[arg(long = "witness-key")]
    pub witness_keys: Vec<String>,
}

/// What is proved.
#[derive(Debug, Args)]
pub struct Prove {
    /// A bundle: a folder or a .tar.zst
    pub source: PathBuf,
    /// Prove that the event at this position is on the log
    #[arg(long, required_unless_present = "from", conflicts_with = "from")]
    pub position: Option<u64>,
    /// In the checkpoint of this size; the newest when absent
    #[arg(long)]
    pub size: Option<u64>,
    /// Prove that the log of this size is the beginning of that of --to
    #[arg(long, requires = "to")]
    pub from: Option<u64>,
    /// See --from
    #[arg(long, requires = "from")]
    pub to: Option<u64>,
}

/// A receipt.
#[derive(Debug, Args)]
pub struct VerifyReceipt {
    /// The receipt, as the service gave it
    pub file: PathBuf,
    /// A key of the log, or a file with one a line
    #[arg(long = "key")]
    pub keys: Vec<String>,
}

/// Whose balance, and when.
#[derive(Debug, Args)]
pub struct BalanceOf {
    /// A bundle: a folder or a .tar.zst
    pub source: PathBuf,
    /// The member's id
    #[arg(long, value_parser = member)]
    pub member: MemberId,
    /// A position, or a moment such as 2026-03-01T12:00:00Z
    #[arg(long)]
    pub at: At,
}

fn member(text: &str) -> Result<MemberId, String> {
    text.parse::<Uuid>().map(MemberId::from_uuid).map_err(|error| error.to_string())
}

/// What a witness looks at.
#[derive(Debug, Args)]
pub struct WitnessOf {
    /// The file with the witness's key, which `witness-key` made
    #[arg(long)]
    pub key_file: PathBuf,
    /// Where it keeps the last checkpoint it saw; made the first time
    #[arg(long)]
    pub kept: PathBuf,
    /// A key of the log, or a file with one a line
    #[arg(long = "log-key", required = true)]
    pub log_keys: Vec<String>,
    /// The new checkpoint: a file, or - for standard input
    #[arg(long)]
    pub checkpoint: PathBuf,
    /// The proof that the log grew to it from what was kept: `/audit/proof/consistency`, or `ledger-audit prove --from --to`
    #[arg(long)]
    pub proof: Option<PathBuf>,
    /// Where the cosigned checkpoint goes; standard output when absent
    #[arg(long, short)]
    pub output: Option<PathBuf>,
    /// Where the cosignature goes as `/audit/cosignatures` takes it: the service shows it with the checkpoint
    #[arg(long)]
    pub cosignature: Option<PathBuf>,
}
