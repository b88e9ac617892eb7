//! The programs the stack calls, and what to say when one is not there.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::StackError;

/// A program that must be on `PATH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Node's package client.
    Npm,
    /// Maven.
    Maven,
    /// A Java runtime, 17 or newer.
    Java,
    /// Python 3 with pip.
    Python,
}

/// The program's full path.
///
/// # Errors
/// `MissingTool`, which says how to get it.
pub(crate) fn find(tool: Tool) -> Result<PathBuf, StackError> {
    let (name, purpose, hint) = match tool {
        Tool::Npm => ("npm", "to fetch PostgreSQL", "Install Node.js (Debian and Ubuntu: `apt install npm`)"),
        Tool::Maven => {
            ("mvn", "to fetch Apache Kafka", "Install Maven (Debian and Ubuntu: `apt install maven`)")
        }
        Tool::Java => (
            "java",
            "to run Apache Kafka",
            "Install Java 17 or newer (Debian: `apt install openjdk-17-jre-headless`)",
        ),
        Tool::Python => (
            "python3",
            "to fetch and run ClickHouse",
            "Install Python 3 with pip (Debian and Ubuntu: `apt install python3 python3-pip`)",
        ),
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_program(file));
    found.ok_or(StackError::MissingTool { tool: name, purpose, hint })
}

fn is_program(file: &std::path::Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
