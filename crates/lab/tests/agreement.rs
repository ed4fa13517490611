//! What policies do to packets is what the evaluator says they do. Both read the same policies, and nothing of each other.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/lab.rs"]
mod lab;
#[path = "support/packet.rs"]
mod packet;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use lab::{Lab, User, users, wait};
use packet::{become_root, process_at, within};
use rustix::thread::UnshareFlags;
use serde_json::{Value, json};
use star_netpol::evaluator::{Endpoint, IpBlockPods, Options};
use star_netpol::reach::Verdict;
use star_netpol::workload::Workload;
use star_netpol::{Cluster, Evaluator, Protocol, manifest};

/// Longer than a handshake takes, as long as the machine is not busy.
const MOMENT: Duration = Duration::from_millis(300);

/// How many sets of policies are tried.
const SETS: u64 = 200;

/// How many of cyclonus' cases are tried.
const CASES: usize = 20;

fn main() {
    // With libtest's flags, as cargo passes them: only a filter concerns us.
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    if std::env::args().any(|arg| arg == "--list") {
        return;
    }
    let users = users();
    become_root(UnshareFlags::empty());
    for (name, test) in [
        ("random_policies_do_what_the_evaluator_says", random_policies_do_what_the_evaluator_says as fn(User)),
        ("random_policies_do_over_ipv6_what_the_evaluator_says", random_policies_do_over_ipv6_what_the_evaluator_says),
        ("random_policies_do_the_same_in_both_families", random_policies_do_the_same_in_both_families),
        ("cyclonus_cases_do_what_cyclonus_says", cyclonus_cases_do_what_cyclonus_says),
    ] {
        for user in users.iter().copied() {
            if name.contains(&filter) {
                let start = Instant::now();
                test(user);
                println!("test {name} ({user:?}) ... ok, {:.1} s", start.elapsed().as_secs_f64());
            }
        }
    }
}

/// Namespaces, and pods that run a probe on each port, at the addresses that the manifests give.
fn world(cluster: &Cluster, ports: &[u16]) -> String {
    let namespaces = cluster.namespaces.iter().map(
        |(name, labels)| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}),
    );
    let pods = cluster.workloads.iter().map(|workload| {
        let containers: Vec<_> = ports.iter().map(|port| container(workload, *port)).collect();
        let annotations = json!({"cni.projectcalico.org/ipAddrs": json!(workload.addresses).to_string()});
        let (namespace, name, labels) = (&workload.namespace, &workload.name, &workload.labels);
        let metadata = json!({"namespace": namespace, "name": name, "labels": labels, "annotations": annotations});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}})
    });
    json!({"apiVersion": "v1", "kind": "List", "items": namespaces.chain(pods).collect::<Vec<_>>()}).to_string()
}

fn container(workload: &Workload, port: u16) -> Value {
    let named = workload.ports.iter().filter(|named| named.port == port);
    let named = named.map(|named| json!({"name": named.name, "protocol": named.protocol, "containerPort": named.port}));
    let args = [format!("--http-port={port}"), "--urls=".to_owned()];
    json!({"name": format!("p{port}"), "image": "star-probe", "args": args, "ports": named.collect::<Vec<_>>()})
}

/// The policies, as a manifest.
fn policies(cluster: &Cluster) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": cluster.policies}).to_string()
}

/// A pod: where it is, and a process in its network.
struct Place {
    addresses: Vec<IpAddr>,
    process: i32,
}

/// The pods of a cluster, by `namespace/name`, once each answers itself on each port.
fn places(lab: &Lab, cluster: &Cluster, ports: &[u16]) -> BTreeMap<String, Place> {
    let place = |workload: &Workload| {
        let addresses = workload.addresses.clone();
        let process = process_at(lab, addresses[0]);
        for (address, port) in addresses.iter().flat_map(|address| ports.iter().map(move |port| (*address, *port))) {
            wait(|| connects(process, address, port, MOMENT), || format!("{workload}:{port} does not listen"));
        }
        (workload.to_string(), Place { addresses, process })
    };
    cluster.workloads.iter().map(place).collect()
}

fn connects(from: i32, to: IpAddr, port: u16, deadline: Duration) -> bool {
    within(from, || TcpStream::connect_timeout(&SocketAddr::from((to, port)), deadline).is_ok())
}

