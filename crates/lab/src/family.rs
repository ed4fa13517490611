//! IP families: which a lab has, and where its addresses lie.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clap::ValueEnum;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The families of a lab, the first one first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Families {
    /// Every pod has an IPv4 address
    #[default]
    Ipv4,
    /// Every pod has an IPv6 address
    Ipv6,
    /// Every pod has both, IPv4 first
    Dual,
}

impl Families {
    pub(crate) fn list(self) -> &'static [Family] {
        match self {
            Self::Ipv4 => &[Family::V4],
            Self::Ipv6 => &[Family::V6],
            Self::Dual => &Family::ALL,
        }
    }

    /// The family of what asks for none.
    pub(crate) fn first(self) -> Family {
        self.list()[0]
    }

    pub(crate) fn has(self, family: Family) -> bool {
        self.list().contains(&family)
    }
}

/// An IP family.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// That of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// As Kubernetes names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    /// Where pods have their addresses: as flannel and kubeadm's examples have it, and as kind does.
    pub(crate) fn pods(self) -> IpNet {
        match self {
            Self::V4 => IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(10, 244, 0, 0), 16)),
            Self::V6 => IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0x10, 0x244, 0, 0, 0, 0, 0), 56)),
        }
    }

    /// The node's own address, as pods see it.
    pub(crate) fn node(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 244, 0, 1).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0x10, 0x244, 0, 0, 0, 0, 1).into(),
        }
    }

    /// Where Services have their addresses: as kubeadm has it, and as kind does.
    pub(crate) fn services(self) -> IpNet {
        match self {
            Self::V4 => IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(10, 96, 0, 0), 12)),
            Self::V6 => IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0x10, 0x96, 0, 0, 0, 0, 0), 112)),
        }
    }

    /// The DNS Service's address: the network's tenth, as kubeadm has it.
    pub(crate) fn dns(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 96, 0, 10).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0x10, 0x96, 0, 0, 0, 0, 10).into(),
        }
    }
}
