//! Where in the input something stands.

use std::{fmt, sync::Arc};

/// A place in a manifest: file, line and column, both counted from 1.
///
/// Two locations always compare equal, as `syn`'s spans do: a rule is the same rule wherever it is written, and so
/// the types that carry a location compare by what they say.
#[derive(Clone, Debug)]
pub struct Location {
    /// The file's path as it was given, `-` for standard input.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl PartialEq for Location {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Location {}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What is wrong with an input, and where. Displayed as `file:line:column: message`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}:{}: {message}", at.file, at.line, at.column)]
pub struct Problem {
    /// Where it stands.
    pub at: Location,
    /// What is wrong, in one line, with the field's path and the cure.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(at: &Location, message: impl Into<String>) -> Self {
        Self { at: at.clone(), message: message.into() }
    }
}
