//! JSON from outside, read strictly into a tree of borrowed parts.
//!
//! Why not a derived reader: numbers must stay text (money never passes through a float), an object may name a key once,
//! and a mistake is answered with its place and never with its value. So: UTF-8 without a byte order mark, RFC 8259
//! syntax, no NUL, no lone surrogate, no key twice, at most [`DEPTH_MAX`] levels. One pass, no backtracking.
//! What the fields mean is `fields.rs`.

use std::borrow::Cow;

/// The deepest nesting that is read.
const DEPTH_MAX: usize = 32;

/// A JSON value; a number keeps its digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json<'a> {
    Null,
    Flag(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Map(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why bytes are not a document. Holds nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJson {
    #[error("is not valid UTF-8")]
    Encoding,
    #[error("begins with a byte order mark")]
    ByteOrderMark,
    #[error("is not valid JSON")]
    Syntax,
    #[error("is nested too deeply")]
    TooDeep,
    #[error("names a field twice")]
    DuplicateField,
    #[error("has a NUL character in a text")]
    Nul,
    #[error("has half of a surrogate pair in a text")]
    LoneSurrogate,
}

/// Reads one document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Json<'_>, NotJson> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(NotJson::ByteOrderMark);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| NotJson::Encoding)?;
    let mut parser = Parser { text, at: 0 };
    parser.blanks();
    let value = parser.value(0)?;
    parser.blanks();
    if parser.at == text.len() { Ok(value) } else { Err(NotJson::Syntax) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        match self.peek() {
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Flag(true)),
            Some(b'f') => self.word("false", Json::Flag(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => Err(NotJson::Syntax),
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, NotJson> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(NotJson::Syntax)
        }
    }

    fn map(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        if depth >= DEPTH_MAX {
            return Err(NotJson::TooDeep);
        }
        self.at += 1;
        let mut fields: Vec<(Cow<'a, str>, Json<'a>)> = Vec::new();
        self.blanks();
        if self.take(b'}') {
            return Ok(Json::Map(fields));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(NotJson::Syntax);
            }
            let name = self.string()?;
            self.blanks();
            if !self.take(b':') {
                return Err(NotJson::Syntax);
            }
            self.blanks();
            let value = self.value(depth + 1)?;
            fields.push((name, value));
            self.blanks();
            if self.take(b'}') {
                return if has_duplicates(&fields) {
                    Err(NotJson::DuplicateField)
                } else {
                    Ok(Json::Map(fields))
                };
            }
            if !self.take(b',') {
                return Err(NotJson::Syntax);
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        if depth >= DEPTH_MAX {
            return Err(NotJson::TooDeep);
        }
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.take(b']') {
            return Ok(Json::List(items));
        }
        loop {
            self.blanks();
            items.push(self.value(depth + 1)?);
            self.blanks();
            if self.take(b']') {
                return Ok(Json::List(items));
            }
            if !self.take(b',') {
                return Err(NotJson::Syntax);
            }
        }
    }

    fn digits(&mut self) -> bool {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > from
    }

    /// The digits as they stand: what they mean is decided by the field.
    fn number(&mut self) -> Result<Json<'a>, NotJson> {
        let from = self.at;
        self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole_from = self.at;
        if !self.digits() || (leading_zero && self.at - whole_from > 1) {
            return Err(NotJson::Syntax);
        }
        if self.take(b'.') && !self.digits() {
            return Err(NotJson::Syntax);
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if !self.take(b'+') {
                self.take(b'-');
            }
            if !self.digits() {
                return Err(NotJson::Syntax);
            }
        }
        self.text.get(from..self.at).map(Json::Number).ok_or(NotJson::Syntax)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, NotJson> {
        self.at += 1;
        let from = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let text = self.text.get(from..self.at).ok_or(NotJson::Syntax)?;
                    self.at += 1;
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => return self.escaped(from),
                Some(0) => return Err(NotJson::Nul),
                None | Some(1..=0x1f) => return Err(NotJson::Syntax),
                Some(_) => self.at += 1,
            }
        }
    }

    /// The rest of a string that has an escape.
    fn escaped(&mut self, from: usize) -> Result<Cow<'a, str>, NotJson> {
        let mut text = self.text.get(from..self.at).ok_or(NotJson::Syntax)?.to_owned();
        loop {
            let plain_from = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            text.push_str(self.text.get(plain_from..self.at).ok_or(NotJson::Syntax)?);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                Some(0) => return Err(NotJson::Nul),
                _ => return Err(NotJson::Syntax),
            }
        }
    }

    fn escape(&mut self) -> Result<char, NotJson> {
        let letter = self.peek().ok_or(NotJson::Syntax)?;
        self.at += 1;
        match letter {
            b'"' => Ok('"'),
            b'\\' => Ok('\\'),
            b'/' => Ok('/'),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'n' => Ok('\n'),
            b'r' => Ok('\r'),
            b't' => Ok('\t'),
            b'u' => self.unicode(),
            _ => Err(NotJson::Syntax),
        }
    }

    fn unicode(&mut self) -> Result<char, NotJson> {
        let first = self.hex4()?;
        let code = match first {
            0 => return Err(NotJson::Nul),
            0xd800..=0xdbff => {
                if !self.take(b'\\') || !self.take(b'u') {
                    return Err(NotJson::LoneSurrogate);
                }
                let second = self.hex4()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(NotJson::LoneSurrogate);
                }
                0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(code).ok_or(NotJson::LoneSurrogate)
    }

    fn hex4(&mut self) -> Result<u32, NotJson> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(NotJson::Syntax)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotJson::Syntax);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| NotJson::Syntax)
    }
}

