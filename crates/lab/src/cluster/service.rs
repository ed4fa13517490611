//! Services: their addresses.

use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use star_netpol::manifest::Object;
use star_netpol::node::Node;
use star_netpol::selector::Labels;
use star_netpol::service::Service;

use super::address::Pool;
use super::{Outcome, texts};

/// A Service.
#[derive(Debug)]
pub(crate) struct ServiceObject {
    pub(crate) service: Service,
    /// None if it is headless.
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) labels: Labels,
    pub(crate) created: Timestamp,
    node: Node,
}

impl ServiceObject {
    /// What `object`, which says `service`, makes of the one that there was `before`; its address is of `pool`, if no
    /// other has `taken` it.
    ///
    /// # Errors
    ///
    /// What an API server would refuse, and what a lab cannot give: a line each.
    pub(super) fn applied(
        object: &Object,
        service: Service,
        before: Option<&Self>,
        pool: &mut Pool,
        taken: impl Fn(Ipv4Addr) -> bool,
        now: Timestamp,
    ) -> Result<(Self, Outcome), Vec<String>> {
        let outcome = Outcome::of(before.map(|before| before.node == object.node));
        let address = match before {
            Some(before) if outcome == Outcome::Unchanged => before.address,
            _ => address(&service, before.and_then(|before| before.address), pool, taken)
                .map_err(|refused| vec![format!("error: {}: service {service}: {refused}", service.at)])?,
        };
        let created = before.map_or(now, |before| before.created);
        let labels = texts(&object.node, "labels");
        Ok((Self { service, address, labels, created, node: object.node.clone() }, outcome))
    }
}

/// The address that a Service gets: the one that it asks for, or keeps the one that it `had`.
fn address(
    service: &Service,
    had: Option<Ipv4Addr>,
    pool: &mut Pool,
    taken: impl Fn(Ipv4Addr) -> bool,
) -> Result<Option<Ipv4Addr>, String> {
    if service.kind == "ExternalName" {
        return Err("star-lab's DNS knows no names outside of the cluster: ExternalName leads nowhere".to_owned());
    }
    if service.headless {
        return Ok(None);
    }
    match (service.cluster_ip, had) {
        (Some(IpAddr::V6(_)), _) => Err("star-lab's addresses are IPv4: leave clusterIP out".to_owned()),
        (Some(IpAddr::V4(address)), _) if !pool.holds(address) => {
            Err(format!("clusterIP {address} is not in 10.96.0.0/12; leave it out"))
        }
        (Some(IpAddr::V4(address)), _) if taken(address) => Err(format!("clusterIP {address} is taken; leave it out")),
        (Some(IpAddr::V4(address)), _) | (None, Some(address)) => Ok(Some(address)),
        (None, None) => pool.next(taken).map(Some).ok_or_else(|| "no address is free for more Services".to_owned()),
    }
}

#[cfg(test)]
mod tests;
