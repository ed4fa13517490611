//! What becomes of the objects that are applied and deleted, and of the ports of Services among them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use star_netpol::Protocol;
use star_netpol::manifest::Object;
use star_netpol::service::ServicePort;

use super::Lab;
use crate::cluster::{self, Change, Key, Kind, Outcome, ServiceObject};
use crate::control::Answer;
use crate::listing;
use crate::pod::Spec;
use crate::publish::{self, Published};
use crate::query::Query;

impl Lab {
    /// Applies objects, what others need first.
    pub(super) fn apply(&mut self, objects: Vec<Object>, namespace: Option<&str>, answer: &mut Answer) {
        self.follow_source(Vec::new(), objects, namespace, false, answer);
    }

    /// Removes objects, what others need last.
    pub(super) fn delete(
        &mut self,
        objects: Vec<Object>,
        namespace: Option<&str>,
        ignore_not_found: bool,
        answer: &mut Answer,
    ) {
        self.follow_source(objects, Vec::new(), namespace, ignore_not_found, answer);
    }

    /// Removes the objects that are `gone` from a source, applies those that it has, and tells what became of each.
    pub(super) fn follow_source(
        &mut self,
        gone: Vec<Object>,
        mut objects: Vec<Object>,
        namespace: Option<&str>,
        ignore_not_found: bool,
        answer: &mut Answer,
    ) {
        // In a folder there are other documents, too.
        for document in objects.extract_if(.., |object| object.api_version.is_empty()) {
            answer.warned.push(format!("Warning: passed over a {}", document.kind));
        }
        let mut fitting = |objects: Vec<Object>| -> Vec<Object> {
            let (fit, refused): (Vec<_>, Vec<_>) =
                objects.into_iter().partition(|object| mismatch(object, namespace).is_none());
            answer.refused.extend(refused.iter().filter_map(|object| mismatch(object, namespace)));
            fit
        };
        let (gone, objects) = (fitting(gone), fitting(objects));
        let within = namespace.unwrap_or("default");
        let mut changed = BTreeSet::new();
        for (object, change) in self.cluster.reset(&gone, &objects, within, Timestamp::now()) {
            let singular = cluster::singular(object);
            let Change { outcome, warnings } = match change {
                Ok(change) => change,
                Err(refused) => {
                    answer.refused.extend(refused);
                    continue;
                }
            };
            answer.warned.extend(warnings.iter().map(|warning| format!("Warning: {warning}")));
            let namespace = object.namespace.as_deref().unwrap_or(within);
            if object.kind == "Service" && matches!(outcome, Outcome::Created | Outcome::Configured) {
                changed.insert((namespace.to_owned(), object.name.clone()));
            }
            match outcome {
                Outcome::Deleted => {
                    answer.told += &deleted(&singular, &object.name, (object.kind != "Namespace").then_some(namespace));
                }
                Outcome::NotFound if ignore_not_found => {}
                Outcome::NotFound => {
                    let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
                    let plural = Kind::of(&object.kind).map_or_else(
                        || cluster::grouped(&format!("{}s", object.kind.to_lowercase()), group),
                        Kind::plural,
                    );
                    answer.refused.push(format!(
                        "Error from server (NotFound): error when deleting {:?}: {plural} {:?} not found",
                        &*object.node.at.file, object.name
                    ));
                }
                outcome => answer.told += &format!("{singular}/{} {}\n", object.name, outcome.name()),
            }
        }
        self.publish(&changed, answer);
        answer.warned.extend(objects.iter().filter_map(|object| self.uncut(object, namespace)));
    }

