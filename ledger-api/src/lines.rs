//! A body as lines: each at most 16 KiB, longer ones are passed over and answered as such. Bounded memory.

use std::collections::VecDeque;

use actix_web::web::{Bytes, BytesMut, Payload};
use futures::{Stream, StreamExt, stream};

use crate::problem::ApiError;
use crate::routes::import::unreadable;

/// The longest line.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// One line that is not blank.
pub(crate) struct Line {
    /// Its number, from 1; blank lines count.
    pub(crate) number: u64,
    /// Its bytes, or why there are none.
    pub(crate) bytes: Result<Bytes, ApiError>,
}

/// Cuts bytes into lines.
#[derive(Default)]
struct Cutter {
    rest: BytesMut,
    number: u64,
    /// The line under way is too long; its bytes are not kept.
    skipping: bool,
    ready: VecDeque<Line>,
}

impl Cutter {
    fn take(&mut self, mut chunk: &[u8]) {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = chunk.split_at(end);
            self.grow(line);
            self.end_line();
            chunk = rest.get(1..).unwrap_or_default();
        }
        self.grow(chunk);
    }

    fn grow(&mut self, part: &[u8]) {
        if self.skipping || self.rest.len() + part.len() > LINE_BYTES_MAX {
            self.skipping = true;
            self.rest.clear();
        } else {
            self.rest.extend_from_slice(part);
        }
    }

    fn end_line(&mut self) {
        self.number += 1;
        let number = self.number;
        let line = self.rest.split().freeze();
        if std::mem::take(&mut self.skipping) {
            let bytes = Err(ApiError::TooLarge(LINE_BYTES_MAX));
            self.ready.push_back(Line { number, bytes });
        } else if !line.trim_ascii().is_empty() {
            self.ready.push_back(Line { number, bytes: Ok(line) });
        }
    }

    fn end(&mut self) {
        if self.skipping || !self.rest.is_empty() {
            self.end_line();
        }
    }

    fn cut_off(&mut self) {
        self.number += 1;
        self.rest.clear();
        self.ready
            .push_back(Line { number: self.number, bytes: Err(unreadable("the body was cut off here")) });
    }
}

/// The lines of a body as they come.
pub(crate) fn lines(payload: Payload) -> impl Stream<Item = Line> {
    stream::unfold((Some(payload), Cutter::default()), |(mut payload, mut cutter)| async move {
        loop {
            if let Some(line) = cutter.ready.pop_front() {
                return Some((line, (payload, cutter)));
            }
            let source = payload.as_mut()?;
            match source.next().await {
                Some(Ok(chunk)) => cutter.take(&chunk),
                Some(Err(_)) => {
                    cutter.cut_off();
                    payload = None;
                }
                None => {
                    cutter.end();
                    payload = None;
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<(u64, Option<String>)> {
        let mut cutter = Cutter::default();
        for chunk in chunks {
            cutter.take(chunk);
        }
        cutter.end();
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).expect("text");
        cutter.ready.into_iter().map(|line| (line.number, line.bytes.ok().map(text))).collect()
    }

    #[test]
    fn lines_are_cut_wherever_chunks_end() {
        let line = |number, text: &str| (number, Some(text.to_owned()));
        let expected = vec![line(1, "one"), line(3, "two"), line(4, "three")];
        assert_eq!(cut(&[b"one\n\ntwo\nthree"]), expected);
        assert_eq!(cut(&[b"o", b"ne", b"\n", b"\ntw", b"o\nthree\n"]), expected);
    }

    #[test]
    fn a_line_too_long_is_passed_over_and_named() {
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        let fits = vec![b'y'; LINE_BYTES_MAX];
        let lines = cut(&[b"a\n", &long, b"zzz\n", &fits, b"\nb"]);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines.get(1), Some(&(2, None)));
        assert_eq!(lines.get(2).and_then(|(_, text)| text.as_ref()).map(String::len), Some(LINE_BYTES_MAX));
        assert_eq!(lines.get(3), Some(&(4, Some("b".to_owned()))));
    }
}
