//! The lab: keeps network, processes and rules as the cluster wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use futures_util::FutureExt;
use futures_util::future::{join_all, pending, select_all};
use rustix::time::{ClockId, clock_gettime};
use star_netpol::manifest::{self, Object};
use star_netpol::workload::Workload;
use tokio::net::UnixListener;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cluster::{self, Cluster, Key};
use crate::control::{self, Answer, Asked, File, Folder, Kind, Request};
use crate::enforce::{self, Established};
use crate::fabric::Fabric;
use crate::folder::Followed;
use crate::nft::{Batch, Netfilter};
use crate::pod::Pod;
use crate::process::{Process, tell};
use crate::publish::{self, Ports, Published, Target};
use crate::{describe, dns, image, isolation, listing, service};

/// The cluster's own DNS.
const DNS: &str = include_str!("dns.yaml");

/// How long a program that is run on request may take: nobody could end it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the lab is to be.
#[derive(Debug)]
pub(crate) struct Config {
    /// What it holds at first.
    pub(crate) objects: Vec<Object>,
    /// The page's port, if it must be that one.
    pub(crate) port: Option<u16>,
    /// A folder that is followed.
    pub(crate) policies: Option<PathBuf>,
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
        for (service, port) in config.objects.iter().flat_map(publish::balanced) {
            let listener = ports.listen(first.take())?;
            listener.set_nonblocking(true)?;
            published.push((Published::new(service, port, listener.local_addr()?), listener));
        }
        let folder = control::folder()?;
        let control = control::listen(&folder)?;
        control.set_nonblocking(true)?;
        isolation::leave_the_machine()?;
        Ok(Self { config, folder, control, published })
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
    followed: Option<Followed>,
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
        let Prepared { config, folder, control, published } = prepared;
        let Config { objects, port: _, policies, established, loss } = config;
        let names = folder.path().join("dns").join("names.json");
        fs::create_dir(folder.path().join("dns")).context("no folder for the DNS")?;
        let resources = folder.path().join("resources.json");
        fs::write(&resources, include_str!("resources.json")).context("no resources for the collector")?;
        let files = image::Files { resources, names };
        dns::write(&dns::Names::new(), &files.names)?;

        // A second terminal waits while the first one is obeyed.
        let (sender, requests) = mpsc::channel(1);
        let mut servers = JoinSet::new();
        servers.spawn(control::serve(UnixListener::from_std(control)?, sender));
        let mut lab = Self {
            folder,
            cluster: Cluster::new(files),
            fabric: Fabric::new().await?,
            filter: Netfilter::open().context("this kernel has no nf_tables")?,
            pods: BTreeMap::new(),
            published: Vec::new(),
            followed: None,
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
            let listener = tokio::net::TcpListener::from_std(listener)?;
            lab.servers.spawn(publish::serve(listener, port.target.subscribe()));
            lab.published.push(port);
        }
        let own = manifest::parse(&"star-lab's own dns.yaml".into(), DNS)?;
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
                        Ok(running) => drop(self.execs.spawn(async { drop(answer.send(ended(running).await)) })),
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

    async fn obey(&mut self, request: Request) -> Answer {
        let mut answer = Answer::default();
        let result = match request {
            Request::Apply { files, namespace } => {
                let objects = parsed(files, &mut answer);
                self.apply(objects, namespace.as_deref(), &mut answer);
                self.reconcile().await
            }
            Request::Delete { files, namespace } => {
                let objects = parsed(files, &mut answer);
                self.delete(&objects, namespace.as_deref(), &mut answer);
                self.reconcile().await
            }
            Request::DeleteNamed { kind, names, namespace } => {
                let (kind, group, resource) = match kind {
                    Kind::Pods => ("Pod", "", "pod"),
                    Kind::Services => ("Service", "", "service"),
                    Kind::NetworkPolicies => ("NetworkPolicy", "networking.k8s.io", "networkpolicy.networking.k8s.io"),
                    Kind::Namespaces => ("Namespace", "", "namespace"),
                };
                for name in names {
                    match self.cluster.delete(kind, group, &namespace, &name) {
                        Ok(()) => answer.told += &format!("{resource} {name:?} deleted\n"),
                        Err(refused) => answer.refused.push(refused),
                    }
                }
                self.reconcile().await
            }
            Request::Get { kind, names, namespace, output } => {
                let view = listing::View { cluster: &self.cluster, pods: &self.pods, published: &self.published };
                listing::get(&view, kind, &names, namespace.as_deref(), output, &mut answer);
                Ok(())
            }
            Request::Describe { kind, names, namespace } => {
                describe::describe(&self.cluster, kind, &names, &namespace, &mut answer);
                Ok(())
            }
            Request::Log { pod, container, namespace } => {
                match self.container(&namespace, &pod, container.as_deref()) {
                    Ok(process) => {
                        answer.told = process.log.display().to_string();
                        Ok(())
                    }
                    Err(refused) => Err(refused),
                }
            }
            // Answered when it has ended, not here.
            Request::Exec { .. } => Ok(()),
            Request::Kill(name) => self.kill(&name, &mut answer).await,
            Request::Start(name) => self.revive(&name, &mut answer),
        };
        if let Err(error) = result {
            answer.refused.push(format!("error: {error:#}"));
        }
        answer.enforced_ns = self.enforced_ns;
        answer
    }

