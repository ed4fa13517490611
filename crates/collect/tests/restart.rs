//! What outlives the process, and what follows its file: on the real program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use star_fixture::process::{Process, folder, refuses};
use star_fixture::server::until;
use star_wire::event::{Event, History};
use star_wire::resource::{Resource, ResourcesBody};
use tokio::time::{sleep, timeout};

const COLLECT: &str = env!("CARGO_BIN_EXE_star-collect");

/// How often it is killed. (200 were tried once: each start waits for the disk.)
const ROUNDS: u64 = 40;

/// A running collector, and a client of it.
struct Collector {
    process: Process,
    address: SocketAddr,
    client: Client,
}

impl Collector {
    fn start(args: &[&str]) -> Self {
        Self::of(Process::start(COLLECT, args, &[]))
    }

    fn of(mut process: Process) -> Self {
        let address = process.address();
        Self { process, address, client: Client::new() }
    }

    /// None if it died before it answered.
    async fn post(&self, id: &str, url: &str) -> Option<StatusCode> {
        let body = json!({"id": id, "url": url}).to_string();
        let request = self.client.post(format!("http://{}/resources", self.address)).body(body);
        Some(request.send().await.ok()?.status())
    }

    async fn delete(&self, id: &str) -> Option<StatusCode> {
        Some(self.client.delete(format!("http://{}/resources/{id}", self.address)).send().await.ok()?.status())
    }

    async fn resources(&self) -> BTreeMap<String, String> {
        let body: ResourcesBody = self.json("/resources").await;
        body.resources.into_iter().map(|Resource { id, url }| (id, url)).collect()
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        self.client.get(format!("http://{}{path}", self.address)).send().await.unwrap().json().await.unwrap()
    }

