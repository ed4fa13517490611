//! A YAML or JSON document as a tree whose every node knows where it stands.
//!
//! Plain scalars are read as `kubectl` reads them (YAML 1.1: `y`, `yes` and `on` are booleans), since what matters is what
//! the API server would be sent.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use crate::location::{Location, Problem};

mod json;

/// Nested deeper than this, a document is refused.
const MAX_DEPTH: usize = 128;

/// Aliases may stand for this many nodes in all in one file: a few nested ones would else grow without bound.
const MAX_ALIASED: usize = 100_000;

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub at: Location,
    /// What it is.
    pub value: Value,
}

/// A node's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A scalar as written, and what YAML takes it for.
    Scalar(String, Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the order written; keys are unique.
    Mapping(Vec<Entry>),
}

/// What YAML takes a scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Nothing, `~` or `null`.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Bool,
    /// A whole number that fits 64 bits.
    Integer(i64),
    /// Another number.
    Float,
    /// Text.
    String,
}

/// One key of a mapping and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, as text.
    pub key: Arc<str>,
    /// Where the key stands.
    pub at: Location,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The value under `key` of a mapping; nothing for a null, as in Kubernetes.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| &*entry.key == key).map(|entry| &entry.value).filter(|node| !node.is_null())
    }

    /// The value at the end of a path of keys.
    pub fn at_path(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// A mapping's entries; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// A list's items; none of anything else.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// A scalar's text, whatever YAML takes it for; nothing for a null, a list or a mapping.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(_, Scalar::Null) => None,
            Value::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// A whole number.
    pub fn integer(&self) -> Option<i64> {
        match self.value {
            Value::Scalar(_, Scalar::Integer(number)) => Some(number),
            _ => None,
        }
    }

    /// Whether it is a boolean that says yes.
    pub fn is_true(&self) -> bool {
        matches!(&self.value, Value::Scalar(text, Scalar::Bool) if matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "y"))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar(_, Scalar::Null))
    }

    /// What this is, in words, for an error.
    pub(crate) fn described(&self) -> String {
        match &self.value {
            Value::Scalar(_, Scalar::Null) => "null".into(),
            Value::Scalar(text, Scalar::Bool) => format!("{text}, a boolean to YAML"),
            Value::Scalar(text, Scalar::Integer(_) | Scalar::Float) => format!("{text}, a number to YAML"),
            Value::Scalar(text, Scalar::String) => format!("{text:?}"),
            Value::Sequence(_) => "a list".into(),
            Value::Mapping(_) => "a mapping".into(),
        }
    }

    fn size(&self) -> usize {
        1 + match &self.value {
            Value::Scalar(..) => 0,
            Value::Sequence(items) => items.iter().map(Node::size).sum(),
            Value::Mapping(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }
}

/// The documents of a file, without the empty ones.
///
/// # Errors
/// The first place at which it is not YAML, gives a key twice, or nests or repeats beyond all measure.
pub fn documents(file: &Arc<str>, text: &str) -> Result<Vec<Node>, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // JSON is YAML, too, but for values one after another; and its own reader is ten times as fast.
    if let Some(values) = json::values(file, text) {
        return Ok(values.into_iter().filter(|value| !value.is_null()).collect());
    }
    match yaml(file, text) {
        Err(problem) => {
            // What kubectl's reader takes and a strict one does not. Lines stay, and columns but for brackets without indent.
            let lenient = lenient(text);
            lenient.and_then(|text| yaml(file, &text).ok()).ok_or(problem)
        }
        documents => documents,
    }
}

fn yaml(file: &Arc<str>, text: &str) -> Result<Vec<Node>, Problem> {
    let mut loader = Loader { documents: Vec::new(), open: Vec::new(), anchors: HashMap::new(), aliased: 0 };
    for event in Parser::new_from_str(text) {
        let place = |marker: &saphyr_parser::Marker| Location {
            file: file.clone(),
            line: marker.line(),
            column: marker.col() + 1,
        };
        match event {
            Ok((event, span)) => loader.take(event, place(&span.start))?,
            Err(error) => return Err(Problem::new(&place(error.marker()), not_yaml(text, error.info()))),
        }
    }
    Ok(loader.documents)
}

