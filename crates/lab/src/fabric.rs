//! The wires: a network for each pod, linked with the node's, which forwards between them.
//!
//! ```text
//! pod's network                     the node's network
//!   eth0, 10.244.0.2/32  ────────── veth2          route 10.244.0.2 ─▶ veth2
//!   default via 10.244.0.1          lo, 10.244.0.1
//! ```
//!
//! Neighbours are told, not asked for: no packet is spent on ARP, and none can be lost.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::Context;
use futures_util::TryStreamExt;
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute};
use netlink_packet_route::route::RouteScope;
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder, new_connection};
use tokio::task::JoinSet;

use crate::isolation::{enter_network, enter_new_network};

/// The node's own address, as pods see it.
pub(crate) const NODE: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);

/// The link address of the node's end of every wire.
const NODE_LINK: [u8; 6] = [0xee; 6];

/// All wires.
pub(crate) struct Fabric {
    node: Handle,
    /// Carries what is said to the kernel; ends with this.
    _connection: JoinSet<()>,
}

/// A pod's network. It lasts as long as this, whatever becomes of the pod's processes.
#[derive(Debug)]
pub(crate) struct Wire {
    address: Ipv4Addr,
    /// The node's end.
    link: u32,
    network: OwnedFd,
}

impl Fabric {
    /// Sets up the node in this process's network.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let (carrier, node, _) = new_connection().context("no netlink")?;
        let mut connection = JoinSet::new();
        connection.spawn(carrier);
        let loopback = up(&node, "lo").await?;
        node.address().add(loopback, NODE.into(), 32).execute().await.context("the node gets no address")?;
        Ok(Self { node, _connection: connection })
    }

    /// Wires a network for the pod with `address`.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(crate) async fn plug(&self, address: Ipv4Addr) -> anyhow::Result<Wire> {
        let [_, _, high, low] = address.octets();
        let name = format!("veth{}", u16::from_be_bytes([high, low]));
        let pod_link = [[0x0a, 0x58].as_slice(), &address.octets()].concat();
        let (network, pod, mut carrier) = new_network().await?;

        let pod_end = LinkUnspec::new_with_name("eth0").setns_by_fd(network.as_raw_fd()).address(pod_link.clone());
        let wire = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
            .append_extra_attribute(LinkAttribute::IfName(name.clone()))
            .address(NODE_LINK.into())
            .set_info_data(InfoData::Veth(InfoVeth::Peer(pod_end.build())))
            .up();
        self.node.link().add(wire.build()).execute().await.context("no veth")?;

        up(&pod, "lo").await?;
        let eth0 = up(&pod, "eth0").await?;
        pod.address().add(eth0, address.into(), 32).execute().await.context("the pod gets no address")?;
        pod.neighbours().add(eth0, NODE.into()).link_layer_address(&NODE_LINK).execute().await?;
        let default = RouteMessageBuilder::<Ipv4Addr>::new().output_interface(eth0).gateway(NODE).onlink();
        pod.route().add(default.build()).execute().await.context("the pod gets no route")?;
        carrier.shutdown().await;

        let link = up(&self.node, &name).await?;
        self.node.neighbours().add(link, address.into()).link_layer_address(&pod_link).execute().await?;
        let route = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(address, 32);
        let route = route.output_interface(link).scope(RouteScope::Link);
        self.node.route().add(route.build()).execute().await.context("the node gets no route")?;
        Ok(Wire { address, link, network })
    }

    /// Takes a pod off the network, and with it its address.
    pub(crate) async fn unplug(&self, wire: &Wire) -> anyhow::Result<()> {
        self.node.link().del(wire.link).execute().await.with_context(|| format!("{} cannot be unplugged", wire.address))
    }
}

impl Wire {
    /// The pod's network, to be entered.
    pub(crate) fn network(&self) -> &OwnedFd {
        &self.network
    }

    /// Runs `open` in the pod's network, on a thread of its own: what it opens stays there.
    ///
    /// # Errors
    ///
    /// Those of `open`, and when the network cannot be entered.
    pub(crate) async fn within<T: Send + 'static>(
        &self,
        open: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let network = self.network.try_clone()?;
        on_a_thread(move || {
            enter_network(network)?;
            Ok(open()?)
        })
        .await
    }
}

/// A new network, a way to configure it, and what carries that.
async fn new_network() -> anyhow::Result<(OwnedFd, Handle, JoinSet<()>)> {
    let runtime = tokio::runtime::Handle::current();
    let (network, (carrier, handle, _)) = on_a_thread(move || {
        enter_new_network()?;
        let network = File::open("/proc/thread-self/ns/net").context("a new network cannot be kept")?;
        let _entered = runtime.enter();
        Ok((network.into(), new_connection().context("no netlink")?))
    })
    .await?;
    let mut connection = JoinSet::new();
    connection.spawn(carrier);
    Ok((network, handle, connection))
}

/// Runs `work` on a thread that ends with it, so that the namespaces it entered are nobody else's.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().spawn(move || done.send(work()).ok()).context("no thread")?;
    result.await.context("a thread died")?
}

/// Sets a link up. Returns its index.
async fn up(network: &Handle, name: &str) -> anyhow::Result<u32> {
    let mut links = network.link().get().match_name(name.to_owned()).execute();
    let link = links.try_next().await?.with_context(|| format!("there is no {name}"))?.header.index;
    network.link().set(LinkUnspec::new_with_index(link).up().build()).execute().await?;
    Ok(link)
}