/// Few fields are compared with each other; many are sorted first, so that no body costs quadratic time.
fn has_duplicates(fields: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    if fields.len() <= 16 {
        return fields
            .iter()
            .enumerate()
            .any(|(place, (name, _))| fields.iter().take(place).any(|(earlier, _)| earlier == name));
    }
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_with_its_numbers_as_text() {
        let read =
            parse(br#" {"a": [1.10, -0, 1e400], "b\u0041": "x\ud83d\ude00\n", "c": null, "d": true} "#);
        let text = |text: &str| Json::Text(Cow::Owned(text.to_owned()));
        let expected = Json::Map(vec![
            ("a".into(), Json::List(vec![Json::Number("1.10"), Json::Number("-0"), Json::Number("1e400")])),
            ("bA".into(), text("x😀\n")),
            ("c".into(), Json::Null),
            ("d".into(), Json::Flag(true)),
        ]);
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_reason() {
        let deep = [b"[".repeat(33), b"]".repeat(33)].concat();
        let many: String = (0..40).map(|n| format!("\"k{}\":0,", n % 39)).collect();
        let many = format!("{{{}}}", many.trim_end_matches(','));
        for (bytes, reason) in [
            (b"".as_slice(), NotJson::Syntax),
            (b"{\"a\":1", NotJson::Syntax),
            (b"{\"a\":1}x", NotJson::Syntax),
            (b"{\"a\":01}", NotJson::Syntax),
            (b"{\"a\":1.}", NotJson::Syntax),
            (b"{\"a\":NaN}", NotJson::Syntax),
            (b"{'a':1}", NotJson::Syntax),
            (b"[1,]", NotJson::Syntax),
            (b"\"\t\"", NotJson::Syntax),
            (b"\"\\u12\xc3\xa9\"", NotJson::Syntax),
            (b"\xef\xbb\xbf{}", NotJson::ByteOrderMark),
            (b"\"\xff\"", NotJson::Encoding),
            (b"{\"a\":1,\"\\u0061\":2}", NotJson::DuplicateField),
            (many.as_bytes(), NotJson::DuplicateField),
            (b"\"\\u0000\"", NotJson::Nul),
            (b"\"a\0\"", NotJson::Nul),
            (b"\"\\ud800\"", NotJson::LoneSurrogate),
            (b"\"\\ud800\\u0041\"", NotJson::LoneSurrogate),
            (b"\"\\udc00\"", NotJson::LoneSurrogate),
            (&deep, NotJson::TooDeep),
        ] {
            assert_eq!(parse(bytes), Err(reason), "{}", String::from_utf8_lossy(bytes));
        }
        assert!(parse(&[b"[".repeat(32), b"]".repeat(32)].concat()).is_ok());
    }
}
