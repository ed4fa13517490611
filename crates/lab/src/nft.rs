//! nftables, spoken to the kernel: rules as expressions, sent in batches that count as one change.
//!
//! The numbers are those of the kernel's `linux/netfilter/nf_tables.h` and `nfnetlink.h`; the crates for netlink know
//! neither connection tracking nor address translation.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use anyhow::{Context, bail};
use ipnet::IpNet;
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_send_buffer_size, set_socket_send_buffer_size_force};
use star_netpol::Protocol;

use crate::family::Family;

/// Each family's only table: everything of ours is in it.
const TABLE: &str = "star";

/// Of messages that begin or end a batch.
const NFPROTO_UNSPEC: u8 = 0;
const NFNL_SUBSYS_NFTABLES: u16 = 10;
const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;
const NFT_MSG_NEWTABLE: u16 = 0;
const NFT_MSG_NEWCHAIN: u16 = 3;
const NFT_MSG_NEWRULE: u16 = 6;
const NFT_MSG_DELRULE: u16 = 8;

const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_APPEND: u16 = 0x800;
const NLA_F_NESTED: u16 = 0x8000;

/// Registers of 16 bytes each.
const REG_1: u32 = 1;
const REG_2: u32 = 2;
const REG_VERDICT: u32 = 0;

/// Room for some twenty thousand rules in one batch, where the kernel grants it: an ordinary user gets room for a thousand.
const SOCKET_BUFFER: usize = 8 << 20;

/// The transport protocols that a rule can name, by their numbers in an IP header.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub(crate) enum Transport {
    Tcp = 6,
    Udp = 17,
    Sctp = 132,
}

impl From<Protocol> for Transport {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Sctp => Self::Sctp,
        }
    }
}

/// One of a packet's two addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Source,
    Destination,
}

impl Side {
    /// Where it begins in a header of `family`.
    fn offset(self, family: Family) -> u32 {
        match (family, self) {
            (Family::V4, Self::Source) => 12,
            (Family::V4, Self::Destination) => 16,
            (Family::V6, Self::Source) => 8,
            (Family::V6, Self::Destination) => 24,
        }
    }
}

/// The kernel's number of a family, `NFPROTO_IPV4` or `NFPROTO_IPV6`.
fn number(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}

/// The bytes of an address, as in a header.
fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

/// What becomes of a packet that a rule matches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict<'a> {
    /// It passes this hook.
    Accept,
    /// It is lost without a word.
    Drop,
    /// It goes through another chain, and on from here if that does not decide.
    Jump(&'a str),
}

/// Where packets enter a base chain.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Hook {
    Prerouting = 0,
    Input = 1,
    Forward = 2,
    Output = 3,
    Postrouting = 4,
}

/// Netlink attributes, one behind the other.
#[derive(Clone, Debug, Default)]
struct Attributes(Vec<u8>);

impl Attributes {
    fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(4 + value.len()).expect("no attribute of ours is near 64 KiB");
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    fn text(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, &[value.as_bytes(), b"\0"].concat())
    }

    fn nested(self, kind: u16, inner: Self) -> Self {
        self.bytes(kind | NLA_F_NESTED, &inner.0)
    }
}

/// A rule under construction: each condition narrows what it matches. Its addresses must be of the table's family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule(Attributes);

impl Rule {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Packets whose `side` is `address`.
    pub(crate) fn address(self, side: Side, address: IpAddr) -> Self {
        self.load_address(side, address).compare(EQ, &bytes(address))
    }

    /// Packets whose `side` is within `network`.
    pub(crate) fn within(self, side: Side, network: IpNet) -> Self {
        self.masked(side, network, EQ)
    }

    /// Packets whose `side` is not within `network`.
    pub(crate) fn outside(self, side: Side, network: IpNet) -> Self {
        self.masked(side, network, NEQ)
    }

