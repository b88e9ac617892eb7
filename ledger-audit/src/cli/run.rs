//! From what was asked to an exit code.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressStyle};

use super::compare::{clickhouse, read_models};
use super::{Asked, BalanceOf, Cli, Export, Prove, Task, TrustArgs, VerifyReceipt, WitnessOf};
use tempfile::TempDir;

use crate::audit::{Wanted, audit};
use crate::balance::balance;
use crate::bundle::{Bundle, pack};
use crate::database::{self, export, is_address};
use crate::error::AuditError;
use crate::note::{KeyKind, SignerKey, VerifierKey};
use crate::prove;
use crate::receipt::Receipt;
use crate::report::{plain, report};
use crate::verify::{Trust, Verdict, What};
use crate::warehouse::{Reached, reach};
use crate::witness::{self, Saw, Witness};

/// Does what was asked.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.task {
        Task::Export(asked) => exported(&asked),
        Task::Verify(asked) => audited(&asked, Wanted::default()),
        Task::Replay(asked) => audited(&asked, Wanted { replay: true, ..Wanted::default() }),
        Task::Scan(asked) => audited(&asked, Wanted { scan: true, ..Wanted::default() }),
        Task::Report(asked) => {
            audited(&asked, Wanted { replay: true, scan: true, months: true, ..Wanted::default() })
        }
        Task::Prove(asked) => proved(&asked),
        Task::VerifyReceipt(asked) => receipt(&asked),
        Task::Balance(asked) => balanced(&asked),
        Task::Witness(asked) => witnessed(&asked),
        Task::WitnessKey { name } => witness_key(&name),
    };
    match done {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => {
            // Nobody to tell when standard error is gone.
            let _ = writeln!(io::stderr(), "It cannot be decided: {}", plain(&error.to_string()));
            ExitCode::from(Verdict::Undecided.exit_code())
        }
    }
}

type Done = Result<Verdict, AuditError>;

fn audited(asked: &Asked, mut wanted: Wanted) -> Done {
    let trust = trust(&asked.trust)?;
    let taken = is_address(&asked.source).then(|| taken_out(&asked.source)).transpose()?;
    let path =
        taken.as_ref().map_or_else(|| PathBuf::from(&asked.source), |folder| folder.path().join("log"));
    let bundle = Bundle::open(&path)?;
    let (log_id, head) = (bundle.manifest.log_id, bundle.manifest.size);
    // Only what was decided again is compared.
    let warehouse = asked.clickhouse_url.as_deref().filter(|_| wanted.replay);
    let warehouse = warehouse.map(|address| reach(address, log_id, head)).transpose()?;
    wanted.warehouse = match &warehouse {
        Some(Reached::There(warehouse)) => Some(warehouse.cut()),
        Some(Reached::Not(_)) | None => None,
    };
    let bar = progress(head);
    let audited = audit(&bundle, &trust, wanted, &mut |passed| bar.set_position(passed));
    bar.finish_and_clear();
    let mut audited = audited?;
    if taken.is_some() {
        let found = database::tiles(&asked.source)?;
        let said = "Held against the sealed tiles of leaf hashes in the database.".to_owned();
        audited.compare_positions(said, &found, "the sealed tile has another leaf hash here");
        let found = database::cosignatures(&asked.source)?;
        let said = "Held cosignatures against what stands beside them in the database.".to_owned();
        audited.compare_as(What::Witness, said, found);
    }
    if audited.decided.is_some() {
        read_models(&mut audited, asked.read_url.as_deref(), head)?;
        clickhouse(&mut audited, warehouse);
    }
    write(asked.output.as_deref(), report(&audited, asked.format).as_bytes())?;
    Ok(audited.verdict)
}

fn progress(events: u64) -> ProgressBar {
    let bar = ProgressBar::new(events);
    let style = "{bar:40} {human_pos} of {human_len} events, {per_sec}, {eta} to go";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// The log of a database, in a folder that goes away with the answer.
fn taken_out(address: &str) -> Result<TempDir, AuditError> {
    let folder = tempfile::Builder::new().prefix("ledger-audit-").tempdir();
    let folder = folder.map_err(AuditError::file(&std::env::temp_dir()))?;
    take_out(address, &folder.path().join("log"))?;
    Ok(folder)
}

fn take_out(address: &str, folder: &Path) -> Result<(), AuditError> {
    let bar = progress(0);
    let taken = export(address, folder, &mut |passed, all| {
        bar.set_length(all);
        bar.set_position(passed);
    });
    bar.finish_and_clear();
    taken.map(drop)
}

fn exported(asked: &Export) -> Done {
    if !is_address(&asked.address) {
        return Err(AuditError::Input("an address begins with postgres://".to_owned()));
    }
    if asked.target.to_string_lossy().ends_with(".tar.zst") {
        let folder = taken_out(&asked.address)?;
        pack(&folder.path().join("log"), &asked.target)?;
    } else {
        take_out(&asked.address, &asked.target)?;
    }
    Ok(Verdict::Clean)
}

fn trust(asked: &TrustArgs) -> Result<Trust, AuditError> {
    let witness = asked.witness.as_deref().map(read).transpose()?;
    Ok(Trust { keys: keys(&asked.keys)?, witness, witness_keys: keys(&asked.witness_keys)? })
}

/// Keys as they were given: lines, or files of lines.
fn keys(given: &[String]) -> Result<Vec<VerifierKey>, AuditError> {
    let mut keys = Vec::new();
    for given in given {
        if let Ok(key) = given.parse() {
            keys.push(key);
            continue;
        }
        let path = Path::new(given);
        if !path.is_file() {
            return Err(AuditError::Input(format!(
                "`{given}` is neither a key (`name+id+base64`) nor a file with one a line"
            )));
        }
        let text = text(path)?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let key = line.trim().parse();
            keys.push(key.map_err(|error| AuditError::Input(format!("{}: {error}", path.display())))?);
        }
    }
    Ok(keys)
}

