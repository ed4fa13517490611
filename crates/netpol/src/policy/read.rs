//! Reading a NetworkPolicy, refusing what the API server refuses: its types, its defaults and its validation
//! (`k8s.io/api/networking/v1`, and `pkg/apis/networking/validation` and `v1/defaults.go` of Kubernetes).

use ipnet::IpNet;

use super::{Direction, IpBlock, Peer, Policy, Port, Rule, Scope, Target};
use crate::{
    connections::Protocol,
    location::{Location, Problem},
    manifest,
    node::{Entry, Node, Scalar, Value},
    selector::{LABEL_KEY, Selector, is_dns_label, is_label_key, is_subdomain, read_labels},
    strict::{Kind, Path, Strict},
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
        let namespace = given("namespace").filter(|given| !given.is_empty()).unwrap_or(namespace).to_owned();
        let name = manifest::name(node);
        let object = format!("NetworkPolicy {namespace}/{}", if name.is_empty() { "without a name" } else { &name });
        let mut unquoted = Vec::new();
        let mut strict = Strict { object: &object, problems: &mut problems, unquoted: &mut unquoted };
        strict.fields(node, &Path::Top, &["apiVersion", "kind", "metadata", "spec"]);
        read_metadata(node, &namespace, &name, &mut strict);
        let spec = read_spec(node, &mut strict);
        match problems.is_empty() {
            true => Ok(Self { at: node.at.clone(), namespace, name, unquoted, ..spec }),
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
        read_annotations(annotations, &Path::Field(&path, "annotations"), strict);
    }
    for field in ["generateName", "resourceVersion", "selfLink", "uid"] {
        if let Some(value) = metadata.get(field) {
            strict.string(value, &Path::Field(&path, field));
        }
    }
    let scalars = [
        ("creationTimestamp", Kind::Time),
        ("deletionTimestamp", Kind::Time),
        ("deletionGracePeriodSeconds", Kind::Integer),
        ("generation", Kind::Integer),
    ];
    for (field, kind) in scalars {
        if let Some(value) = metadata.get(field) {
            strict.scalar(value, &Path::Field(&path, field), kind);
        }
    }
    strict.items(metadata.get("managedFields"), &Path::Field(&path, "managedFields"));
    let finalizers = Path::Field(&path, "finalizers");
    for (index, item) in strict.items(metadata.get("finalizers"), &finalizers).iter().enumerate() {
        let path = Path::Item(&finalizers, index);
        let own = ["kubernetes", "orphan", "foregroundDeletion"];
        if let Some(name) = strict.string(item, &path).filter(|name| !own.contains(name))
            && !(name.contains('/') && is_label_key(name))
        {
            let message = format_args!("{name:?} is not a finalizer: write a DNS name, '/' and a name");
            strict.refuse(&item.at, &path, message);
        }
    }
    let owners = Path::Field(&path, "ownerReferences");
    let items = strict.items(metadata.get("ownerReferences"), &owners);
    for (index, item) in items.iter().enumerate() {
        read_owner(item, &Path::Item(&owners, index), strict);
    }
    let mut controllers = items.iter().filter(|owner| owner.get("controller").is_some_and(Node::is_true));
    if let Some(second) = controllers.nth(1) {
        strict.refuse(&second.at, &owners, "may hold one controller at most");
    }
}

/// All annotations of an object together may be this long.
const MOST_ANNOTATIONS: usize = 256 * 1024;

fn read_annotations(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) {
    let annotations = strict.strings(node, path);
    for Entry { key, at, .. } in node.entries() {
        // Their keys are those of labels, but for upper case in the prefix.
        if !is_label_key(&key.to_lowercase()) {
            strict.refuse(at, &Path::Field(path, key), format_args!("{key:?} is not an annotation's key: {LABEL_KEY}"));
        }
    }
    let length: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if length > MOST_ANNOTATIONS {
        strict.refuse(&node.at, path, format_args!("{length} bytes together, and may be {MOST_ANNOTATIONS}"));
    }
}

fn read_owner(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) {
    if !node.is_null() {
        strict.fields(node, path, &["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"]);
    }
    for field in ["apiVersion", "kind", "name", "uid"] {
        let path = Path::Field(path, field);
        match node.get(field) {
            Some(value) => {
                let text = strict.string(value, &path);
                if text == Some("") || field == "apiVersion" && text.is_some_and(|text| text.matches('/').count() > 1) {
                    strict.refuse(&value.at, &path, "must not be empty, and an apiVersion is GROUP/VERSION or VERSION");
                }
            }
            None => strict.refuse(&node.at, &path, "required"),
        }
    }
    let text = |field| node.get(field).and_then(Node::text);
    if (text("apiVersion"), text("kind")) == (Some("v1"), Some("Event")) {
        strict.refuse(&node.at, path, "an Event may not own anything");
    }
    for field in ["controller", "blockOwnerDeletion"] {
        if let Some(value) = node.get(field) {
            strict.scalar(value, &Path::Field(path, field), Kind::Bool);
        }
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
        types_given: !types.is_empty(),
        written: Direction::ALL.into_iter().filter(|direction| get(direction.name()).is_some()).collect(),
        unquoted: Vec::new(),
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

/// A block in the one way that the API server takes since 1.36: no leading zeros, no bits beyond the prefix, and no IPv4
/// address in IPv6's clothes.
fn read_cidr(node: &Node, path: &Path<'_>, strict: &mut Strict<'_>) -> Option<IpNet> {
    let text = strict.string(node, path)?;
    let canonical = |length: &str| length == "0" || !length.starts_with(['0', '+']);
    let parts = text.split_once('/').filter(|(_, length)| canonical(length));
    let Some(net) = parts.and_then(|(address, length)| IpNet::new(address.parse().ok()?, length.parse().ok()?).ok())
    else {
        let cure = match text.parse::<IpNet>() {
            Ok(net) => format!("{text:?} has leading zeros: write {net}"),
            Err(_) => format!("{text:?} is not a block of addresses, such as 10.0.0.0/8 or fd00::/8"),
        };
        strict.refuse(&node.at, path, cure);
        return None;
    };
    if let IpNet::V6(v6) = net
        && v6.addr().to_ipv4_mapped().is_some()
    {
        strict.refuse(&node.at, path, format_args!("{text:?} is an IPv4 block written as IPv6: write it as IPv4"));
        return None;
    }
    if net.trunc() != net {
        let message = format_args!(
            "{text:?} has bits beyond its prefix: write {}, or {}/{}",
            net.trunc(),
            net.addr(),
            net.max_prefix_len()
        );
        strict.refuse(&node.at, path, message);
        return None;
    }
    Some(net)
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
