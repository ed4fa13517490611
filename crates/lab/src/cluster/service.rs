//! Services: their families and addresses.

use std::net::IpAddr;

use jiff::Timestamp;
use star_netpol::manifest::Object;
use star_netpol::node::Node;
use star_netpol::selector::Labels;
use star_netpol::service::Service;

use super::{Outcome, Pools, texts};
use crate::family::{Families, Family};

/// How many families a Service asks for.
/// <https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services>
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FamilyPolicy {
    /// One.
    Single,
    /// Two where there are two.
    Prefer,
    /// Two.
    Require,
}

impl FamilyPolicy {
    const ALL: [Self; 3] = [Self::Prefer, Self::Require, Self::Single];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Single => "SingleStack",
            Self::Prefer => "PreferDualStack",
            Self::Require => "RequireDualStack",
        }
    }
}

/// A Service.
#[derive(Debug)]
pub(crate) struct ServiceObject {
    pub(crate) service: Service,
    pub(crate) family_policy: FamilyPolicy,
    /// Of its addresses or, if it is headless, of its pods' that its name means; the first one first.
    pub(crate) families: Vec<Family>,
    /// One of each family; none if it is headless.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) labels: Labels,
    pub(crate) created: Timestamp,
    node: Node,
}

impl ServiceObject {
    /// What `object`, which says `service`, makes of the one that there was `before`; its addresses are of the cluster's
    /// pools, if no other has `taken` them.
    ///
    /// # Errors
    ///
    /// What an API server would refuse, and what a lab cannot give: a line each.
    pub(super) fn applied(
        object: &Object,
        service: Service,
        before: Option<&Self>,
        (known, pools): (Families, &mut Pools),
        taken: impl Fn(IpAddr) -> bool,
        now: Timestamp,
    ) -> Result<(Self, Outcome), Vec<String>> {
        let outcome = Outcome::of(before.map(|before| before.node == object.node));
        let (family_policy, families, addresses) = match before {
            Some(before) if outcome == Outcome::Unchanged => {
                (before.family_policy, before.families.clone(), before.addresses.clone())
            }
            before => {
                let (policy, families) = families(&object.node, &service, known).map_err(|refused| {
                    vec![format!("error: {}: The Service {:?} is invalid: {refused}", service.at, service.name)]
                })?;
                let had = before.map(|before| before.addresses.as_slice()).unwrap_or_default();
                let addresses = addresses(&object.node, &service, &families, had, pools, taken)
                    .map_err(|refused| vec![format!("error: {}: service {service}: {refused}", service.at)])?;
                (policy, families, addresses)
            }
        };
        let created = before.map_or(now, |before| before.created);
        let labels = texts(&object.node, "labels");
        let node = object.node.clone();
        Ok((Self { service, family_policy, families, addresses, labels, created, node }, outcome))
    }
}

/// What a Service asks for by `spec.ipFamilyPolicy`, `spec.ipFamilies` and its addresses, in a cluster that has the
/// families `known`; refusals are in the words of an API server.
fn families(node: &Node, service: &Service, known: Families) -> Result<(FamilyPolicy, Vec<Family>), String> {
    let spec = |field: &str| node.at_path(&["spec", field]);
    let mut families = Vec::new();
    for (number, item) in spec("ipFamilies").map(Node::items).unwrap_or_default().iter().enumerate() {
        let name = item.text().unwrap_or_default();
        let Some(family) = Family::ALL.into_iter().find(|family| family.name() == name) else {
            return Err(format!(
                "spec.ipFamilies[{number}]: Unsupported value: {name:?}: supported values: \"IPv4\", \"IPv6\""
            ));
        };
        if families.contains(&family) {
            return Err(format!("spec.ipFamilies[{number}]: Duplicate value: {name:?}"));
        }
        families.push(family);
    }
    let asked = asked(node, service);
    if families.is_empty() {
        families.extend(asked.iter().map(|address| Family::of(*address)));
        families.dedup();
    }
    let policy = match spec("ipFamilyPolicy").and_then(Node::text) {
        // A Service with no pods of its own leads wherever whoever fills it in says.
        None if service.headless && service.selector.is_none() => FamilyPolicy::Require,
        None => FamilyPolicy::Single,
        Some(name) => FamilyPolicy::ALL.into_iter().find(|policy| policy.name() == name).ok_or_else(|| {
            let supported = FamilyPolicy::ALL.map(|policy| format!("{:?}", policy.name())).join(", ");
            format!("spec.ipFamilyPolicy: Unsupported value: {name:?}: supported values: {supported}")
        })?,
    };
    let invalid = |why: &str| Err(format!("spec.ipFamilyPolicy: Invalid value: {:?}: {why}", policy.name()));
    if policy == FamilyPolicy::Single && families.len() > 1 {
        return invalid("must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
    }
    if !(service.headless && service.selector.is_none()) {
        if policy == FamilyPolicy::Require && known.list().len() < 2 {
            return invalid("this cluster is not configured for dual-stack services");
        }
        if let Some((number, family)) = families.iter().enumerate().find(|(_, family)| !known.has(**family)) {
            let name = family.name();
            return Err(format!("spec.ipFamilies[{number}]: Invalid value: {name:?}: not configured on this cluster"));
        }
    }
    if families.is_empty() {
        families.push(known.first());
    }
    if policy != FamilyPolicy::Single {
        let more = known.list().iter().filter(|family| !families.contains(family)).copied().collect::<Vec<_>>();
        families.extend(more);
    }
    Ok((policy, families))
}

/// The addresses that a Service asks for, the first one first.
fn asked(node: &Node, service: &Service) -> Vec<IpAddr> {
    let listed = node.at_path(&["spec", "clusterIPs"]).map(Node::items).unwrap_or_default();
    let listed = listed.iter().filter_map(|item| item.text()?.parse().ok());
    let mut asked: Vec<_> = service.cluster_ip.into_iter().chain(listed).collect();
    asked.dedup();
    asked
}

/// The addresses that a Service gets, one of each of `families`: those that it asks for, or keeps those that it `had`.
fn addresses(
    node: &Node,
    service: &Service,
    families: &[Family],
    had: &[IpAddr],
    pools: &mut Pools,
    taken: impl Fn(IpAddr) -> bool,
) -> Result<Vec<IpAddr>, String> {
    if service.kind == "ExternalName" {
        return Err("star-lab's DNS knows no names outside of the cluster: ExternalName leads nowhere".to_owned());
    }
    if service.headless {
        return Ok(Vec::new());
    }
    let asked = asked(node, service);
    if let Some(address) = asked.iter().find(|address| !families.contains(&Family::of(**address))) {
        return Err(format!("clusterIP {address} is of no family that it asks for; leave it out"));
    }
    let mut addresses = Vec::new();
    for family in families {
        let of = |list: &[IpAddr]| list.iter().copied().find(|address| Family::of(*address) == *family);
        let Some(pool) = pools.get_mut(family) else { continue };
        addresses.push(match (of(&asked), of(had)) {
            (Some(address), _) if !pool.holds(address) => {
                return Err(format!("clusterIP {address} is not in {}; leave it out", pool.network()));
            }
            (Some(address), _) if taken(address) => {
                return Err(format!("clusterIP {address} is taken; leave it out"));
            }
            (Some(address), _) | (None, Some(address)) => address,
            (None, None) => pool.next(&taken).ok_or("no address is free for more Services")?,
        });
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests;
