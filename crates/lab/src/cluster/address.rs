//! A range of addresses, given out one after the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A network whose addresses are given out. The next one comes after the last, so that one that was given back is not
/// soon somebody else's.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    network: IpNet,
    /// Never given out, by whatever means.
    reserved: Option<IpAddr>,
    last: IpAddr,
}

impl Pool {
    /// The addresses of `network` but its first, its last and `reserved`; those after `last` come first.
    pub(crate) fn new(network: IpNet, reserved: Option<IpAddr>, last: IpAddr) -> Self {
        Self { network, reserved, last }
    }

    /// Where its addresses are.
    pub(crate) fn network(&self) -> IpNet {
        self.network
    }

    /// Whether an address may be given out.
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        let Self { network, reserved, last: _ } = self;
        network.contains(&address)
            && ![Some(network.network()), Some(network.broadcast()), *reserved].contains(&Some(address))
    }

    /// The next address that is not `taken`; none if all are.
    pub(crate) fn next(&mut self, taken: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
        let first = bits(self.network.network());
        let size = bits(self.network.broadcast()) - first + 1;
        let start = bits(self.last) - first;
        let mut addresses = (1..=size).map(|step| self.address(first + (start + step) % size));
        let free = addresses.find(|address| self.holds(*address) && !taken(*address))?;
        self.last = free;
        Some(free)
    }

    /// The address of the network's family with these bits.
    fn address(&self, bits: u128) -> IpAddr {
        match self.network {
            IpNet::V4(_) => Ipv4Addr::from_bits(bits as u32).into(),
            IpNet::V6(_) => Ipv6Addr::from_bits(bits).into(),
        }
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(last: &str) -> Pool {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        Pool::new("10.0.0.0/29".parse().unwrap(), Some(address("10.0.0.1")), address(last))
    }

    fn given(pool: &mut Pool, count: usize) -> Vec<String> {
        (0..count).map_while(|_| pool.next(|_| false)).map(|address| address.to_string()).collect()
    }

    fn last(address: IpAddr) -> u8 {
        bits(address) as u8
    }

    #[test]
    fn addresses_come_one_after_the_other_and_round_again() {
        assert_eq!(given(&mut pool("10.0.0.1"), 3), ["10.0.0.2", "10.0.0.3", "10.0.0.4"]);
        // Without the network's own, the reserved one and the broadcast.
        assert_eq!(given(&mut pool("10.0.0.5"), 3), ["10.0.0.6", "10.0.0.2", "10.0.0.3"]);
    }

    #[test]
    fn addresses_of_ipv6_are_given_out_as_those_of_ipv4() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut pool = Pool::new("fd00:1::/56".parse().unwrap(), Some(address("fd00:1::1")), address("fd00:1::fffe"));
        assert_eq!(given(&mut pool, 3), ["fd00:1::ffff", "fd00:1::1:0", "fd00:1::1:1"]);
        pool.last = address("fd00:1:0:ff:ffff:ffff:ffff:fffe");
        assert_eq!(given(&mut pool, 1), ["fd00:1::2"]);
        assert_eq!(
            ["fd00:1::1", "fd00:1::9", "fd00:2::9", "10.0.0.9"].map(|text| pool.holds(address(text))),
            [false, true, false, false]
        );
    }

    #[test]
    fn what_is_taken_is_passed_over_until_nothing_is_left() {
        let mut pool = pool("10.0.0.1");
        assert_eq!(pool.next(|address| last(address) < 5), "10.0.0.5".parse().ok());
        assert_eq!(pool.next(|_| true), None);
        assert_eq!(pool.next(|_| false), "10.0.0.6".parse().ok(), "a pool goes on where it was");
    }

    #[test]
    fn an_address_that_is_asked_for_must_be_one_to_give() {
        let pool = pool("10.0.0.1");
        let held = |last: u8| pool.holds(IpAddr::from([10, 0, 0, last]));
        assert_eq!([0, 1, 2, 6, 7, 8].map(held), [false, false, true, true, false, false]);
    }
}
