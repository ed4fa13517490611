//! The page: a few files that are part of this program.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;

use super::rendering::Representation;
use super::{App, Problem};

/// The page needs nothing from outside and runs nothing but its own files.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// `/`, and the files that it asks for.
pub(super) fn router() -> Router<App> {
    macro_rules! files {
        ($($name:literal: $kind:expr),* $(,)?) => {
            Router::new()
                .route("/", file(HTML, include_str!("../../ui/index.html")))
                $(.route(concat!("/ui/", $name), file($kind, include_str!(concat!("../../ui/", $name)))))*
        };
    }
    files! {
        "style.css": CSS,
        "api.js": JS,
        "camera.js": JS,
        "clock.js": JS,
        "csv.js": JS,
        "curve.js": JS,
        "element.js": JS,
        "filter.js": JS,
        "graph.js": JS,
        "grid.js": JS,
        "help.js": JS,
        "keys.js": JS,
        "latency.js": JS,
        "later.js": JS,
        "layout.js": JS,
        "link.js": JS,
        "main.js": JS,
        "mark.js": JS,
        "matrix.js": JS,
        "model.js": JS,
        "name.js": JS,
        "panel.js": JS,
        "scene.js": JS,
        "sentence.js": JS,
        "shell.js": JS,
        "strip.js": JS,
        "table.js": JS,
        "timeline.js": JS,
        "words.js": JS,
    }
}

fn file(kind: &'static str, content: &'static str) -> MethodRouter<App> {
    let file = Arc::new(Representation::new(kind, Bytes::from_static(content.as_bytes())));
    get(async move |headers: HeaderMap| -> Result<Response, Problem> {
        // A new collector brings a new page: none is kept, as of all that we answer.
        let fields = [(CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, "no-referrer")];
        Ok((fields, file.answer(&headers).await?).into_response())
    })
}
