//! Reading a NetworkPolicy, refusing what the API server refuses: its types, its defaults and its validation
//! (`k8s.io/api/networking/v1`, and `pkg/apis/networking/validation` and `v1/defaults.go` of Kubernetes).

use ipnet::IpNet;

use super::{Direction, IpBlock, Peer, Policy, Port, Rule, Scope, Target};
use crate::{
    connections::Protocol,
    location::{Location, Problem},
    manifest,
    node::{Node, Scalar, Value},
    selector::{Selector, is_dns_label, is_subdomain, read_labels},
    strict::{Path, Strict},
};

/// The fields of `metadata`; a server sets most of them, and an export has them.
const METADATA: [&str; 15] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "generateName",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

impl Policy {
    /// Reads a NetworkPolicy; one that gives no namespace is in `namespace`.
    ///
    /// # Errors
    /// Everything that the API server would refuse, each with its place, the field's path and the cure.
    pub fn read(node: &Node, namespace: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let given = |field| node.at_path(&["metadata", field]).and_then(Node::text);
        let namespace = given("namespace").unwrap_or(namespace).to_owned();
        let name = manifest::name(node);
        let object = format!("NetworkPolicy {namespace}/{}", if name.is_empty() { "without a name" } else { &name });
        let mut strict = Strict { object: &object, problems: &mut problems };
        // `status` was part of the API from 1.24 to 1.27, and is in exports of that time.
        strict.fields(node, &Path::Top, &["apiVersion", "kind", "metadata", "spec", "status"]);
        read_metadata(node, &namespace, &name, &mut strict);
        let spec = read_spec(node, &mut strict);
        match problems.is_empty() {
            true => Ok(Self { at: node.at.clone(), namespace, name, ..spec }),
            false => Err(problems),
        }
    }
}

fn read_metadata(node: &Node, namespace: &str, name: &str, strict: &mut Strict<'_>) {
    let path = Path::Field(&Path::Top, "metadata");
    let metadata = node.get("metadata").unwrap_or(node);
    if node.get("metadata").is_some() {
        strict.fields(metadata, &path, &METADATA);
    }
    let at = |field| metadata.get(field).map_or(&metadata.at, |value| &value.at);
    for field in ["name", "namespace"] {
        if let Some(value) = metadata.get(field) {
            strict.string(value, &Path::Field(&path, field));
        }
    }
    if name.is_empty() {
        strict.refuse(
            at("name"),
            &Path::Field(&path, "name"),
            "required: a policy has a name of its own in its namespace",
        );
    } else if !is_subdomain(name) {
        let message = format_args!("{name:?} is not a name: lower-case letters, digits, '-' and '.' between them");
        strict.refuse(at("name"), &Path::Field(&path, "name"), message);
    }
    if !is_dns_label(namespace, 63) {
        let message = format_args!("{namespace:?} is not a namespace: at most 63 lower-case letters, digits and '-'");
        strict.refuse(at("namespace"), &Path::Field(&path, "namespace"), message);
    }
    if let Some(labels) = metadata.get("labels") {
        read_labels(labels, &Path::Field(&path, "labels"), strict);
    }
    if let Some(annotations) = metadata.get("annotations") {
        strict.strings(annotations, &Path::Field(&path, "annotations"));
    }
}

/// A policy without a name, as `spec` describes it.
fn read_spec(node: &Node, strict: &mut Strict<'_>) -> Policy {
    let path = Path::Field(&Path::Top, "spec");
    let spec = node.get("spec");
    if let Some(spec) = spec {
        strict.fields(spec, &path, &["podSelector", "policyTypes", "ingress", "egress"]);
    }
    let get = |field| spec.and_then(|spec| spec.get(field));
    let selector_path = Path::Field(&path, "podSelector");
    let pod_selector = get("podSelector").map(|node| Selector::read(node, &selector_path, strict)).unwrap_or_default();
    let ingress = read_rules(get("ingress"), &Path::Field(&path, "ingress"), "from", strict);
    let egress = read_rules(get("egress"), &Path::Field(&path, "egress"), "to", strict);
    let types = read_types(get("policyTypes"), &Path::Field(&path, "policyTypes"), strict);
    let isolates = |direction| match &types[..] {
        [] => direction == Direction::Ingress || !egress.is_empty(),
        types => types.contains(&direction),
    };
    let has_idle_rules = |direction: &Direction| {
        !isolates(*direction) && get(direction.name()).is_some_and(|rules| !rules.items().is_empty())
    };
    let idle = Direction::ALL.into_iter().find(has_idle_rules);
    let idle = idle.and_then(|direction| Some((get(direction.name())?.at.clone(), direction)));
    Policy {
        at: node.at.clone(),
        namespace: String::new(),
        name: String::new(),
        pod_selector,
        ingress: isolates(Direction::Ingress).then_some(ingress.clone()),
        egress: isolates(Direction::Egress).then_some(egress.clone()),
        idle,
    }
}

fn read_types(node: Option<&Node>, path: &Path<'_>, strict: &mut Strict<'_>) -> Vec<Direction> {
    let items = strict.items(node, path);
    if let Some(item) = items.get(2) {
        strict.refuse(&item.at, path, "may hold two types at most");
    }
    let mut types = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = Path::Item(path, index);
        match strict.string(item, &path) {
            Some("Ingress") => types.push(Direction::Ingress),
            Some("Egress") => types.push(Direction::Egress),
            Some(name) => strict.refuse(&item.at, &path, format_args!("{name:?} must be Ingress or Egress")),
            None => {}
        }
    }
    types
}

