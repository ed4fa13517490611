//! Which addresses a check may connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use star_wire::observation::Reason;

use super::Failure;

/// Decides at the socket, whatever name or literal led to the address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Guard {
    /// Any address: for targets that the operator chose.
    Open,
    /// Neither link-local addresses nor those where clouds serve their machines' credentials: for targets that somebody
    /// may have sent.
    NoLinkLocal,
}

/// Metadata services outside the link-local ranges: Google Cloud over IPv6, Azure, Alibaba Cloud, Oracle Cloud. Those of
/// AWS over IPv6 are all of fd00:ec2::/32.
const METADATA: [IpAddr; 4] = [
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

impl Guard {
    /// Keeps the addresses that may be connected to.
    pub(super) fn admit(self, mut addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Failure> {
        let Some(first) = addresses.first().copied() else { return Ok(addresses) };
        if self == Self::NoLinkLocal {
            addresses.retain(|address| !is_link_local(*address));
        }
        match addresses.is_empty() {
            false => Ok(addresses),
            true => Err(Failure::new(
                Reason::AddressRefused,
                format!("{first} is a link-local or metadata address; --allow-link-local permits it"),
            )),
        }
    }
}

fn is_link_local(address: IpAddr) -> bool {
    if METADATA.contains(&address) {
        return true;
    }
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            let aws = address.segments()[..2] == [0xfd00, 0xec2];
            aws || address.is_unicast_link_local()
                || embedded_ipv4(address).is_some_and(|inner| is_link_local(inner.into()))
        }
    }
}

/// The IPv4 address that an IPv6 one leads to: mapped or compatible (RFC 4291), 6to4 (RFC 3056), NAT64 (RFC 6052, RFC 8215).
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        [0x2002, high, low, ..] => from(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, .., high, low] => from(high, low),
        _ => address.to_ipv4(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str) -> bool {
        Guard::NoLinkLocal.admit(vec![address.parse().unwrap()]).is_err()
    }

    #[test]
    fn link_local_and_metadata_addresses_are_refused_in_every_disguise() {
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "2002:a9fe:a9fe::",
            "64:ff9b::a9fe:a9fe",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "168.63.129.16",
            "64:ff9b:1::a9fe:a9fe",
            "100.100.100.200",
            "::ffff:100.100.100.200",
            "192.0.0.192",
        ] {
            assert!(refused(address), "{address}");
        }
    }

    #[test]
    fn other_addresses_pass() {
        for address in ["10.0.0.1", "127.0.0.1", "::1", "192.168.1.1", "fd00::1", "2001:db8::1", "169.253.1.1"] {
            assert!(!refused(address), "{address}");
        }
        assert!(Guard::Open.admit(vec!["169.254.169.254".parse().unwrap()]).is_ok());
    }

    #[test]
    fn of_several_addresses_the_good_ones_stay() {
        let good: IpAddr = "10.0.0.1".parse().unwrap();
        let addresses = vec!["169.254.169.254".parse().unwrap(), good];
        assert_eq!(Guard::NoLinkLocal.admit(addresses).unwrap(), [good]);
    }
}
