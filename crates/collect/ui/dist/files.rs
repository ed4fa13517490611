// Made by crates/collect/ui/build.mjs.
/// The name under which `page.js` is served: another content has another name.
pub(super) const SCRIPT: &str = "page-e182c014b7cc845d.js";
/// What a Content-Security-Policy says of the style in `index.html`.
pub(super) const STYLE_HASH: &str = "'sha256-39Hu1C0oIqqcxBet5TyuXNcWMEN6RmaCm53ACmewnpw='";
/// The entity tag of `index.html`; weak, for it may be compressed on its way.
pub(super) const INDEX_TAG: &str = "W/\"3dab7c7f9c074a05\"";