    fn kill(self) {
        self.process.signal(Signal::KILL);
        self.process.end();
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

fn known(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(id, url)| ((*id).to_owned(), (*url).to_owned())).collect()
}

#[tokio::test]
async fn what_requests_changed_and_what_happened_outlives_the_process() {
    let folder = folder("restart");
    let (state, file) = (flag("state-file", &folder.join("state")), folder.join("resources.json"));
    fs::write(&file, r#"[{"id":"A","url":"http://127.0.0.1:1/"},{"id":"B","url":"http://127.0.0.1:1/b"}]"#).unwrap();
    let args = [&*state, &flag("resources-file", &file)];
    let collector = Collector::start(&args);
    assert_eq!(collector.delete("A").await, Some(StatusCode::NO_CONTENT));
    assert_eq!(collector.post("C", "http://127.0.0.1:1/c").await, Some(StatusCode::OK));
    until(
        async || collector.json::<Value>("/api/v1/graph").await["nodes"].clone(),
        |nodes| nodes.as_array().unwrap().iter().all(|node| node["state"] == "unreachable"),
    )
    .await;
    let before: History = collector.json("/api/v1/history").await;
    let expected = known(&[("B", "http://127.0.0.1:1/b"), ("C", "http://127.0.0.1:1/c")]);
    assert_eq!(collector.resources().await, expected);
    collector.kill();

    let collector = Collector::start(&args);
    assert_eq!(collector.resources().await, expected);
    let after: History = collector.json("/api/v1/history").await;
    // Not the state without resources, in which the first process began.
    let before = &before.events[1..];
    assert_eq!(after.events[..before.len()], *before);
    let Event::Snapshot(anew) = &after.events[before.len()] else { panic!("{after:#?}") };
    let (Some(Event::Patch(last)), [gap]) = (before.last(), &*anew.gaps) else { panic!("{after:#?}") };
    assert!(
        gap.source.is_none() && gap.gap.from >= last.at && gap.gap.until > gap.gap.from,
        "{gap:?} after {}",
        last.at
    );
    assert!(anew.seq > last.seq && anew.at >= last.at, "{} {} after {} {}", anew.seq, anew.at, last.seq, last.at);
    // What the file says anew counts again.
    fs::write(&file, r#"[{"id":"A","url":"http://127.0.0.1:1/a"}]"#).unwrap();
    let followed = known(&[("A", "http://127.0.0.1:1/a"), ("C", "http://127.0.0.1:1/c")]);
    until(async || collector.resources().await, |resources| *resources == followed).await;
    fs::write(&file, "[{").unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(collector.resources().await, followed);
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_kill_at_any_moment_and_nothing_else_appears() {
    let folder = folder("kill");
    let state = flag("state-file", &folder.join("state"));
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..ROUNDS {
        let collector = Collector::start(&[&state]);
        let found = collector.resources().await;
        assert_eq!(found, acknowledged, "after {round} kills");
        // At a moment that differs from round to round, and hits the write itself in some.
        let life = Duration::from_micros(round * 7919 % 20_000);
        let mut under_way = None;
        let changing = async {
            for step in 0.. {
                let id = format!("r{}", (round * 31 + step * 7) % 40);
                let url = format!("http://127.0.0.1:1/{round}/{step}");
                let removed = step % 3 == 2 && acknowledged.contains_key(&id);
                under_way = Some((id.clone(), (!removed).then(|| url.clone())));
                let done = if removed { collector.delete(&id).await } else { collector.post(&id, &url).await };
                let Some(done) = done else { return };
                assert!(done.is_success(), "{done}");
                let _ = if removed { acknowledged.remove(&id) } else { acknowledged.insert(id, url) };
                under_way = None;
            }
        };
        let _ = timeout(life, changing).await;
        collector.kill();
        // The one that was not answered may be there or not: whoever asked cannot know. Which, is seen now.
        if let Some((id, url)) = under_way {
            let collector = Collector::start(&[&state]);
            let found = collector.resources().await.remove(&id);
            assert!(found == url || found.as_ref() == acknowledged.get(&id), "{id}: {found:?}, not {url:?}");
            let _ = match found {
                Some(url) => acknowledged.insert(id, url),
                None => acknowledged.remove(&id),
            };
            collector.kill();
        }
        let aside = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(aside.into_iter().all(|name| !name.to_string_lossy().contains("damaged")), "it was unreadable");
    }
    assert!(acknowledged.len() > 10, "{acknowledged:?}");
}

#[tokio::test]
async fn a_full_disk_refuses_a_change_as_a_whole_and_leaves_everything_else_at_work() {
    let disk = folder("full");
    let mount = r#"mount -t tmpfs -o size=64k none "$0" && exec "$@""#;
    let state = flag("state-file", &disk.join("state"));
    let namespace: &[&str] = if rustix::process::geteuid().is_root() { &["-m"] } else { &["-r", "-m"] };
    let disk = disk.display().to_string();
    let unshare = [namespace, &["/bin/sh", "-c", mount, &disk]].concat();
    if !Command::new("/usr/bin/unshare").args(&unshare).arg("/bin/true").status().is_ok_and(|status| status.success()) {
        return eprintln!("skipped: this machine lets nobody mount a small disk");
    }
    let args = [&unshare[..], &[COLLECT, &state]].concat();
    let collector = Collector::of(Process::start("/usr/bin/unshare", &args, &[("PATH", "/usr/bin:/bin")]));
    let mut acknowledged = BTreeMap::new();
    let refused = loop {
        let (id, url) = (format!("r{}", acknowledged.len()), format!("http://127.0.0.1:1/{}", "x".repeat(1000)));
        match collector.post(&id, &url).await {
            Some(StatusCode::OK) => acknowledged.insert(id, url),
            other => break other,
        };
        assert!(acknowledged.len() < 100, "it is never full");
    };
    assert_eq!(refused, Some(StatusCode::SERVICE_UNAVAILABLE));
    assert!(acknowledged.len() > 5, "{}", acknowledged.len());
    assert_eq!(collector.resources().await, acknowledged);
    let graph: Value = collector.json("/api/v1/graph").await;
    assert_eq!(graph["nodes"].as_array().unwrap().len(), acknowledged.len());
}

#[test]
fn a_state_file_that_cannot_be_written_is_refused_at_the_start() {
    refuses(COLLECT, &["--state-file=/proc/none/state"], 2, &["--state-file=/proc/none/state", "name a file"]);
}

#[tokio::test]
async fn a_foreign_state_file_is_set_aside_and_no_reason_not_to_start() {
    let folder = folder("foreign");
    let path = folder.join("state");
    fs::write(&path, "[]\n").unwrap();
    let collector = Collector::start(&[&flag("state-file", &path)]);
    assert!(collector.resources().await.is_empty());
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        names.len() == 2 && names.iter().any(|name| name.to_string_lossy().starts_with("state.damaged-")),
        "{names:?}"
    );
}