    /// Applies objects, what others need first.
    fn apply(&mut self, mut objects: Vec<Object>, namespace: Option<&str>, answer: &mut Answer) {
        objects.sort_by_key(cluster::rank);
        for object in &objects {
            // In a folder there are other documents, too.
            if object.api_version.is_empty() {
                answer.warned.push(format!("Warning: passed over a {}", object.kind));
                continue;
            }
            if let Some(refused) = mismatch(object, namespace) {
                answer.refused.push(refused);
                continue;
            }
            match self.cluster.apply(object, namespace.unwrap_or("default")) {
                Ok((outcome, warnings)) => {
                    answer.warned.extend(self.uncut(object, namespace));
                    answer.warned.extend(warnings.iter().map(|warning| format!("Warning: {warning}")));
                    answer.told += &format!("{}/{} {}\n", cluster::resource(object), object.name, outcome.name());
                }
                Err(refused) => answer.refused.extend(refused),
            }
        }
    }

    /// What to know of a policy that concerns a page: here it is not cut.
    fn uncut(&self, object: &Object, namespace: Option<&str>) -> Option<String> {
        let namespace = object.namespace.as_deref().or(namespace).unwrap_or("default");
        let policy = &self.cluster.policies.get(&(namespace.to_owned(), object.name.clone()))?.policy;
        let (true, Some(_)) = (object.kind == "NetworkPolicy", &policy.ingress) else { return None };
        let published = self.published.iter().find(|published| {
            let service = self.cluster.services.get(&published.service).map(|object| &object.service);
            let selects = |(workload, _): (&Workload, _)| {
                service.is_some_and(|service| service.selects(workload))
                    && workload.namespace == policy.namespace
                    && policy.pod_selector.matches(&workload.labels)
            };
            self.cluster.pods().any(selects)
        })?;
        Some(format!(
            "Warning: {policy} selects the pods of Service {}; star-lab shows it at http://{}/ all the same, as kubectl \
             port-forward does: in a cluster, the load balancer may be cut off",
            published.name(),
            published.address
        ))
    }