fn read_rules(node: Option<&Node>, path: &Path<'_>, peers: &str, strict: &mut Strict<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (index, item) in strict.items(node, path).iter().enumerate() {
        let path = &Path::Item(path, index);
        // A null in a list is an object with every field at its default.
        if !item.is_null() {
            strict.fields(item, path, &[peers, "ports"]);
        }
        let peers_path = Path::Field(path, peers);
        let items = strict.items(item.get(peers), &peers_path).iter().enumerate();
        let peers =
            items.filter_map(|(index, item)| read_peer(item, &Path::Item(&peers_path, index), strict)).collect();
        let ports_path = Path::Field(path, "ports");
        let items = strict.items(item.get("ports"), &ports_path).iter().enumerate();
        let ports =
            items.filter_map(|(index, item)| read_port(item, &Path::Item(&ports_path, index), strict)).collect();
        rules.push(Rule { at: item.at.clone(), peers, ports });
    }
    rules
}

fn read_peer(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) -> Option<Peer> {
    if !node.is_null() {
        strict.fields(node, path, &["podSelector", "namespaceSelector", "ipBlock"]);
    }
    let mut selector = |field| node.get(field).map(|node| Selector::read(node, &Path::Field(path, field), strict));
    let pod_selector = selector("podSelector");
    let namespace_selector = selector("namespaceSelector");
    let selects = pod_selector.is_some() || namespace_selector.is_some();
    let scope = match node.get("ipBlock") {
        Some(block) if selects => {
            strict.refuse(
                &block.at,
                &Path::Field(path, "ipBlock"),
                "may not stand beside a selector: make it a peer of its own",
            );
            return None;
        }
        Some(block) => Scope::Block { ip_block: read_block(block, &Path::Field(path, "ipBlock"), strict)? },
        None if selects => Scope::Pods { namespace_selector, pod_selector },
        None => {
            strict.refuse(&node.at, path, "must specify a peer: podSelector, namespaceSelector or ipBlock");
            return None;
        }
    };
    Some(Peer { at: node.at.clone(), scope })
}

fn read_block(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) -> Option<IpBlock> {
    strict.fields(node, path, &["cidr", "except"]);
    let cidr_path = Path::Field(path, "cidr");
    let Some(cidr) = node.get("cidr") else {
        strict.refuse(&node.at, &cidr_path, "required, such as 10.0.0.0/8");
        return None;
    };
    let cidr = read_cidr(cidr, &cidr_path, strict);
    let path = Path::Field(path, "except");
    let mut except = Vec::new();
    for (index, item) in strict.items(node.get("except"), &path).iter().enumerate() {
        let path = Path::Item(&path, index);
        let hole = read_cidr(item, &path, strict);
        if let (Some(cidr), Some(hole)) = (cidr, hole)
            && (!cidr.contains(&hole) || cidr == hole)
        {
            strict.refuse(&item.at, &path, format_args!("{hole} must lie inside cidr {cidr}, and be smaller"));
        }
        except.extend(hole);
    }
    Some(IpBlock { cidr: cidr?, except })
}

/// A block, its address without what lies beyond the prefix: the API server accepts both.
fn read_cidr(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) -> Option<IpNet> {
    let text = strict.string(node, path)?;
    let net = text.parse::<IpNet>().ok();
    if net.is_none() {
        strict.refuse(
            &node.at,
            path,
            format_args!("{text:?} is not a block of addresses, such as 10.0.0.0/8 or fd00::/8"),
        );
    }
    net.map(|net| net.trunc())
}

fn read_port(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) -> Option<Port> {
    if !node.is_null() {
        strict.fields(node, path, &["protocol", "port", "endPort"]);
    }
    let protocol = match node.get("protocol") {
        None => Protocol::Tcp,
        Some(given) => {
            let path = Path::Field(path, "protocol");
            let name = strict.string(given, &path)?;
            let protocol = Protocol::named(name);
            if protocol.is_none() {
                strict.refuse(&given.at, &path, format_args!("{name:?} must be TCP, UDP or SCTP"));
            }
            protocol?
        }
    };
    let target = read_target(node, path, strict)?;
    Some(Port { at: node.at.clone(), protocol, target })
}

fn read_target(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) -> Option<Target> {
    let (port_path, end_path) = (Path::Field(path, "port"), Path::Field(path, "endPort"));
    let end = match node.get("endPort") {
        None => None,
        Some(end) => Some((strict.port(end, &end_path)?, &end.at)),
    };
    let Some(port) = node.get("port") else {
        if let Some((_, at)) = end {
            strict.refuse(at, &end_path, "needs a port, where the range begins");
        }
        return Some(Target::Every);
    };
    if let Value::Scalar(name, Scalar::String) = &port.value {
        if !is_port_name(name) {
            refuse_name(name, &port.at, &port_path, strict);
        }
        if let Some((_, at)) = end {
            strict.refuse(at, &end_path, "needs a numeric port, where the range begins");
        }
        return Some(Target::Named(name.clone()));
    }
    let first = strict.port(port, &port_path)?;
    if let Some((last, at)) = end
        && last < first
    {
        strict.refuse(at, &end_path, format_args!("{last} must not be below port {first}"));
    }
    Some(Target::Range(first, end.map_or(first, |(last, _)| last)))
}

fn refuse_name(name: &str, at: &Location, path: &Path<'_>, strict: &mut Strict<'_>) {
    let cure = match name.parse::<u16>() {
        Ok(number) => format!("; for the number write {number} without quotes"),
        Err(_) => String::new(),
    };
    let what = "at most 15 lower-case letters, digits and single '-', with a letter among them";
    strict.refuse(at, path, format_args!("{name:?} is not a port name: {what}{cure}"));
}

/// An IANA service name, as the API server checks it (`IsValidPortName`).
fn is_port_name(name: &str) -> bool {
    is_dns_label(name, 15) && name.contains(|c: char| c.is_ascii_lowercase()) && !name.contains("--")
}
