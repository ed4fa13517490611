//! Edges as people name them: by workload, address, Service or URL, the name's own look-up included.

use std::{net::IpAddr, str::FromStr};

use url::{Host, Url};

use crate::{
    connections::Protocol,
    doubt::Doubt,
    evaluator::{Endpoint, Evaluator, Pair},
    reach::Verdict,
    reason::join,
    service::{Service, TargetPort},
    strict::distance,
    workload::Workload,
};

/// An edge's far end as written: `stars/backend`, `stars/backend:6379/TCP`, `backend.stars:6379`, `10.0.0.7:53/UDP`,
/// `http://backend.stars:6379/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Which host.
    pub host: Named,
    /// Which of its ports; a URL has one, of its scheme if it gives none.
    pub port: Option<u16>,
    /// By which protocol.
    pub protocol: Protocol,
}

/// A host as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A workload: `namespace/name`, or a name alone in the namespace at hand.
    Workload {
        /// Its namespace, if given.
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
    /// An address.
    Address(IpAddr),
    /// A name that DNS answers for, such as `backend.stars`.
    Dns(String),
}

/// Why an edge's end cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndError {
    /// It has no form that is known.
    #[error(
        "{0:?} is not an edge's end: write NAMESPACE/WORKLOAD[:PORT[/PROTOCOL]], SERVICE.NAMESPACE:PORT, ADDRESS[:PORT] or a URL"
    )]
    Form(String),
    /// Its port is none.
    #[error(
        "{0:?} is not a port: write a number from 1 to 65535, and after it /TCP, /UDP or /SCTP, or nothing for TCP"
    )]
    Port(String),
    /// No workload is called that.
    #[error("the manifests have no workload {name}: {cure}")]
    Workload {
        /// The name that was looked for.
        name: String,
        /// What there is instead.
        cure: String,
    },
    /// A Service has several ports, and none was named.
    #[error("Service {service} has ports {ports}: say which, as in {service}:{first}")]
    ServicePort {
        /// The Service, as it was named.
        service: String,
        /// Its ports.
        ports: String,
        /// The first of them.
        first: u16,
    },
}

/// Whether an edge goes through, and why.
#[derive(Clone, Debug)]
pub struct Edge<'e> {
    /// Whether it goes through.
    pub verdict: Verdict,
    /// Sentences, in the order in which a connection meets what they say.
    pub reasons: Vec<String>,
    /// The pairs that decide it, each with the connection that it is about, all without one.
    pub pairs: Vec<(Pair<'e>, Option<(Protocol, u16)>)>,
}

impl Edge<'_> {
    /// An edge that no pair decides.
    pub(crate) fn plain(verdict: Verdict, reason: String) -> Self {
        Self { verdict, reasons: vec![reason], pairs: Vec::new() }
    }
}

impl FromStr for Destination {
    type Err = EndError;

    fn from_str(text: &str) -> Result<Self, EndError> {
        if text.contains("://") {
            return from_url(text).ok_or_else(|| EndError::Form(text.into()));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self { host: Named::Address(address), port: None, protocol: Protocol::Tcp });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let (port, protocol) = port.map(read_port).transpose()?.unzip();
        let form = |text: &str| EndError::Form(text.into());
        let plain = |part: &str| !part.is_empty() && !part.contains([':', ' ', '[', ']']);
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse() {
            Ok(address) => Named::Address(address),
            Err(_) => match host.split_once('/') {
                Some((namespace, name)) if plain(namespace) && plain(name) => {
                    Named::Workload { namespace: Some(namespace.into()), name: name.into() }
                }
                None if plain(host) && host.contains('.') => Named::Dns(host.into()),
                None if plain(host) => Named::Workload { namespace: None, name: host.into() },
                _ => return Err(form(text)),
            },
        };
        Ok(Self { host, port, protocol: protocol.unwrap_or(Protocol::Tcp) })
    }
}

