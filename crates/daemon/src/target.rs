//! A URL that can be checked.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;
use http::uri::PathAndQuery;
use url::Url;

use crate::text::{MAX_MESSAGE, is_invisible, plain};

/// How long a URL may be, in bytes: it is kept with each transition, and sent to each page.
pub const MAX_URL: usize = 2048;

/// An http or https URL, parsed once; it cannot be invalid.
#[derive(Clone, Debug)]
pub struct TargetUrl {
    given: Arc<str>,
    normal: Arc<str>,
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    pub(crate) host_header: HeaderValue,
    pub(crate) path: PathAndQuery,
}

/// Whom a URL names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Host {
    /// An address, to be connected to as it is.
    Address(IpAddr),
    /// A name, to be resolved anew for each check.
    Name(Arc<str>),
}

/// Why a string is not a [`TargetUrl`].
#[derive(Debug, thiserror::Error)]
pub enum TargetUrlError {
    /// Not a URL at all.
    #[error("`{url}` is not a URL ({problem}); give http://HOST:PORT/PATH")]
    Syntax {
        /// What was given.
        url: String,
        /// What the parser says.
        problem: String,
    },
    /// A scheme other than http and https.
    #[error("`{url}` has the scheme `{scheme}`; give an http or https URL")]
    Scheme {
        /// What was given.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// More bytes than anybody else would take.
    #[error("a URL is {0} bytes long; give at most {MAX_URL}")]
    Long(usize),
    /// It would forge lines of a log, or read as another.
    #[error("`{url}` has control or invisible characters; leave them out")]
    Unreadable {
        /// What was given, these written out.
        url: String,
    },
    /// A name and password, which a status would show to everybody.
    #[error("a URL holds credentials, which everybody could read at /status; leave them out")]
    Credentials,
}

impl TargetUrlError {
    /// That `given` has characters that a reader cannot see.
    pub fn unreadable(given: &str) -> Self {
        Self::Unreadable { url: plain(given, MAX_MESSAGE) }
    }
}

impl TargetUrl {
    /// Parses a URL; one without a scheme is http.
    ///
    /// # Errors
    ///
    /// When it is not a URL, has another scheme, holds credentials, or is too long or not readable. Line breaks at its ends
    /// are no matter, as a list of many lines leaves them.
    pub fn parse(given: &str) -> Result<Self, TargetUrlError> {
        if given.len() > MAX_URL {
            return Err(TargetUrlError::Long(given.len()));
        }
        if given.trim().chars().any(is_invisible) {
            return Err(TargetUrlError::unreadable(given));
        }
        let syntax = |problem: String| TargetUrlError::Syntax { url: given.to_owned(), problem };
        // What stands behind the first of these is not a scheme any more.
        let absolute = match given.split(['/', '?', '#']).next().is_some_and(|start| start.ends_with(':')) {
            true => given.to_owned(),
            false => format!("http://{}", given.trim_start()),
        };
        let url = Url::parse(&absolute).map_err(|error| syntax(error.to_string()))?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            scheme => return Err(TargetUrlError::Scheme { url: given.to_owned(), scheme: scheme.to_owned() }),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetUrlError::Credentials);
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) => Host::Name(name.into()),
            Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
            Some(url::Host::Ipv6(address)) => Host::Address(address.into()),
            None => return Err(syntax("no host".to_owned())),
        };
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        Ok(Self {
            given: given.into(),
            host,
            port: url.port_or_known_default().unwrap_or(if tls { 443 } else { 80 }),
            tls,
            host_header: HeaderValue::from_str(authority).map_err(|error| syntax(error.to_string()))?,
            path: PathAndQuery::try_from(path).map_err(|error| syntax(error.to_string()))?,
            normal: url.as_str().into(),
        })
    }

    /// The URL as it was given, to the byte.
    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// The URL in its normal form: two URLs that mean the same have the same.
    pub fn normal(&self) -> &Arc<str> {
        &self.normal
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_scheme_is_http() {
        let url = TargetUrl::parse("foo.baz.com:80").unwrap();
        assert_eq!((url.as_str(), &**url.normal()), ("foo.baz.com:80", "http://foo.baz.com/"));
        assert_eq!((url.host, url.port, url.tls), (Host::Name("foo.baz.com".into()), 80, false));
        assert_eq!(TargetUrl::parse("b:80/status?next=http://x/").unwrap().path, "/status?next=http://x/");
    }

    #[test]
    fn a_url_stays_as_given_to_the_byte() {
        for given in ["http://Frontend.stars:80/status", " b:1/x ", "https://[::1]:8443/?q=a%20b#top"] {
            assert_eq!(TargetUrl::parse(given).unwrap().as_str(), given);
        }
    }

    #[test]
    fn an_address_in_disguise_is_an_address() {
        for given in ["http://0x7f.1/", "http://2130706433/", "http://127.1/"] {
            assert_eq!(TargetUrl::parse(given).unwrap().host, Host::Address([127, 0, 0, 1].into()), "{given}");
        }
    }

    #[test]
    fn the_request_names_host_port_and_query() {
        let url = TargetUrl::parse("https://[::1]:8443/a?q=1#top").unwrap();
        assert_eq!(url.host_header, "[::1]:8443");
        assert_eq!(url.path, "/a?q=1");
    }

    #[test]
    fn what_is_no_url_says_what_and_the_cure() {
        for (given, part) in [
            ("", "not a URL (empty host)"),
            ("http://", "not a URL (empty host)"),
            ("http://a b/", "not a URL"),
            ("a:99999", "invalid port number"),
            ("ftp://a/", "scheme `ftp`; give an http or https"),
            ("http://u:p@a/", "credentials"),
            ("\u{feff}http://a/", "`\\u{feff}http://a/` has control or invisible characters"),
            ("http://a/\nb", "`http://a/\\nb` has control"),
            (&format!("http://a/{}", "x".repeat(MAX_URL)), "2057 bytes long; give at most 2048"),
        ] {
            let error = TargetUrl::parse(given).unwrap_err().to_string();
            assert!(error.contains(part), "{given}: {error}");
        }
    }
}
