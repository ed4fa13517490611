//! What an image runs: the programs that this one can be, and what their images would hold.

use std::net::IpAddr;
use std::path::Path;

use star_netpol::node::Node;
use star_netpol::selector::is_namespace_name;
use star_netpol::workload::Workload;

use crate::dns;
use crate::expansion::expand;
use crate::isolation::Root;
use crate::pod::{Container, RestartPolicy};

/// The collector's image holds the lab's three probes here.
const RESOURCES: &str = "/etc/star/resources.json";

/// The DNS's has what it answers here.
const NAMES: &str = "/etc/star/dns";

/// Where every image has the certificates of those who may vouch for others.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// An image's own command, as a Dockerfile's ENTRYPOINT and CMD.
struct Image {
    program: &'static str,
    arguments: Vec<String>,
}

/// An image by its reference: `star-probe:0.1.0`, `calico/star-collect:v0.1.0`, `registry.example/star-probe@sha256:…`.
fn image(reference: &str) -> Option<Image> {
    let last = reference.rsplit('/').next()?;
    match last.split([':', '@']).next()? {
        "star-probe" => Some(Image { program: "probe", arguments: Vec::new() }),
        "star-collect" => Some(Image { program: "collect", arguments: vec![format!("--resources-file={RESOURCES}")] }),
        "star-lab-dns" => Some(Image { program: "dns", arguments: vec![format!("--names={NAMES}/{}", dns::FILE)] }),
        _ => None,
    }
}

/// A field of a pod that its environment can hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Field {
    Name,
    Namespace,
    Address,
    Addresses,
}

impl Field {
    /// A field by its path in the pod.
    fn called(path: &str) -> Option<Self> {
        match path {
            "metadata.name" => Some(Self::Name),
            "metadata.namespace" => Some(Self::Namespace),
            "status.podIP" => Some(Self::Address),
            "status.podIPs" => Some(Self::Addresses),
            _ => None,
        }
    }
}

/// The files of the image that holds the program of `command`; `names` is the folder with what the DNS answers. Whom this
/// machine trusts, its pods trust.
pub(crate) fn root(command: &[String], names: &Path) -> Root {
    let mut root = Root::default();
    match command.first().map(String::as_str) {
        Some("collect") => root.files.push((RESOURCES.into(), include_str!("resources.json").to_owned())),
        Some("dns") => root.views.push((NAMES.into(), names.to_owned())),
        _ => {}
    }
    let authorities = openssl_probe::probe().cert_file.and_then(|file| std::path::absolute(file).ok());
    root.views.extend(authorities.map(|file| (AUTHORITIES.into(), file)));
    root
}

/// The program that a command calls by its name or path: `probe`, `/star-probe`.
pub(crate) fn called(command: &str) -> Option<&'static str> {
    let name = command.rsplit('/').next()?;
    let name = name.strip_prefix("star-").unwrap_or(name);
    ["probe", "collect", "dns"].into_iter().find(|program| *program == name)
}

/// What a workload's pods are to run.
///
/// # Errors
///
/// What only a container could: a line each.
pub(crate) fn containers(workload: &Workload) -> Result<Vec<Container>, Vec<String>> {
    let spec = |field: &str| workload.template.at_path(&["spec", field]);
    let mut refused = Vec::new();
    if let Some(initial) = spec("initContainers").filter(|list| !list.items().is_empty()) {
        refused.push(format!("error: {}: {workload}: star-lab runs no initContainers; leave them out", initial.at));
    }
    let restart = match spec("restartPolicy").and_then(Node::text) {
        Some("Never") => RestartPolicy::Never,
        Some("OnFailure") => RestartPolicy::OnFailure,
        _ => RestartPolicy::Always,
    };
    let mut containers = Vec::new();
    for node in spec("containers").map(Node::items).unwrap_or_default() {
        match container(node, restart) {
            Ok(container) => containers.push(container),
            Err((at, what)) => refused.push(format!("error: {}: {workload}: {what}", at.at)),
        }
    }
    if containers.is_empty() && refused.is_empty() {
        refused.push(format!("error: {}: {workload} has no containers", workload.at));
    }
    if refused.is_empty() { Ok(containers) } else { Err(refused) }
}

