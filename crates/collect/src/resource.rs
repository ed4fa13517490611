//! What the collector fetches, checked before it is accepted.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, fs};

use star_daemon::target::{TargetUrl, TargetUrlError};
use star_daemon::text::{is_invisible, plain};
use star_wire::resource::Resource;

/// More are refused rather than fetched late.
pub(crate) const MAX_RESOURCES: usize = 10_000;

/// A DNS name's length: enough for every Kubernetes name with its namespace.
pub(crate) const MAX_ID: usize = 253;

/// A resource that can be fetched.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(crate) id: Arc<str>,
    pub(crate) url: TargetUrl,
}

/// Why a resource is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// Nothing to call it by.
    #[error("the id is empty; name the resource")]
    EmptyId,
    /// More bytes than a DNS name.
    #[error("the id is {0} bytes long; give at most {MAX_ID}")]
    LongId(usize),
    /// It cannot be told from another by reading it.
    #[error("the id `{0}` has control or invisible characters, or blanks at its ends; leave them out")]
    UnreadableId(String),
    /// A route of ours has this name.
    #[error("the id `{0}` is taken by /responses/example; choose another")]
    ReservedId(String),
    /// A target that is not a resource is named by its URL.
    #[error("the id reads as a URL, as those of targets that are not resources do; choose another")]
    UrlId,
    /// Its scheme is not of HTTP, over which alone a probe tells its status.
    #[error("its URL has another scheme than a probe's status; give an http or https URL")]
    Scheme,
    /// Its URL cannot be checked.
    #[error(transparent)]
    Url(#[from] TargetUrlError),
}

/// Why a file of resources cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("cannot be read; name a file that can")]
    Unreadable(#[source] std::io::Error),
    #[error("is not a JSON array of {{\"id\":…,\"url\":…}}")]
    Json(#[source] Misfit),
    #[error("resource {number}{}", name(.id))]
    Resource { number: usize, id: String, source: Invalid },
    #[error("holds {0} resources; give at most {MAX_RESOURCES}")]
    TooMany(usize),
}

/// An id behind a number; one that is a URL by mistake may hold a password.
fn name(id: &str) -> String {
    if id.contains('@') { String::new() } else { format!(", `{id}`") }
}

/// Why JSON is not what it should be: where, and what stands there, unless that may be a URL's user and password.
#[derive(Debug)]
pub(crate) struct Misfit(pub(crate) serde_json::Error);

// The parser's error is no source of it: that would be said, too.
impl std::error::Error for Misfit {}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        match error.to_string() {
            text if text.contains('@') => {
                write!(f, "a text that does not belong there at line {} column {}", error.line(), error.column())
            }
            text => f.write_str(&text),
        }
    }
}

impl TryFrom<Resource> for Entry {
    type Error = Invalid;

    fn try_from(Resource { id, url }: Resource) -> Result<Self, Invalid> {
        if id.is_empty() {
            return Err(Invalid::EmptyId);
        }
        if id.len() > MAX_ID {
            return Err(Invalid::LongId(id.len()));
        }
        if id.chars().any(is_invisible) || id.trim() != id {
            return Err(Invalid::UnreadableId(plain(&id, MAX_ID)));
        }
        if id == "example" {
            return Err(Invalid::ReservedId(id));
        }
        if id.contains("://") {
            return Err(Invalid::UrlId);
        }
        // A target's may have line breaks around it, as a list of many lines leaves them; here none is meant.
        if url.contains(is_invisible) {
            return Err(TargetUrlError::Invisible.into());
        }
        match TargetUrl::parse(&url) {
            Ok(url) if url.scheme().is_http() => Ok(Self { id: id.into(), url }),
            // What is wrong with another scheme's URL is not what is to be mended here.
            Ok(_) | Err(TargetUrlError::Scheme | TargetUrlError::Port | TargetUrlError::Path) => Err(Invalid::Scheme),
            Err(error) => Err(error.into()),
        }
    }
}

impl From<&Entry> for Resource {
    fn from(entry: &Entry) -> Self {
        Self { id: entry.id.to_string(), url: entry.url.as_str().to_owned() }
    }
}

/// The same as [`read`], for a file that is followed.
pub(crate) fn read_again(path: &Path) -> Result<Vec<Entry>, String> {
    read(path).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}

/// Reads a file of resources. Of two with one id the later counts, as with POST.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>, FileError> {
    let text = fs::read(path).map_err(FileError::Unreadable)?;
    // Editors on Windows put a byte-order mark there.
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    let resources: Vec<Resource> = serde_json::from_slice(text).map_err(|error| FileError::Json(Misfit(error)))?;
    if resources.len() > MAX_RESOURCES {
        return Err(FileError::TooMany(resources.len()));
    }
    let entries = resources.into_iter().enumerate().map(|(index, resource)| {
        let id = plain(&resource.id, MAX_ID);
        Entry::try_from(resource).map_err(|source| FileError::Resource { number: index + 1, id, source })
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, url: &str) -> Result<Entry, Invalid> {
        Entry::try_from(Resource { id: id.to_owned(), url: url.to_owned() })
    }

    #[test]
    fn any_printable_name_is_an_id() {
        for id in ["F", "stars/frontend", "<img src=x onerror=alert(1)>", "프런트", &"x".repeat(MAX_ID)] {
            assert_eq!(&*entry(id, "http://a/").unwrap().id, id);
        }
    }

    #[test]
    fn what_is_refused_says_why_and_the_cure() {
        for (id, url, part) in [
            ("", "http://a/", "empty; name"),
            (&*"x".repeat(MAX_ID + 1), "http://a/", "254 bytes"),
            ("a\nb", "http://a/", "`a\\nb` has control"),
            ("a\u{200b}", "http://a/", "`a\\u{200b}` has control or invisible"),
            ("a\u{202e}b", "http://a/", "`a\\u{202e}b` has control or invisible"),
            ("a\u{2066}b", "http://a/", "leave them out"),
            ("\u{feff}a", "http://a/", "leave them out"),
            (" a", "http://a/", "blanks"),
            ("example", "http://a/", "/responses/example; choose"),
            ("http://a", "http://a/", "reads as a URL"),
            ("a", "ftp://a/", "http or https"),
            ("a", "tcp://a:80", "another scheme than a probe's status; give an http or https"),
            ("a", "http://a/\n2026-11-28T00:00:00Z  INFO resource removed id=B", "it has control or invisible"),
            ("a", "\nhttp://a/", "it has control or invisible"),
            ("a", "http://a/\u{1b}[2J", "control or invisible"),
            ("a", "http://a/\u{202e}gpj", "it has control or invisible"),
            ("a", &format!("http://a/{}", "x".repeat(2048)), "2057 bytes long; give at most 2048"),
        ] {
            let error = entry(id, url).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
