//! What holds for all policies, on generated clusters.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use proptest::{collection::vec, option, prelude::*, sample::select};
use star_netpol::{
    Cluster, Evaluator, Location, Matrix, Protocol,
    evaluator::{Endpoint, IpBlockPods, Options},
    manifest::parse,
    policy::{Direction, IpBlock, Peer, Policy, Port, Rule, Scope, Target},
    reach::Reach,
    selector::{Operator, Requirement, Selector},
};

const NAMESPACES: [&str; 3] = ["x", "y", "z"];
const KEYS: [&str; 2] = ["app", "tier"];
const VALUES: [&str; 3] = ["a", "b", ""];

fn here() -> Location {
    Location { file: "generated".into(), line: 1, column: 1 }
}

fn any_requirement() -> impl Strategy<Value = Requirement> {
    let value = || select(&VALUES[..]).prop_map(str::to_owned);
    let operator = prop_oneof![
        value().prop_map(Operator::Equals),
        vec(value(), 1..3).prop_map(Operator::In),
        vec(value(), 1..3).prop_map(Operator::NotIn),
        Just(Operator::Exists),
        Just(Operator::DoesNotExist),
    ];
    (select(&KEYS[..]), operator).prop_map(|(key, operator)| Requirement { key: key.into(), operator })
}

/// As a selector is read: labels first, in the order of their keys, and each key once.
fn any_selector() -> impl Strategy<Value = Selector> {
    vec(any_requirement(), 0..3).prop_map(|mut requirements| {
        let is_label = |requirement: &Requirement| matches!(requirement.operator, Operator::Equals(_));
        requirements.sort_by_key(|requirement| {
            (!is_label(requirement), is_label(requirement).then(|| requirement.key.clone()))
        });
        requirements.dedup_by(|b, a| is_label(a) && is_label(b) && a.key == b.key);
        Selector::new(requirements)
    })
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let pods = (option::of(any_selector()), option::of(any_selector()))
        .prop_filter("a peer names someone", |(namespaces, pods)| namespaces.is_some() || pods.is_some())
        .prop_map(|(namespace_selector, pod_selector)| Scope::Pods { namespace_selector, pod_selector });
    let block = (select(&["10.0.0.0/8", "10.0.1.0/24", "0.0.0.0/0"][..]), any::<bool>()).prop_map(|(cidr, holed)| {
        let except = if holed { vec!["10.0.1.0/25".parse().unwrap()] } else { Vec::new() };
        Scope::Block { ip_block: IpBlock { cidr: cidr.parse().unwrap(), except } }
    });
    prop_oneof![4 => pods, 1 => block]
}

fn any_port() -> impl Strategy<Value = Port> {
    let target = prop_oneof![
        Just(Target::Every),
        (1..6u16, 0..4u16).prop_map(|(first, more)| Target::Range(first, first + more)),
        select(&["web", "none"][..]).prop_map(|name| Target::Named(name.into())),
    ];
    (select(&Protocol::ALL[..]), target).prop_map(|(protocol, target)| Port { at: here(), protocol, target })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let peer = any_scope().prop_map(|scope| Peer { at: here(), scope });
    (vec(peer, 0..3), vec(any_port(), 0..3)).prop_map(|(peers, ports)| Rule { at: here(), peers, ports })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let rules = || option::of(vec(any_rule(), 0..3));
    (select(&NAMESPACES[..]), any_selector(), rules(), rules()).prop_map(
        |(namespace, pod_selector, ingress, egress)| {
            // A policy isolates in one direction at least.
            let ingress = if egress.is_none() { Some(ingress.unwrap_or_default()) } else { ingress };
            Policy::new(namespace, "p", pod_selector, ingress, egress)
        },
    )
}

/// Policies of names of their own.
fn any_policies() -> impl Strategy<Value = Vec<Policy>> {
    vec(any_policy(), 0..5).prop_map(|mut policies| {
        policies.iter_mut().enumerate().for_each(|(index, policy)| policy.name = format!("p{index}"));
        policies
    })
}

/// A pod for each combination of labels in each namespace; one of them shares its node's network.
fn pods() -> String {
    let mut text = String::new();
    for (n, namespace) in NAMESPACES.iter().enumerate() {
        text += &format!(
            "---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}, labels: {{app: {namespace}, tier: ''}}}}}}\n"
        );
        for (p, labels) in ["", "app: a", "app: b, tier: ''", "tier: b"].iter().enumerate() {
            let host = n == 2 && p == 3;
            text += &format!(
                "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p{p}, namespace: {namespace}, labels: {{{labels}}}}}, spec: {{hostNetwork: {host}, containers: [{{ports: [{{name: web, containerPort: {}}}]}}]}}, status: {{podIP: 10.0.{n}.{}}}}}\n",
                p + 1,
                p * 80 + 1
            );
        }
    }
    text
}