/// Measures every connection between different pods, to each address, and compares it with what `expected` says of source,
/// destination, the address's place and port. Returns how many there were, and how many of them were allowed.
fn compare(
    places: &BTreeMap<String, Place>,
    ports: &[u16],
    what: &str,
    expected: impl Fn(&str, &str, usize, u16) -> bool,
) -> (usize, usize) {
    let names: Vec<_> = places.keys().collect();
    let pairs = names.iter().flat_map(|from| names.iter().map(move |to| (*from, *to))).filter(|(from, to)| from != to);
    let addressed =
        pairs.flat_map(|(from, to)| (0..places[to].addresses.len()).map(move |address| (from, to, address)));
    let edges: Vec<_> =
        addressed.flat_map(|(from, to, address)| ports.iter().map(move |port| (from, to, address, *port))).collect();
    let measure = |(from, to, address, port): (&String, &String, usize, u16), deadline| {
        connects(places[from].process, places[to].addresses[address], port, deadline)
    };
    let measured: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = edges.iter().map(|edge| scope.spawn(move || measure(*edge, MOMENT))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut allowed = 0;
    for (edge, measured) in edges.iter().zip(measured) {
        let (from, to, address, port) = *edge;
        let expected = expected(from, to, address, port);
        // A busy machine answers late, but no machine answers what was dropped.
        let measured = measured || (expected && measure(*edge, MOMENT * 20));
        assert_eq!(measured, expected, "{from} -> {to} ({}), {port}, {what}", places[to].addresses[address]);
        allowed += usize::from(measured);
    }
    (edges.len(), allowed)
}

/// What the evaluator says of clusters that differ in nothing but their pods' addresses: one for each place.
fn verdicts(clusters: Vec<Cluster>) -> impl Fn(&str, &str, usize, u16) -> bool {
    let evaluator = |cluster| Evaluator::new(cluster, Options { ip_block_pods: IpBlockPods::Match });
    let evaluators: Vec<_> = clusters.into_iter().map(evaluator).collect();
    move |from, to, address, port| {
        let evaluator = &evaluators[address];
        let endpoint = |name: &str| {
            let place = evaluator.workloads().iter().position(|workload| workload.to_string() == name);
            Endpoint::Workload(place.unwrap())
        };
        match evaluator.pair(endpoint(from), endpoint(to)).reach.verdict(Protocol::Tcp, port) {
            Verdict::Allowed => true,
            Verdict::Denied => false,
            other => panic!("{from} -> {to}:{port} is {other:?}"),
        }
    }
}

fn cluster(objects: &str, what: &str) -> Cluster {
    let objects = manifest::parse(&what.into(), objects).unwrap();
    Cluster::new(&objects, "default").unwrap_or_else(|problems| panic!("{}", problems[0]))
}

fn random_policies_do_what_the_evaluator_says(user: User) {
    // The rules are the same whoever commits them.
    let sets = if let User::Me = user { SETS } else { SETS / 10 };
    random_policies(user, "ipv4", &[Family::V4], sets);
}

fn random_policies_do_over_ipv6_what_the_evaluator_says(user: User) {
    random_policies(user, "ipv6", &[Family::V6], if let User::Me = user { SETS / 4 } else { SETS / 20 });
}

/// A block is of one family, and concerns pods' addresses of that family alone.
fn random_policies_do_the_same_in_both_families(user: User) {
    random_policies(user, "dual", &[Family::V4, Family::V6], if let User::Me = user { SETS / 4 } else { SETS / 20 });
}

/// A family of addresses.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    V4,
    V6,
}

impl Family {
    /// The counterpart of an IPv4 address or block of pods.
    fn address(self, network: u64, host: u64) -> String {
        match self {
            Self::V4 => format!("10.244.{network}.{host}"),
            Self::V6 => format!("fd00:10:244::{network:x}:{host:x}"),
        }
    }

    /// The counterpart of a block of IPv4.
    fn block(self, block: &str) -> String {
        let (address, prefix) = block.split_once('/').unwrap();
        let octets: Vec<u64> = address.split('.').map(|octet| octet.parse().unwrap()).collect();
        match (self, prefix.parse::<u8>().unwrap()) {
            (Self::V4, _) => block.to_owned(),
            (Self::V6, 0) => "::/0".to_owned(),
            (Self::V6, 16) => "fd00:10:244::/64".to_owned(),
            // The third octet is the last group but one, the fourth the last.
            (Self::V6, 24) => format!("fd00:10:244::{:x}:0/112", octets[2]),
            (Self::V6, prefix) => format!("fd00:10:244::{:x}:{:x}/{}", octets[2], octets[3], prefix + 96),
        }
    }
}