    /// Gives the machine's loopback a port for each Service's that is to be reached from outside and has none yet, and
    /// says where it is, or why it cannot be.
    fn publish(&mut self, changed: &BTreeSet<Key>, answer: &mut Answer) {
        let mut wanted = BTreeSet::new();
        for (key, ServiceObject { service, .. }) in &self.cluster.services {
            wanted.extend(publish::balanced(service).map(|port| (key.clone(), port)));
            if service.kind == "LoadBalancer" && changed.contains(key) {
                let inside = service.ports.iter().filter(|port| port.protocol != Protocol::Tcp);
                let warning = |port: &ServicePort| {
                    let (number, protocol) = (port.port, port.protocol);
                    format!(
                        "Warning: Service {service}, port {number}/{protocol}, stays inside: star-lab hands on TCP alone"
                    )
                };
                answer.warned.extend(inside.map(warning));
            }
        }
        for (key, port) in &wanted {
            if self.published.iter().any(|published| published.is_of(key, *port)) {
                continue;
            }
            let named = format!("Service {}/{}, port {port}", key.0, key.1);
            let taken = match self.spare.listen() {
                Ok(listener) => listener.local_addr().map_err(anyhow::Error::from).and_then(|address| {
                    self.serve(Published::new(key.clone(), *port, address), listener)?;
                    Ok(address)
                }),
                // One whose Service is gone will do.
                Err(none) => {
                    let idle =
                        |published: &&mut Published| !wanted.contains(&(published.service.clone(), published.port));
                    self.published.iter_mut().find(idle).ok_or(none).map(|idle| {
                        (idle.service, idle.port) = (key.clone(), *port);
                        idle.address
                    })
                }
            };
            match taken {
                Ok(address) => answer.warned.push(format!("{named}, is at http://{address}/.")),
                Err(why) if changed.contains(key) => answer.warned.push(format!(
                    "Warning: {named}, stays pending: {why:#}; delete another LoadBalancer Service, or start the lab with \
                     this one (star-lab up -f)"
                )),
                Err(_) => {}
            }
        }
    }

    /// Removes the objects that `query` is about.
    pub(super) fn delete_named(&mut self, query: Query, namespace: &str, ignore_not_found: bool, answer: &mut Answer) {
        let objects = match query {
            Query::Named(objects) => objects,
            Query::Every(kinds, selector) => {
                let objects: Vec<_> = kinds
                    .into_iter()
                    .flat_map(|kind| {
                        let names = self.cluster.named(kind, namespace, &selector);
                        names.into_iter().map(move |name| (kind, name))
                    })
                    .collect();
                if objects.is_empty() {
                    answer.told += "No resources found\n";
                }
                objects
            }
        };
        for (kind, name) in objects {
            match self.cluster.delete(kind.name(), namespace, &name, Timestamp::now()) {
                Ok(Outcome::NotFound) if ignore_not_found => {}
                Ok(Outcome::NotFound) => answer.refused.push(listing::not_found(&kind.plural(), &name)),
                Ok(_) => {
                    answer.told += &deleted(&kind.singular(), &name, kind.is_namespaced().then_some(namespace));
                }
                Err(refused) => answer.refused.push(refused),
            }
        }
        // A port that is idle now may be waited for.
        self.publish(&BTreeSet::new(), answer);
    }

    /// What to know of a policy that concerns a page: here it is not cut.
    fn uncut(&self, object: &Object, namespace: Option<&str>) -> Option<String> {
        let namespace = object.namespace.as_deref().or(namespace).unwrap_or("default");
        let policy = &self.cluster.policies.get(&(namespace.to_owned(), object.name.clone()))?.policy;
        let (true, Some(_)) = (object.kind == "NetworkPolicy", &policy.ingress) else { return None };
        let published = self.published.iter().find(|published| {
            let service = self.cluster.services.get(&published.service).map(|object| &object.service);
            let selects = |spec: &Spec| {
                service.is_some_and(|service| service.selects_pod(&spec.namespace, &spec.labels))
                    && spec.namespace == policy.namespace
                    && policy.pod_selector.matches(&spec.labels)
            };
            self.cluster.pods().any(|(_, pod)| selects(&pod.spec))
        })?;
        Some(format!(
            "Warning: {policy} selects the pods of Service {}; star-lab shows it at http://{}/ all the same, as kubectl \
             port-forward does: in a cluster, the load balancer may be cut off",
            published.name(),
            published.address
        ))
    }
}

/// What `kubectl` says of an object that it deleted.
fn deleted(singular: &str, name: &str, namespace: Option<&str>) -> String {
    let from = namespace.map(|namespace| format!(" from {namespace} namespace")).unwrap_or_default();
    format!("{singular} {name:?} deleted{from}\n")
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