/// Pods of every combination of labels and one value that no policy knows, in the namespaces at hand and in another.
fn outsiders() -> String {
    let values = [None, Some("a"), Some("b"), Some(""), Some("other")];
    let label = |key: &str, value: Option<&str>| value.map(|value| format!("{key}: '{value}'"));
    let mut text = "---\n{apiVersion: v1, kind: Namespace, metadata: {name: w, labels: {app: b}}}\n".to_owned();
    for namespace in NAMESPACES.iter().chain(&["w"]) {
        for (number, (app, tier)) in
            values.iter().flat_map(|app| values.iter().map(move |tier| (app, tier))).enumerate()
        {
            let labels: Vec<_> = [label("app", *app), label("tier", *tier)].into_iter().flatten().collect();
            text += &format!(
                "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: o{number}, namespace: {namespace}, labels: {{{}}}}}, spec: {{}}}}\n",
                labels.join(", ")
            );
        }
    }
    text
}

fn evaluator(policies: &[Policy], ip_block_pods: IpBlockPods) -> Evaluator {
    let objects = parse(&"pods.yaml".into(), &pods()).unwrap();
    let mut evaluator = Evaluator::new(Cluster::new(&objects, "default").unwrap(), Options { ip_block_pods });
    for policy in policies {
        evaluator.apply(policy.clone());
    }
    evaluator
}

fn pairs(evaluator: &Evaluator) -> impl Iterator<Item = (usize, usize)> + use<> {
    let count = evaluator.workloads().len();
    (0..count).flat_map(move |source| (0..count).map(move |destination| (source, destination))).filter(|(s, d)| s != d)
}

fn all(matrix: &Matrix, evaluator: &Evaluator) -> Vec<Reach> {
    pairs(evaluator).map(|(source, destination)| matrix.reach(source, destination)).collect()
}

