//! `scratch-database MIGRATIONS`: an empty database with every migration in it, for checking queries at compile time.
//!
//! DATABASE_URL names a superuser of the server; the address of the new database is printed. The ledger's and the
//! vault's tables stand in their own schemas; each read model's file is applied in a schema of its own name, and the
//! search path covers them all.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

const DATABASE: &str = "scratch";
const GROUPS: [&str; 4] = ["own_circle_ledger", "own_circle_read", "own_circle_vault", "own_circle_seal"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("usage: scratch-database MIGRATIONS")?.into();
    let server = std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL must name a server")?;
    let (base, _) = server.rsplit_once('/').ok_or("DATABASE_URL must end in a database")?;
    let url = format!("{base}/{DATABASE}");
    let mut connection = PgConnection::connect(&server).await?;
    for group in GROUPS {
        let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
            .bind(group)
            .fetch_one(&mut connection)
            .await?;
        if !there {
            execute(&mut connection, format!("CREATE ROLE {group} NOLOGIN")).await?;
        }
    }
    execute(&mut connection, format!("CREATE DATABASE {DATABASE}")).await?;
    connection.close().await?;
    let mut connection = PgConnection::connect(&url).await?;
    for part in ["ledger", "vault"] {
        for file in sql_files(&folder.join(part))? {
            execute(&mut connection, fs::read_to_string(file)?).await?;
        }
    }
    let mut path = "public".to_owned();
    for file in sql_files(&folder.join("read"))? {
        let schema = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let script = fs::read_to_string(&file)?;
        let place = format!("CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path TO {schema};\n{script}");
        execute(&mut connection, place).await.map_err(|error| format!("{}: {error}", file.display()))?;
        path = format!("{path}, {schema}");
    }
    execute(&mut connection, format!("ALTER DATABASE {DATABASE} SET search_path TO {path}")).await?;
    connection.close().await?;
    writeln!(io::stdout(), "{url}")?;
    Ok(())
}

/// Runs a script of this project's own, as it stands.
async fn execute(connection: &mut PgConnection, script: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(script)).execute(connection).await.map(drop)
}

fn sql_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "sql"));
    files.sort();
    Ok(files)
}
