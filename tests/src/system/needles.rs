//! Looking for many values at once, each in every form in which it could lie in a file.

use std::collections::{BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// Shorter forms would be found by chance.
const SHORTEST: usize = 8;
/// How many bits of a window's hash the filter tells apart.
const FILTER_BITS: u32 = 20;

/// Forms to look for, with what each is a form of.
#[derive(Debug)]
pub struct Needles {
    forms: Vec<(String, Vec<u8>)>,
    heads: HashMap<[u8; SHORTEST], Vec<usize>>,
    filter: Vec<bool>,
}

fn place_of(window: [u8; SHORTEST]) -> usize {
    let mixed = u64::from_le_bytes(window).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> (64 - FILTER_BITS)).expect("twenty bits")
}

impl Needles {
    /// Forms as they are; those of fewer than eight bytes are left out.
    #[must_use]
    pub fn new(forms: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut forms: Vec<_> = forms.into_iter().filter(|(_, form)| form.len() >= SHORTEST).collect();
        forms.sort_by(|a, b| a.1.cmp(&b.1));
        forms.dedup_by(|a, b| a.1 == b.1);
        let mut heads: HashMap<[u8; SHORTEST], Vec<usize>> = HashMap::new();
        let mut filter = vec![false; 1 << FILTER_BITS];
        for (number, (_, form)) in forms.iter().enumerate() {
            let head = form.first_chunk::<SHORTEST>().copied().expect("at least eight bytes");
            heads.entry(head).or_default().push(number);
            filter[place_of(head)] = true;
        }
        Self { forms, heads, filter }
    }

    /// Every form of some texts: case, encodings, and their hashes' usual writings are for the caller to add.
    #[must_use]
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(texts.into_iter().flat_map(forms_of))
    }

    /// The forms.
    #[must_use]
    pub fn forms(&self) -> &[(String, Vec<u8>)] {
        &self.forms
    }

    /// What is found in `bytes`, each form once.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Vec<&str> {
        let mut found = vec![false; self.forms.len()];
        for (at, window) in bytes.windows(SHORTEST).enumerate() {
            let Some(head) = window.first_chunk::<SHORTEST>() else { continue };
            if *head == [0; SHORTEST] || !self.filter[place_of(*head)] {
                continue;
            }
            for number in self.heads.get(head).into_iter().flatten() {
                found[*number] |= bytes[at..].starts_with(&self.forms[*number].1);
            }
        }
        let found = found.iter().enumerate().filter(|(_, is_there)| **is_there);
        found.map(|(number, _)| self.forms[number].0.as_str()).collect()
    }

    /// Looks through the files of folders and of all folders in them, each once, wherever it lies twice; folders of the names
    /// `skip` are left out.
    ///
    /// A socket or a link is passed over, and so is what its server takes away meanwhile. What cannot be read for any other
    /// reason is told: nothing is known of it.
    #[must_use]
    pub fn find_in_files(&self, folders: &[&Path], skip: &[&str]) -> Searched {
        let mut searched = Searched::default();
        let (mut seen, mut open) = (BTreeSet::new(), Vec::new());
        open.extend(folders.iter().map(|folder| PathBuf::from(*folder)));
        while let Some(folder) = open.pop() {
            let Some(folder) = searched.open(&folder, folder.canonicalize()) else { continue };
            if !seen.insert(folder.clone()) {
                continue;
            }
            let Some(entries) = searched.open(&folder, std::fs::read_dir(&folder)) else { continue };
            for entry in entries {
                let Some(entry) = searched.open(&folder, entry) else { continue };
                let path = entry.path();
                let Some(kind) = searched.open(&path, entry.file_type()) else { continue };
                if kind.is_dir() {
                    if !skip.iter().any(|name| entry.file_name() == *name) {
                        open.push(path);
                    }
                } else if kind.is_file()
                    && let Some(bytes) = searched.open(&path, std::fs::read(&path))
                {
                    searched.files += 1;
                    let found = self.find(&bytes);
                    searched.hits.extend(found.iter().map(|form| format!("{}: {form}", path.display())));
                }
            }
        }
        searched
    }
}

/// What a search through files came to.
#[derive(Debug, Default)]
pub struct Searched {
    /// What was found, as `file: form`.
    pub hits: Vec<String>,
    /// How many files were read.
    pub files: usize,
    /// Folders and files that are there and could not be read, with the reason.
    pub unreadable: Vec<String>,
}

impl Searched {
    /// What was opened; nothing for what is no longer there, and for what is noted as unreadable.
    fn open<T>(&mut self, path: &Path, opened: std::io::Result<T>) -> Option<T> {
        match opened {
            Ok(opened) => return Some(opened),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.unreadable.push(format!("{}: {error}", path.display())),
        }
        None
    }

    /// The hits of a search that has read something, and all there was.
    ///
    /// # Panics
    /// When it has not.
    #[must_use]
    pub fn whole(self) -> Vec<String> {
        assert!(self.unreadable.is_empty(), "not everything was read: {:#?}", self.unreadable);
        assert!(self.files > 0, "no file was read");
        self.hits
    }
}

/// A text in UTF-16, from either end.
fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes_of).collect()
}

