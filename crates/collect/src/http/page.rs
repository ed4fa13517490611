//! The page: two files that are part of this program, made by `ui/build.mjs`.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use self::files::{INDEX_TAG, SCRIPT, STYLE_HASH};
use super::App;

/// What depends on the files' contents.
mod files {
    include!("../../ui/dist/files.rs");
}

/// `/`, and the script that it asks for.
pub(super) fn router() -> Router<App> {
    Router::new().route("/", get(index)).route(&format!("/ui/{SCRIPT}"), get(script))
}

/// The document is asked for anew each time, since a new collector brings a new page; it is sent only where it changed.
async fn index(request: HeaderMap) -> Response {
    let headers = [(ETAG, HeaderValue::from_static(INDEX_TAG)), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if request.get(IF_NONE_MATCH).is_some_and(|known| is_known(known.as_bytes())) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    // The page needs nothing from outside and runs nothing but its own script.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src {STYLE_HASH}; connect-src 'self'; img-src 'self' data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    let more = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, &policy),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, more, include_str!("../../ui/dist/index.html")).into_response()
}

/// Whether `If-None-Match` names the document (RFC 9110, 13.1.2: compared weakly).
fn is_known(tags: &[u8]) -> bool {
    let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    tags.split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .any(|tag| tag == b"*" || opaque(tag) == opaque(INDEX_TAG.as_bytes()))
}

/// Under this name it is always the same.
async fn script() -> Response {
    let headers =
        [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, include_str!("../../ui/dist/page.js")).into_response()
}