/// Without the byte order marks at the head of later documents, with spaces for the tabs that stand before anything else
/// on a line inside brackets, and one before brackets that close without indent; nothing if there are none of these.
fn lenient(text: &str) -> Option<String> {
    let mut changed = String::with_capacity(text.len());
    let (mut depth, mut quote, mut before, mut is_comment) = (0_usize, None, '\n', false);
    let (mut is_indent, mut is_escape) = (true, false);
    for c in text.chars() {
        let kept = match c {
            '\u{feff}' if before == '\n' && quote.is_none() => continue,
            '\t' if is_indent && depth > 0 && quote.is_none() => ' ',
            c => c,
        };
        if before == '\n' && depth > 0 && quote.is_none() && matches!(c, ']' | '}') {
            changed.push(' ');
        }
        match (quote, c) {
            (_, '\n') => (is_comment, is_indent) = (false, true),
            _ if is_comment => {}
            (Some('"'), '\\') => is_escape = !is_escape,
            (Some(open), c) if c == open && !is_escape => quote = None,
            (Some(_), _) => {}
            // A quote begins a scalar, and an apostrophe within a word does not.
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (None, '#') if before.is_whitespace() => is_comment = true,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_escape &= c == '\\';
        is_indent &= c.is_whitespace();
        before = c;
        changed.push(kept);
    }
    (changed != text).then_some(changed)
}

fn not_yaml(text: &str, what: &str) -> String {
    match text.contains("{{") {
        true => format!("not YAML: {what}; a template must be rendered first, as with helm template"),
        false => format!("not YAML: {what}"),
    }
}

struct Loader {
    documents: Vec<Node>,
    /// The lists and mappings that have begun and not ended, outermost first.
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
}

struct Open {
    node: Node,
    anchor: usize,
    /// A mapping's key that waits for its value.
    key: Option<(String, Location)>,
    /// The keys that a mapping has already.
    keys: HashSet<String>,
}

impl Loader {
    fn take(&mut self, event: Event<'_>, at: Location) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = resolve(&text, style, tag.as_deref());
                self.put(Node { at, value: Value::Scalar(text.into_owned(), scalar) }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(Value::Sequence(Vec::new()), at, anchor),
            Event::MappingStart(anchor, _) => self.begin(Value::Mapping(Vec::new()), at, anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { mut node, anchor, .. }) => {
                    merge(&mut node)?;
                    self.put(node, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                // An alias inside its own anchor is not there yet.
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(Problem::new(&at, "an alias of what it stands in"));
                };
                let node = Node { at, ..node.clone() };
                self.count(&node)?;
                self.put(node, 0)
            }
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    /// What anchors and aliases make copies of has a bound.
    fn count(&mut self, node: &Node) -> Result<(), Problem> {
        self.aliased += node.size();
        match self.aliased > MAX_ALIASED {
            true => Err(Problem::new(
                &node.at,
                format!("anchors and aliases for more than {MAX_ALIASED} nodes in one file"),
            )),
            false => Ok(()),
        }
    }

    fn begin(&mut self, value: Value, at: Location, anchor: usize) -> Result<(), Problem> {
        if self.open.len() == MAX_DEPTH {
            return Err(Problem::new(&at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.open.push(Open { node: Node { at, value }, anchor, key: None, keys: HashSet::new() });
        Ok(())
    }

    /// A finished node goes where it belongs: to the document, the list or the mapping around it.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor > 0 {
            self.count(&node)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(Open { node: parent, key, keys, .. }) = self.open.last_mut() else {
            if !node.is_null() {
                self.documents.push(node);
            }
            return Ok(());
        };
        match (&mut parent.value, key.take()) {
            (Value::Mapping(entries), Some((key, at))) => entries.push(Entry { key: key.into(), at, value: node }),
            (Value::Mapping(_), None) => {
                let is_true = node.is_true();
                let text = match node.value {
                    // What YAML takes for a boolean, JSON has a name of its own for; a lone letter is left as it is.
                    Value::Scalar(text, Scalar::Bool) if text.len() > 1 => is_true.to_string(),
                    Value::Scalar(text, _) => text,
                    _ => return Err(Problem::new(&node.at, "a key must be text")),
                };
                if !keys.insert(text.clone()) {
                    return Err(Problem::new(&node.at, format!("key {text:?} is given twice in one mapping")));
                }
                *key = Some((text, node.at));
            }
            (Value::Sequence(items), _) => items.push(node),
            (Value::Scalar(..), _) => {}
        }
        Ok(())
    }
}

/// Merge keys, `<<: *defaults`: what the mapping does not say itself it takes from there.
/// <https://yaml.org/type/merge.html>
fn merge(node: &mut Node) -> Result<(), Problem> {
    let Value::Mapping(entries) = &mut node.value else { return Ok(()) };
    let Some(place) = entries.iter().position(|entry| &*entry.key == "<<") else { return Ok(()) };
    let merged = entries.remove(place).value;
    let sources = match merged.value {
        Value::Sequence(items) => items,
        _ => vec![merged],
    };
    for source in sources {
        let Value::Mapping(theirs) = source.value else {
            return Err(Problem::new(&source.at, "<< merges mappings, and this is not one"));
        };
        for entry in theirs {
            if !entries.iter().any(|own| own.key == entry.key) {
                entries.push(entry);
            }
        }
    }
    Ok(())
}

fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Scalar {
    let quoted = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if quoted {
        return Scalar::String;
    }
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Scalar::Null;
    }
    let written_as_a_word = text.chars().all(|c| c.is_ascii_lowercase())
        || text.chars().all(|c| c.is_ascii_uppercase())
        || text.chars().enumerate().all(|(i, c)| if i == 0 { c.is_ascii_uppercase() } else { c.is_ascii_lowercase() });
    if written_as_a_word
        && matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n")
    {
        return Scalar::Bool;
    }
    number(&text.replace('_', "")).map_or(Scalar::String, number_scalar)
}

/// To the API server 80.0 is 80, as in JSON.
fn number_scalar(number: f64) -> Scalar {
    match number.fract() == 0.0 && number.abs() < MAX_WHOLE {
        true => Scalar::Integer(number as i64),
        false => Scalar::Float,
    }
}

/// Whole numbers below it are exact as floating point numbers.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A number as Go's YAML 1.1 reads it: `0x50`, `0b101`, `0o17`, `017` (octal, unless a digit forbids it), `8.5`, `1e3`.
fn number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (if text.starts_with('-') { -1.0 } else { 1.0 }, digits),
        None => (1.0, text),
    };
    let radix = |prefix: [&str; 2], radix| {
        let digits = prefix.iter().find_map(|prefix| digits.strip_prefix(prefix))?;
        u64::from_str_radix(digits, radix).ok()
    };
    let whole = radix(["0x", "0X"], 16).or_else(|| radix(["0b", "0B"], 2)).or_else(|| radix(["0o", "0O"], 8));
    if let Some(whole) = whole.or_else(|| radix(["0", "0"], 8)) {
        return Some(sign * whole as f64);
    }
    let decimal =
        digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && digits.contains(|c: char| c.is_ascii_digit());
    digits.parse::<f64>().ok().filter(|_| decimal).map(|number| sign * number)
}

#[cfg(test)]
mod tests;
