//! Healthy targets' checks while as many others are dropped in silence: how late they are, and what that costs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Lab, PATIENCE, circumstances};
use crate::figure::Figure;

const GOAL_LATE_MS: f64 = 50.0;

pub(super) fn measure(program: &PathBuf, targets: usize, minutes: f64) -> anyhow::Result<String> {
    let lab = Lab::start(program, &[])?;
    let set = |name: &str| {
        let container = json!({"name": "target", "image": "star-probe", "args": ["--http-port=80", "--urls="]});
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
            "spec": {
                "replicas": targets / 2,
                "template": {"metadata": {"labels": {"set": name}}, "spec": {"containers": [container]}},
            },
        })
    };
    lab.apply(&set("healthy"))?;
    lab.apply(&set("dropped"))?;
    let listed = lab.ask(&json!({"Get": {"kind": "Pods", "names": [], "namespace": "default", "output": "Json"}}))?;
    let pods: Value = serde_json::from_str(listed["told"].as_str().unwrap_or_default())?;
    let pods = pods["items"].as_array().context("no pods")?;
    let url = |pod: &Value| Some(format!("http://{}/status", pod["status"]["podIP"].as_str()?));
    let of = |set: &str| {
        pods.iter().filter(|pod| pod["metadata"]["labels"]["set"] == set).filter_map(url).collect::<Vec<_>>()
    };
    let (healthy, dropped) = (of("healthy"), of("dropped"));
    lab.apply(&json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "dropped"},
        "spec": {"podSelector": {"matchLabels": {"set": "dropped"}}},
    }))?;
    // Alternating, so that each healthy one has dropped ones beside it.
    let urls: Vec<_> =
        healthy.iter().zip(&dropped).flat_map(|(healthy, dropped)| [healthy.as_str(), dropped]).collect();
    let args = [format!("--urls={}", urls.join(",")), "--log-level=debug".to_owned()];
    let container = json!({"name": "watcher", "image": "star-probe", "args": args});
    lab.apply(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "watcher"}, "spec": {"containers": [container]},
    }))?;
    let log = lab.ask(&json!({"Log": {"pod": "watcher", "container": null, "namespace": "default"}}))?;
    let log = PathBuf::from(log["told"].as_str().context("no log")?);
    let watcher = watcher(&lab)?;

    let (start, span) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let (mut memory, mut sockets) = (Vec::new(), Vec::new());
    while start.elapsed() < span {
        sleep(Duration::from_secs(1));
        let status = fs::read_to_string(format!("/proc/{watcher}/status"))?;
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
        memory.push(resident.context("no VmRSS")? / 1e3 * 1.024);
        let files = fs::read_dir(format!("/proc/{watcher}/fd"))?.flatten();
        sockets.push(
            files
                .filter(|file| fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:")))
                .count(),
        );
    }
    let log = fs::read_to_string(&log)?;
    let mut checks: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("checked")) {
        let url = healthy
            .iter()
            .find(|url| line.contains(&format!("url={url} ")) || line.contains(&format!("url=\"{url}\"")));
        if let (Some(url), Some(at)) = (url, line.split_whitespace().next().and_then(|at| at.parse::<Timestamp>().ok()))
        {
            checks.entry(url).or_default().push(at.as_nanosecond() as f64 / 1e9);
        }
    }
    ensure!(checks.len() == healthy.len(), "{} of {} healthy targets were checked", checks.len(), healthy.len());
    let late: Vec<_> = checks.values().flat_map(|times| lateness(times)).collect();
    let (expected, found) = (span.as_secs_f64() * healthy.len() as f64, late.len());
    let late = Figure::of(&late, |seconds| seconds * 1e3);
    let p99 = late.quantile(0.99);
    let memory = Figure::of(&memory, |megabytes| *megabytes);
    let sockets = Figure::of(&sockets, |sockets| *sockets as f64);
    Ok(format!(
        "{}. {} healthy and {} dropped targets, {minutes} minutes.\n\n\
         | checks of healthy targets | late, p99 | most | memory | sockets |\n| --- | --- | --- | --- | --- |\n\
         | {found} of {expected:.0} | {p99:.1} ms (≤ {GOAL_LATE_MS} ms: {}) | {:.1} ms | {memory:.1} MB | {sockets:.0} |\n",
        circumstances(),
        healthy.len(),
        dropped.len(),
        if p99 <= GOAL_LATE_MS { "met" } else { "**missed**" },
        late.quantile(1.0),
    ))
}

/// How many seconds late each check ended, of checks that begin once a second: on the beat that most of them keep, the
/// earliest of those being on time. One that is later than nine tenths of a second counts for the next beat; the number
/// of checks tells that one is missing.
fn lateness(times: &[f64]) -> Vec<f64> {
    /// What lies this little before most is early, and not almost a second late.
    const EARLY: f64 = 0.1;
    let Some(first) = times.first() else { return Vec::new() };
    let near: Vec<_> = times.iter().map(|time| (time - first) - (time - first).round()).collect();
    let most = Figure::of(&near, |phase| *phase).median();
    let phases: Vec<_> = times.iter().map(|time| (time - first - most + EARLY).rem_euclid(1.0) - EARLY).collect();
    let beat = phases.iter().copied().fold(f64::INFINITY, f64::min);
    phases.into_iter().map(|phase| phase - beat).collect()
}

/// The watcher's process id: the lab's child that was given the most to check.
fn watcher(lab: &Lab) -> anyhow::Result<u32> {
    let start = Instant::now();
    loop {
        let threads = fs::read_dir(format!("/proc/{}/task", lab.process.id()))?.flatten();
        let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        let children: Vec<u32> = lists
            .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
            .collect();
        let command = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if let Some(found) = children.iter().find(|pid| command(pid).contains("--log-level=debug")) {
            return Ok(*found);
        }
        ensure!(start.elapsed() < PATIENCE, "the watcher does not run");
        sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::lateness;

    #[test]
    fn lateness_is_told_up_to_almost_a_second_and_a_missing_check_makes_no_other_late() {
        let times = [0.02, 1.0, 2.03, 3.7, 5.01, 6.0, 7.85];
        let late: Vec<_> = lateness(&times).iter().map(|seconds| (seconds * 1e3).round()).collect();
        assert_eq!(late, [20.0, 0.0, 30.0, 700.0, 10.0, 0.0, 850.0]);
    }
}
