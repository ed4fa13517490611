//! A pod that runs: its wire and its containers' processes.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures_util::FutureExt;
use futures_util::future::{join_all, select_all};

use crate::dns;
use crate::fabric::Wire;
use crate::family::Family;
use crate::image::{self, Field};
use crate::parent::Place;
use crate::process::{Event, Process};

/// What a pod is to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Spec {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Which of all pods that there have been: one that is made anew may have the old one's name and address.
    pub(crate) number: u64,
    pub(crate) labels: BTreeMap<String, String>,
    /// One of each of the lab's families, the first one's first.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) containers: Vec<Container>,
}

/// What a container is to run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Container {
    pub(crate) name: String,
    /// As the manifest names it.
    pub(crate) image: String,
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    /// Which places in the environment hold a field of the pod.
    pub(crate) fields: Vec<(usize, Field)>,
    pub(crate) restart: RestartPolicy,
}

/// When a container that ended is started again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

impl Spec {
    /// Its address of a family.
    pub(crate) fn address(&self, family: Family) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|address| Family::of(*address) == family)
    }

    pub(crate) fn key(&self) -> (String, String) {
        (self.namespace.clone(), self.name.clone())
    }
}

/// A pod on the network.
pub(crate) struct Pod {
    pub(crate) spec: Spec,
    pub(crate) wire: Arc<Wire>,
    pub(crate) containers: Vec<Process>,
}

impl Pod {
    /// Starts what `spec` says, with its logs in `folder`, the lab's.
    ///
    /// # Errors
    ///
    /// When a file cannot be written, or a process not be started.
    pub(crate) fn start(spec: &Spec, wire: Arc<Wire>, server: IpAddr, folder: &Path) -> anyhow::Result<Self> {
        let Spec { namespace, name, number: _, labels: _, addresses, containers } = spec;
        let (names, folder) = (folder.join(dns::FOLDER), folder.join("pods").join(namespace).join(name));
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let own = addresses.iter().map(|address| format!("{address} {name}\n"));
        let hosts = format!("127.0.0.1 localhost\n::1 localhost\n{}", own.collect::<String>());
        let etc = [("/etc/resolv.conf", dns::resolv_conf(namespace, server)), ("/etc/hosts", hosts)];
        let process = |container: &Container| {
            let log = folder.join(format!("{}.log", container.name));
            let mut root = image::root(&container.command, &names);
            root.files.extend(etc.iter().map(|(path, text)| (path.into(), text.clone())));
            let place = Place::Pod { wire: wire.clone(), root };
            let mut process = Process::new(format!("{namespace}/{name}"), log, container.clone(), place);
            process.start().map(|()| process)
        };
        let containers = containers.iter().map(process).collect::<Result<_, _>>()?;
        Ok(Self { spec: spec.clone(), wire, containers })
    }

    /// Whether all its containers run.
    pub(crate) fn is_ready(&self) -> bool {
        self.containers.iter().all(Process::is_running)
    }

    /// What `kubectl get pods` says of it.
    pub(crate) fn status(&self) -> &'static str {
        let rank = |status: &&str| match *status {
            "CrashLoopBackOff" => 4,
            "Error" => 3,
            "Terminated" => 2,
            "Running" => 1,
            _ => 0,
        };
        self.containers.iter().map(Process::status).max_by_key(rank).unwrap_or("Completed")
    }

    /// Waits until something happens to a container. Says to which.
    pub(crate) async fn event(&mut self) -> (usize, Event) {
        let events = self.containers.iter_mut().map(|container| Box::pin(container.event()));
        select_all(events).map(|(event, place, _)| (place, event)).await
    }

    /// Asks its containers to end, and kills those that do not.
    pub(crate) async fn stop(&mut self) {
        join_all(self.containers.iter_mut().map(Process::stop)).await;
    }
}
