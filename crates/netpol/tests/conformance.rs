//! 256 cases and 20,814 ordered pairs, facts computed by cyclonus (<https://github.com/mattfenwick/cyclonus>, MIT) about
//! its own generated policies. In them an `ipBlock` matches pods, whose addresses were chosen to split the blocks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use serde::Deserialize;
use star_netpol::{
    Cluster, Connections, Evaluator, Protocol,
    evaluator::{Endpoint, IpBlockPods, Options},
    manifest::parse,
};

#[derive(Deserialize)]
struct Case {
    name: String,
    manifests: String,
    probed: String,
    expected: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    src: String,
    dst: String,
    conns: String,
    ingress: String,
    egress: String,
    #[serde(default)]
    loopback: bool,
}

/// The notation of the cases: a token without a protocol continues the one before.
fn connections(text: &str) -> Connections {
    let mut set = Connections::none();
    if text == "No Connections" {
        return set;
    }
    let mut protocol = None;
    for token in text.split(',') {
        let ports = match token.split_once(' ') {
            Some((name, ports)) => {
                protocol = Protocol::named(name);
                ports
            }
            None => token,
        };
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        set = set.union(&Connections::range(protocol.unwrap(), first.parse().unwrap(), last.parse().unwrap()));
    }
    set
}

#[test]
fn every_pair_of_every_case_gets_the_expected_connections() {
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cyclonus.jsonl.gz")).unwrap();
    let (mut cases, mut pairs) = (0, 0);
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let Case { name, manifests, probed, expected } = serde_json::from_str(&line.unwrap()).unwrap();
        let objects = parse(&name.as_str().into(), &manifests).unwrap();
        let options = Options { ip_block_pods: IpBlockPods::Match };
        let evaluator = Evaluator::new(Cluster::new(&objects, "default").unwrap(), options);
        let probed = connections(&probed);
        let endpoint = |name: &str| {
            let place = evaluator.workloads().iter().position(|workload| workload.to_string() == name);
            Endpoint::Workload(place.unwrap())
        };
        for pair in expected.iter().filter(|pair| !pair.loopback) {
            let found = evaluator.pair(endpoint(&pair.src), endpoint(&pair.dst));
            let reaches = [
                (&found.reach, &pair.conns),
                (&found.ingress.reach, &pair.ingress),
                (&found.egress.reach, &pair.egress),
            ];
            for (reach, expected) in reaches {
                assert!(reach.is_decided(), "{name}: {} -> {}", pair.src, pair.dst);
                let found = reach.sure.intersection(&probed);
                assert_eq!(found, connections(expected), "{name}: {} -> {}", pair.src, pair.dst);
                assert_eq!(&found.to_string(), expected, "{name}: {} -> {}", pair.src, pair.dst);
            }
            pairs += 1;
        }
        cases += 1;
    }
    assert_eq!(cases, 256);
    assert!(pairs > 18_000, "{pairs} pairs");
}
