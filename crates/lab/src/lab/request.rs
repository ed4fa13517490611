//! What the lab does when a second terminal asks for it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use star_netpol::manifest::{self, Object};
use star_netpol::workload::Workload;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Lab;
use crate::cluster;
use crate::control::{Answer, File, Kind, Request};
use crate::parent::Running;
use crate::pod::Pod;
use crate::process::Process;
use crate::{describe, image, listing};

/// How long a program that is run on request may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Lab {
    pub(super) async fn obey(&mut self, request: Request) -> Answer {
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
            let told = format!("{error:#}");
            // What a server would say is said as one says it.
            let prefix = if told.starts_with("Error from server") { "" } else { "error: " };
            answer.refused.push(format!("{prefix}{told}"));
        }
        answer.enforced_ns = self.enforced_ns;
        answer
    }

    /// Applies objects, what others need first.
    pub(super) fn apply(&mut self, mut objects: Vec<Object>, namespace: Option<&str>, answer: &mut Answer) {
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
    pub(super) fn delete(&mut self, objects: &[Object], namespace: Option<&str>, answer: &mut Answer) {
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
    pub(super) fn exec(&self, namespace: &str, pod: &str, command: &[String]) -> anyhow::Result<Running> {
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
        container.exec(&command)
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

/// Answers with what a program said by its end. It ends at once if nobody waits for that any more.
pub(super) async fn ended(running: Running, mut answer: oneshot::Sender<Answer>) {
    let output = tokio::select! {
        output = timeout(PATIENCE, running.output()) => output,
        () = answer.closed() => return,
    };
    // Whoever asked may have gone this very moment.
    drop(answer.send(match output {
        Ok(Ok(output)) => Answer {
            told: String::from_utf8_lossy(&output.stdout).into_owned(),
            warned: String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect(),
            // A signal's number has no place in an exit code.
            code: Some(output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
            ..Answer::default()
        },
        Ok(Err(error)) => Err(error.into()).into(),
        Err(_) => Err(anyhow!("it has not ended within {PATIENCE:?}, and was killed")).into(),
    }));
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
