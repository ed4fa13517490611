//! Reading an object as the API server does: every field known, of its type, and its value valid.

use std::{collections::BTreeMap, fmt};

use crate::{
    location::{Location, Problem},
    node::{Entry, Node, Scalar, Value},
};

/// The way from the top of an object to a field, as the API server writes it: `spec.ingress[0].ports[1]`.
#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    Top,
    Field(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Field(Path::Top, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// What a scalar must be.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Bool,
    Integer,
    Time,
}

/// RFC 3339, as Go parses it.
fn is_time(text: &str) -> bool {
    let digits = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(own, wanted)| match wanted {
                b'0' => own.is_ascii_digit(),
                _ => own == wanted,
            })
    };
    let Some((date, rest)) = text.split_at_checked(19) else { return false };
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let fraction = &rest[..rest.len() - zone.len()];
    digits(date, "0000-00-00T00:00:00")
        && (fraction.is_empty() || fraction.len() > 1 && fraction.rfind('.') == Some(0))
        && (zone == "Z" || digits(zone, "+00:00") || digits(zone, "-00:00"))
}

/// Collects what is wrong with one object.
pub(crate) struct Strict<'s> {
    /// The object's kind and name, said before each problem.
    pub(crate) object: &'s str,
    pub(crate) problems: &'s mut Vec<Problem>,
    /// `y` and `n` without quotes: booleans to kubectl, which refuses them where a string must be, and text to others.
    pub(crate) unquoted: &'s mut Vec<Problem>,
}

impl Strict<'_> {
    pub(crate) fn refuse(&mut self, at: &Location, path: &Path<'_>, message: impl fmt::Display) {
        let path = path.to_string();
        let colon = if path.is_empty() { "" } else { ": " };
        self.problems.push(Problem::new(at, format!("{}: {path}{colon}{message}", self.object)));
    }

    /// Refuses what is not a mapping, and every field that is not among `known` and not null.
    pub(crate) fn fields(&mut self, node: &Node, path: &Path<'_>, known: &[&str]) {
        if !matches!(node.value, Value::Mapping(_)) {
            self.refuse(&node.at, path, format_args!("must be a mapping, and is {}", node.described()));
        }
        for entry in node.entries() {
            // A null is a field left out, and so is one that nobody knows.
            if !known.contains(&&*entry.key) && !entry.value.is_null() {
                let message = format!("unknown field{}", closest(&entry.key, known));
                self.refuse(&entry.at, &Path::Field(path, &entry.key), message);
            }
        }
    }

    /// A list's items; an absent one has none.
    pub(crate) fn items<'n>(&mut self, node: Option<&'n Node>, path: &Path<'_>) -> &'n [Node] {
        let Some(node) = node else { return &[] };
        if !matches!(node.value, Value::Sequence(_)) {
            self.refuse(&node.at, path, format_args!("must be a list, and is {}", node.described()));
        }
        node.items()
    }

    pub(crate) fn string<'n>(&mut self, node: &'n Node, path: &Path<'_>) -> Option<&'n str> {
        match &node.value {
            Value::Scalar(text, Scalar::String) => Some(text),
            Value::Scalar(text, Scalar::Bool) if text.len() == 1 => {
                let message = format!(
                    "{}: {path}: must be a string, and {text} without quotes is a boolean to kubectl: write {text:?}",
                    self.object
                );
                self.unquoted.push(Problem::new(&node.at, message));
                Some(text)
            }
            Value::Scalar(text, Scalar::Bool | Scalar::Integer(_) | Scalar::Float) => {
                let is = node.described();
                self.refuse(&node.at, path, format_args!("must be a string, and is {is}: write {text:?} in quotes"));
                None
            }
            _ => {
                self.refuse(&node.at, path, format_args!("must be a string, and is {}", node.described()));
                None
            }
        }
    }

    /// A mapping whose values are strings; a null is an empty one, as in every map of strings that the API server reads.
    pub(crate) fn strings(&mut self, node: &Node, path: &Path<'_>) -> BTreeMap<String, String> {
        if !matches!(node.value, Value::Mapping(_)) {
            self.refuse(&node.at, path, format_args!("must be a mapping, and is {}", node.described()));
        }
        let mut strings = BTreeMap::new();
        for Entry { key, value, .. } in node.entries() {
            let text = match value.is_null() {
                true => Some(""),
                false => self.string(value, &Path::Field(path, key)),
            };
            strings.extend(text.map(|text| (key.to_string(), text.to_owned())));
        }
        strings
    }

    /// A boolean, a whole number or a time, as the API server reads them.
    pub(crate) fn scalar(&mut self, node: &Node, path: &Path<'_>, kind: Kind) {
        let is = match (kind, &node.value) {
            (Kind::Bool, Value::Scalar(_, Scalar::Bool)) => true,
            (Kind::Integer, Value::Scalar(_, Scalar::Integer(_))) => true,
            (Kind::Time, Value::Scalar(text, Scalar::String)) => is_time(text),
            _ => false,
        };
        if !is {
            let wanted = match kind {
                Kind::Bool => "true or false",
                Kind::Integer => "a whole number",
                Kind::Time => "a time such as 2026-01-31T12:00:00Z",
            };
            self.refuse(&node.at, path, format_args!("must be {wanted}, and is {}", node.described()));
        }
    }

    /// A port number, 1 to 65535.
    pub(crate) fn port(&mut self, node: &Node, path: &Path<'_>) -> Option<u16> {
        let port = node.integer().and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
        if port.is_none() {
            self.refuse(&node.at, path, format_args!("must be a number from 1 to 65535, and is {}", node.described()));
        }
        port
    }
}

/// `; did you mean …` where a known field differs by little.
fn closest(field: &str, known: &[&str]) -> String {
    let near = known.iter().map(|name| (distance(field, name), name)).min();
    match near {
        Some((distance, name)) if distance <= 2 => format!("; did you mean {name}?"),
        _ => format!("; known here: {}", known.join(", ")),
    }
}

/// Levenshtein's distance, letters of either case being the same.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.chars().count()]
}