fn container(node: &Node, restart: RestartPolicy) -> Result<Container, (&Node, String)> {
    let text = |field: &str| node.get(field).and_then(Node::text).unwrap_or_default();
    let list = |field: &str| -> Option<Vec<String>> {
        Some(node.get(field)?.items().iter().map(|item| item.text().unwrap_or_default().to_owned()).collect())
    };
    let at = |field: &str| node.get(field).unwrap_or(node);
    let reference = text("image");
    let Some(Image { program, arguments }) = image(reference) else {
        let what = format!(
            "star-lab cannot run the image {reference:?}, only star-probe and star-collect (calico/star-* too)"
        );
        return Err((at("image"), what));
    };
    let (command, args) = (list("command").unwrap_or_default(), list("args"));
    let arguments = match command.split_first() {
        None => args.unwrap_or(arguments),
        Some((first, rest)) => {
            if called(first) != Some(program) {
                return Err((
                    at("command"),
                    format!("the image {reference:?} has no program {first:?}, only {program}"),
                ));
            }
            [rest, &args.unwrap_or_default()].concat()
        }
    };
    let (mut environment, mut fields) = (Vec::new(), Vec::new());
    for variable in node.get("env").map(Node::items).unwrap_or_default() {
        let name = variable.get("name").and_then(Node::text).unwrap_or_default().to_owned();
        // As Kubernetes has it: https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
        if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=') {
            let what = format!("{name:?} is not a variable's name: printable ASCII characters, and no '='");
            return Err((variable.get("name").unwrap_or(variable), what));
        }
        let field = variable.at_path(&["valueFrom", "fieldRef", "fieldPath"]).and_then(Node::text);
        let value = match (variable.get("valueFrom"), field.and_then(Field::called)) {
            (None, _) => variable.get("value").and_then(Node::text).unwrap_or_default().to_owned(),
            (Some(_), Some(field)) => {
                // Known once there is a pod.
                fields.push((environment.len(), field));
                String::new()
            }
            (Some(source), None) => {
                let what = format!(
                    "star-lab cannot tell {name}: it knows metadata.name, metadata.namespace, status.podIP and status.podIPs"
                );
                return Err((source, what));
            }
        };
        environment.push((name, value));
    }
    let command: Vec<_> = std::iter::once(program.to_owned()).chain(arguments).collect();
    let image = reference.to_owned();
    if !is_namespace_name(text("name")) {
        let what = format!("{:?} is not a container's name: lower-case letters, digits and '-'", text("name"));
        return Err((at("name"), what));
    }
    let texts = command.iter().chain(environment.iter().flat_map(|(name, value)| [name, value]));
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err((node, "no argument and no variable can hold a NUL".to_owned()));
    }
    Ok(Container { name: text("name").to_owned(), image, command, environment, fields, restart })
}

impl Container {
    /// Fills in what depends on the pod: fields in the environment, then `$(NAME)` in what comes after them and in the
    /// command, as the kubelet does.
    pub(crate) fn know_the_pod(&mut self, pod: &str, namespace: &str, addresses: &[IpAddr]) {
        let Self { command, environment, fields, .. } = self;
        let texts: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
        for place in 0..environment.len() {
            let field = fields.iter().find(|(of, _)| *of == place).map(|(_, field)| field);
            let (before, rest) = environment.split_at_mut(place);
            let value = &mut rest[0].1;
            *value = match field {
                Some(Field::Name) => pod.to_owned(),
                Some(Field::Namespace) => namespace.to_owned(),
                Some(Field::Address) => texts.first().cloned().unwrap_or_default(),
                Some(Field::Addresses) => texts.join(","),
                // Those before it alone: what comes later is not known yet.
                None => expand(value, |name| known(before, name)),
            };
        }
        for argument in command {
            *argument = expand(argument, |name| known(environment, name));
        }
    }
}

/// The value of a variable: of two that have one name, the last one's.
fn known<'e>(environment: &'e [(String, String)], name: &str) -> Option<&'e str> {
    environment.iter().rev().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
}
