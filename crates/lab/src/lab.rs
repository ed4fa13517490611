//! Which pods there are, and that they run.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::FutureExt;
use futures_util::future::select_all;
use star_daemon::check::{Ask, Checker, Guard, Resolver};
use star_daemon::target::TargetUrl;
use star_wire::resource::Resource;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::control::{self, Request, Verb};
use crate::pod::{Event, Pod};

/// The page's port, unless it is taken.
const PORT: u16 = 9001;

/// How many ports after it are tried.
const PORTS: u16 = 100;

/// How long the page may take to answer at first.
const START: Duration = Duration::from_secs(10);

/// Between two looks at whether it does.
const AGAIN: Duration = Duration::from_millis(10);

/// A running lab.
pub(crate) struct Lab {
    folder: Folder,
    pods: Vec<Pod>,
    requests: mpsc::Receiver<Request>,
    /// Serves the control socket; ends with the lab.
    control: JoinSet<()>,
}

/// The lab's folder, removed at its end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Lab {
    /// Starts all pods.
    ///
    /// # Errors
    ///
    /// When the port is taken, or a process cannot be started.
    pub(crate) async fn start(port: Option<u16>) -> anyhow::Result<Self> {
        let folder = Folder(control::folder()?);
        let listener = control::listen(&folder.0)?;
        // A second terminal waits while the first one is obeyed.
        let (sender, requests) = mpsc::channel(1);
        let mut control = JoinSet::new();
        control.spawn(control::serve(listener, sender));
        let pods = pods(&folder.0, port).await?;
        let mut lab = Self { folder, pods, requests, control };
        for pod in &mut lab.pods {
            pod.start()?;
        }
        Ok(lab)
    }

    /// The page's.
    pub(crate) fn url(&self) -> &str {
        &self.pods[0].url
    }

    /// What a newcomer needs to know.
    pub(crate) fn welcome(&self) -> String {
        let me = std::env::current_exe().unwrap_or_default();
        let me = std::env::current_dir().ok().and_then(|here| me.strip_prefix(here).ok()).unwrap_or(&me).display();
        let rows: String = self.pods.iter().map(|pod| format!("  {:<14} {}\n", pod.name, pod.url)).collect();
        format!(
            "star-lab runs four pods on this machine's loopback:\n\n{rows}\n\
             Open {} in a browser.\n\nIn a second terminal, see edges die and come back:\n\n  \
             {me} kill backend\n  {me} start backend\n\nLogs are in {}. Ctrl-C ends the lab.\n",
            self.url(),
            self.folder.0.display()
        )
    }

    /// Keeps the pods as they are wanted, until `shutdown`; then ends them.
    pub(crate) async fn supervise(&mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        loop {
            let events = self.pods.iter_mut().map(|pod| Box::pin(pod.event()));
            let event = select_all(events).map(|(event, place, _)| (event, place));
            tokio::select! {
                (event, place) = event => self.take(place, event),
                Some(request) = self.requests.recv() => self.obey(request).await,
                _ = self.control.join_next() => bail!("the control socket cannot be served any more"),
                () = shutdown.cancelled() => break,
            }
        }
        for pod in &mut self.pods {
            pod.stop().await;
        }
        Ok(())
    }

    fn take(&mut self, place: usize, event: Event) {
        let pod = &mut self.pods[place];
        let how = match event {
            Event::Ended(Some(status)) => format!("ended ({status})"),
            Event::Ended(None) => "ended".to_owned(),
            Event::Restart => match pod.start() {
                Ok(()) => return,
                Err(error) => format!("did not start ({error:#})"),
            },
        };
        let wait = pod.ended().as_secs();
        tell(&format!("{} {how} and starts again in {wait} s; its log: {}\n", pod.name, pod.log.display()));
    }

    async fn obey(&mut self, Request { verb, pod, reply }: Request) {
        // Whoever asked may be gone by now: what was asked is done all the same.
        let _ = reply.send(self.turn(verb, &pod).await);
    }

    async fn turn(&mut self, verb: Verb, name: &str) -> anyhow::Result<String> {
        let names: Vec<_> = self.pods.iter().map(|pod| pod.name).collect();
        let Some(pod) = self.pods.iter_mut().find(|pod| pod.name == name) else {
            bail!("there is no pod `{name}`; there are {}", names.join(", "));
        };
        match verb {
            Verb::Kill => {
                let ran = pod.is_running();
                pod.kill().await;
                Ok(format!("{name} {}", if ran { "killed" } else { "was down already" }))
            }
            Verb::Start if pod.is_running() => Ok(format!("{name} runs already")),
            Verb::Start => {
                pod.start()?;
                Ok(format!("{name} started"))
            }
        }
    }
}

