//! Looking for many values at once, each in every form in which it could lie in a file.

use std::collections::HashMap;
use std::path::Path;

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

    /// What is found in the files of a folder and of all folders in it, as `file: form`; how many files were read.
    ///
    /// A file that its server takes away meanwhile, and a socket or a link, is passed over.
    #[must_use]
    pub fn find_in_files(&self, folder: &Path, skip: &[&str]) -> (Vec<String>, usize) {
        let (mut hits, mut files, mut open) = (Vec::new(), 0, vec![folder.to_owned()]);
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
                if kind.is_dir() {
                    if !skip.iter().any(|name| entry.file_name() == *name) {
                        open.push(path);
                    }
                } else if kind.is_file()
                    && let Ok(bytes) = std::fs::read(&path)
                {
                    files += 1;
                    hits.extend(
                        self.find(&bytes).into_iter().map(|form| format!("{}: {form}", path.display())),
                    );
                }
            }
        }
        (hits, files)
    }
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
        add("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        add("hex", hex::encode(bytes).into_bytes());
        add("HEX", hex::encode_upper(bytes).into_bytes());
        add("percent", percent(bytes, false).into_bytes());
        add("percent, lower", percent(bytes, false).to_lowercase().into_bytes());
        add("percent, all", percent(bytes, true).into_bytes());
        add("escaped", escaped(&text, false).into_bytes());
        add("ESCAPED", escaped(&text, true).into_bytes());
        // At each of the three places in a group of base64 the same text looks another way; what depends on the neighbours is cut off.
        for before in 0..3 {
            let Some(whole) = bytes.get((3 - before) % 3..) else { continue };
            let whole = &whole[..whole.len() / 3 * 3];
            add("base64", BASE64_STANDARD_NO_PAD.encode(whole).into_bytes());
            add("base64 of addresses", BASE64_URL_SAFE_NO_PAD.encode(whole).into_bytes());
        }
    }
    forms
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
