//! Any text as a URL: what is taken can be shown, and means itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use star_daemon::target::{MAX_URL, TargetUrl};
use star_daemon::text::is_invisible;
use star_fuzz::{bounded, timed};

fuzz_target!(|text: &str| bounded(|| timed(|| look(text))));

fn look(text: &str) {
    let Ok(url) = TargetUrl::parse(text) else { return };
    assert_eq!(url.as_str(), text);
    assert!(!url.to_string().contains(is_invisible) && !url.normal().contains(is_invisible));
    // Punycode is longer.
    if url.normal().len() <= MAX_URL {
        let again = TargetUrl::parse(url.normal()).expect("a normal form is a URL");
        assert_eq!(again.normal(), url.normal());
    }
}