/// A text plain, in lower and upper case, and each of these as files and protocols write it.
#[must_use]
pub fn forms_of(text: &str) -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    for text in [text.to_owned(), text.to_lowercase(), text.to_uppercase()] {
        let bytes = text.as_bytes();
        let mut add = |how: &str, form: Vec<u8>| forms.push((format!("{text} {how}"), form));
        add("plain", bytes.to_vec());
        add("CP1251", cp1251(&text));
        add("UTF-16", utf16(&text, u16::to_le_bytes));
        add("UTF-16, the other way round", utf16(&text, u16::to_be_bytes));
        add("percent", percent(bytes, false).into_bytes());
        add("percent, lower", percent(bytes, false).to_lowercase().into_bytes());
        add("percent, all", percent(bytes, true).into_bytes());
        add("escaped", escaped(&text, false).into_bytes());
        add("ESCAPED", escaped(&text, true).into_bytes());
        forms.extend(forms_of_bytes(&text, bytes));
    }
    forms
}

/// Bytes as texts have them: in hexadecimal, and in both kinds of base64.
#[must_use]
pub fn forms_of_bytes(what: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    let mut add = |how: &str, form: String| forms.push((format!("{what} {how}"), form.into_bytes()));
    add("hex", hex::encode(bytes));
    add("HEX", hex::encode_upper(bytes));
    // At each of the three places in a group of base64 the same bytes look another way; what depends on the neighbours is cut off.
    for before in 0..3 {
        let Some(whole) = bytes.get((3 - before) % 3..) else { continue };
        let whole = &whole[..whole.len() / 3 * 3];
        add("base64", BASE64_STANDARD_NO_PAD.encode(whole));
        add("base64 of addresses", BASE64_URL_SAFE_NO_PAD.encode(whole));
    }
    forms
}

/// A number as programs keep it in eight bytes, from either end.
#[must_use]
pub fn forms_of_number(number: u64) -> Vec<(String, Vec<u8>)> {
    vec![
        (format!("{number} as a number"), number.to_le_bytes().to_vec()),
        (format!("{number} as a number, the other way round"), number.to_be_bytes().to_vec()),
    ]
}

/// Russian letters as Windows writes them; what it has no byte for is a question mark.
fn cp1251(text: &str) -> Vec<u8> {
    let one = |letter: char| match letter {
        'А'..='я' => u8::try_from(u32::from(letter) - 0x410 + 0xC0).unwrap_or(b'?'),
        'Ё' => 0xA8,
        'ё' => 0xB8,
        _ if letter.is_ascii() => u8::try_from(letter).unwrap_or(b'?'),
        _ => b'?',
    };
    text.chars().map(one).collect()
}

fn percent(bytes: &[u8], all: bool) -> String {
    let is_kept = |byte: u8| !all && (byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let one = |byte: &u8| if is_kept(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    bytes.iter().map(one).collect()
}

/// As JSON writes what is not ASCII.
fn escaped(text: &str, upper: bool) -> String {
    let one = |unit: u16| match char::from_u32(u32::from(unit)).filter(char::is_ascii) {
        Some(letter) => letter.to_string(),
        None if upper => format!("\\u{unit:04X}"),
        None => format!("\\u{unit:04x}"),
    };
    text.encode_utf16().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_once_and_what_cannot_be_read_is_told() {
        let folder = std::env::temp_dir().join(format!("needles-{}", uuid::Uuid::new_v4()));
        let inner = folder.join("inner");
        std::fs::create_dir_all(&inner).expect("folders");
        let file = inner.join("file");
        std::fs::write(&file, "a needle-in-hay here").expect("a file");
        let needles = Needles::of_texts(["needle-in-hay"]);
        let nowhere = folder.join("nowhere");
        let folders = [folder.as_path(), inner.as_path(), nowhere.as_path()];
        let searched = needles.find_in_files(&folders, &[]);
        assert_eq!((searched.files, searched.unreadable.len()), (1, 0));
        assert_eq!(searched.whole().len(), 1, "one form of one text");
        assert_eq!(needles.find_in_files(&folders[..1], &["inner"]).files, 0, "left out");
        let no_folder = needles.find_in_files(&[file.as_path()], &[]);
        assert_eq!((no_folder.files, no_folder.unreadable.len()), (0, 1), "{no_folder:?}");
        std::fs::remove_dir_all(folder).expect("it is gone");
    }

    #[test]
    fn bytes_are_found_wherever_they_begin_in_what_is_encoded() {
        let secret: Vec<u8> = (200..232).collect();
        let needles = Needles::new(forms_of_bytes("secret", &secret));
        for before in 0..4 {
            let around = [vec![7; before], secret.clone(), vec![9; 5]].concat();
            for encoded in [
                hex::encode(&around),
                hex::encode_upper(&around),
                BASE64_STANDARD_NO_PAD.encode(&around),
                BASE64_URL_SAFE_NO_PAD.encode(&around),
            ] {
                assert!(!needles.find(encoded.as_bytes()).is_empty(), "{before}: {encoded}");
            }
        }
        assert!(needles.find(&secret).is_empty(), "plain bytes are for the caller to add");
    }

    #[test]
    fn a_text_is_found_in_utf_16_and_a_number_in_eight_bytes_from_either_end() {
        let needles = Needles::new(forms_of("канарейка").into_iter().chain(forms_of_number(79_217_403_865)));
        for bytes in [
            utf16("x канарейка", u16::to_le_bytes),
            utf16("x КАНАРЕЙКА", u16::to_be_bytes),
            [&[1, 2][..], &79_217_403_865_u64.to_le_bytes()].concat(),
            [&[1, 2][..], &79_217_403_865_u64.to_be_bytes()].concat(),
        ] {
            assert_eq!(needles.find(&bytes).len(), 1, "{bytes:?}");
        }
    }
}
