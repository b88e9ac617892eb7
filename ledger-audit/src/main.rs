//! The program `ledger-audit`: see `ledger-audit --help`.

fn main() {}
