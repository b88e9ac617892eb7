//! Lines for the person at the terminal: results on standard output, remarks on standard error.

use std::io::{self, IsTerminal, Write};

/// A line of the result.
pub(crate) fn say(line: &str) {
    // A closed terminal is no reason to stop.
    let _ = writeln!(io::stdout(), "{line}");
}

/// A remark on the way.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A heading: bold in a terminal.
pub(crate) fn heading(text: &str) {
    if io::stdout().is_terminal() {
        say(&format!("\n\x1b[1m{text}\x1b[0m"))
    } else {
        say(&format!("\n{text}"))
    }
}

/// Rows with columns as wide as their widest cell; the first column to the left, the others to the right.
pub(crate) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        say(format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end());
    }
}
