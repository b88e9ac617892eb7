//! The auditor's program against logs that real decisions wrote, and against what may be done to them.

mod clean;
mod cosigned;
mod database;
mod keys;
mod notes;
mod replay;
mod tampering;
mod tools;
mod town;
mod tree;
mod unsealed;
