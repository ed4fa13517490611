use proptest::prelude::*;

use super::{Connections, Protocol};

fn any_set() -> impl Strategy<Value = Connections> {
    // Few ports, so that ranges meet; the ends of the scale among them.
    let port = prop_oneof![1..12u16, 65_530..=65_535u16];
    let range = (0..3usize, port.clone(), port)
        .prop_map(|(protocol, a, b)| Connections::range(Protocol::ALL[protocol], a.min(b), a.max(b)));
    let ranges = proptest::collection::vec(range, 0..6);
    let union = ranges.prop_map(|ranges| ranges.iter().fold(Connections::none(), |set, range| set.union(range)));
    prop_oneof![8 => union, 1 => Just(Connections::all())]
}

/// Whether the set holds a port, by its ranges alone.
fn holds(set: &Connections, protocol: Protocol, port: u16) -> bool {
    set.ports[protocol as usize].iter().any(|&(first, last)| first <= port && port <= last)
}

proptest! {
    #[test]
    fn sets_are_combined_port_by_port(a in any_set(), b in any_set()) {
        let (union, both, left) = (a.union(&b), a.intersection(&b), a.difference(&b));
        for protocol in Protocol::ALL {
            for port in (1..=14).chain(65_528..=65_535) {
                let (x, y) = (holds(&a, protocol, port), holds(&b, protocol, port));
                prop_assert_eq!(holds(&union, protocol, port), x || y);
                prop_assert_eq!(holds(&both, protocol, port), x && y);
                prop_assert_eq!(holds(&left, protocol, port), x && !y);
            }
        }
        for set in [&union, &both, &left] {
            for ranges in &set.ports {
                prop_assert!(ranges.windows(2).all(|pair| u32::from(pair[0].1) + 1 < u32::from(pair[1].0)), "{:?}", ranges);
                prop_assert!(ranges.iter().all(|(first, last)| first <= last));
            }
        }
        prop_assert_eq!(a.covers(&b), left_of(&b, &a).is_none());
        prop_assert!(union.covers(&a) && a.covers(&both) && a.covers(&left));
    }
}

fn left_of(a: &Connections, b: &Connections) -> Connections {
    a.difference(b)
}

#[test]
fn sets_print_as_ranges_by_protocol() {
    let udp = Connections::port(Protocol::Udp, 53);
    let tcp = Connections::port(Protocol::Tcp, 8080).union(&Connections::range(Protocol::Tcp, 80, 81));
    assert_eq!(udp.union(&tcp).to_string(), "TCP 80-81,8080,UDP 53");
    assert_eq!(Connections::protocol(Protocol::Sctp).to_string(), "SCTP 1-65535");
    assert_eq!(Connections::none().to_string(), "No Connections");
    let every = Protocol::ALL.map(Connections::protocol);
    assert_eq!(every.iter().fold(Connections::none(), |set, one| set.union(one)).to_string(), "All Connections");
    assert_eq!(serde_json::to_string(&udp).unwrap(), "\"UDP 53\"");
    assert_eq!(format!("{:8}|{:>9}|", Protocol::Tcp, udp), "TCP     |   UDP 53|");
}

#[test]
fn a_protocol_is_named_in_upper_case_alone() {
    assert_eq!(
        ["TCP", "UDP", "SCTP"].map(Protocol::named),
        [Some(Protocol::Tcp), Some(Protocol::Udp), Some(Protocol::Sctp)]
    );
    assert_eq!(["tcp", "ICMP", ""].map(Protocol::named), [None; 3]);
}
