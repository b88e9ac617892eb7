//! The lines of a file, plain or gzipped, whatever is in it.
//!
//! A line is bounded ([`LINE_BYTES_MAX`]): of a longer one only the fact is kept, so a file without line ends costs no
//! more memory than any other. A file that breaks off in the middle (a cut gzip, a read error) ends with that as its
//! last line's problem.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::error::ImportError;

/// The contract's limit for a line of an import, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 16 * 1024;
const BUFFER_BYTES: usize = 128 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a line could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineProblem {
    /// More than the limit.
    #[error("longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Bytes that are no text.
    #[error("not UTF-8")]
    NotUtf8,
    /// A NUL in the text.
    #[error("contains a NUL byte")]
    Nul,
    /// The file could not be read further.
    #[error("the file cannot be read from here on ({0})")]
    BrokenOff(String),
}

/// A line by its number (from 1), without its end.
pub(crate) type NumberedLine = (u64, Result<String, LineProblem>);

/// The lines that are not blank.
pub(crate) struct Lines {
    reader: Box<dyn BufRead + Send>,
    number: u64,
    ended: bool,
}

impl Lines {
    /// Opens the file and looks whether it is gzipped.
    pub(crate) fn open(path: &Path) -> Result<Self, ImportError> {
        let failed = |source| ImportError::File { path: path.to_path_buf(), source };
        let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(failed)?);
        let gzipped = file.fill_buf().map_err(failed)?.starts_with(&GZIP_MAGIC);
        let reader: Box<dyn BufRead + Send> = if gzipped {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Ok(Self::of(reader))
    }

    pub(crate) fn of(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader, number: 0, ended: false }
    }

    /// Reads up to and including the next line end; keeps no more than the limit.
    fn read_line(&mut self) -> std::io::Result<(Vec<u8>, bool)> {
        let limit = u64::try_from(LINE_BYTES_MAX + BYTE_ORDER_MARK.len() + 2).unwrap_or(u64::MAX);
        let mut line = Vec::new();
        (&mut self.reader).take(limit).read_until(b'\n', &mut line)?;
        let mut cut = false;
        while !line.ends_with(b"\n") {
            // Either the end of the file or more of an endless line: thrown away piece by piece.
            let mut rest = Vec::new();
            if (&mut self.reader).take(limit).read_until(b'\n', &mut rest)? == 0 {
                break;
            }
            cut = true;
            if rest.ends_with(b"\n") {
                break;
            }
        }
        Ok((line, cut))
    }

    fn check(&self, line: &[u8], cut: bool) -> Result<String, LineProblem> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = if self.number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
        if cut || line.len() > LINE_BYTES_MAX {
            return Err(LineProblem::TooLong);
        }
        if line.contains(&0) {
            return Err(LineProblem::Nul);
        }
        std::str::from_utf8(line).map(str::to_owned).map_err(|_| LineProblem::NotUtf8)
    }
}

impl Iterator for Lines {
    type Item = NumberedLine;

    fn next(&mut self) -> Option<NumberedLine> {
        while !self.ended {
            self.number += 1;
            match self.read_line() {
                Ok((line, _)) if line.is_empty() => self.ended = true,
                Ok((line, cut)) => match self.check(&line, cut) {
                    Ok(text) if text.trim().is_empty() => {}
                    checked => return Some((self.number, checked)),
                },
                Err(error) => {
                    self.ended = true;
                    return Some((self.number, Err(LineProblem::BrokenOff(error.kind().to_string()))));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<NumberedLine> {
        Lines::of(Box::new(Cursor::new(bytes.to_vec()))).collect()
    }

    #[test]
    fn ends_marks_and_blank_lines_do_not_matter_and_numbers_are_those_of_an_editor() {
        let read = lines(b"\xef\xbb\xbfone\r\n\n  \ntwo\nthree");
        assert_eq!(read, [(1, Ok("one".to_owned())), (4, Ok("two".to_owned())), (5, Ok("three".to_owned()))]);
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn every_kind_of_damage_costs_its_own_line_only() {
        let mut bytes = b"\xff\xfe\nok\na\0b\n".to_vec();
        bytes.extend(vec![b'x'; LINE_BYTES_MAX * 5]);
        bytes.extend(b"\nlast\n");
        assert_eq!(
            lines(&bytes),
            [
                (1, Err(LineProblem::NotUtf8)),
                (2, Ok("ok".to_owned())),
                (3, Err(LineProblem::Nul)),
                (4, Err(LineProblem::TooLong)),
                (5, Ok("last".to_owned())),
            ]
        );
    }

    #[test]
    fn the_limit_is_the_contract_s() {
        let fits = vec![b'x'; LINE_BYTES_MAX];
        let too_long = vec![b'x'; LINE_BYTES_MAX + 1];
        for end in [&b""[..], b"\n", b"\r\n"] {
            assert!(lines(&[&fits, end].concat())[0].1.is_ok());
            assert_eq!(lines(&[&too_long, end].concat()), [(1, Err(LineProblem::TooLong))]);
        }
    }

    #[test]
    fn a_cut_gzip_gives_its_whole_lines_and_then_says_so() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        for number in 0..40_000 {
            writeln!(encoder, "line {number}").unwrap();
        }
        let whole = encoder.finish().unwrap();
        let cut = whole[..whole.len() / 2].to_vec();
        let decoder = MultiGzDecoder::new(Cursor::new(cut));
        let read: Vec<_> = Lines::of(Box::new(BufReader::new(decoder))).collect();
        let (last, before) = read.split_last().unwrap();
        assert!(matches!(last.1, Err(LineProblem::BrokenOff(_))), "{last:?}");
        assert!(before.len() > 1000 && before.iter().all(|(_, line)| line.is_ok()));
    }
}