fn random_policies(user: User, name: &str, families: &[Family], sets: u64) {
    const PORTS: [u16; 3] = [80, 81, 8080];
    let lab = Lab::start(&format!("agreement-{name}"), user, &["--ip-family", name]);
    let world_of = |policies: Vec<Value>, families: &[Family]| {
        let mut items = vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "labels": {"team": "a", "tier": "front"}}}),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "y", "labels": {"team": "b"}}}),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "z", "labels": {"team": "a", "tier": ""}}}),
        ];
        let pods = [("x", "a"), ("x", "b"), ("x", "c"), ("y", "a"), ("y", "b"), ("y", "c"), ("z", "a"), ("z", "b")];
        for (number, (namespace, name)) in pods.into_iter().enumerate() {
            // The same name means another port on another pod, and on some none.
            let ports = match number % 3 {
                0 => json!([{"name": "web", "containerPort": 80}]),
                1 => json!([{"name": "web", "containerPort": 8080}, {"name": "alt", "containerPort": 81}]),
                _ => json!([{"name": "web", "containerPort": 81, "protocol": "UDP"}]),
            };
            let role = if number % 2 == 0 { json!({"app": name, "role": "db"}) } else { json!({"app": name}) };
            items.push(json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": name, "namespace": namespace, "labels": role},
                "spec": {"containers": [{"name": "c", "image": "star-probe", "ports": ports}]},
                "status": {"podIPs": families.iter().map(|family| {
                    json!({"ip": family.address(1 + number as u64 / 4, 16 * (number as u64 % 4) + 3)})
                }).collect::<Vec<_>>()},
            }));
        }
        json!({"apiVersion": "v1", "kind": "List", "items": items.into_iter().chain(policies).collect::<Vec<_>>()})
            .to_string()
    };
    let empty = cluster(&world_of(Vec::new(), families), "world");
    lab.apply(&world(&empty, &PORTS));
    let places = places(&lab, &empty, &PORTS);
    let (mut edges, mut allowed) = (0, 0);
    for seed in 0..sets {
        let mut random = Random(seed, families);
        let count = 1 + random.below(5);
        let set: Vec<_> = (0..count).map(|number| random.policy(number)).collect();
        let clusters = families.iter().map(|family| cluster(&world_of(set.clone(), &[*family]), "set"));
        let clusters: Vec<_> = clusters.collect();
        let policies = policies(&clusters[0]);
        lab.apply(&policies);
        let (measured, open) = compare(&places, &PORTS, &format!("seed {seed}: {policies}"), verdicts(clusters));
        (edges, allowed) = (edges + measured, allowed + open);
        lab.feed("delete", &policies);
    }
    // Policies that all do the same would prove little.
    assert!(allowed > edges / 5 && allowed < edges * 4 / 5, "{allowed} of {edges} allowed");
    println!("  {sets} sets, {edges} connections, {allowed} of them allowed");
}

fn cyclonus_cases_do_what_cyclonus_says(user: User) {
    const PORTS: [u16; 2] = [80, 81];
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../netpol/tests/cyclonus.jsonl.gz");
    let lines: Vec<_> = BufReader::new(GzDecoder::new(std::fs::File::open(file).unwrap())).lines().collect();
    let lab = Lab::start("cyclonus", user, &[]);
    let mut edges = 0;
    for line in lines.iter().step_by(lines.len() / CASES).take(CASES) {
        let case: Value = serde_json::from_str(line.as_ref().unwrap()).unwrap();
        let name = case["name"].as_str().unwrap();
        let cluster = cluster(case["manifests"].as_str().unwrap(), name);
        lab.apply(&world(&cluster, &PORTS));
        let places = places(&lab, &cluster, &PORTS);
        let policies = policies(&cluster);
        lab.apply(&policies);
        let expected = case["expected"].as_array().unwrap();
        let (measured, _) = compare(&places, &PORTS, name, |from, to, _, port| {
            let pair = expected.iter().find(|pair| pair["src"] == from && pair["dst"] == to).unwrap();
            has_tcp(pair["conns"].as_str().unwrap(), port)
        });
        edges += measured;
        lab.feed("delete", &policies);
    }
    println!("  {CASES} cases, {edges} connections");
}

