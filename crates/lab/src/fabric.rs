//! The wires: a network for each pod, linked with the node's, which forwards between them.
//!
//! ```text
//! pod's network                     the node's network
//!   eth0, 10.244.0.2/32  ────────── veth2          route 10.244.0.2 ─▶ veth2
//!   default via 10.244.0.1          lo, 10.244.0.1
//! ```
//!
//! So it is in each family that the lab has. Neighbours are told, not asked for: no packet is spent on ARP or neighbour
//! discovery, and none can be lost.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::Context;
use futures_util::TryStreamExt;
use netlink_packet_route::address::AddressHeaderFlags;
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute};
use netlink_packet_route::route::RouteScope;
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder, new_connection};
use tokio::task::JoinSet;

use crate::family::{Families, Family};
use crate::isolation::{enter_network, enter_new_network};

/// The link address of the node's end of every wire.
const NODE_LINK: [u8; 6] = [0xee; 6];

/// All wires.
pub(crate) struct Fabric {
    node: Handle,
    families: Families,
    /// How many wires there have been.
    made: u32,
    /// Carries what is said to the kernel; ends with this.
    _connection: JoinSet<()>,
}

/// A pod's network. It lasts as long as this, whatever becomes of the pod's processes.
#[derive(Debug)]
pub(crate) struct Wire {
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
    pub(crate) async fn new(families: Families) -> anyhow::Result<Self> {
        let (carrier, node, _) = new_connection().context("no netlink")?;
        let mut connection = JoinSet::new();
        connection.spawn(carrier);
        let loopback = up(&node, "lo").await?;
        for family in families.list() {
            give(&node, loopback, family.node()).await.context("the node gets no address")?;
        }
        Ok(Self { node, families, made: 0, _connection: connection })
    }

    /// Wires a network for the pod with `addresses`.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(crate) async fn plug(&mut self, addresses: &[IpAddr]) -> anyhow::Result<Wire> {
        self.made += 1;
        let name = format!("veth{}", self.made);
        let pod_link = [[0x0a, 0x58].as_slice(), &self.made.to_be_bytes()].concat();
        let (network, pod, mut carrier) = new_network(self.families).await?;

        let pod_end = LinkUnspec::new_with_name("eth0").setns_by_fd(network.as_raw_fd()).address(pod_link.clone());
        let wire = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
            .append_extra_attribute(LinkAttribute::IfName(name.clone()))
            .address(NODE_LINK.into())
            .set_info_data(InfoData::Veth(InfoVeth::Peer(pod_end.build())))
            .up();
        self.node.link().add(wire.build()).execute().await.context("no veth")?;

        up(&pod, "lo").await?;
        let eth0 = up(&pod, "eth0").await?;
        for address in addresses {
            let node = Family::of(*address).node();
            give(&pod, eth0, *address).await.context("the pod gets no address")?;
            pod.neighbours().add(eth0, node).link_layer_address(&NODE_LINK).execute().await?;
            let anywhere = match node {
                IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let default = RouteMessageBuilder::<IpAddr>::new().destination_prefix(anywhere, 0)?;
            let default = default.output_interface(eth0).gateway(node)?.onlink();
            pod.route().add(default.build()).execute().await.context("the pod gets no route")?;
        }
        carrier.shutdown().await;

        let link = up(&self.node, &name).await?;
        for address in addresses {
            self.node.neighbours().add(link, *address).link_layer_address(&pod_link).execute().await?;
            let route = RouteMessageBuilder::<IpAddr>::new().destination_prefix(*address, whole(*address))?;
            let route = route.output_interface(link).scope(RouteScope::Link);
            self.node.route().add(route.build()).execute().await.context("the node gets no route")?;
        }
        Ok(Wire { link, network })
    }

    /// Takes a pod off the network, and with it its addresses.
    pub(crate) async fn unplug(&self, wire: &Wire) -> anyhow::Result<()> {
        self.node.link().del(wire.link).execute().await.context("a pod cannot be unplugged")
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
async fn new_network(families: Families) -> anyhow::Result<(OwnedFd, Handle, JoinSet<()>)> {
    let runtime = tokio::runtime::Handle::current();
    let (network, (carrier, handle, _)) = on_a_thread(move || {
        enter_new_network(families)?;
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

/// Gives a link an address.
async fn give(network: &Handle, link: u32, address: IpAddr) -> Result<(), rtnetlink::Error> {
    let mut request = network.address().add(link, address, whole(address));
    // Nobody else can have it, and IPv6 would wait a second to find that out.
    if address.is_ipv6() {
        request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
    }
    request.execute().await
}

/// The length of a prefix that is all of an address.
fn whole(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}
