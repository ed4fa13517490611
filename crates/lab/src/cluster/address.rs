//! A range of addresses, given out one after the other.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// A network whose addresses are given out. The next one comes after the last, so that one that was given back is not
/// soon somebody else's.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    network: Ipv4Net,
    /// Never given out, by whatever means.
    reserved: Option<Ipv4Addr>,
    last: Ipv4Addr,
}

impl Pool {
    /// The addresses of `network` but its first, its last and `reserved`; those after `last` come first.
    pub(crate) fn new(network: Ipv4Net, reserved: Option<Ipv4Addr>, last: Ipv4Addr) -> Self {
        Self { network, reserved, last }
    }

    /// Whether an address may be given out.
    pub(crate) fn holds(&self, address: Ipv4Addr) -> bool {
        let Self { network, reserved, last: _ } = self;
        network.contains(&address)
            && ![Some(network.network()), Some(network.broadcast()), *reserved].contains(&Some(address))
    }

    /// The next address that is not `taken`; none if all are.
    pub(crate) fn next(&mut self, taken: impl Fn(Ipv4Addr) -> bool) -> Option<Ipv4Addr> {
        let (first, size) = (self.network.network().to_bits(), self.network.hosts().count() as u32 + 2);
        let start = self.last.to_bits() - first;
        let address = (1..=size).map(|step| Ipv4Addr::from_bits(first + (start + step) % size));
        let free = address.into_iter().find(|address| self.holds(*address) && !taken(*address))?;
        self.last = free;
        Some(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(last: &str) -> Pool {
        let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        Pool::new("10.0.0.0/29".parse().unwrap(), Some(address("10.0.0.1")), address(last))
    }

    fn given(pool: &mut Pool, count: usize) -> Vec<String> {
        (0..count).map_while(|_| pool.next(|_| false)).map(|address| address.to_string()).collect()
    }

    #[test]
    fn addresses_come_one_after_the_other_and_round_again() {
        assert_eq!(given(&mut pool("10.0.0.1"), 3), ["10.0.0.2", "10.0.0.3", "10.0.0.4"]);
        // Without the network's own, the reserved one and the broadcast.
        assert_eq!(given(&mut pool("10.0.0.5"), 3), ["10.0.0.6", "10.0.0.2", "10.0.0.3"]);
    }

    #[test]
    fn what_is_taken_is_passed_over_until_nothing_is_left() {
        let mut pool = pool("10.0.0.1");
        assert_eq!(pool.next(|address| address.octets()[3] < 5), Some(Ipv4Addr::new(10, 0, 0, 5)));
        assert_eq!(pool.next(|_| true), None);
        assert_eq!(pool.next(|_| false), Some(Ipv4Addr::new(10, 0, 0, 6)), "a pool goes on where it was");
    }

    #[test]
    fn an_address_that_is_asked_for_must_be_one_to_give() {
        let pool = pool("10.0.0.1");
        let held = |last: u8| pool.holds(Ipv4Addr::new(10, 0, 0, last));
        assert_eq!([0, 1, 2, 6, 7, 8].map(held), [false, false, true, true, false, false]);
    }
}
