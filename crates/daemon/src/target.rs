//! A URL that can be checked.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;
use http::uri::PathAndQuery;
use url::Url;

use crate::text::is_invisible;

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

/// Why a string is not a [`TargetUrl`]. None of them says the string, or a part of it: it may hold a password, in
/// whatever place it was mistyped.
#[derive(Debug, thiserror::Error)]
pub enum TargetUrlError {
    /// Not a URL at all; what the parser says.
    #[error("it is not a URL ({0}); give http://HOST:PORT/PATH")]
    Syntax(String),
    /// A scheme other than http and https.
    #[error("its scheme is another; give an http or https URL")]
    Scheme,
    /// A name and password, which a status would show to everybody.
    #[error("it holds credentials, which everybody could read at /status; leave them out")]
    Credentials,
    /// Characters that nobody sees, or that change the line around them.
    #[error("it has control or invisible characters; leave them out")]
    Invisible,
    /// More than [`MAX_URL`]; how many bytes it has.
    #[error("it is {0} bytes long; give at most {MAX_URL}")]
    Long(usize),
}

impl TargetUrl {
    /// Parses a URL; one without a scheme is http. Blanks around it mean nothing.
    ///
    /// # Errors
    ///
    /// When it is not a URL, has another scheme, holds credentials or characters that nobody sees, or is longer than
    /// [`MAX_URL`].
    pub fn parse(given: &str) -> Result<Self, TargetUrlError> {
        if given.len() > MAX_URL {
            return Err(TargetUrlError::Long(given.len()));
        }
        let text = given.trim();
        let authority = text.split_once("//").map_or(text, |(_, rest)| rest).split(['/', '?', '#']).next();
        // Before anything else is said of it, also where the rest is no URL.
        if authority.is_some_and(|authority| authority.contains('@')) {
            return Err(TargetUrlError::Credentials);
        }
        if text.contains(is_invisible) {
            return Err(TargetUrlError::Invisible);
        }
        // What stands behind the first of these is not a scheme any more.
        let absolute = match text.split(['/', '?', '#']).next().is_some_and(|start| start.ends_with(':')) {
            true => text.to_owned(),
            false => format!("http://{text}"),
        };
        let syntax = |problem: &dyn fmt::Display| TargetUrlError::Syntax(problem.to_string());
        let mut url = Url::parse(&absolute).map_err(|error| syntax(&error))?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(TargetUrlError::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetUrlError::Credentials);
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) => Host::Name(name.into()),
            Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
            Some(url::Host::Ipv6(address)) => Host::Address(address.into()),
            None => return Err(syntax(&"no host")),
        };
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let (port, host_header) = (url.port_or_known_default(), HeaderValue::from_str(authority));
        let (host_header, path) = (
            host_header.map_err(|error| syntax(&error))?,
            PathAndQuery::try_from(path).map_err(|error| syntax(&error))?,
        );
        // The dot at a name's end says how it is resolved, and not that another is meant.
        if let Host::Name(name) = &host
            && name.ends_with('.')
        {
            url.set_host(Some(name.trim_end_matches('.'))).map_err(|error| syntax(&error))?;
        }
        Ok(Self {
            given: given.into(),
            host,
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            tls,
            host_header,
            path,
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
    /// The URL as it was given, without the blanks around it, which may be ends of lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.given.trim())
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
    fn blanks_around_a_url_and_a_dot_behind_its_host_mean_the_same_url() {
        for given in ["http://localhost.:7001/t", "\n  http://localhost:7001/t ", "\u{3000}localhost.:7001/t\r\n"] {
            assert_eq!(&**TargetUrl::parse(given).unwrap().normal(), "http://localhost:7001/t", "{given:?}");
        }
        let url = TargetUrl::parse("\nhttp://b.stars./ ").unwrap();
        assert_eq!(url.host, Host::Name("b.stars.".into()), "it is resolved as given");
        assert_eq!((url.as_str(), &*url.to_string()), ("\nhttp://b.stars./ ", "http://b.stars./"));
    }

    #[test]
    fn what_is_no_url_says_what_and_the_cure() {
        for (given, part) in [
            ("", "not a URL (empty host)"),
            ("http://", "not a URL (empty host)"),
            ("http://a b/", "not a URL"),
            ("http://./", "not a URL"),
            ("a:99999", "invalid port number"),
            ("ftp://a/", "scheme is another; give an http or https"),
            (&format!("http://a/{}", "x".repeat(MAX_URL)), "2057 bytes long; give at most 2048"),
        ] {
            let error = TargetUrl::parse(given).unwrap_err().to_string();
            assert!(error.contains(part), "{given}: {error}");
        }
        assert!(TargetUrl::parse(&format!("http://a/{}", "x".repeat(MAX_URL - 9))).is_ok());
    }

    #[test]
    fn credentials_are_refused_whatever_else_is_wrong_and_never_said_again() {
        for given in [
            "http://user:S3cret@a/",
            "http://user:S3cret@",
            "http://user:S3cret@a:99999/",
            "http://user:S3cret@a b/",
            "ftp://user:S3cret@a/",
            "postgres://user:S3cret@a/b",
            "user:S3cret@a",
            "//user:S3cret@a/",
            "http://S3cret@a/",
            "http:\\\\user:S3cret@a/",
            " \thttps://user:S3cret\n@a/",
        ] {
            let error = TargetUrl::parse(given).unwrap_err();
            assert!(matches!(error, TargetUrlError::Credentials), "{given}: {error}");
        }
        // Where they cannot be told from another mistake, they are not said either.
        for given in ["http://user:S3/cret@a/", "http://user:S3cret", "http://user%3AS3cret%40a/", "user:/S3cret@a/"] {
            let error = TargetUrl::parse(given).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("S3"), "{given}: {error:?}");
        }
    }

    #[test]
    fn characters_that_nobody_sees_are_refused_anywhere_but_around() {
        for bad in
            ['\n', '\r', '\t', '\0', '\u{1b}', '\u{7f}', '\u{85}', '\u{202e}', '\u{200b}', '\u{feff}', '\u{2028}']
        {
            for given in [format!("http://a/{bad}b"), format!("http://a{bad}b/"), format!("ht{bad}tp://a/")] {
                let error = TargetUrl::parse(&given).unwrap_err();
                assert!(matches!(error, TargetUrlError::Invisible), "{given:?}: {error}");
            }
        }
        assert!(TargetUrl::parse("http://프런트.stars/상태").is_ok());
    }
}
