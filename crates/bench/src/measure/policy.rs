//! Policies: all pairs, and what one change costs.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

use super::{Row, Setting, in_turns};
use crate::figure::Figure;
use crate::role::{Turn, export};
use crate::table::Goal;

const ALL_PAIRS_MS: f64 = 1_000.0;
const CHANGE_MS: f64 = 50.0;
const GOAL_MB: f64 = 200.0;
const EXPORT_MS: f64 = 3_000.0;
const EXPORT_MB: f64 = 300.0;

/// What `star-policy eval -o json` takes on an export of a cluster.
struct Export {
    /// Until the first pair is printed.
    first_ms: f64,
    /// Until the last.
    whole_s: f64,
    /// The most that was ever resident.
    peak_mb: f64,
}

/// Reads what the program prints as it comes, so that it never has to hold it.
fn evaluate(program: &Path, manifests: &Path) -> anyhow::Result<Export> {
    let begun = Instant::now();
    let mut child = Command::new(program)
        .args(["eval", "-o", "json", "-f"])
        .arg(manifests)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let mut output = child.stdout.take().context("no output")?;
    let mut chunk = vec![0; 1 << 20];
    let (mut first_ms, mut peak_mb, mut printed) = (0.0, 0.0, 0_usize);
    loop {
        let count = output.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        if printed == 0 {
            first_ms = begun.elapsed().as_secs_f64() * 1e3;
        }
        printed += count;
        // The high-water mark, as long as it has not ended.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak_mb = peak.map_or(peak_mb, |kilobytes: f64| kilobytes * 1024.0 / 1e6);
    }
    ensure!(child.wait()?.success() && printed > 100_000_000, "eval printed {printed} bytes");
    Ok(Export { first_ms, whole_s: begun.elapsed().as_secs_f64(), peak_mb })
}

pub(super) fn rows(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let [turns] = in_turns("policies", setting.unless_quick(9, 1), [("star-netpol", ())], |()| {
        let output = Command::new(std::env::current_exe()?).arg("policies").output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice::<Turn>(&output.stdout)?)
    })?;
    let milliseconds = |value: fn(&Turn) -> f64| Figure::of(&turns, value);
    let all_pairs = milliseconds(|turn| turn.all_pairs_ms);
    let (change, wide) = (milliseconds(|turn| turn.change_ms), milliseconds(|turn| turn.wide_change_ms));
    let one_by_one = milliseconds(|turn| turn.one_by_one_ms);
    let ratios: Vec<_> = turns.iter().map(|turn| turn.all_pairs_ms / turn.one_by_one_ms).collect();
    let memory = Figure::of(&turns, |turn| turn.resident / 1e6);
    let row = |measure: &str, ours: String, goal| Row {
        measure: format!("{measure}, 1,000 workloads and 500 policies"),
        ours,
        theirs: String::new(),
        ratio: None,
        goal,
    };
    let folder = std::env::temp_dir().join(format!("star-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let file = folder.join("export.json");
    fs::write(&file, export())?;
    let program = setting.folder.join("star-policy");
    let exports =
        in_turns("an export", setting.unless_quick(5, 1), [("star-policy", ())], |()| evaluate(&program, &file));
    fs::remove_dir_all(&folder)?;
    let [exports] = exports?;
    let first = Figure::of(&exports, |export| export.first_ms);
    let (whole, peak) = (Figure::of(&exports, |export| export.whole_s), Figure::of(&exports, |export| export.peak_mb));
    let of_export = |measure: &str, ours: String, goal| Row {
        measure: format!("{measure}, 43 MB of kubectl get -o json, 1,000 workloads"),
        ours,
        theirs: String::new(),
        ratio: None,
        goal,
    };
    Ok(vec![
        Row {
            theirs: format!("each pair asked by itself {one_by_one} ms"),
            ratio: Some(Figure::of(&ratios, |ratio| *ratio)),
            ..row(
                "all pairs on one core",
                format!("{all_pairs} ms, after reading them in {} ms", milliseconds(|turn| turn.read_ms)),
                Goal::at_most(ALL_PAIRS_MS, "ms", &all_pairs),
            )
        },
        row("one app's policy changed", format!("{change} ms"), Goal::at_most(CHANGE_MS, "ms", &change)),
        row("a whole namespace's policy changed", format!("{wide} ms"), Goal::at_most(CHANGE_MS, "ms", &wide)),
        row("memory with all pairs held", format!("{memory} MB"), Goal::at_most(GOAL_MB, "MB", &memory)),
        of_export(
            "to the first pair",
            format!("{first} ms; all as JSON in {whole} s"),
            Goal::at_most(EXPORT_MS, "ms", &first),
        ),
        of_export("memory, every pair printed", format!("{peak} MB"), Goal::at_most(EXPORT_MB, "MB", &peak)),
    ])
}
