//! The lab on loopback, for a machine that gives no namespaces: no addresses of its own, no policies.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, bail};
use futures_util::FutureExt;
use futures_util::future::{join_all, select_all};
use star_wire::resource::Resource;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::control::{self, Asked, Folder, Request};
use crate::parent::Place;
use crate::pod::{Container, RestartPolicy};
use crate::process::{Process, me};
use crate::publish::Ports;

/// A running lab.
pub(crate) struct Lab {
    folder: Folder,
    pods: Vec<Pod>,
    requests: mpsc::Receiver<Asked>,
    /// Serves the control socket; ends with the lab.
    control: JoinSet<()>,
}

/// A pod: what its name is here, where it answers, and its process.
struct Pod {
    url: String,
    process: Process,
}

impl Lab {
    /// Starts all pods.
    ///
    /// # Errors
    ///
    /// When the port is taken, or a process cannot be started.
    pub(crate) async fn start(port: Option<u16>) -> anyhow::Result<Self> {
        let folder = control::folder()?;
        let listener = control::listen(&folder)?;
        listener.set_nonblocking(true)?;
        // A second terminal waits while the first one is obeyed.
        let (sender, requests) = mpsc::channel(1);
        let mut control = JoinSet::new();
        control.spawn(control::serve(UnixListener::from_std(listener)?, sender));
        let pods = pods(folder.path(), port)?;
        let mut lab = Self { folder, pods, requests, control };
        for pod in &mut lab.pods {
            pod.process.start()?;
        }
        Ok(lab)
    }

    /// The page's.
    pub(crate) fn url(&self) -> &str {
        &self.pods[0].url
    }

    /// What a newcomer needs to know.
    pub(crate) fn welcome(&self) -> String {
        let me = me();
        let rows: String = self.pods.iter().map(|pod| format!("  {:<14} {}\n", pod.process.name, pod.url)).collect();
        format!(
            "star-lab runs four pods on this machine's loopback, where no policy holds:\n\n{rows}\n\
             Open {} in a browser.\n\nIn a second terminal, see edges die and come back:\n\n  \
             {me} kill backend\n  {me} start backend\n\nLogs are in {}. Ctrl-C ends the lab.\n",
            self.url(),
            self.folder.path().display()
        )
    }

    /// Keeps the pods as they are wanted, until `shutdown`; then ends them.
    pub(crate) async fn supervise(&mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        loop {
            let events = self.pods.iter_mut().map(|pod| Box::pin(pod.process.event()));
            let event = select_all(events).map(|(event, place, _)| (event, place));
            tokio::select! {
                (event, place) = event => self.pods[place].process.take(event),
                Some(Asked { request, answer }) = self.requests.recv() => {
                    // Whoever asked may be gone by now: what was asked is done all the same.
                    let _ = answer.send(self.obey(request).await.into());
                }
                _ = self.control.join_next() => bail!("the control socket cannot be served any more"),
                () = shutdown.cancelled() => break,
            }
        }
        join_all(self.pods.iter_mut().map(|pod| pod.process.stop())).await;
        Ok(())
    }

    async fn obey(&mut self, request: Request) -> anyhow::Result<String> {
        let name = match &request {
            Request::Kill(name) | Request::Start(name) => name,
            _ => bail!(
                "this lab runs on loopback, where there is nothing but kill and start; start it without --loopback"
            ),
        };
        let names: Vec<_> = self.pods.iter().map(|pod| pod.process.name.clone()).collect();
        let Some(pod) = self.pods.iter_mut().find(|pod| pod.process.name == *name) else {
            bail!("there is no pod `{name}`; there are {}", names.join(", "));
        };
        match request {
            Request::Kill(name) => pod
                .process
                .kill()
                .await
                .map_or_else(|| Ok(format!("{name} was down already\n")), |()| Ok(format!("{name} killed\n"))),
            _ if pod.process.is_running() => Ok(format!("{name} runs already\n")),
            _ => pod.process.start().map(|()| format!("{name} started\n")),
        }
    }
}

/// The stars lab's pods on loopback: the page's first. Each probe checks all that the lab's manifests have it check.
fn pods(folder: &std::path::Path, port: Option<u16>) -> anyhow::Result<Vec<Pod>> {
    const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
    // Each port is held until all are found, so that no two pods get the same.
    let mut held = vec![Ports::new().listen(port)?];
    for _ in 0..3 {
        held.push(TcpListener::bind((LOOPBACK, 0)).context("no free port")?);
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

    let pod = |name: &str, url: String, program: &str, port: u16, rest: String| {
        let flags = [program, &format!("--http-address={LOOPBACK}"), &format!("--http-port={port}"), &rest];
        let (name, log) = (name.to_owned(), folder.join(format!("{name}.log")));
        let container = Container {
            name: name.clone(),
            image: String::new(),
            command: flags.map(str::to_owned).into(),
            environment: Vec::new(),
            fields: Vec::new(),
            restart: RestartPolicy::Always,
        };
        let process = Process::new(name, log, container, Place::Lab);
        Pod { url, process }
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
