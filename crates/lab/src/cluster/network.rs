//! What the index means for the network: where Services lead, which names there are, what decides on packets.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;

use star_netpol::Protocol;
use star_netpol::service::{Service, TargetPort};
use star_netpol::workload::Workload;

use super::{Cluster, Key, PodObject, ServiceObject};
use crate::enforce::{Subject, World};
use crate::{dns, service};

impl Cluster {
    /// The pods that a Service selects, of those that are `ready`.
    fn selected<'c>(
        &'c self,
        service: &'c Service,
        ready: &'c BTreeSet<Key>,
    ) -> impl Iterator<Item = (&'c Workload, &'c PodObject)> {
        self.pods().filter(|(_, pod)| {
            service.selects_pod(&pod.spec.namespace, &pod.spec.labels) && ready.contains(&pod.spec.key())
        })
    }

    /// What each port of each Service leads to, of the pods that are `ready`.
    pub(crate) fn service_ports(&self, ready: &BTreeSet<Key>) -> Vec<service::Port> {
        let mut ports = Vec::new();
        for ServiceObject { service, address, .. } in self.services.values() {
            let Some(address) = address else { continue };
            for port in &service.ports {
                ports.push(service::Port {
                    address: *address,
                    transport: port.protocol.into(),
                    port: port.port,
                    endpoints: self.endpoints(service, &port.target, port.protocol, ready),
                });
            }
        }
        ports
    }

    /// The pods behind a port of a Service.
    pub(crate) fn endpoints(
        &self,
        service: &Service,
        target: &TargetPort,
        protocol: Protocol,
        ready: &BTreeSet<Key>,
    ) -> Vec<SocketAddrV4> {
        let endpoint = |(workload, pod): (&Workload, &PodObject)| {
            Some(SocketAddrV4::new(pod.spec.address, target.on(workload, protocol)?))
        };
        self.selected(service, ready).filter_map(endpoint).collect()
    }

    /// What the cluster's DNS knows, of the pods that are `ready`.
    pub(crate) fn names(&self, ready: &BTreeSet<Key>) -> dns::Names {
        let mut names = dns::Names::new();
        for ServiceObject { service, address, .. } in self.services.values() {
            let name = dns::service_name(&service.name, &service.namespace);
            let Some(address) = address else {
                // A headless Service's name means its pods, and gives names to those that ask for one below it.
                for (_, pod) in self.selected(service, ready) {
                    names.entry(name.clone()).or_default().push(pod.spec.address);
                    let Some(hostname) = pod.host.below(&service.name) else { continue };
                    names.entry(format!("{hostname}.{name}")).or_default().push(pod.spec.address);
                }
                continue;
            };
            names.insert(name, vec![*address]);
        }
        names
    }

    /// What decides on packets.
    pub(crate) fn world(&self) -> World<'_> {
        let subject = |(workload, pod)| {
            let (workload, pod): (&Workload, &PodObject) = (workload, pod);
            Subject {
                namespace: &workload.namespace,
                labels: &pod.spec.labels,
                ports: &workload.ports,
                address: pod.spec.address,
            }
        };
        World {
            policies: self.policies.values().map(|object| &object.policy).collect(),
            pods: self.pods().map(subject).collect(),
            namespaces: self.namespaces.iter().map(|(name, namespace)| (name.as_str(), &namespace.labels)).collect(),
        }
    }
}