fn any_mode() -> impl Strategy<Value = IpBlockPods> {
    select(&[IpBlockPods::Match, IpBlockPods::Ignore, IpBlockPods::Undecided][..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn printing_a_policy_and_reading_it_again_gives_the_same(policy in any_policy()) {
        let printed = serde_json::to_string_pretty(&policy).unwrap();
        let objects = parse(&"printed.json".into(), &printed).unwrap();
        prop_assert_eq!(Policy::read(&objects[0].node, "default"), Ok(policy), "{}", printed);
    }

    #[test]
    fn a_policy_that_selects_no_pod_changes_nothing(policies in any_policies(), mut idle in any_policy(), mode in any_mode()) {
        let before = Matrix::new(&evaluator(&policies, mode));
        idle.name = "idle".into();
        idle.pod_selector = Selector::new(vec![Requirement { key: "nobody".into(), operator: Operator::Exists }]);
        let mut with = evaluator(&policies, mode);
        prop_assert_eq!(with.apply(idle), Vec::<usize>::new());
        prop_assert_eq!(all(&before, &with), all(&Matrix::new(&with), &with));
    }

    #[test]
    fn with_isolation_held_constant_a_further_rule_closes_nothing(
        policies in any_policies(), which in any::<prop::sample::Index>(), rule in any_rule(), ingress in any::<bool>(), mode in any_mode()
    ) {
        prop_assume!(!policies.is_empty());
        let mut more = policies.clone();
        let policy = which.get(&policies).name.clone();
        let changed = more.iter_mut().find(|own| own.name == policy).unwrap();
        let rules = if ingress { &mut changed.ingress } else { &mut changed.egress };
        prop_assume!(rules.is_some());
        rules.as_mut().unwrap().push(rule);
        let (before, after) = (evaluator(&policies, mode), evaluator(&more, mode));
        for (source, destination) in pairs(&before) {
            let (old, new) = [&before, &after].map(|e| e.pair(Endpoint::Workload(source), Endpoint::Workload(destination)).reach).into();
            prop_assert!(new.sure.covers(&old.sure) && new.possible.covers(&old.possible));
        }
    }

    #[test]
    fn the_order_of_documents_never_matters(policies in any_policies(), seed in any::<u64>(), mode in any_mode()) {
        let mut documents: Vec<String> = pods().split("---\n").filter(|text| !text.is_empty()).map(str::to_owned).collect();
        documents.extend(policies.iter().map(|policy| serde_json::to_string(policy).unwrap() + "\n"));
        let read = |documents: &[String]| {
            let objects = parse(&"all.yaml".into(), &documents.join("---\n")).unwrap();
            Evaluator::new(Cluster::new(&objects, "default").unwrap(), Options { ip_block_pods: mode })
        };
        let evaluator = read(&documents);
        let before = all(&Matrix::new(&evaluator), &evaluator);
        let mut state = seed;
        documents.sort_by_cached_key(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 32
        });
        prop_assert_eq!(before, all(&Matrix::new(&read(&documents)), &evaluator));
    }

    #[test]
    fn the_matrix_agrees_with_every_pair_and_stays_so_when_policies_change(
        policies in any_policies(), later in any_policies(), mode in any_mode()
    ) {
        let mut evaluator = evaluator(&policies, mode);
        let mut matrix = Matrix::new(&evaluator);
        for policy in later {
            let touched = evaluator.apply(policy);
            matrix.update(&evaluator, &touched);
        }
        let touched = evaluator.delete("x", "p0");
        matrix.update(&evaluator, &touched);
        for (source, destination) in pairs(&evaluator) {
            let pair = evaluator.pair(Endpoint::Workload(source), Endpoint::Workload(destination));
            prop_assert_eq!(&pair.reach, &matrix.reach(source, destination));
            prop_assert_eq!(&pair.egress.reach, matrix.egress(source, destination));
            prop_assert_eq!(&pair.ingress.reach, matrix.ingress(source, destination));
            prop_assert!(pair.reach.possible.covers(&pair.reach.sure));
        }
    }

    #[test]
    fn no_change_towards_the_world_outside_escapes(old in any_policies(), new in any_policies()) {
        // Every outsider as a pod of its own, known to both; what differs for one of them must be told to those who know none.
        let with = |policies: &[Policy], outsiders: &str| {
            let objects = parse(&"pods.yaml".into(), &format!("{}{outsiders}", pods())).unwrap();
            let mut evaluator = Evaluator::new(Cluster::new(&objects, "default").unwrap(), Options { ip_block_pods: IpBlockPods::Ignore });
            policies.iter().for_each(|policy| drop(evaluator.apply(policy.clone())));
            evaluator
        };
        let (all_old, all_new) = (with(&old, &outsiders()), with(&new, &outsiders()));
        let (known_old, known_new) = (with(&old, ""), with(&new, ""));
        let known: Vec<_> = known_old.workloads().iter().map(ToString::to_string).collect();
        let place = |e: &Evaluator, name: &str| e.workloads().iter().position(|own| own.to_string() == name).unwrap();
        let outside: Vec<_> = (0..all_old.workloads().len()).filter(|index| !known.contains(&all_old.workloads()[*index].to_string())).collect();
        let mut told = BTreeSet::new();
        for direction in Direction::ALL {
            for (index, name) in known.iter().enumerate() {
                let end = Some(Endpoint::Workload(index));
                if !star_netpol::outside::changes((&known_old, end), (&known_new, end), direction).is_empty() {
                    told.insert((direction, name.clone()));
                }
            }
            for namespace in NAMESPACES {
                for class in star_netpol::outside::subjects(&known_old, &known_new, namespace) {
                    let end = Some(Endpoint::Pods(&class));
                    if !star_netpol::outside::changes((&known_old, end), (&known_new, end), direction).is_empty() {
                        told.insert((direction, namespace.to_owned()));
                    }
                }
            }
            let differs = |subject: usize, other: Endpoint<'_>| {
                let side = |e: &Evaluator| e.side(direction, Endpoint::Workload(subject), other).reach.sure;
                side(&all_old) != side(&all_new)
            };
            let addresses = ["8.8.8.8", "10.0.1.1", "10.0.1.200", "10.9.9.9", "fd00::1"].map(|text| Endpoint::Address(text.parse().unwrap()));
            for name in &known {
                let subject = place(&all_old, name);
                let somebody = outside.iter().map(|index| Endpoint::Workload(*index)).chain(addresses).any(|other| differs(subject, other));
                prop_assert!(!somebody || told.contains(&(direction, name.clone())) || known_old.workloads()[place(&known_old, name)].host_network, "{direction} {name}");
            }
            for &subject in &outside {
                let namespace = &all_old.workloads()[subject].namespace;
                let somebody = outside.iter().step_by(7).map(|index| Endpoint::Workload(*index)).chain(addresses).any(|other| differs(subject, other));
                prop_assert!(!somebody || told.contains(&(direction, namespace.clone())), "{direction} {}", all_old.workloads()[subject]);
            }
        }
        // And nothing is told where nothing changed.
        let mut reversed = old.clone();
        reversed.reverse();
        let same = with(&reversed, "");
        for (index, direction) in (0..known.len()).flat_map(|index| Direction::ALL.map(|direction| (index, direction))) {
            let end = Some(Endpoint::Workload(index));
            prop_assert!(star_netpol::outside::changes((&known_old, end), (&same, end), direction).is_empty());
        }
    }

    #[test]
    fn undecided_lies_between_what_either_network_would_do(policies in any_policies()) {
        let [undecided, matched, ignored] = [IpBlockPods::Undecided, IpBlockPods::Match, IpBlockPods::Ignore].map(|mode| evaluator(&policies, mode));
        for (source, destination) in pairs(&undecided) {
            let reach = |e: &Evaluator| e.pair(Endpoint::Workload(source), Endpoint::Workload(destination)).reach;
            let (open, matched, ignored) = (reach(&undecided), reach(&matched), reach(&ignored));
            prop_assert_eq!(open.sure, ignored.sure);
            prop_assert_eq!(open.possible, matched.possible);
        }
    }
}
