//! JSON by its own reader: an export of a cluster has tens of megabytes.

use std::{collections::HashSet, sync::Arc};

use super::{Entry, MAX_DEPTH, Node, Scalar, Value, number_scalar};
use crate::location::Location;

/// The values of a text, one after another; nothing if it is not JSON to the last character, with every key once.
pub(super) fn values(file: &Arc<str>, text: &str) -> Option<Vec<Node>> {
    let mut reader = Reader { file, text, at: 0, line: 1, column: 1, keys: HashSet::new() };
    let mut values = Vec::new();
    reader.skip();
    // A text of JSON that is no object or list is as well YAML, and empty text is nothing.
    if !matches!(reader.peek(), Some(b'{' | b'[')) {
        return None;
    }
    while reader.peek().is_some() {
        values.push(reader.value(0)?);
        reader.skip();
    }
    Some(values)
}

struct Reader<'t> {
    file: &'t Arc<str>,
    text: &'t str,
    /// The next byte.
    at: usize,
    line: usize,
    column: usize,
    /// The keys met so far: an export has the same few again and again.
    keys: HashSet<Arc<str>>,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn place(&self) -> Location {
        Location { file: self.file.clone(), line: self.line, column: self.column }
    }

    /// Past one byte; a character of several counts once.
    fn step(&mut self) {
        match self.peek() {
            Some(b'\n') => (self.line, self.column) = (self.line + 1, 1),
            Some(byte) if byte & 0xC0 != 0x80 => self.column += 1,
            _ => {}
        }
        self.at += 1;
    }

    fn skip(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.step();
        }
    }

    /// Past this byte, if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.step();
        }
        is_next
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth == MAX_DEPTH {
            return None;
        }
        self.skip();
        let at = self.place();
        let value = match self.peek()? {
            b'{' => self.mapping(depth)?,
            b'[' => self.sequence(depth)?,
            b'"' => Value::Scalar(self.string()?, Scalar::String),
            _ => self.word()?,
        };
        Some(Node { at, value })
    }

    fn mapping(&mut self, depth: usize) -> Option<Value> {
        self.step();
        let mut entries: Vec<Entry> = Vec::new();
        self.skip();
        while !self.take(b'}') {
            if !entries.is_empty() && !self.take(b',') {
                return None;
            }
            self.skip();
            let at = self.place();
            let key = self.string()?;
            let key = match self.keys.get(key.as_str()) {
                Some(key) => key.clone(),
                None => {
                    let key: Arc<str> = key.into();
                    self.keys.insert(key.clone());
                    key
                }
            };
            self.skip();
            if !self.take(b':') || entries.iter().any(|entry| entry.key == key) {
                return None;
            }
            let value = self.value(depth + 1)?;
            entries.push(Entry { key, at, value });
            self.skip();
        }
        entries.shrink_to_fit();
        Some(Value::Mapping(entries))
    }

    fn sequence(&mut self, depth: usize) -> Option<Value> {
        self.step();
        let mut items = Vec::new();
        self.skip();
        while !self.take(b']') {
            if !items.is_empty() && !self.take(b',') {
                return None;
            }
            items.push(self.value(depth + 1)?);
            self.skip();
        }
        items.shrink_to_fit();
        Some(Value::Sequence(items))
    }

    fn string(&mut self) -> Option<String> {
        if !self.take(b'"') {
            return None;
        }
        let mut text = String::new();
        let mut begin = self.at;
        loop {
            match self.peek()? {
                b'"' => {
                    text.push_str(&self.text[begin..self.at]);
                    self.step();
                    text.shrink_to_fit();
                    return Some(text);
                }
                b'\\' => {
                    text.push_str(&self.text[begin..self.at]);
                    self.step();
                    text.push(self.escaped()?);
                    begin = self.at;
                }
                0..0x20 => return None,
                _ => self.step(),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let escape = self.peek()?;
        self.step();
        Some(match escape {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\\' | b'/' => escape.into(),
            b'u' => match self.unit()? {
                // The first half of a pair; half a pair is no character, and Go puts U+FFFD there.
                high @ 0xD800..0xDC00 if self.text[self.at..].starts_with("\\u") => {
                    self.step();
                    self.step();
                    let low = self.unit()?;
                    char::decode_utf16([high, low]).next()?.unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                unit => char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER),
            },
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4)?;
        let unit = u16::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        (0..4).for_each(|_| self.step());
        Some(unit)
    }

    /// `true`, `false`, `null` or a number.
    fn word(&mut self) -> Option<Value> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
            self.step();
        }
        let text = &self.text[begin..self.at];
        let digits = text.strip_prefix('-').unwrap_or(text);
        let scalar = match text {
            "null" => Scalar::Null,
            "true" | "false" => Scalar::Bool,
            _ if !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.ends_with('.') => return None,
            _ if digits.len() > 1 && digits.starts_with('0') && !digits[1..].starts_with(['.', 'e', 'E']) => {
                return None;
            }
            _ => number_scalar(text.parse().ok()?),
        };
        Some(Value::Scalar(text.to_owned(), scalar))
    }
}
