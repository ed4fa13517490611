//! The layout is the dependency graph: no module needs one that needs it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeMap, fs, path::Path};

/// What each module takes from `crate::`, its own inner modules counted as part of it.
fn needs() -> BTreeMap<String, Vec<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = fs::read_to_string(source.join("lib.rs")).unwrap();
    let modules: Vec<_> = lib
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    let mut needs = BTreeMap::new();
    for module in &modules {
        let mut text = fs::read_to_string(source.join(format!("{module}.rs"))).unwrap();
        for inner in fs::read_dir(source.join(module)).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if inner.file_name().unwrap() != "tests.rs" {
                text += &fs::read_to_string(inner).unwrap();
            }
        }
        let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        // `crate::name` and, in `use crate::{ … };`, a name at the beginning of an item.
        let mut taken: Vec<String> = Vec::new();
        for after in code.split("crate::").skip(1) {
            let items = match after.strip_prefix('{') {
                Some(list) => top_level(list),
                None => vec![after],
            };
            taken.extend(items.iter().map(|item| {
                item.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
            }));
        }
        taken.retain(|name| name != module && modules.contains(name));
        taken.sort();
        taken.dedup();
        needs.insert(module.clone(), taken);
    }
    needs
}

/// The items of a list in braces, lists within them left whole.
fn top_level(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut items) = (0, 0, Vec::new());
    for (place, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&list[begin..place]);
                return items;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[begin..place]);
                begin = place + 1;
            }
            _ => {}
        }
    }
    items
}

#[test]
fn no_module_needs_one_that_needs_it() {
    let mut needs = needs();
    assert!(needs["evaluator"].contains(&"facts".to_owned()), "{needs:?}");
    // What needs nothing that is left is taken away, again and again; a ring stays.
    loop {
        let done: Vec<_> = needs.iter().filter(|(_, taken)| taken.is_empty()).map(|(name, _)| name.clone()).collect();
        if done.is_empty() {
            break;
        }
        needs.retain(|name, _| !done.contains(name));
        needs.values_mut().for_each(|taken| taken.retain(|name| !done.contains(name)));
    }
    assert!(needs.is_empty(), "these need each other: {needs:?}");
}