    /// Packets of a transport protocol.
    pub(crate) fn transport(self, transport: Transport) -> Self {
        const META_L4PROTO: u32 = 16;
        let load = Attributes::default().number(1, REG_1).number(2, META_L4PROTO);
        self.expression("meta", load).compare(EQ, &[transport as u8])
    }

    /// Packets to one of `ports`; the transport protocol must have been named before.
    pub(crate) fn ports(self, ports: RangeInclusive<u16>) -> Self {
        const TRANSPORT_HEADER: u32 = 2;
        let loaded = self.load(TRANSPORT_HEADER, 2, 2);
        let (first, last) = (ports.start().to_be_bytes(), ports.end().to_be_bytes());
        match first == last {
            true => loaded.compare(EQ, &first),
            false => loaded.compare(GTE, &first).compare(LTE, &last),
        }
    }

    /// Packets that answer a connection's first one.
    pub(crate) fn reply(self) -> Self {
        const CT_DIRECTION: u32 = 1;
        const IP_CT_DIR_REPLY: u8 = 1;
        let load = Attributes::default().number(1, REG_1).number(2, CT_DIRECTION);
        self.expression("ct", load).compare(EQ, &[IP_CT_DIR_REPLY])
    }

    /// Packets of a connection that was answered already, or related to one.
    pub(crate) fn established(self) -> Self {
        const CT_STATE: u32 = 0;
        const ESTABLISHED_OR_RELATED: u32 = 2 | 4;
        let load = Attributes::default().number(1, REG_1).number(2, CT_STATE);
        self.expression("ct", load).mask(&ESTABLISHED_OR_RELATED.to_ne_bytes()).compare(NEQ, &[0; 4])
    }

    /// A random one in `choices` packets.
    pub(crate) fn one_in(self, choices: u32) -> Self {
        self.random(choices).compare(EQ, &0_u32.to_ne_bytes())
    }

    /// A random `share` of all packets, in millionths.
    pub(crate) fn millionths(self, share: u32) -> Self {
        const HTON: u32 = 1;
        // Only in network order do bytes compare as the number does.
        let swap = Attributes::default().number(1, REG_1).number(2, REG_1).number(3, HTON).number(4, 4).number(5, 4);
        self.random(1_000_000).expression("byteorder", swap).compare(LT, &share.to_be_bytes())
    }

    /// Decides what becomes of the packet.
    pub(crate) fn verdict(self, verdict: Verdict<'_>) -> Self {
        let code = |code: i32| Attributes::default().bytes(1, &code.to_be_bytes());
        let verdict = match verdict {
            Verdict::Drop => code(0),
            Verdict::Accept => code(1),
            Verdict::Jump(chain) => code(-3).text(2, chain),
        };
        self.immediate(REG_VERDICT, Attributes::default().nested(2, verdict))
    }

    /// Refuses the packet aloud, as a port that nobody listens on does.
    pub(crate) fn refuse(self, family: Family) -> Self {
        const ICMP_UNREACHABLE: u32 = 0;
        let port_unreachable = match family {
            Family::V4 => 3,
            Family::V6 => 4,
        };
        self.expression("reject", Attributes::default().number(1, ICMP_UNREACHABLE).bytes(2, &[port_unreachable]))
    }

    /// Sends the connection elsewhere.
    pub(crate) fn to(self, address: IpAddr, port: u16) -> Self {
        const DESTINATION: u32 = 1;
        let nat = Attributes::default().number(1, DESTINATION).number(2, number(Family::of(address)).into());
        self.immediate(REG_1, value(&bytes(address)))
            .immediate(REG_2, value(&port.to_be_bytes()))
            .expression("nat", nat.number(3, REG_1).number(5, REG_2))
    }

    /// Has the connection come from `address`.
    pub(crate) fn from(self, address: IpAddr) -> Self {
        const SOURCE: u32 = 0;
        let nat = Attributes::default().number(1, SOURCE).number(2, number(Family::of(address)).into());
        self.immediate(REG_1, value(&bytes(address))).expression("nat", nat.number(3, REG_1))
    }