/// Whether `SCTP 80,TCP 80-81` has a TCP port.
fn has_tcp(connections: &str, port: u16) -> bool {
    let mut protocol = "";
    connections.split(',').any(|token| {
        let ports = token.split_once(' ').map_or(token, |(named, ports)| {
            protocol = named;
            ports
        });
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        protocol == "TCP" && (first.parse().unwrap()..=last.parse().unwrap()).contains(&port)
    })
}

/// SplitMix64: a seed's policies are the same on every machine.
struct Random<'f>(u64, &'f [Family]);

impl Random<'_> {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }

    /// One of those that there are; where there is one, nothing is drawn.
    fn family(&mut self) -> Family {
        match self.1 {
            [only] => *only,
            families => self.of(families),
        }
    }

    fn policy(&mut self, number: u64) -> Value {
        let mut spec = json!({"podSelector": self.selector(&["app", "role"], &["a", "b", "c", "db"])});
        match self.below(4) {
            0 => {}
            1 => spec["policyTypes"] = json!(["Ingress"]),
            2 => spec["policyTypes"] = json!(["Egress"]),
            _ => spec["policyTypes"] = json!(["Ingress", "Egress"]),
        }
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            if self.below(4) > 0 {
                let count = self.below(3);
                spec[direction] = (0..count).map(|_| self.rule(peers)).collect();
            }
        }
        let metadata = json!({"name": format!("p{number}"), "namespace": self.of(&["x", "y", "z"])});
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
    }

    fn rule(&mut self, peers: &str) -> Value {
        let mut rule = json!({});
        let (some_peers, some_ports) = (self.below(3), self.below(3));
        if some_peers > 0 {
            rule[peers] = (0..some_peers).map(|_| self.peer()).collect();
        }
        if some_ports > 0 {
            rule["ports"] = (0..some_ports).map(|_| self.port()).collect();
        }
        rule
    }

    fn peer(&mut self) -> Value {
        match self.below(5) {
            0 => json!({"podSelector": self.selector(&["app", "role"], &["a", "b", "c", "db"])}),
            1 => {
                json!({"namespaceSelector": self.selector(&["team", "tier", "kubernetes.io/metadata.name"], &["a", "b", "front", "", "x", "y"])})
            }
            2 => json!({
                "namespaceSelector": self.selector(&["team", "tier"], &["a", "b", "front", ""]),
                "podSelector": self.selector(&["app", "role"], &["a", "b", "c", "db"]),
            }),
            3 => {
                let family = self.family();
                let block = self.of(&["10.244.0.0/16", "10.244.1.0/24", "10.244.2.0/27", "0.0.0.0/0"]);
                json!({"ipBlock": {"cidr": family.block(block)}})
            }
            _ => {
                let family = self.family();
                let (cidr, except) = self.of(&[
                    ("10.244.0.0/16", vec!["10.244.2.0/24"]),
                    ("10.244.1.0/24", vec!["10.244.1.0/28", "10.244.1.32/27"]),
                    ("0.0.0.0/0", vec!["10.244.1.16/28"]),
                ]);
                let except: Vec<_> = except.into_iter().map(|hole| family.block(hole)).collect();
                json!({"ipBlock": {"cidr": family.block(cidr), "except": except}})
            }
        }
    }

    fn port(&mut self) -> Value {
        match self.below(8) {
            0 => json!({"port": 80}),
            1 => json!({"port": 81, "protocol": "TCP"}),
            2 => json!({"port": "web"}),
            3 => json!({"port": "alt", "protocol": "TCP"}),
            4 => json!({"port": 80, "endPort": 81}),
            5 => json!({"port": 81, "endPort": 9000}),
            6 => json!({"protocol": self.of(&["UDP", "SCTP"])}),
            _ => json!({"protocol": "TCP"}),
        }
    }

    fn selector(&mut self, keys: &[&str], values: &[&str]) -> Value {
        let (key, value) = (self.of(keys), self.of(values));
        match self.below(7) {
            0 | 1 => json!({}),
            2 => json!({"matchLabels": {key: value}}),
            3 => json!({"matchExpressions": [{"key": key, "operator": "In", "values": [value, self.of(values)]}]}),
            4 => json!({"matchExpressions": [{"key": key, "operator": "NotIn", "values": [value]}]}),
            5 => json!({"matchExpressions": [{"key": key, "operator": "Exists"}]}),
            _ => json!({"matchExpressions": [{"key": key, "operator": "DoesNotExist"}]}),
        }
    }
}
