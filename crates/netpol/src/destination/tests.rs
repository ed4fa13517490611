use super::{Destination, EndError, Named};
use crate::Protocol;

#[track_caller]
fn reads(text: &str, host: Named, port: Option<u16>, protocol: Protocol) {
    assert_eq!(text.parse(), Ok(Destination { host, port, protocol }), "{text}");
}

#[test]
fn an_end_is_read_in_all_its_forms() {
    let workload =
        |namespace: &str, name: &str| Named::Workload { namespace: Some(namespace.into()), name: name.into() };
    let dns = |name: &str| Named::Dns(name.into());
    let address = |text: &str| Named::Address(text.parse().unwrap());
    reads("stars/backend", workload("stars", "backend"), None, Protocol::Tcp);
    reads("stars/backend:6379", workload("stars", "backend"), Some(6379), Protocol::Tcp);
    reads("stars/backend:53/udp", workload("stars", "backend"), Some(53), Protocol::Udp);
    reads("stars/statefulset/db:1/SCTP", workload("stars", "statefulset/db"), Some(1), Protocol::Sctp);
    reads("backend", Named::Workload { namespace: None, name: "backend".into() }, None, Protocol::Tcp);
    reads("backend.stars:80", dns("backend.stars"), Some(80), Protocol::Tcp);
    reads("10.0.0.7", address("10.0.0.7"), None, Protocol::Tcp);
    reads("10.0.0.7:53/UDP", address("10.0.0.7"), Some(53), Protocol::Udp);
    reads("fd00::7", address("fd00::7"), None, Protocol::Tcp);
    reads("[fd00::7]:80", address("fd00::7"), Some(80), Protocol::Tcp);
    reads("http://backend.stars:6379/status?x=1", dns("backend.stars"), Some(6379), Protocol::Tcp);
    reads("https://web/", dns("web"), Some(443), Protocol::Tcp);
    reads("http://[fd00::7]/", address("fd00::7"), Some(80), Protocol::Tcp);
}

#[test]
fn an_end_that_cannot_be_understood_is_refused() {
    for text in ["", "/", "a/", "/b", "a b", "http://", "foo://bar", "[fd00::7", "x::y:80"] {
        assert_eq!(text.parse::<Destination>(), Err(EndError::Form(text.into())), "{text}");
    }
    for (text, port) in
        [("a/b:0", "0"), ("a/b:65536", "65536"), ("a/b:http", "http"), ("a/b:80/icmp", "80/icmp"), ("a/b:", "")]
    {
        assert_eq!(text.parse::<Destination>(), Err(EndError::Port(port.into())), "{text}");
    }
}
