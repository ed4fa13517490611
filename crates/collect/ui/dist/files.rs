// Made by crates/collect/ui/build.mjs.
/// The name under which `page.js` is served: another content has another name.
pub(super) const SCRIPT: &str = "page-0b366332bbcc1a56.js";
/// What a Content-Security-Policy says of the style in `index.html`.
pub(super) const STYLE_HASH: &str = "'sha256-Mg594BvKjLkKU5Pb7Dz3I3ADXwbX46wIYmmu1he3O0E='";
/// The entity tag of `index.html`; weak, for it may be compressed on its way.
pub(super) const INDEX_TAG: &str = "W/\"1f6c8e16e3a88ff7\"";