/// The largest receipt, note, proof or list of keys that is read.
const READ_BYTES_MAX: u64 = 1 << 20;

fn read(path: &Path) -> Result<Vec<u8>, AuditError> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().take(READ_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(READ_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(AuditError::file(path))?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read <= READ_BYTES_MAX) {
        return Ok(bytes);
    }
    Err(AuditError::Input(format!(
        "{} has more than {READ_BYTES_MAX} bytes: it is none of ours",
        path.display()
    )))
}

fn text(path: &Path) -> Result<String, AuditError> {
    String::from_utf8(read(path)?).map_err(|_| AuditError::Input(format!("{} is not text", path.display())))
}

fn write(path: Option<&Path>, bytes: &[u8]) -> Result<(), AuditError> {
    match path {
        Some(path) => fs::write(path, bytes).map_err(AuditError::file(path)),
        None => io::stdout().write_all(bytes).map_err(AuditError::file(Path::new("standard output"))),
    }
}

fn json(value: &impl serde::Serialize) -> Result<(), AuditError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| AuditError::Input(error.to_string()))?;
    write(None, (text + "\n").as_bytes())
}

fn proved(asked: &Prove) -> Done {
    let bundle = Bundle::open(&asked.source)?;
    match (asked.position, asked.from.zip(asked.to)) {
        (Some(position), _) => json(&prove::receipt(&bundle, position, asked.size)?)?,
        (None, Some((from, to))) => json(&prove::grew(&bundle, from, to)?)?,
        (None, None) => return Err(AuditError::Input("say --position, or --from and --to".to_owned())),
    }
    Ok(Verdict::Clean)
}

fn receipt(asked: &VerifyReceipt) -> Done {
    let receipt = match Receipt::parse(&read(&asked.file)?) {
        Ok(receipt) => receipt,
        Err(error) => return Err(AuditError::Input(error.to_string())),
    };
    let given = keys(&asked.keys)?;
    let own: Vec<VerifierKey> = receipt.keys.iter().filter_map(|key| key.verifier.parse().ok()).collect();
    let (keys, is_known) = if given.is_empty() { (own, false) } else { (given, true) };
    let (text, verdict) = match receipt.verify(&keys) {
        Err(error) => (format!("The receipt proves nothing: {error}."), Verdict::Tampered),
        Ok(proved) => {
            let text = format!(
                "{} at {} is event {} of the {} that {} signed.",
                proved.event_type,
                proved.occurred_at,
                proved.position,
                proved.size,
                proved.signed_by.join(" and ")
            );
            if is_known {
                (text, Verdict::Clean)
            } else {
                let doubt =
                    "The keys came with the receipt: give the log's own with --key to know who signed.";
                (format!("{text}\n{doubt}"), Verdict::Undecided)
            }
        }
    };
    let lines: Vec<String> = text.lines().map(plain).collect();
    write(None, (lines.join("\n") + "\n").as_bytes())?;
    Ok(verdict)
}

fn balanced(asked: &BalanceOf) -> Done {
    let bundle = Bundle::open(&asked.source)?;
    json(&balance(&mut bundle.events()?, asked.member, asked.at)?)?;
    Ok(Verdict::Clean)
}

fn witnessed(asked: &WitnessOf) -> Done {
    let key: SignerKey = text(&asked.key_file)?
        .trim()
        .parse()
        .map_err(|error| AuditError::Input(format!("{}: {error}", asked.key_file.display())))?;
    let log_keys = keys(&asked.log_keys)?;
    let kept = asked.kept.is_file().then(|| text(&asked.kept)).transpose()?;
    let witness = Witness { key: &key, log_keys: &log_keys, kept };
    let proof = asked.proof.as_deref().map(|path| witness::proof(&read(path)?)).transpose()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match witness.look(&text(&asked.checkpoint)?, &proof.unwrap_or_default(), now)? {
        Saw::Grew { note, to, .. } => {
            witness::keep(&asked.kept, &note)?;
            if let Some(path) = &asked.cosignature {
                // Its own line is the last.
                let cosignature = note.lines().next_back().unwrap_or_default();
                let said = serde_json::json!({ "tree_size": to, "cosignature": cosignature });
                write(Some(path), said.to_string().as_bytes())?;
            }
            write(asked.output.as_deref(), note.as_bytes())?;
            Ok(Verdict::Clean)
        }
        Saw::Fork(why) => {
            let said = format!("Not cosigned: {why}. Keep both checkpoints: they are the proof.\n");
            io::stderr()
                .write_all(said.as_bytes())
                .map_err(AuditError::file(&PathBuf::from("standard error")))?;
            Ok(Verdict::Tampered)
        }
    }
}

fn witness_key(name: &str) -> Done {
    let key =
        SignerKey::generate(name, KeyKind::Witness).map_err(|error| AuditError::Input(error.to_string()))?;
    write(None, (key.private_line() + "\n").as_bytes())?;
    let public = format!("{}\n", key.verifier());
    io::stderr().write_all(public.as_bytes()).map_err(AuditError::file(&PathBuf::from("standard error")))?;
    Ok(Verdict::Clean)
}
