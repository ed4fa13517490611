//! From a name to the pods behind it: edges by workload, address, Service or URL, the name's own look-up included.

use std::net::IpAddr;

use crate::{
    connections::Protocol,
    destination::{Destination, EndError, Named},
    doubt::Doubt,
    edge::Edge,
    endpoint::Endpoint,
    evaluator::Evaluator,
    reach::Verdict,
    reason::join,
    service::{Service, TargetPort},
    strict::distance,
    workload::Workload,
};

impl Evaluator {
    /// The workload or address that one end names; a name without a namespace is in `namespace`.
    ///
    /// # Errors
    /// No workload is called that, with the nearest ones.
    pub fn endpoint(&self, host: &Named, namespace: &str) -> Result<Endpoint<'_>, EndError> {
        let (namespace, name) = match host {
            Named::Workload { namespace: given, name } => (given.as_deref().unwrap_or(namespace), name.as_str()),
            Named::Address(address) => return Ok(self.at_address(*address)),
            Named::Block(block) => return Ok(Endpoint::Block(*block)),
            Named::AnyPod => return Ok(Endpoint::Pods(&self.facts().anyone)),
            Named::AnyPodOf(name) => {
                let pods = self.facts().any_of.get(name).map(Endpoint::Pods);
                return pods.ok_or_else(|| self.no_namespace(name));
            }
            Named::Dns(name) => return Err(self.no_workload(name.clone())),
        };
        let key = |workload: &Workload| (workload.namespace.as_str(), workload.name.as_str()).cmp(&(namespace, name));
        let place = self.workloads().binary_search_by(key).ok().map(Endpoint::Workload);
        place.ok_or_else(|| self.no_workload(format!("{namespace}/{name}")))
    }

    /// The edge between an endpoint and a destination, whose name may need the cluster's DNS.
    ///
    /// # Errors
    /// The destination is not there, or it is not clear which of a Service's ports is meant.
    pub fn edge<'e>(
        &'e self,
        source: Endpoint<'e>,
        destination: &Destination,
        namespace: &str,
    ) -> Result<Edge<'e>, EndError> {
        let name = match &destination.host {
            Named::Dns(name) => name,
            host => {
                let end = self.endpoint(host, namespace)?;
                if let (Endpoint::Address(address), Some(service)) = (end, self.service_at(end)) {
                    return self.through_service(
                        source,
                        service,
                        destination.port,
                        destination.protocol,
                        &address.to_string(),
                    );
                }
                return Ok(self.direct(source, end, destination));
            }
        };
        let own = self.workload(source).map_or(namespace, |workload| workload.namespace.as_str());
        let mut dns = self.resolution(source);
        if dns.verdict == Verdict::Denied {
            return Ok(dns);
        }
        let edge = match self.service_named(name, own) {
            Some(service) => self.through_service(source, service, destination.port, destination.protocol, name)?,
            None => {
                let reason =
                    format!("the manifests have no Service that the name {name} means: its address is not known");
                Edge::plain(Verdict::Undecided, reason)
            }
        };
        // An open way to DNS goes without saying; and what is closed is closed, however its name is resolved.
        if dns.verdict == Verdict::Allowed || edge.verdict == Verdict::Denied {
            return Ok(edge);
        }
        dns.reasons.extend(edge.reasons);
        dns.pairs.extend(edge.pairs);
        Ok(dns)
    }

    fn direct<'e>(&'e self, source: Endpoint<'e>, end: Endpoint<'e>, destination: &Destination) -> Edge<'e> {
        let about = destination.port.map(|port| (destination.protocol, port));
        self.between(self.pair(source, end), about)
    }

    fn through_service<'e>(
        &'e self,
        source: Endpoint<'e>,
        service: &Service,
        port: Option<u16>,
        protocol: Protocol,
        written: &str,
    ) -> Result<Edge<'e>, EndError> {
        let undecided = |reason| Edge::plain(Verdict::Undecided, reason);
        let refused = |reason| Edge::plain(Verdict::Denied, reason);
        if service.kind == "ExternalName" {
            return Ok(undecided(format!("Service {service} is another name for a host outside of the manifests")));
        }
        if service.selector.is_none() {
            return Ok(undecided(format!("Service {service} has no selector: its endpoints are given by hand")));
        }
        let ports: Vec<_> = service.ports.iter().filter(|own| own.protocol == protocol).map(|own| own.port).collect();
        let port = match (port, ports.as_slice()) {
            // Its name means its pods, all their ports.
            (None, _) if service.headless => return Ok(self.to_pods(source, service, |_| Some(None), None)),
            (Some(port), _) | (None, &[port]) => port,
            (None, &[]) => return Ok(refused(format!("Service {service} has no {protocol} port"))),
            (None, &[first, ..]) => {
                return Err(EndError::ServicePort { service: written.into(), ports: join(&ports, "and"), first });
            }
        };
        let target = match service.ports.iter().find(|own| own.protocol == protocol && own.port == port) {
            // Its name means its pods, and nothing translates the port.
            _ if service.headless => TargetPort::Number(port),
            Some(own) => own.target.clone(),
            None => return Ok(refused(format!("Service {service} has no {protocol} port {port}"))),
        };
        let number = |pod: &Workload| target.on(pod, protocol).map(|port| Some((protocol, port)));
        Ok(self.to_pods(source, service, number, Some(port)))
    }

    /// The edges to the pods behind a Service, each on the connection that `on` says, all without one; nothing where the
    /// pod has no such port.
    fn to_pods<'e>(
        &'e self,
        source: Endpoint<'e>,
        service: &Service,
        on: impl Fn(&Workload) -> Option<Option<(Protocol, u16)>>,
        port: Option<u16>,
    ) -> Edge<'e> {
        let workloads = self.workloads().iter().enumerate().filter(|(_, workload)| service.selects(workload));
        let pods = workloads.filter_map(|(index, pod)| Some((Endpoint::Workload(index), on(pod)?)));
        let edges = pods.map(|(pod, about)| match pod == source {
            true => {
                let reason = format!("{}: {}", self.name(source), Doubt::SelfThroughService);
                (pod, about, Edge::plain(Verdict::Undecided, reason))
            }
            false => (pod, about, self.between(self.pair(source, pod), about)),
        });
        let edges: Vec<_> = edges.collect();
        let Some((.., Edge { verdict, .. })) = edges.first() else {
            let wanted = port.map(|port| format!(" for port {port}")).unwrap_or_default();
            let reason = format!("Service {service} finds no pod{wanted}: the connection is refused");
            return Edge::plain(Verdict::Denied, reason);
        };
        let agreed = edges.iter().all(|(.., edge)| edge.verdict == *verdict);
        let mut whole = Edge { verdict: *verdict, reasons: Vec::new(), pairs: Vec::new() };
        if !agreed {
            let pods: Vec<_> = edges.iter().map(|(pod, ..)| self.name(*pod)).collect();
            let pods = join(&pods, "and");
            whole.verdict = Verdict::Undecided;
            whole.reasons.push(format!("it hangs on which pod Service {service} picks: it leads to {pods}"));
        }
        for (pod, about, edge) in edges {
            let mut reasons = edge.reasons;
            if let (Some(port), Some((_, target))) = (port, about)
                && port != target
            {
                let pod = self.name(pod);
                let leads = format!(
                    "Service {service} leads from port {port} to port {target} of {pod}, which is what policies see"
                );
                reasons.insert(0, leads);
            }
            // What several pods share is said once.
            whole
                .reasons
                .extend(reasons.into_iter().filter(|reason| !whole.reasons.contains(reason)).collect::<Vec<_>>());
            whole.pairs.extend(edge.pairs);
        }
        whole
    }

    /// The Service that a name means when it is asked for in a namespace: `frontend`, `frontend.stars`,
    /// `frontend.stars.svc`, `frontend.stars.svc.cluster.local`.
    /// <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/>
    fn service_named(&self, name: &str, namespace: &str) -> Option<&Service> {
        let parts: Vec<_> = name.trim_end_matches('.').split('.').collect();
        match parts.as_slice() {
            [name] => self.cluster().service(namespace, name),
            [name, namespace, ..] if matches!(parts[2..], [] | ["svc"] | ["svc", "cluster", "local"]) => {
                self.cluster().service(namespace, name)
            }
            // One of a headless Service's pods, under its own name.
            [_, name, namespace, "svc"] | [_, name, namespace, "svc", "cluster", "local"] => {
                self.cluster().service(namespace, name).filter(|service| service.headless)
            }
            _ => None,
        }
    }

    fn service_at(&self, end: Endpoint<'_>) -> Option<&Service> {
        let Endpoint::Address(address) = end else { return None };
        self.cluster().services.iter().find(|service| service.addresses.contains(&address))
    }

    fn at_address(&self, address: IpAddr) -> Endpoint<'_> {
        let place = self.workloads().iter().position(|workload| workload.addresses.contains(&address));
        place.map_or(Endpoint::Address(address), Endpoint::Workload)
    }

    fn no_namespace(&self, name: &str) -> EndError {
        let cure = nearest(name, self.cluster().namespaces.keys().cloned());
        EndError::Namespace {
            name: name.to_owned(),
            cure: cure.unwrap_or_else(|| "only any pod, *, can be of it".into()),
        }
    }

    fn no_workload(&self, name: String) -> EndError {
        let service = name.split_once('/').and_then(|(namespace, name)| self.cluster().service(namespace, name));
        if let Some(Service { namespace, name: service, .. }) = service {
            return EndError::Workload { cure: format!("there is a Service, {service}.{namespace}:PORT"), name };
        }
        // One of the same name in another namespace, or one of its pods, is what was most likely meant.
        let (space, own) = name.split_once('/').unwrap_or(("", &name));
        let own = own.rsplit('/').next().unwrap_or(own);
        let is_pod_of = |workload: &&Workload| {
            let ordinal = workload.name.strip_prefix(own).and_then(|rest| rest.strip_prefix('-'));
            workload.namespace == space && ordinal.is_some_and(|rest| rest.parse::<u64>().is_ok())
        };
        let mut likely: Vec<_> = self.workloads().iter().filter(is_pod_of).map(ToString::to_string).collect();
        likely.extend(self.workloads().iter().filter(|workload| workload.name == own).map(ToString::to_string));
        let services = self.cluster().services.iter().filter(|service| service.name == own);
        likely.extend(services.map(|service| format!("{}.{}:PORT", service.name, service.namespace)));
        likely.truncate(3);
        let mut cure = match (likely.is_empty(), self.workloads().len()) {
            (_, 0) => "they have none at all".into(),
            (true, count) => nearest(&name, self.workloads().iter().map(ToString::to_string))
                .unwrap_or_else(|| format!("star-policy eval lists the {count} that there are")),
            (false, _) => format!("did you mean {}?", join(&likely, "or")),
        };
        if KINDS.contains(&space) && !self.cluster().namespaces.contains_key(space) {
            cure = format!("an end is NAMESPACE/WORKLOAD, without its kind; {cure}");
        }
        EndError::Workload { name, cure }
    }
}

/// What kubectl takes before a slash, and some write here.
const KINDS: [&str; 22] = [
    "po",
    "pod",
    "pods",
    "deploy",
    "deployment",
    "deployments",
    "rs",
    "replicaset",
    "sts",
    "statefulset",
    "statefulsets",
    "ds",
    "daemonset",
    "daemonsets",
    "job",
    "jobs",
    "cj",
    "cronjob",
    "cronjobs",
    "svc",
    "service",
    "services",
];

/// `did you mean …?`, where names differ by little.
fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let mut near: Vec<_> = known.map(|known| (distance(name, &known), known)).collect();
    near.sort();
    let nearest: Vec<_> =
        near.iter().filter(|(distance, _)| *distance <= name.len() / 5).map(|(_, known)| known).take(3).collect();
    (!nearest.is_empty()).then(|| format!("did you mean {}?", join(&nearest, "or")))
}

#[cfg(test)]
mod tests;