/// Says something to whoever started the lab, if anybody still listens.
pub(crate) fn tell(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// The stars lab's pods on loopback: the page's first. Each probe checks all that the lab's manifests have it check.
async fn pods(folder: &std::path::Path, port: Option<u16>) -> anyhow::Result<Vec<Pod>> {
    const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
    let page = match port {
        Some(port) => {
            TcpListener::bind((LOOPBACK, port)).await.with_context(|| format!("--port={port}: choose another"))?
        }
        None => free(PORT..PORT + PORTS).await?,
    };
    // Each port is held until all are found, so that no two pods get the same.
    let mut held = vec![page];
    for _ in 0..3 {
        held.push(TcpListener::bind((LOOPBACK, 0)).await.context("no free port")?);
    }
    let mut ports = Vec::new();
    for listener in held {
        ports.push(listener.local_addr()?.port());
    }
    let [page, frontend, backend, client] = ports[..] else { bail!("four pods need four ports") };
    let url = |port: u16| format!("http://{LOOPBACK}:{port}/status");
    let resources = [("F", frontend), ("B", backend), ("C", client)];
    let resources: Vec<_> = resources.map(|(id, port)| Resource { id: id.to_owned(), url: url(port) }).into();
    let file = folder.join("resources.json");
    fs::write(&file, serde_json::to_vec(&resources)?)
        .with_context(|| format!("{} cannot be written", file.display()))?;

    let pod = |name: &'static str, url: String, program: &str, port: u16, rest: String| {
        let flags = [program, &format!("--http-address={LOOPBACK}"), &format!("--http-port={port}"), &rest];
        Pod::new(name, url, folder.join(format!("{name}.log")), flags.map(str::to_owned).into())
    };
    let probe = |name, port, targets: &[u16]| {
        let urls: Vec<_> = targets.iter().map(|port| url(*port)).collect();
        pod(name, url(port), "probe", port, format!("--urls={}", urls.join(",")))
    };
    let page_url = format!("http://{LOOPBACK}:{page}/");
    Ok(vec![
        pod("management-ui", page_url, "collect", page, format!("--resources-file={}", file.display())),
        probe("frontend", frontend, &[frontend, backend, client]),
        probe("backend", backend, &[frontend, backend, client]),
        probe("client", client, &[frontend, backend]),
    ])
}

async fn free(mut ports: std::ops::Range<u16>) -> anyhow::Result<TcpListener> {
    let (first, last) = (ports.start, ports.end - 1);
    loop {
        let port =
            ports.next().with_context(|| format!("no port from {first} to {last} is free; choose one with --port"))?;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
}

/// Waits until the page at `url` answers.
///
/// # Errors
///
/// When it does not, in time.
pub(crate) async fn answers(url: &str) -> anyhow::Result<()> {
    let page = TargetUrl::parse(url)?;
    let checker = Checker::new(Resolver::from_system(), Guard::Open);
    let waiting = async {
        while checker.check(&page, &Ask::head(START)).await.outcome.is_err() {
            sleep(AGAIN).await;
        }
    };
    timeout(START, waiting).await.with_context(|| format!("{url} does not answer within {START:?}"))
}
