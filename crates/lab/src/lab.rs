//! The lab: keeps network, processes and rules as the cluster wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use futures_util::FutureExt;
use futures_util::future::{join_all, pending, select_all};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use star_netpol::manifest::{self, Object};
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, Key};
use crate::control::{self, Answer, Asked, Folder, Request};
use crate::enforce::{self, Established};
use crate::fabric::Fabric;
use crate::family::Families;
use crate::folder::Followed;
use crate::nft::{Batch, Netfilter};
use crate::pod::Pod;
use crate::process::tell;
use crate::publish::{self, Ports, Published, Spare, Target};
use crate::{dns, isolation, service};

mod request;
mod source;

/// What the lab is to be.
#[derive(Debug)]
pub(crate) struct Config {
    /// What it holds at first.
    pub(crate) objects: Vec<Object>,
    /// The page's port, if it must be that one.
    pub(crate) port: Option<u16>,
    /// A folder that is followed.
    pub(crate) policies: Option<PathBuf>,
    pub(crate) families: Families,
    pub(crate) established: Established,
    /// How many packets in a million are lost.
    pub(crate) loss: u32,
}

/// What is taken from the machine before its network is left.
pub(crate) struct Prepared {
    config: Config,
    folder: Folder,
    control: std::os::unix::net::UnixListener,
    published: Vec<(Published, TcpListener)>,
    spare: Spare,
}

impl Prepared {
    /// Takes what is needed, then leaves the machine's network.
    ///
    /// # Errors
    ///
    /// When a port is taken, or the machine forbids it.
    pub(crate) fn new(config: Config) -> anyhow::Result<Self> {
        let mut ports = Ports::new();
        let mut first = config.port;
        let mut published = Vec::new();
        // In their order: the first one has the page.
        let read = |object| star_netpol::Cluster::new(std::slice::from_ref(object), "default").ok()?.services.pop();
        for service in config.objects.iter().filter_map(read) {
            for port in publish::balanced(&service) {
                let listener = ports.listen(first.take())?;
                listener.set_nonblocking(true)?;
                let key = (service.namespace.clone(), service.name.clone());
                published.push((Published::new(key, port, listener.local_addr()?), listener));
            }
        }
        let spare = Spare::take()?;
        let folder = control::folder()?;
        let control = control::listen(&folder)?;
        control.set_nonblocking(true)?;
        isolation::leave_the_machine(config.families)?;
        Ok(Self { config, folder, control, published, spare })
    }
}

/// A running lab.
pub(crate) struct Lab {
    folder: Folder,
    cluster: Cluster,
    fabric: Fabric,
    filter: Netfilter,
    pods: BTreeMap<Key, Pod>,
    published: Vec<Published>,
    spare: Spare,
    followed: Option<Followed>,
    families: Families,
    established: Established,
    loss: u32,
    /// How many chains policies have had.
    chains: usize,
    /// When the rules were last replaced, by the monotonic clock.
    enforced_ns: Option<u64>,
    /// What the DNS was last told.
    names: dns::Names,
    requests: mpsc::Receiver<Asked>,
    /// What serves the control socket and the published ports; ends with the lab.
    servers: JoinSet<()>,
    /// Programs that are run in pods on request.
    execs: JoinSet<()>,
}

