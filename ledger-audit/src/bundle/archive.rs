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

/// The most entries of an archive that are looked at; a bundle has four.
const ENTRIES_MAX: usize = 64;

/// How much an archive may unpack to: so many times its own size, and [`UNPACKED_MIN`] at any rate. Events pack to a tenth.
const UNPACKED_TIMES: u64 = 1_000;
const UNPACKED_MIN: u64 = 1 << 30;

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
        let file = File::open(archive)?;
        let mut left = file.metadata()?.len().saturating_mul(UNPACKED_TIMES).max(UNPACKED_MIN);
        let file = BufReader::new(file);
        let mut tar = tar::Archive::new(zstd::Decoder::with_buffer(file)?);
        let mut strange = Vec::new();
        // Raw: nothing in an archive makes this program keep a name or a header of any size in memory.
        for (count, entry) in tar.entries()?.raw(true).enumerate() {
            let mut entry = entry?;
            if count >= ENTRIES_MAX {
                return Err(refused("it has more entries than any bundle"));
            }
            let size = entry.header().size()?;
            left = left
                .checked_sub(size)
                .ok_or_else(|| refused("it unpacks to more than any bundle of its size"))?;
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

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(sizes: &[(u64, &str)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let zstd = zstd::Encoder::new(file.reopen().expect("a file"), 1).expect("an encoder");
        let mut tar = tar::Builder::new(zstd);
        for (size, name) in sizes {
            let mut header = tar::Header::new_gnu();
            header.set_size(*size);
            header.set_mode(0o600);
            let zeros = io::Read::take(io::repeat(0), *size);
            tar.append_data(&mut header, name, zeros).expect("appended");
        }
        tar.into_inner().and_then(zstd::Encoder::finish).expect("packed");
        file
    }

    #[test]
    fn an_archive_that_is_none_of_ours_is_refused_before_it_is_unpacked() {
        let few = unpack(packed(&[(10, "manifest.json"), (10, "other")]).path()).expect("unpacked");
        assert_eq!(few.1, ["other"]);
        let many: Vec<(u64, &str)> = vec![(1, "other"); ENTRIES_MAX + 1];
        let error = unpack(packed(&many).path()).expect_err("too many").to_string();
        assert!(error.contains("more entries"), "{error}");
        let error = unpack(packed(&[(UNPACKED_MIN + 1, "other")]).path()).expect_err("too much").to_string();
        assert!(error.contains("unpacks to more"), "{error}");
    }
}
