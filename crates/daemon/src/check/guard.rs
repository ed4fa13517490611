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

/// Metadata services outside the link-local ranges, as the clouds' manuals and cloud-init have them: Azure, Alibaba Cloud,
/// Oracle Cloud Classic; Google Cloud, Scaleway, Oracle Cloud, Linode, Alibaba Cloud. Those of AWS over IPv6 are all of
/// fd00:ec2::/32.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200),
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
    match address {
        IpAddr::V4(address) => METADATA_V4.contains(&address) || address.is_link_local(),
        IpAddr::V6(address) => {
            let aws = address.segments()[..2] == [0xfd00, 0xec2];
            aws || METADATA_V6.contains(&address)
                || address.is_unicast_link_local()
                || embedded(address).any(|inner| is_link_local(inner.into()))
        }
    }
}

/// Where RFC 6052 (2.2) puts the IPv4 address behind prefixes of 32, 40, 48, 56, 64 and 96 bits; byte 8 stays free.
const TRANSLATED: [[usize; 4]; 6] =
    [[4, 5, 6, 7], [5, 6, 7, 9], [6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]];

/// The IPv4 addresses that an IPv6 one may lead to. A prefix for translation that is the network's own cannot be told from
/// any other address.
fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let octets = address.octets();
    let at = move |places: [usize; 4]| places.map(|place| octets[place]);
    let last = [12, 13, 14, 15];
    let found: Vec<[u8; 4]> = match address.segments() {
        // 6to4 (RFC 3056).
        [0x2002, ..] => vec![at([2, 3, 4, 5])],
        // Teredo (RFC 4380): the server, and the client in disguise.
        [0x2001, 0, ..] => vec![at([4, 5, 6, 7]), at(last).map(|octet| !octet)],
        // Translation: the well-known prefix, and the local one, of any length (RFC 8215).
        [0x64, 0xff9b, 0 | 1, ..] => TRANSLATED.map(at).to_vec(),
        // Mapped and compatible (RFC 4291), translated (RFC 2765).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => vec![at(last)],
        // ISATAP (RFC 5214), behind any prefix; the bit that says whether it is unique worldwide may be set.
        [.., 0 | 0x200, 0x5efe, _, _] => vec![at(last)],
        _ => Vec::new(),
    };
    found.into_iter().map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str) -> bool {
        Guard::NoLinkLocal.admit(vec![address.parse().unwrap()]).is_err()
    }

    #[test]
    fn link_local_and_metadata_addresses_are_refused() {
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "169.254.170.2",
            "169.254.42.42",
            "fe80::1",
            "fe80::a9fe:a9fe",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:42::42",
            "fd00:c1::a9fe:a9fe",
            "fd00:a9fe:a9fe::1",
            "fd00:100::100:200",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
        ] {
            assert!(refused(address), "{address}");
        }
    }

    /// An address that leads to `inner` in each way that there is.
    fn disguises(inner: Ipv4Addr) -> Vec<(&'static str, Ipv6Addr)> {
        let [a, b, c, d] = inner.octets();
        let [ab, cd] = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
        let (bc, a, d) = (u16::from_be_bytes([b, c]), u16::from(a), u16::from(d));
        let local = |rest: [u16; 5]| {
            let [e, f, g, h, i] = rest;
            Ipv6Addr::new(0x64, 0xff9b, 1, e, f, g, h, i)
        };
        vec![
            ("mapped", Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, ab, cd)),
            ("compatible", Ipv6Addr::new(0, 0, 0, 0, 0, 0, ab, cd)),
            ("SIIT", Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, ab, cd)),
            ("6to4", Ipv6Addr::new(0x2002, ab, cd, 7, 0, 0, 0, 1)),
            ("Teredo server", Ipv6Addr::new(0x2001, 0, ab, cd, 0, 0, 0, 0)),
            ("Teredo client", Ipv6Addr::new(0x2001, 0, 0x5ef5, 0x7902, 0, 0, !ab, !cd)),
            ("NAT64, well-known", Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, ab, cd)),
            ("NAT64, local /48", local([ab, cd >> 8, d << 8, 0, 0])),
            ("NAT64, local /56", local([a, bc >> 8, (bc & 0xff) << 8 | d, 0, 0])),
            ("NAT64, local /64", local([0, a, bc, d << 8, 0])),
            ("NAT64, local /96", local([5, 0, 0, ab, cd])),
            ("ISATAP", Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0x5efe, ab, cd)),
            ("ISATAP, unique", Ipv6Addr::new(0xfd00, 1, 2, 3, 0x200, 0x5efe, ab, cd)),
        ]
    }

    #[test]
    fn no_disguise_of_an_ipv4_address_hides_it() {
        for inner in ["169.254.169.254", "169.254.42.42", "168.63.129.16", "100.100.100.200", "192.0.0.192"] {
            for (kind, address) in disguises(inner.parse().unwrap()) {
                assert!(refused(&address.to_string()), "{kind} of {inner}: {address}");
            }
        }
        // And none makes a good address a bad one.
        for (kind, address) in disguises(Ipv4Addr::new(10, 1, 2, 3)) {
            assert!(!refused(&address.to_string()), "{kind}: {address}");
        }
    }

    #[test]
    fn other_addresses_pass() {
        for address in [
            "10.0.0.1",
            "127.0.0.1",
            "::1",
            "::",
            "192.168.1.1",
            "fd00::1",
            "2001:db8::1",
            "2001:db8::a9fe:a9fe",
            "169.253.1.1",
            "100.100.100.201",
            "fd00:42::43",
        ] {
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
