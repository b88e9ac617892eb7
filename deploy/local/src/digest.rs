//! The pinned SHA-256 of everything that is fetched, and the check against it.
//!
//! The list is `digests.txt` in this crate, in the format of `sha256sum`. Packages are named by name and version
//! alone, so the pins, not the place a package comes from, decide what runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::StackError;

const READ_BYTES: usize = 1 << 20;

/// File names and the digests they must have.
#[derive(Debug, Clone)]
pub struct Digests(BTreeMap<String, String>);

impl Digests {
    /// The list this crate ships.
    #[must_use]
    pub fn pinned() -> Self {
        Self::parse(include_str!("../digests.txt"))
    }

    /// Reads lines `<hex>  <file name>`; other lines are comments.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once("  "));
        Self(pairs.map(|(hex, name)| (name.trim().to_owned(), hex.trim().to_owned())).collect())
    }

    /// The same list with another digest for `file`: what a tampered package looks like to the check.
    #[must_use]
    pub fn with(mut self, file: &str, digest: &str) -> Self {
        self.0.insert(file.to_owned(), digest.to_owned());
        self
    }

    /// The pinned digest of `file`, hexadecimal.
    #[must_use]
    pub fn of(&self, file: &str) -> Option<&str> {
        self.0.get(file).map(String::as_str)
    }

    /// The listed names that end in `ending`.
    pub fn names_ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().map(String::as_str).filter(move |name| name.ends_with(ending))
    }

    /// Reads the file and compares.
    ///
    /// # Errors
    /// `WrongDigest` if it differs, `UnexpectedFile` if it is not listed, `Io` if it cannot be read.
    pub fn check(&self, what: &'static str, path: &Path) -> Result<(), StackError> {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(expected) = self.of(&file) else {
            return Err(StackError::UnexpectedFile {
                what,
                file,
                problem: "is not in the list of pinned digests",
            });
        };
        let found = sha256_of(path)?;
        if found == expected {
            return Ok(());
        }
        Err(StackError::WrongDigest { file, expected: expected.to_owned(), found })
    }
}

fn sha256_of(path: &Path) -> Result<String, StackError> {
    let doing = || format!("reading {}", path.display());
    let mut file = File::open(path).map_err(StackError::io(doing()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; READ_BYTES];
    loop {
        let read = file.read(&mut buffer).map_err(StackError::io(doing()))?;
        if read == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn check(digests: &Digests, name: &str, content: &str) -> Result<(), StackError> {
        let folder = std::env::temp_dir().join(format!("own-circle-digest-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), content).unwrap();
        let checked = digests.check("test", &folder.join(name));
        std::fs::remove_dir_all(folder).unwrap();
        checked
    }

    #[test]
    fn the_pinned_content_passes_and_any_other_is_refused() {
        let digests = Digests::parse(&format!("# comment\n{ABC}  right.jar\n{ABC}  wrong.jar\n"));
        check(&digests, "right.jar", "abc").unwrap();
        let refused = check(&digests, "wrong.jar", "abd").unwrap_err();
        assert!(
            matches!(refused, StackError::WrongDigest { ref expected, .. } if expected == ABC),
            "{refused}"
        );
    }

    #[test]
    fn a_file_without_a_pin_is_refused() {
        let refused = check(&Digests::parse(""), "extra.jar", "abc").unwrap_err();
        assert!(matches!(refused, StackError::UnexpectedFile { .. }), "{refused}");
    }

    #[test]
    fn the_shipped_list_names_every_part() {
        let digests = Digests::pinned();
        assert_eq!(digests.names_ending(".jar").count(), 46);
        assert_eq!(digests.names_ending(".tgz").count(), 1);
        assert_eq!(digests.names_ending(".whl").count(), 1);
    }
}
