// Made by crates/collect/ui/build.mjs.
/// The name under which `page.js` is served: another content has another name.
pub(super) const SCRIPT: &str = "page-baaae014f81de417.js";
/// What a Content-Security-Policy says of the style in `index.html`.
pub(super) const STYLE_HASH: &str = "'sha256-/GaAOGEZCgqzoDXfIexHYCtGawFyps+wd+gOClPS8kM='";
/// The entity tag of `index.html`; weak, for it may be compressed on its way.
pub(super) const INDEX_TAG: &str = "W/\"2fa25bb693abd870\"";