impl Lab {
    /// Starts all pods.
    ///
    /// # Errors
    ///
    /// When an object is refused, or the machine refuses something.
    pub(crate) async fn start(prepared: Prepared) -> anyhow::Result<Self> {
        let Prepared { config, folder, control, published, spare } = prepared;
        let Config { objects, port: _, policies, families, established, loss } = config;
        dns::write(&dns::Names::new(), folder.path())?;

        // A second terminal waits while the first one is obeyed.
        let (sender, requests) = mpsc::channel(1);
        let mut servers = JoinSet::new();
        servers.spawn(control::serve(UnixListener::from_std(control)?, sender));
        let mut lab = Self {
            folder,
            cluster: Cluster::new(families, Timestamp::now()),
            fabric: Fabric::new(families).await?,
            filter: Netfilter::open().context("this kernel has no nf_tables")?,
            pods: BTreeMap::new(),
            published: Vec::new(),
            spare,
            followed: None,
            families,
            established,
            loss,
            chains: 0,
            enforced_ns: None,
            names: dns::Names::new(),
            requests,
            servers,
            execs: JoinSet::new(),
        };
        for (port, listener) in published {
            lab.serve(port, listener)?;
        }
        let own = manifest::parse(&"star-lab's own dns.yaml".into(), &dns::manifest(families))?;
        let mut answer = Answer::default();
        lab.apply(own.into_iter().chain(objects).collect(), None, &mut answer);
        if let Some(folder) = policies {
            let mut followed = Followed::new(folder)?;
            let (gone, objects) = followed.read()?;
            debug_assert!(gone.is_empty());
            lab.apply(objects, None, &mut answer);
            lab.followed = Some(followed);
        }
        for warning in answer.warned {
            tell(&format!("{warning}\n"));
        }
        if !answer.refused.is_empty() {
            bail!("{}", answer.refused.join("\n"));
        }
        lab.reconcile().await?;
        Ok(lab)
    }

