//! What docs/policy.md shows is what the program prints. `UPDATE_DOCS=1 cargo test -p star-policy` writes it anew.
use std::{env, fs, path::Path, process::Command};

#[test]
fn the_documents_commands_print_what_it_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("docs/policy.md");
    let shown = fs::read_to_string(&file).unwrap();
    let (mut printed, mut in_block, mut commands) = (String::new(), false, 0);
    for line in shown.lines() {
        if line.starts_with("```") {
            in_block = line == "```console";
        }
        // What a block shows beside its commands is what they print.
        if !in_block || line.starts_with("```") || line.starts_with("$ ") {
            printed += &format!("{line}\n");
        }
        if let (true, Some(command)) = (in_block, line.strip_prefix("$ star-policy ")) {
            let output = Command::new(env!("CARGO_BIN_EXE_star-policy"))
                .args(command.split(' ').map(|word| word.trim_matches('\'')))
                .current_dir(&root)
                .output()
                .unwrap();
            printed += &String::from_utf8([output.stderr, output.stdout].concat()).unwrap();
            commands += 1;
        }
    }
    assert!(commands >= 8, "{commands} commands");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &printed).unwrap();
    }
    assert_eq!(shown, printed, "docs/policy.md is stale: UPDATE_DOCS=1 cargo test -p star-policy");
}
