//! The page: two files that are part of this program, made by `ui/build.mjs`.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;

use self::files::{INDEX_TAG, SCRIPT, STYLE_HASH};
use super::rendering::Representation;
use super::{App, Problem};

/// What depends on the files' contents.
mod files {
    include!("../../ui/dist/files.rs");
}

const HTML: &str = "text/html; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// `/`, and the script that it asks for.
pub(super) fn router() -> Router<App> {
    let of = |kind, text: &'static str| Arc::new(Representation::new(kind, Bytes::from_static(text.as_bytes())));
    let index_file = of(HTML, include_str!("../../ui/dist/index.html"));
    let script_file = of(JS, include_str!("../../ui/dist/page.js"));
    Router::new()
        .route("/", get(async move |request: HeaderMap| index(&index_file, &request).await))
        .route(&format!("/ui/{SCRIPT}"), get(async move |request: HeaderMap| script(&script_file, &request).await))
}

/// The document is asked for anew each time, since a new collector brings a new page; it is sent only where it changed.
async fn index(file: &Representation, request: &HeaderMap) -> Result<Response, Problem> {
    let headers = [(ETAG, HeaderValue::from_static(INDEX_TAG)), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if request.get(IF_NONE_MATCH).is_some_and(|known| is_known(known.as_bytes())) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    // The page needs nothing from outside and runs nothing but its own script.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src {STYLE_HASH}; connect-src 'self'; img-src 'self' data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    let more = [(CONTENT_SECURITY_POLICY, &*policy), (REFERRER_POLICY, "no-referrer")];
    Ok((headers, more, file.answer(request).await?).into_response())
}

/// Whether `If-None-Match` names the document (RFC 9110, 13.1.2: compared weakly).
fn is_known(tags: &[u8]) -> bool {
    let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    tags.split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .any(|tag| tag == b"*" || opaque(tag) == opaque(INDEX_TAG.as_bytes()))
}

/// Under this name it is always the same.
async fn script(file: &Representation, request: &HeaderMap) -> Result<Response, Problem> {
    const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
    Ok(([(CACHE_CONTROL, FOR_EVER)], file.answer(request).await?).into_response())
}