    fn masked(self, side: Side, network: IpNet, operator: u32) -> Self {
        let (mask, network) = (bytes(network.netmask()), network.network());
        self.load_address(side, network).mask(&mask).compare(operator, &bytes(network))
    }

    /// Loads a packet's address, of the family of `like`.
    fn load_address(self, side: Side, like: IpAddr) -> Self {
        const NETWORK_HEADER: u32 = 1;
        let (offset, length) = (side.offset(Family::of(like)), bytes(like).len());
        self.load(NETWORK_HEADER, offset, length as u32)
    }

    fn load(self, base: u32, offset: u32, length: u32) -> Self {
        let load = Attributes::default().number(1, REG_1).number(2, base).number(3, offset).number(4, length);
        self.expression("payload", load)
    }

    fn mask(self, mask: &[u8]) -> Self {
        let bits = Attributes::default().number(1, REG_1).number(2, REG_1).number(3, mask.len() as u32);
        self.expression("bitwise", bits.nested(4, value(mask)).nested(5, value(&vec![0; mask.len()])))
    }

    fn compare(self, operator: u32, data: &[u8]) -> Self {
        self.expression("cmp", Attributes::default().number(1, REG_1).number(2, operator).nested(3, value(data)))
    }

    fn random(self, modulus: u32) -> Self {
        const RANDOM: u32 = 1;
        self.expression("numgen", Attributes::default().number(1, REG_1).number(2, modulus).number(3, RANDOM))
    }

    fn immediate(self, register: u32, data: Attributes) -> Self {
        self.expression("immediate", Attributes::default().number(1, register).nested(2, data))
    }

    fn expression(self, name: &str, data: Attributes) -> Self {
        const LIST_ELEMENT: u16 = 1;
        Self(self.0.nested(LIST_ELEMENT, Attributes::default().text(1, name).nested(2, data)))
    }
}

const EQ: u32 = 0;
const NEQ: u32 = 1;
const LT: u32 = 2;
const LTE: u32 = 3;
const GTE: u32 = 5;

fn value(data: &[u8]) -> Attributes {
    Attributes::default().bytes(1, data)
}

/// Changes that take effect together, for the next packet, or not at all: those of several families, too.
pub(crate) struct Batch {
    messages: Vec<u8>,
    /// That of the table that is changed now.
    family: u8,
    /// Of the message added last.
    sequence: u32,
    /// Where it begins.
    last: usize,
}

impl Batch {
    /// A batch that changes nothing yet.
    pub(crate) fn new() -> Self {
        let mut batch = Self { messages: Vec::new(), family: NFPROTO_UNSPEC, sequence: 0, last: 0 };
        batch.bracket(NFNL_MSG_BATCH_BEGIN);
        batch
    }

    /// Has what is added from now on change the table of `family`, and makes that if there is none.
    pub(crate) fn table(&mut self, family: Family) {
        self.family = number(family);
        self.add(NFT_MSG_NEWTABLE, NLM_F_CREATE, Attributes::default().text(1, TABLE));
    }

