//! Writes the generated JSON Schemas: `cargo run -p ledger-core --features schema --example schemas -- schemas`.
//!
//! With `--check` before the folder it writes nothing and fails, naming the files that differ.
#![expect(clippy::disallowed_methods, reason = "this command writes files; it is no part of the domain")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command answers on its standard streams")]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let check = arguments.next_if(|first| first == "--check").is_some();
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: schemas [--check] FOLDER");
        return Ok(ExitCode::FAILURE);
    };
    let folder = PathBuf::from(folder);
    let mut differ = false;
    for (name, text) in ledger_core::schema::files()? {
        let path = folder.join(&name);
        if check {
            if std::fs::read_to_string(&path).is_ok_and(|found| found == text) {
                continue;
            }
            differ = true;
            eprintln!("{} is not what the types say; run the generator without --check", path.display());
        } else {
            std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            std::fs::write(&path, text)?;
            println!("{}", path.display());
        }
    }
    Ok(if differ { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