    /// Removes objects, what others need last.
    fn delete(&mut self, objects: &[Object], namespace: Option<&str>, answer: &mut Answer) {
        let mut objects: Vec<_> = objects.iter().collect();
        objects.sort_by_key(|object| std::cmp::Reverse(cluster::rank(object)));
        for object in objects {
            if let Some(refused) = mismatch(object, namespace) {
                answer.refused.push(refused);
                continue;
            }
            let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
            let namespace = object.namespace.as_deref().or(namespace).unwrap_or("default");
            match self.cluster.delete(&object.kind, group, namespace, &object.name) {
                Ok(()) => answer.told += &format!("{} {:?} deleted\n", cluster::resource(object), object.name),
                Err(refused) => answer.refused.push(refused),
            }
        }
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
        self.delete(&gone, None, &mut answer);
        self.apply(objects, None, &mut answer);
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
                let wire = Arc::new(self.fabric.plug(spec.address).await.with_context(|| spec.name.clone())?);
                match Pod::start(&spec, wire.clone(), self.folder.path()) {
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
        let addresses: Vec<_> = self.cluster.pods().map(|(_, pod)| pod.spec.address).collect();
        let mut batch = Batch::new();
        service::translate(&mut batch, &self.cluster.service_ports(&ready), &addresses);
        enforce::enforce(&mut batch, &self.cluster.world(), self.established, self.loss, &mut self.chains);
        self.filter.commit(batch)?;
        let now = clock_gettime(ClockId::Monotonic);
        self.enforced_ns = Some(now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned());

        let names = self.cluster.names(&ready);
        if names != self.names {
            dns::write(&names, &self.folder.path().join("dns").join("names.json"))?;
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
        let service = &self.cluster.services.get(&published.service)?.service;
        let port = service.ports.iter().find(|port| port.port == published.port)?;
        let endpoint = self.cluster.endpoints(service, &port.target, port.protocol, ready).into_iter().next()?;
        let pod = self.pods.values().find(|pod| pod.spec.address == *endpoint.ip())?;
        Some((pod.wire.clone(), endpoint.port()))
    }

    /// A container of a pod: the one of that name, or the only one.
    fn container(&self, namespace: &str, pod: &str, container: Option<&str>) -> anyhow::Result<&Process> {
        let Some(found) = self.pods.get(&(namespace.to_owned(), pod.to_owned())) else {
            bail!("Error from server (NotFound): pods {pod:?} not found");
        };
        let names: Vec<_> = found.containers.iter().map(Process::container).collect();
        match (container, &*found.containers) {
            (None, [only]) => Ok(only),
            (None, _) => {
                bail!("a container name must be specified for pod {pod}, choose one of: [{}]", names.join(" "))
            }
            (Some(name), containers) => {
                containers.iter().find(|container| container.container() == name).with_context(|| {
                    format!("container {name} is not valid for pod {pod}, choose one of: [{}]", names.join(" "))
                })
            }
        }
    }

    /// Starts a program in a pod: one of its image.
    fn exec(&self, namespace: &str, pod: &str, command: &[String]) -> anyhow::Result<Child> {
        let workload = pod.split_once('/').map(|(_, name)| name);
        let mut pods = self.cluster.pods().filter(|(_, pod)| pod.spec.namespace == namespace);
        let found = pods.find(|(of, object)| match workload {
            Some(name) => of.name == name,
            None => object.spec.name == pod,
        });
        let container = found.and_then(|(_, object)| self.pods.get(&object.spec.key())?.containers.first());
        let Some(container) = container else { bail!("Error from server (NotFound): pods {pod:?} not found") };
        let (program, arguments) =
            command.split_first().context("you must specify at least one command for the container")?;
        let known = image::called(program)
            .filter(|program| container.specified().command.first().is_some_and(|own| own == program));
        let Some(program) = known else {
            bail!(
                "{program:?}: executable file not found in $PATH: the image {:?} has {} alone",
                container.specified().image,
                container.specified().command[0]
            );
        };
        let command: Vec<_> = std::iter::once(program.to_owned()).chain(arguments.iter().cloned()).collect();
        let mut command = container.place().command(&command, &container.specified().environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command.spawn().context("cannot be started")
    }

    /// The pods that a name stands for: its own, or those of a workload of that name.
    fn called(&mut self, name: &str) -> anyhow::Result<Vec<&mut Pod>> {
        let of = self.cluster.pods().filter(|(workload, pod)| pod.spec.name == name || workload.name == name);
        let keys: BTreeSet<_> = of.map(|(_, pod)| pod.spec.key()).collect();
        if keys.is_empty() {
            let all: Vec<_> = self.pods.keys().map(|(_, name)| name.as_str()).collect();
            bail!("there is no pod `{name}`; there are {}", all.join(", "));
        }
        Ok(self.pods.iter_mut().filter(|(key, _)| keys.contains(*key)).map(|(_, pod)| pod).collect())
    }

    async fn kill(&mut self, name: &str, answer: &mut Answer) -> anyhow::Result<()> {
        for pod in self.called(name)? {
            let mut killed = false;
            for container in &mut pod.containers {
                killed |= container.kill().await.is_some();
            }
            answer.told += &format!("{} {}\n", pod.spec.name, if killed { "killed" } else { "was down already" });
        }
        self.commit()
    }

    fn revive(&mut self, name: &str, answer: &mut Answer) -> anyhow::Result<()> {
        for pod in self.called(name)? {
            let down: Vec<_> = pod.containers.iter_mut().filter(|container| !container.is_running()).collect();
            let how = if down.is_empty() { "runs already" } else { "started" };
            for container in down {
                container.start()?;
            }
            answer.told += &format!("{} {how}\n", pod.spec.name);
        }
        self.commit()
    }
}

/// What a program said by its end.
async fn ended(running: Child) -> Answer {
    let output = match timeout(PATIENCE, running.wait_with_output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(error.into()).into(),
        Err(_) => return Err(anyhow!("it has not ended within {PATIENCE:?}, and was killed")).into(),
    };
    Answer {
        told: String::from_utf8_lossy(&output.stdout).into_owned(),
        warned: String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect(),
        // A signal's number has no place in an exit code.
        code: Some(output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        ..Answer::default()
    }
}

/// The objects of files; what is no manifest is refused, a file each.
fn parsed(files: Vec<File>, answer: &mut Answer) -> Vec<Object> {
    let mut objects = Vec::new();
    for (file, text) in files {
        match manifest::parse(&file, &text) {
            Ok(found) => objects.extend(found),
            Err(problem) => answer.refused.push(format!("error: {problem}")),
        }
    }
    objects
}

/// What `kubectl` says when `-n` names another namespace than the object.
fn mismatch(object: &Object, namespace: Option<&str>) -> Option<String> {
    let (own, given) = (object.namespace.as_deref()?, namespace?);
    (own != given && object.kind != "Namespace").then(|| {
        format!(
            "error: the namespace from the provided object {own:?} does not match the namespace {given:?}. \
             You must pass '--namespace={own}' to perform this operation."
        )
    })
}
