//! A path that a proxy in front of us leaves before our own.

use std::str::FromStr;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;

/// As `/stars`: where the page is to its readers. What a request says of it (`X-Forwarded-Prefix`) is its sender's word,
/// and is not read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BasePath(String);

impl FromStr for BasePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let segments = path.strip_prefix('/').map(|path| path.split('/'));
        let plain = |segment: &str| {
            let letters = segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
            letters && !matches!(segment, "" | "." | "..")
        };
        match segments.is_some_and(|mut segments| segments.all(plain)) {
            true => Ok(Self(path.to_owned())),
            false => Err("write it as the proxy has it, such as /stars: letters, digits, and -._~".to_owned()),
        }
    }
}

impl BasePath {
    /// Serves `router` below the path, and where it was: for the kubelet and for whoever comes past the proxy.
    pub(super) fn wrap(self, router: Router) -> Router {
        Router::new().fallback(async move |mut request: Request| -> Response {
            if request.uri().path() == self.0 {
                return self.with_slash(request.uri());
            }
            let below = request.uri().path().strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'));
            let inner = request.uri().path_and_query().filter(|_| below);
            if let Some(inner) = inner.and_then(|path| path.as_str()[self.0.len()..].parse().ok()) {
                *request.uri_mut() = inner;
            }
            router.oneshot(request).await.into_response()
        })
    }

    /// To the same path with a slash, against which a page's relative paths are. Relative, since only the client knows
    /// under which name and scheme it came.
    fn with_slash(&self, uri: &Uri) -> Response {
        let last = self.0.rsplit('/').next().unwrap_or_default();
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        (StatusCode::PERMANENT_REDIRECT, [(LOCATION, format!("{last}/{query}"))]).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_a_plain_path() {
        for (text, meant) in [("/stars", "/stars"), ("/stars/", "/stars"), ("/a/b-1", "/a/b-1")] {
            assert_eq!(text.parse(), Ok(BasePath(meant.to_owned())));
        }
        for wrong in
            ["", "/", "stars", "//evil.example", "/a//b", "/a/../b", "/a b", "/a?b", "/ä", "/a\r\nb", "https://a/b"]
        {
            assert!(wrong.parse::<BasePath>().is_err(), "{wrong}");
        }
    }
}
