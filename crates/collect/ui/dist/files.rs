// Made by crates/collect/ui/build.mjs.
/// The name under which `page.js` is served: another content has another name.
pub(super) const SCRIPT: &str = "page-7561ee34d8f56e9d.js";
/// What a Content-Security-Policy says of the style in `index.html`.
pub(super) const STYLE_HASH: &str = "'sha256-YZaUB3nwWXtby8WnjUeKmzCK8uhBAQt8o+UYJYwUmVM='";
/// The entity tag of `index.html`; weak, for it may be compressed on its way.
pub(super) const INDEX_TAG: &str = "W/\"a40307157aab78f6\"";
