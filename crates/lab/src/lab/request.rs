//! What the lab does when a second terminal asks for it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use star_netpol::manifest::{self, Object};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Lab;
use crate::cluster::Kind;
use crate::control::{Answer, File, Request};
use crate::parent::Running;
use crate::pod::Pod;
use crate::process::Process;
use crate::query::{self, Query};
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
            Request::Delete { files, namespace, ignore_not_found } => {
                let objects = parsed(files, &mut answer);
                self.delete(objects, namespace.as_deref(), ignore_not_found, &mut answer);
                self.reconcile().await
            }
            Request::DeleteNamed { args, selector, namespace, ignore_not_found } => {
                match Query::parse(&args, selector.as_deref()) {
                    // Whoever means all says so.
                    Ok(Query::Every(..)) if selector.is_none() => {
                        Err(anyhow!("resource(s) were provided, but no name was specified"))
                    }
                    Ok(query) => {
                        self.delete_named(query, &namespace, ignore_not_found, &mut answer);
                        self.reconcile().await
                    }
                    Err(refused) => Err(anyhow!(refused)),
                }
            }
            Request::Get { args, selector, namespace, output, ignore_not_found } => {
                let view = listing::View { cluster: &self.cluster, pods: &self.pods, published: &self.published };
                let get = |query| {
                    listing::get(&view, query, namespace.as_deref(), output, ignore_not_found, &mut answer);
                };
                Query::parse(&args, selector.as_deref()).map(get).map_err(|refused| anyhow!(refused))
            }
            Request::Describe { args, selector, namespace } => {
                let describe = |query| describe::describe(&self.cluster, query, &namespace, &mut answer);
                Query::parse(&args, selector.as_deref()).map(describe).map_err(|refused| anyhow!(refused))
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
            let has_prefix = told.starts_with("Error from server") || told.starts_with("error: ");
            let prefix = if has_prefix { "" } else { "error: " };
            answer.refused.push(format!("{prefix}{told}"));
        }
        answer.enforced_ns = self.enforced_ns;
        answer
    }

    /// The pod that a name stands for, as for `kubectl`: its own, or `TYPE/NAME` of what it is of.
    fn pod(&self, namespace: &str, name: &str) -> anyhow::Result<&Pod> {
        let (kind, name) = match name.contains('/') {
            true => query::by_name(name).map_err(|refused| anyhow!("error: {refused}"))?,
            false => (Kind::Pod, name.to_owned()),
        };
        let mut pods = self.cluster.pods().filter(|(_, pod)| pod.spec.namespace == namespace);
        let found = match kind {
            Kind::Pod => pods.find(|(_, pod)| pod.spec.name == name),
            Kind::Service => {
                let service = self.cluster.services.get(&(namespace.to_owned(), name.clone()));
                let service = service.map(|object| &object.service);
                pods.find(|(_, pod)| service.is_some_and(|service| service.selects_pod(namespace, &pod.spec.labels)))
            }
            kind => pods.find(|(workload, _)| workload.kind == kind.name() && workload.name == name),
        };
        found
            .and_then(|(_, object)| self.pods.get(&object.spec.key()))
            .with_context(|| listing::not_found(&kind.plural(), &name))
    }

    /// A container of a pod: the one of that name, or the only one.
    fn container(&self, namespace: &str, pod: &str, container: Option<&str>) -> anyhow::Result<&Process> {
        let found = self.pod(namespace, pod)?;
        let pod = &found.spec.name;
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
        let container = self.pod(namespace, pod)?.containers.first().context("the pod has no container")?;
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
