//! What the index means for the network: where Services lead, which names there are, what decides on packets.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use star_netpol::Protocol;
use star_netpol::service::{Service, TargetPort};
use star_netpol::workload::Workload;

use super::{Cluster, Key, PodObject, ServiceObject};
use crate::enforce::{Subject, World};
use crate::family::Family;
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

    /// What each port of each Service leads to on its address of `family`, of the pods that are `ready`.
    pub(crate) fn service_ports(&self, family: Family, ready: &BTreeSet<Key>) -> Vec<service::Port> {
        let mut ports = Vec::new();
        for ServiceObject { service, addresses, .. } in self.services.values() {
            let Some(address) = addresses.iter().find(|address| Family::of(**address) == family) else { continue };
            for port in &service.ports {
                ports.push(service::Port {
                    address: *address,
                    transport: port.protocol.into(),
                    port: port.port,
                    endpoints: self.endpoints(service, family, &port.target, port.protocol, ready),
                });
            }
        }
        ports
    }

    /// The pods behind a port of a Service, by their addresses of `family`.
    pub(crate) fn endpoints(
        &self,
        service: &Service,
        family: Family,
        target: &TargetPort,
        protocol: Protocol,
        ready: &BTreeSet<Key>,
    ) -> Vec<SocketAddr> {
        let endpoint = |(workload, pod): (&Workload, &PodObject)| {
            Some(SocketAddr::new(pod.spec.address(family)?, target.on(workload, protocol)?))
        };
        self.selected(service, ready).filter_map(endpoint).collect()
    }

    /// What the cluster's DNS knows, of the pods that are `ready`.
    pub(crate) fn names(&self, ready: &BTreeSet<Key>) -> dns::Names {
        let mut names = dns::Names::new();
        for ServiceObject { service, families, addresses, .. } in self.services.values() {
            let name = dns::service_name(&service.name, &service.namespace);
            if service.headless {
                // A headless Service's name means its pods, and gives names to those that ask for one below it.
                for (_, pod) in self.selected(service, ready) {
                    let own = || families.iter().filter_map(|family| pod.spec.address(*family));
                    names.entry(name.clone()).or_default().extend(own());
                    let Some(hostname) = pod.host.below(&service.name) else { continue };
                    names.entry(format!("{hostname}.{name}")).or_default().extend(own());
                }
                continue;
            }
            names.insert(name, addresses.clone());
        }
        names
    }

    /// The addresses of all pods in `family`.
    pub(crate) fn pod_addresses(&self, family: Family) -> Vec<IpAddr> {
        self.pods().filter_map(|(_, pod)| pod.spec.address(family)).collect()
    }

    /// What decides on packets of `family`.
    pub(crate) fn world(&self, family: Family) -> World<'_> {
        let subject = |(workload, pod)| {
            let (workload, pod): (&Workload, &PodObject) = (workload, pod);
            Some(Subject {
                namespace: &workload.namespace,
                labels: &pod.spec.labels,
                ports: &workload.ports,
                address: pod.spec.address(family)?,
            })
        };
        World {
            family,
            policies: self.policies.values().map(|object| &object.policy).collect(),
            pods: self.pods().filter_map(subject).collect(),
            namespaces: self.namespaces.iter().map(|(name, namespace)| (name.as_str(), &namespace.labels)).collect(),
        }
    }
}
