//! Reads JSON texts piece by piece, with Go's ideas of strings and numbers.
//!
//! Not `serde_json`: it refuses lone surrogates and broken UTF-8 that Go replaces, and unescapes
//! secrets into a scratch buffer that nobody wipes.

use zeroize::Zeroizing;

/// How deep arrays and objects may nest. Go allows 10,000; no message of ours needs more than 3.
pub const MAX_DEPTH: u8 = 128;

/// A text that is not JSON, or not of the expected shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {at}")]
pub struct BadJson {
    /// What should have been there.
    pub expected: &'static str,
    /// How many bytes came before.
    pub at: usize,
}

/// A place in a JSON text.
pub struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// An error at this place.
    pub(super) const fn expected(&self, expected: &'static str) -> BadJson {
        BadJson { expected, at: self.at }
    }

    /// Nothing but whitespace is left.
    pub(super) fn end(&mut self) -> Result<(), BadJson> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end")),
        }
    }

    /// The next byte that is not whitespace, left in place.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.here() {
            self.at += 1;
        }
        self.here()
    }

    /// Takes `null` if it is next.
    pub(super) fn null(&mut self) -> Result<bool, BadJson> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word("null").map(|()| true)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, BadJson> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// A number, as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, BadJson> {
        self.peek();
        let from = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let written = self.text.get(from..self.at).unwrap_or_default();
        Ok(str::from_utf8(written).expect("digits and signs are ASCII"))
    }

    /// Calls `element` at each element of an array; it must take the element.
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), BadJson>,
    ) -> Result<(), BadJson> {
        self.enter(b'[', "an array")?;
        if self.peek() == Some(b']') {
            return self.leave();
        }
        loop {
            element(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.leave(),
                _ => return Err(self.expected("a comma or ]")),
            }
        }
    }

    /// Calls `member` with each key of an object; it must take the value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&str, &mut Self) -> Result<(), BadJson>,
    ) -> Result<(), BadJson> {
        self.enter(b'{', "an object")?;
        if self.peek() == Some(b'}') {
            return self.leave();
        }
        loop {
            let key = self.string()?;
            if self.peek() != Some(b':') {
                return Err(self.expected("a colon"));
            }
            self.at += 1;
            member(&key, self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.leave(),
                _ => return Err(self.expected("a comma or }")),
            }
        }
    }

    /// Passes over a value of any type.
    pub(super) fn skip(&mut self) -> Result<(), BadJson> {
        match self.peek() {
            Some(b'{') => self.object(|_, json| json.skip()),
            Some(b'[') => self.array(Self::skip),
            Some(b'"') => self.raw_string().map(drop),
            Some(b't' | b'f') => self.boolean().map(drop),
            Some(b'n') => self.word("null"),
            _ => self.number().map(drop),
        }
    }

    /// A string, unescaped. What is not UTF-8 becomes U+FFFD, byte by byte, as do lone surrogates.
    pub(super) fn string(&mut self) -> Result<Zeroizing<String>, BadJson> {
        let raw = self.raw_string()?;
        Ok(unescape(raw))
    }

    /// What is between the quotes, checked for its form.
    fn raw_string(&mut self) -> Result<&'a [u8], BadJson> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a string"));
        }
        self.at += 1;
        let from = self.at;
        loop {
            match self.here() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0x20..) => self.at += 1,
                _ => return Err(self.expected("a quote")),
            }
        }
        let raw = self.text.get(from..self.at).unwrap_or_default();
        self.at += 1;
        Ok(raw)
    }

    fn escape(&mut self) -> Result<(), BadJson> {
        self.at += 1;
        match self.here() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.text.get(self.at + 1..self.at + 5);
                if !digits.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.expected("four hex digits"));
                }
                self.at += 5;
            }
            _ => return Err(self.expected("an escape")),
        }
        Ok(())
    }

    fn here(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.here() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> Result<(), BadJson> {
        let from = self.at;
        while self.here().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == from { Err(self.expected("a value")) } else { Ok(()) }
    }

    fn word(&mut self, word: &'static str) -> Result<(), BadJson> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.expected(word));
        }
        self.at += word.len();
        Ok(())
    }

    fn enter(&mut self, open: u8, what: &'static str) -> Result<(), BadJson> {
        if self.peek() != Some(open) {
            return Err(self.expected(what));
        }
        if self.depth == MAX_DEPTH {
            return Err(self.expected("less nesting"));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "ends the loops above in one expression")]
    const fn leave(&mut self) -> Result<(), BadJson> {
        self.depth -= 1;
        self.at += 1;
        Ok(())
    }
}

/// Unescapes what [`Reader::raw_string`] checked.
fn unescape(raw: &[u8]) -> Zeroizing<String> {
    // Escapes only get shorter, but an invalid byte becomes three. The text is never moved to a
    // larger place, so that no copy stays behind.
    let growth = if str::from_utf8(raw).is_ok() { 1 } else { 3 };
    let mut text = Zeroizing::new(String::with_capacity(raw.len() * growth));
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'\\' {
            rest = escaped(after, &mut text);
        } else {
            let plain = rest.iter().position(|&b| b == b'\\').unwrap_or(rest.len());
            let (chunk, more) = rest.split_at(plain);
            push_lossy(chunk, &mut text);
            rest = more;
        }
    }
    text
}

/// Go's `utf8.DecodeRune` takes one byte of what it can't decode; `from_utf8_lossy` takes more.
fn push_lossy(mut bytes: &[u8], text: &mut String) {
    while let Err(error) = str::from_utf8(bytes) {
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        text.push_str(str::from_utf8(valid).expect("valid up to there"));
        text.push(char::REPLACEMENT_CHARACTER);
        bytes = rest.get(1..).unwrap_or_default();
    }
    text.push_str(str::from_utf8(bytes).expect("the loop ended"));
}

/// Pushes one escape; `rest` begins behind the backslash.
fn escaped<'a>(rest: &'a [u8], text: &mut String) -> &'a [u8] {
    let (c, rest) = match rest {
        [b'u', rest @ ..] => unicode(rest),
        [b'b', rest @ ..] => ('\u{8}', rest),
        [b'f', rest @ ..] => ('\u{c}', rest),
        [b'n', rest @ ..] => ('\n', rest),
        [b'r', rest @ ..] => ('\r', rest),
        [b't', rest @ ..] => ('\t', rest),
        [other, rest @ ..] => (char::from(*other), rest),
        [] => (char::REPLACEMENT_CHARACTER, rest),
    };
    text.push(c);
    rest
}

/// The character of `\uXXXX`, or of two of them if they make a surrogate pair.
fn unicode(rest: &[u8]) -> (char, &[u8]) {
    let (first, after) = unit(rest);
    if let [b'\\', b'u', second @ ..] = after {
        let (second, behind) = unit(second);
        if let Some(Ok(c)) = char::decode_utf16([first, second]).next()
            && c.len_utf16() == 2
        {
            return (c, behind);
        }
    }
    (char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER), after)
}

fn unit(rest: &[u8]) -> (u16, &[u8]) {
    let (hex, after) = rest.split_at_checked(4).unwrap_or((rest, &[]));
    let value = str::from_utf8(hex).ok().and_then(|hex| u16::from_str_radix(hex, 16).ok());
    (value.expect("four hex digits were checked"), after)
}
