//! Services on their own addresses: each connection to one is sent to a pod that it selects, before policies see it.

use std::net::{IpAddr, SocketAddr};

use crate::family::Family;
use crate::nft::{Batch, Hook, Rule, Side, Transport, Verdict};

/// A port of a Service, on one of its addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Port {
    pub(crate) address: IpAddr,
    pub(crate) transport: Transport,
    pub(crate) port: u16,
    /// The pods that answer, each with the port that it answers on.
    pub(crate) endpoints: Vec<SocketAddr>,
}

/// The order of hooks, as nftables names it.
const DESTINATION_NAT: i32 = -100;
const AFTER_DESTINATION_NAT: i32 = -90;
const SOURCE_NAT: i32 = 100;

/// Has `batch` replace all translation of `family` by that of `ports`, for the pods at `pods`; all are of that family.
pub(crate) fn translate(batch: &mut Batch, family: Family, ports: &[Port], pods: &[IpAddr]) {
    batch.chain("services");
    batch.flush("services");
    for (name, hook) in [("translate", Hook::Prerouting), ("translate-own", Hook::Output)] {
        batch.base_chain(name, "nat", hook, DESTINATION_NAT);
        batch.flush(name);
        batch.rule(name, Rule::new().verdict(Verdict::Jump("services")));
    }
    for port in ports {
        for (before, endpoint) in port.endpoints.iter().enumerate() {
            let service = Rule::new().address(Side::Destination, port.address).transport(port.transport);
            let service = service.ports(port.port..=port.port);
            // Each gets its share of what those before it have left.
            let left = (port.endpoints.len() - before) as u32;
            let chosen = if left > 1 { service.one_in(left) } else { service };
            batch.rule("services", chosen.to(endpoint.ip(), endpoint.port()));
        }
    }
    // Still to a Service: nothing is selected, or it has no such port.
    for (name, hook) in [("refuse", Hook::Prerouting), ("refuse-own", Hook::Output)] {
        batch.base_chain(name, "filter", hook, AFTER_DESTINATION_NAT);
        batch.flush(name);
        batch.rule(name, Rule::new().within(Side::Destination, family.services()).refuse(family));
    }
    // A pod that a Service sends to itself would answer itself directly, and wait for the Service's answer in vain.
    batch.base_chain("masquerade", "nat", Hook::Postrouting, SOURCE_NAT);
    batch.flush("masquerade");
    for pod in pods {
        let itself = Rule::new().address(Side::Source, *pod).address(Side::Destination, *pod);
        batch.rule("masquerade", itself.from(family.node()));
    }
}