fn from_url(text: &str) -> Option<Destination> {
    let url = Url::parse(text).ok()?;
    let host = match url.host()? {
        Host::Domain(name) => Named::Dns(name.into()),
        Host::Ipv4(address) => Named::Address(address.into()),
        Host::Ipv6(address) => Named::Address(address.into()),
    };
    Some(Destination { host, port: Some(url.port_or_known_default()?), protocol: Protocol::Tcp })
}

fn read_port(text: &str) -> Result<(u16, Protocol), EndError> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "TCP"));
    let port = number.parse().ok().filter(|port| *port > 0);
    port.zip(Protocol::named(&protocol.to_uppercase())).ok_or_else(|| EndError::Port(text.into()))
}

impl Evaluator {
    /// The workload or address that one end names; a name without a namespace is in `namespace`.
    ///
    /// # Errors
    /// No workload is called that, with the nearest ones.
    pub fn endpoint(&self, host: &Named, namespace: &str) -> Result<Endpoint, EndError> {
        let (namespace, name) = match host {
            Named::Workload { namespace: given, name } => (given.as_deref().unwrap_or(namespace), name.as_str()),
            Named::Address(address) => return Ok(self.at_address(*address)),
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
    pub fn edge(&self, source: Endpoint, destination: &Destination, namespace: &str) -> Result<Edge<'_>, EndError> {
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

    fn direct(&self, source: Endpoint, end: Endpoint, destination: &Destination) -> Edge<'_> {
        let about = destination.port.map(|port| (destination.protocol, port));
        self.between(self.pair(source, end), about)
    }

    pub(crate) fn between<'e>(&'e self, pair: Pair<'e>, about: Option<(Protocol, u16)>) -> Edge<'e> {
        let verdict = match about {
            Some((protocol, port)) => pair.reach.verdict(protocol, port),
            None => pair.reach.overall(),
        };
        if self.is_one_pod(pair.egress.subject, pair.egress.other) {
            return Edge::plain(verdict, format!("{} always reaches itself", self.name(pair.egress.subject)));
        }
        Edge { verdict, reasons: self.reasons(&pair, about), pairs: vec![(pair, about)] }
    }

    fn through_service(
        &self,
        source: Endpoint,
        service: &Service,
        port: Option<u16>,
        protocol: Protocol,
        written: &str,
    ) -> Result<Edge<'_>, EndError> {
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
    fn to_pods(
        &self,
        source: Endpoint,
        service: &Service,
        on: impl Fn(&Workload) -> Option<Option<(Protocol, u16)>>,
        port: Option<u16>,
    ) -> Edge<'_> {
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

    fn service_at(&self, end: Endpoint) -> Option<&Service> {
        let Endpoint::Address(address) = end else { return None };
        self.cluster().services.iter().find(|service| service.addresses.contains(&address))
    }

    fn at_address(&self, address: IpAddr) -> Endpoint {
        let place = self.workloads().iter().position(|workload| workload.addresses.contains(&address));
        place.map_or(Endpoint::Address(address), Endpoint::Workload)
    }

    fn no_workload(&self, name: String) -> EndError {
        let service = name.split_once('/').and_then(|(namespace, name)| self.cluster().service(namespace, name));
        if let Some(Service { namespace, name: service, .. }) = service {
            return EndError::Workload { cure: format!("there is a Service, {service}.{namespace}:PORT"), name };
        }
        let names = self.workloads().iter().map(ToString::to_string);
        let mut near: Vec<_> = names.map(|known| (distance(&name, &known), known)).collect();
        near.sort();
        let nearest: Vec<_> =
            near.iter().filter(|(distance, _)| *distance <= name.len() / 5).map(|(_, known)| known).take(3).collect();
        let cure = match (near.len(), nearest.is_empty()) {
            (0, _) => "they have none at all".into(),
            (_, false) => format!("did you mean {}?", join(&nearest, "or")),
            (count, true) => format!("star-policy eval lists the {count} that there are"),
        };
        EndError::Workload { name, cure }
    }
}

#[cfg(test)]
mod tests;