    /// Hands on what comes to a published port.
    fn serve(&mut self, port: Published, listener: TcpListener) -> anyhow::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        self.servers.spawn(publish::serve(listener, port.target.subscribe()));
        self.published.push(port);
        Ok(())
    }

    /// The published ports.
    pub(crate) fn published(&self) -> &[Published] {
        &self.published
    }

    /// Ends when every published port has been listened on.
    pub(crate) fn listening(&self) -> impl Future<Output = ()> + use<> {
        let ports: Vec<_> = self.published.iter().map(|port| publish::listens(port.target.subscribe())).collect();
        join_all(ports).map(drop)
    }

    /// Where the logs are.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Keeps the pods as they are wanted, until `shutdown`; then ends them.
    pub(crate) async fn supervise(&mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        loop {
            let event = async {
                match self.pods.is_empty() {
                    true => pending().await,
                    false => {
                        let events = self.pods.iter_mut().map(|(key, pod)| {
                            Box::pin(pod.event().map(|(container, event)| (key.clone(), container, event)))
                        });
                        select_all(events).await.0
                    }
                }
            };
            let change = async {
                match &mut self.followed {
                    Some(followed) => followed.changed().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                (key, container, event) = event => {
                    if let Some(pod) = self.pods.get_mut(&key) {
                        pod.containers[container].take(event);
                    }
                    if let Err(error) = self.commit() {
                        tell(&format!("{error:#}; the rules of before stay\n"));
                    }
                }
                Some(Asked { request, answer }) = self.requests.recv() => match request {
                    Request::Exec { pod, command, namespace } => match self.exec(&namespace, &pod, &command) {
                        Ok(running) => drop(self.execs.spawn(request::ended(running, answer))),
                        Err(refused) => drop(answer.send(Err(refused).into())),
                    },
                    // Whoever asked may be gone by now: what was asked is done all the same.
                    request => drop(answer.send(self.obey(request).await)),
                },
                Some(_) = self.execs.join_next() => {}
                changed = change => {
                    changed?;
                    self.follow().await?;
                }
                _ = self.servers.join_next() => bail!("the control socket or a published port cannot be served any more"),
                () = shutdown.cancelled() => break,
            }
        }
        join_all(self.pods.values_mut().map(Pod::stop)).await;
        Ok(())
    }

    /// Makes the cluster hold what the followed folder holds now, and says what changed.
    async fn follow(&mut self) -> anyhow::Result<()> {
        let Some(followed) = &mut self.followed else { return Ok(()) };
        let (gone, objects) = match followed.read() {
            Ok(read) => read,
            // It may be half written: what was there before holds until it can be read.
            Err(error) => {
                tell(&format!("{error:#}; what was applied before stays\n"));
                return Ok(());
            }
        };
        let mut answer = Answer::default();
        self.follow_source(gone, objects, None, true, &mut answer);
        if let Err(error) = self.reconcile().await {
            answer.refused.push(format!("error: {error:#}"));
        }
        for line in answer.told.lines().filter(|line| !line.ends_with(" unchanged")) {
            tell(&format!("{line}\n"));
        }
        for line in answer.warned.iter().chain(&answer.refused) {
            tell(&format!("{line}\n"));
        }
        Ok(())
    }

    /// Starts and ends pods until they are as the cluster wants them.
    async fn reconcile(&mut self) -> anyhow::Result<()> {
        let wanted: BTreeMap<_, _> = self.cluster.pods().map(|(_, pod)| (pod.spec.key(), pod.spec.clone())).collect();
        let gone = self.pods.extract_if(.., |key, pod| wanted.get(key) != Some(&pod.spec));
        let mut gone: Vec<_> = gone.map(|(_, pod)| pod).collect();
        // Policies hold for a new pod before its first packet.
        self.commit()?;
        let mut failed = Vec::new();
        let new: Vec<_> = wanted.into_iter().filter(|(key, _)| !self.pods.contains_key(key)).collect();
        if !new.is_empty() || !gone.is_empty() {
            join_all(gone.iter_mut().map(Pod::stop)).await;
            for pod in gone {
                self.fabric.unplug(&pod.wire).await?;
            }
            for (key, spec) in new {
                let wire = Arc::new(self.fabric.plug(&spec.addresses).await.with_context(|| spec.name.clone())?);
                match Pod::start(&spec, wire.clone(), self.families.first().dns(), self.folder.path()) {
                    Ok(pod) => _ = self.pods.insert(key, pod),
                    // The others are started all the same.
                    Err(error) => {
                        self.fabric.unplug(&wire).await?;
                        failed.push(format!("{}/{}: {error:#}", spec.namespace, spec.name));
                    }
                }
            }
            self.commit()?;
        }
        ensure!(failed.is_empty(), "{}", failed.join("; "));
        Ok(())
    }

    /// Has rules, DNS and published ports follow the cluster and its pods.
    fn commit(&mut self) -> anyhow::Result<()> {
        let ready: BTreeSet<_> =
            self.pods.iter().filter(|(_, pod)| pod.is_ready()).map(|(key, _)| key.clone()).collect();
        let mut batch = Batch::new();
        for family in self.families.list().iter().copied() {
            batch.table(family);
            let (ports, pods) = (self.cluster.service_ports(family, &ready), self.cluster.pod_addresses(family));
            service::translate(&mut batch, family, &ports, &pods);
            let world = self.cluster.world(family);
            enforce::enforce(&mut batch, &world, self.established, self.loss, &mut self.chains);
        }
        self.filter.commit(batch)?;
        let now = clock_gettime(ClockId::Monotonic);
        self.enforced_ns = Some(now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned());

        let names = self.cluster.names(&ready);
        if names != self.names {
            dns::write(&names, self.folder.path())?;
            self.names = names;
        }
        for published in &self.published {
            let target = self.target(published, &ready);
            published.target.send_if_modified(|known| {
                let same = match (&*known, &target) {
                    (Some((wire, port)), Some((now, at))) => Arc::ptr_eq(wire, now) && port == at,
                    (None, None) => true,
                    _ => false,
                };
                if !same {
                    *known = target;
                }
                !same
            });
        }
        Ok(())
    }

    /// Where a published port leads: the first pod behind it.
    fn target(&self, published: &Published, ready: &BTreeSet<Key>) -> Target {
        let object = self.cluster.services.get(&published.service)?;
        let (service, family) = (&object.service, *object.families.first()?);
        publish::balanced(service).find(|port| *port == published.port)?;
        let port = service.ports.iter().find(|port| port.port == published.port)?;
        let endpoint =
            self.cluster.endpoints(service, family, &port.target, port.protocol, ready).into_iter().next()?;
        let pod = self.pods.values().find(|pod| pod.spec.addresses.contains(&endpoint.ip()))?;
        Some((pod.wire.clone(), endpoint.port()))
    }
}
