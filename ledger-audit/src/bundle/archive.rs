//! A bundle as one file: tar in Zstandard.
//!
//! Unpacked into a folder of its own that goes away with it: only the names a bundle has, only plain files. Nothing in an
//! archive chooses where it is written.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::Path;

use tempfile::TempDir;

use super::{FILES, MANIFEST};
use crate::error::AuditError;

/// A middle level: events repeat themselves, and it goes at the speed of a disk.
const LEVEL: i32 = 6;

pub(super) fn pack(folder: &Path, names: &[&str], target: &Path) -> Result<(), AuditError> {
    let written = || -> io::Result<()> {
        let file = BufWriter::new(File::create_new(target)?);
        let mut archive = tar::Builder::new(zstd::Encoder::new(file, LEVEL)?);
        for name in names {
            archive.append_path_with_name(folder.join(name), name)?;
        }
        let file = archive.into_inner()?.finish()?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    };
    written().map_err(AuditError::file(target))
}

/// Unpacks `archive`; the folder, and what in it was none of a bundle's files.
pub(super) fn unpack(archive: &Path) -> Result<(TempDir, Vec<String>), AuditError> {
    let unpacked = || -> io::Result<(TempDir, Vec<String>)> {
        let folder = tempfile::Builder::new().prefix("ledger-audit-").tempdir()?;
        let file = BufReader::new(File::open(archive)?);
        let mut tar = tar::Archive::new(zstd::Decoder::with_buffer(file)?);
        let mut strange = Vec::new();
        for entry in tar.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let name = path.strip_prefix("./").unwrap_or(&path);
            let known = FILES.iter().chain([&MANIFEST]).find(|known| **known == name);
            let Some(name) = known.filter(|_| entry.header().entry_type().is_file()) else {
                if !entry.header().entry_type().is_dir() {
                    strange.push(path);
                }
                continue;
            };
            // A name that comes twice is an error, not a choice.
            let mut target = File::create_new(folder.path().join(name))?;
            io::copy(&mut entry, &mut target)?;
        }
        Ok((folder, strange))
    };
    unpacked().map_err(AuditError::file(archive))
}
