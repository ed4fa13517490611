// Made by crates/collect/ui/build.mjs.
/// The name under which `page.js` is served: another content has another name.
pub(super) const SCRIPT: &str = "page-0f2453f5011b5c0b.js";
/// What a Content-Security-Policy says of the style in `index.html`.
pub(super) const STYLE_HASH: &str = "'sha256-z1QDRNda5dqC1bXo/AWyG7KkEWEwKAEIcS2ajjspAmM='";
/// The entity tag of `index.html`; weak, for it may be compressed on its way.
pub(super) const INDEX_TAG: &str = "W/\"237ed48285b952b9\"";