    /// Adds a chain that packets enter at `hook`, in the order of `priority`, if there is none of that name.
    pub(crate) fn base_chain(&mut self, name: &str, kind: &str, hook: Hook, priority: i32) {
        let hook = Attributes::default().number(1, hook as u32).bytes(2, &priority.to_be_bytes());
        let chain = Attributes::default().text(1, TABLE).text(3, name).nested(4, hook).text(7, kind);
        self.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain);
    }

    /// Adds a chain that rules jump to, if there is none of that name.
    pub(crate) fn chain(&mut self, name: &str) {
        self.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, Attributes::default().text(1, TABLE).text(3, name));
    }

    /// Removes all rules of a chain.
    pub(crate) fn flush(&mut self, chain: &str) {
        self.add(NFT_MSG_DELRULE, 0, Attributes::default().text(1, TABLE).text(2, chain));
    }

    /// Adds a rule at the end of a chain.
    pub(crate) fn rule(&mut self, chain: &str, rule: Rule) {
        let rule = Attributes::default().text(1, TABLE).text(2, chain).nested(4, rule.0);
        self.add(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, rule);
    }

    fn bracket(&mut self, kind: u16) {
        self.message(kind, 0, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES, &[]);
    }

    fn add(&mut self, kind: u16, flags: u16, attributes: Attributes) {
        self.message(NFNL_SUBSYS_NFTABLES << 8 | kind, flags, self.family, 0, &attributes.0);
    }

    fn message(&mut self, kind: u16, flags: u16, family: u8, resource: u16, attributes: &[u8]) {
        (self.sequence, self.last) = (self.sequence + 1, self.messages.len());
        let length = u32::try_from(20 + attributes.len()).expect("no message of ours is near 4 GiB");
        self.messages.extend(length.to_ne_bytes());
        self.messages.extend(kind.to_ne_bytes());
        self.messages.extend((flags | NLM_F_REQUEST).to_ne_bytes());
        self.messages.extend(self.sequence.to_ne_bytes());
        self.messages.extend(0_u32.to_ne_bytes());
        self.messages.extend([family, 0]);
        self.messages.extend(resource.to_be_bytes());
        self.messages.extend(attributes);
    }
}

/// The kernel's packet filter in the network namespace where this was opened.
pub(crate) struct Netfilter(Socket);

impl Netfilter {
    /// Opens it in this thread's network namespace.
    ///
    /// # Errors
    ///
    /// When the kernel has none.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        if set_socket_send_buffer_size_force(&socket, SOCKET_BUFFER).is_err() {
            set_socket_send_buffer_size(&socket, SOCKET_BUFFER)?;
        }
        Ok(Self(socket))
    }

    /// Makes the changes. They hold for every packet after the return.
    ///
    /// # Errors
    ///
    /// When the kernel refuses one: then none is made.
    pub(crate) fn commit(&mut self, mut batch: Batch) -> anyhow::Result<()> {
        let last = batch.sequence;
        // Refusals are answered all the same. More answers than that would not fit into the socket.
        let flags = &mut batch.messages[batch.last + 6..][..2];
        flags.copy_from_slice(&(u16::from_ne_bytes([flags[0], flags[1]]) | NLM_F_ACK).to_ne_bytes());
        batch.bracket(NFNL_MSG_BATCH_END);
        let size = batch.messages.len();
        self.0.send(&batch.messages, 0).with_context(|| format!("the packet filter takes no {size} bytes of rules"))?;
        let mut refused = None;
        loop {
            let (answers, _) = self.0.recv_from_full().context("the packet filter does not answer")?;
            for answer in messages(&answers) {
                let (sequence, error) = answer?;
                if error != 0 && refused.is_none() {
                    refused = Some((sequence, Errno::from_raw_os_error(-error)));
                }
                // A batch that fails as a whole is answered as its first message.
                if sequence == last || (sequence == 1 && error != 0) {
                    return match refused {
                        None => Ok(()),
                        Some((number, errno)) => Err(errno).with_context(|| {
                            format!("the packet filter refuses its rules (message {number} of {last})")
                        }),
                    };
                }
            }
        }
    }
}

/// The acknowledgements in what the kernel sent: a message's sequence number, and 0 or minus the error's.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = anyhow::Result<(u32, i32)>> {
    std::iter::from_fn(move || {
        let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
        let (length, sequence, error) = (number(0)?, number(8)?, number(16)?);
        let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
        bytes = bytes.get((length as usize).next_multiple_of(4)..).unwrap_or_default();
        Some(match kind {
            NLMSG_ERROR => Ok((sequence, error.cast_signed())),
            kind => (|| bail!("the packet filter answers with a message of kind {kind}"))(),
        })
    })
}
