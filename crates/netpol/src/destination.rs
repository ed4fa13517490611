//! An edge's ends as people write them.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;
use url::{Host, Url};

use crate::connections::Protocol;

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
    /// Any address of a block, such as `10.0.0.0/8`.
    Block(IpNet),
    /// Any pod of any namespace: `*`.
    AnyPod,
    /// Any pod that a namespace may get: `stars/*`.
    AnyPodOf(String),
    /// A name that DNS answers for, such as `backend.stars`.
    Dns(String),
}

/// Why an edge's end cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndError {
    /// It has no form that is known.
    #[error(
        "{0:?} is not an edge's end: write NAMESPACE/WORKLOAD[:PORT[/PROTOCOL]], SERVICE.NAMESPACE:PORT, ADDRESS[:PORT], a block of addresses, * or NAMESPACE/* for any pod, or a URL"
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
    /// No object is in that namespace.
    #[error("the manifests have no namespace {name}: {cure}")]
    Namespace {
        /// The namespace that was looked for.
        name: String,
        /// What to do instead.
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

impl FromStr for Destination {
    type Err = EndError;

    fn from_str(text: &str) -> Result<Self, EndError> {
        if text.contains("://") {
            return from_url(text).ok_or_else(|| EndError::Form(text.into()));
        }
        let whole = text
            .parse()
            .map(Named::Address)
            .ok()
            .or_else(|| text.parse().map(|block: IpNet| Named::Block(block.trunc())).ok());
        if let Some(host) = whole {
            return Ok(Self { host, port: None, protocol: Protocol::Tcp });
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
                _ if host == "*" => Named::AnyPod,
                Some((namespace, "*")) if plain(namespace) => Named::AnyPodOf(namespace.into()),
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

#[cfg(test)]
mod tests;
