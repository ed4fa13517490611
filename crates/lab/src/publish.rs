//! A Service on the machine's loopback, as `kubectl port-forward` has it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};
use star_netpol::Protocol;
use star_netpol::service::Service;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cluster::Key;
use crate::fabric::Wire;

/// The first published Service's port, unless it is taken.
const PORT: u16 = 9001;

/// How many ports after it are tried.
const PORTS: u16 = 100;

/// Connections that wait to be taken.
const BACKLOG: i32 = 128;

/// Between two looks at whether a pod listens.
const AGAIN: Duration = Duration::from_millis(10);

/// Ports of the machine's loopback, to be taken before this process leaves the machine's network.
pub(crate) struct Ports(Range<u16>);

impl Ports {
    pub(crate) fn new() -> Self {
        Self(PORT..PORT + PORTS)
    }

    /// Listens on `port`, or else on the next that is free.
    ///
    /// # Errors
    ///
    /// When `port`, or every one that is tried, is taken.
    pub(crate) fn listen(&mut self, port: Option<u16>) -> anyhow::Result<std::net::TcpListener> {
        if let Some(port) = port {
            return std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("--port={port}: choose another"));
        }
        for port in &mut self.0 {
            if let Ok(listener) = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                return Ok(listener);
            }
        }
        bail!("no port from {PORT} to {} is free; choose one with --port", PORT + PORTS - 1)
    }
}

/// Ports of the machine's loopback that nobody listens on yet: a Service that comes once the machine's network has been
/// left still finds one.
pub(crate) struct Spare(Vec<OwnedFd>);

impl Spare {
    /// How many there are at first.
    pub(crate) const PORTS: usize = 8;

    /// Takes them.
    ///
    /// # Errors
    ///
    /// When the machine has no more sockets.
    pub(crate) fn take() -> anyhow::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let take = |_| {
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
            bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
            Ok(socket)
        };
        let sockets: rustix::io::Result<_> = (0..Self::PORTS).map(take).collect();
        Ok(Self(sockets.context("no port of the loopback can be taken")?))
    }

    /// Listens on one of them.
    ///
    /// # Errors
    ///
    /// When none is left, or the machine forbids it.
    pub(crate) fn listen(&mut self) -> anyhow::Result<std::net::TcpListener> {
        let socket = self.0.pop().with_context(|| {
            format!("the {} ports that a lab keeps for Services that come later are in use", Self::PORTS)
        })?;
        listen(&socket, BACKLOG).context("cannot be listened on")?;
        Ok(socket.into())
    }
}

/// A Service's port on the machine's loopback.
pub(crate) struct Published {
    pub(crate) service: Key,
    /// The Service's port.
    pub(crate) port: u16,
    /// Where it is to be found.
    pub(crate) address: SocketAddr,
    pub(crate) target: watch::Sender<Target>,
}

impl Published {
    /// A port that leads nowhere yet.
    pub(crate) fn new(service: Key, port: u16, address: SocketAddr) -> Self {
        Self { service, port, address, target: watch::Sender::new(None) }
    }

    /// Whether it is of that Service and port.
    pub(crate) fn is_of(&self, service: &Key, port: u16) -> bool {
        self.service == *service && self.port == port
    }

    /// Its Service, as `namespace/name`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.service.0, self.service.1)
    }
}

/// The ports of a Service that are to be reached from outside, and can be: those of TCP.
pub(crate) fn balanced(service: &Service) -> impl Iterator<Item = u16> {
    let is_balanced = service.kind == "LoadBalancer";
    service.ports.iter().filter(move |port| is_balanced && port.protocol == Protocol::Tcp).map(|port| port.port)
}

/// Where a published Service leads: a pod's network and the port there.
pub(crate) type Target = Option<(Arc<Wire>, u16)>;

/// Hands each connection on to the port that `target` names at that moment, on the pod's own loopback: as with
/// `kubectl port-forward`, policies do not apply. A connection is closed at once while there is no pod.
pub(crate) async fn serve(listener: TcpListener, target: watch::Receiver<Target>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let target = target.borrow().clone();
                    connections.spawn(hand_on(client, target));
                }
                // Out of files: those that end make room.
                Err(_) if !connections.is_empty() => drop(connections.join_next().await),
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Ends with the connection, however it ends.
async fn hand_on(mut client: TcpStream, target: Target) {
    let Some((wire, port)) = target else { return };
    let _ = client.set_nodelay(true);
    if let Ok(mut server) = connect(&wire, port).await {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// Connects to a port of a pod, on its own loopback.
async fn connect(wire: &Wire, port: u16) -> anyhow::Result<TcpStream> {
    let connect = move || {
        let server = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        server.set_nonblocking(true)?;
        server.set_nodelay(true)?;
        Ok(server)
    };
    Ok(TcpStream::from_std(wire.within(connect).await?)?)
}

/// Waits until what `target` names listens.
pub(crate) async fn listens(mut target: watch::Receiver<Target>) {
    loop {
        let Some((wire, port)) = target.borrow_and_update().clone() else {
            // The sender lives as long as the lab.
            let _ = target.changed().await;
            continue;
        };
        if connect(&wire, port).await.is_ok() {
            return;
        }
        sleep(AGAIN).await;
    }
}
