use super::{Addresses, Outsiders, changes, exposure, subjects};
use crate::{
    Cluster, Evaluator,
    endpoint::Pods,
    evaluator::Endpoint,
    manifest::parse,
    policy::Direction::{self, Egress, Ingress},
};

fn of(policies: &[&str]) -> Evaluator {
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, labels: {app: a}}, spec: {containers: [{ports: [{name: web, containerPort: 8080}]}]}}\n";
    let policies = policies.iter().enumerate().map(|(index, spec)| {
        format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{index}, namespace: x}}, spec: {spec}}}\n"
        )
    });
    let text = format!("{pod}{}", policies.collect::<String>());
    Evaluator::new(Cluster::new(&parse(&"t.yaml".into(), &text).unwrap(), "x").unwrap(), Default::default())
}

fn lines(evaluator: &Evaluator, subject: Endpoint<'_>, direction: Direction) -> Vec<String> {
    let rows = exposure(evaluator, subject, direction).into_iter();
    rows.map(|(who, passage)| format!("{who}: {passage}")).collect()
}

const A: Endpoint<'static> = Endpoint::Workload(0);

#[test]
fn an_open_side_is_open_to_everyone_in_one_line() {
    let evaluator = of(&[]);
    for direction in Direction::ALL {
        assert_eq!(lines(&evaluator, A, direction), ["everyone outside: All Connections"]);
    }
    assert_eq!(lines(&of(&["{podSelector: {}}"]), A, Ingress), ["everyone outside: No Connections"]);
}

#[test]
fn addresses_are_cut_at_the_blocks_that_occur() {
    let rules = "[{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 80}]}, {from: [{ipBlock: {cidr: 10.1.2.0/24}}, {ipBlock: {cidr: 'fd00::/8'}}]}]";
    let told = lines(&of(&[&format!("{{podSelector: {{}}, ingress: {rules}}}")]), A, Ingress);
    assert!(told[0].ends_with(": No Connections"), "{told:?}");
    assert_eq!(
        told[1..],
        [
            "10.0.0.0/8 except 10.1.0.0/16: TCP 80",
            "10.1.2.0/24 and fd00::/8: All Connections",
            "any pod: No Connections"
        ]
    );
    let every = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]}";
    assert_eq!(lines(&of(&[every]), A, Ingress), ["every address: All Connections", "any pod: No Connections"]);
    let last = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 255.255.255.255/32}}]}]}";
    assert_eq!(
        lines(&of(&[last]), A, Ingress)[1..],
        ["255.255.255.255/32: All Connections", "any pod: No Connections"]
    );
}

#[test]
fn pods_are_told_in_the_classes_that_rules_admit() {
    let rules = "[{from: [{podSelector: {}}], ports: [{port: web}]}, {from: [{podSelector: {matchLabels: {app: b}}}]}, {from: [{namespaceSelector: {matchLabels: {team: t}}, podSelector: {matchLabels: {app: c}}}]}, {from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: mon}}}], ports: [{port: 9}]}]";
    assert_eq!(
        lines(&of(&[&format!("{{podSelector: {{}}, ingress: {rules}}}")]), A, Ingress),
        [
            "everyone else outside: No Connections",
            "any pod of x: TCP 8080",
            "any pod with app=b of x: All Connections",
            "any pod with app=c in a namespace with team=t: All Connections",
            "any pod of mon: TCP 9",
        ]
    );
}

#[test]
fn a_port_by_name_is_told_by_name_where_no_pod_says_what_it_is() {
    let out = "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: web}, {port: 53, protocol: UDP}]}]}";
    assert_eq!(lines(&of(&[out]), A, Egress), ["every address: No Connections", "any pod: UDP 53, TCP web by name"]);
}

#[test]
fn blocks_are_told_in_the_shorter_way() {
    let of = |blocks: &[&str]| {
        let mut addresses = Addresses::default();
        for block in blocks {
            let block: ipnet::IpNet = block.parse().unwrap();
            addresses.push((block.network(), block.broadcast()));
        }
        Outsiders::Addresses(addresses).to_string()
    };
    assert_eq!(of(&["10.0.0.0/9", "10.128.0.0/9"]), "10.0.0.0/8");
    assert_eq!(of(&["10.0.0.0/32", "10.0.0.2/31", "10.0.0.4/30"]), "10.0.0.0/29 except 10.0.0.1/32");
    assert_eq!(of(&["10.0.0.0/32", "10.0.0.9/32"]), "10.0.0.0/32, 10.0.0.9/32");
    assert_eq!(of(&["0.0.0.0/0", "::/0"]), "every address");
    assert_eq!(of(&["0.0.0.0/0", "fd00::/8"]), "0.0.0.0/0 and fd00::/8");
    assert_eq!(of(&["::/1", "8000::/1"]), "::/0");
}

fn changed(before: &[&str], after: &[&str], direction: Direction) -> Vec<String> {
    let (before, after) = (of(before), of(after));
    let all = changes((&before, Some(A)), (&after, Some(A)), direction).into_iter();
    all.map(|own| format!("{}: {} -> {}", own.who, own.before, own.after)).collect()
}

#[test]
fn what_a_change_opens_to_the_world_is_told_and_nothing_else() {
    let from = |peer: &str| format!("{{podSelector: {{}}, ingress: [{{from: [{peer}]}}]}}");
    let block = |cidr: &str| from(&format!("{{ipBlock: {{cidr: {cidr}}}}}"));
    assert_eq!(
        changed(&[&block("10.20.0.0/16")], &[&block("0.0.0.0/0")], Ingress),
        ["0.0.0.0/0 except 10.20.0.0/16: No Connections -> All Connections"]
    );
    assert_eq!(
        changed(&[&from("{podSelector: {}}")], &[&from("{namespaceSelector: {}}")], Ingress),
        ["any pod: No Connections -> All Connections"]
    );
    let notin = "{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [batch]}]}}";
    assert_eq!(
        changed(&[&from("{podSelector: {}}")], &[&from(notin)], Ingress),
        ["any pod of x: All Connections -> No Connections"]
    );
    assert_eq!(changed(&[&block("0.0.0.0/0")], &[&block("0.0.0.0/1"), &block("128.0.0.0/1")], Ingress), [""; 0]);
    assert_eq!(
        changed(&[&from("{podSelector: {}}")], &[], Ingress),
        ["everyone else outside: No Connections -> All Connections"]
    );
    assert_eq!(changed(&[], &[], Egress), [""; 0]);
    let port = |name: &str| {
        format!(
            "{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{{podSelector: {{}}}}], ports: [{{port: {name}}}]}}]}}"
        )
    };
    assert_eq!(changed(&[&port("web")], &[&port("api")], Egress), ["any pod of x: TCP web by name -> TCP api by name"]);
}

#[test]
fn pods_to_come_are_told_apart_by_the_policies_that_changed_and_those_they_meet() {
    let select = |labels: &str| format!("{{podSelector: {{matchLabels: {{{labels}}}}}}}");
    let (a, b, c) = (select("app: a"), select("tier: b"), select("app: c"));
    let classes = subjects(&of(&[&a, &b, &c]), &of(&[&a, &b]), "x");
    let told: Vec<_> = classes.iter().map(Pods::to_string).collect();
    assert_eq!(told, ["any pod of x", "any pod with app=c of x", "any pod with app=c,tier=b of x"]);
}

#[test]
fn one_namespace_by_name_is_a_place_and_several_are_a_selector() {
    let peer = |values: &str| {
        let selector =
            format!("{{matchExpressions: [{{key: kubernetes.io/metadata.name, operator: In, values: {values}}}]}}");
        lines(
            &of(&[&format!("{{podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {selector}}}]}}]}}")]),
            A,
            Ingress,
        )[1]
        .clone()
    };
    assert_eq!(peer("[mon]"), "any pod of mon: All Connections");
    assert_eq!(
        peer("[mon, ops]"),
        "any pod in a namespace with kubernetes.io/metadata.name in (mon,ops): All Connections"
    );
}

#[test]
fn a_policy_of_another_kind_leaves_pods_to_come_undecided_too() {
    let foreign = "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: l7, namespace: x}}";
    let evaluator =
        Evaluator::new(Cluster::new(&parse(&"t.yaml".into(), foreign).unwrap(), "x").unwrap(), Default::default());
    let pods = Pods::of("x");
    assert_eq!(
        lines(&evaluator, Endpoint::Pods(&pods), Ingress),
        ["everyone outside: No Connections, perhaps All Connections"]
    );
    let elsewhere = Pods::of("y");
    assert_eq!(lines(&evaluator, Endpoint::Pods(&elsewhere), Ingress), ["everyone outside: All Connections"]);
}

#[test]
fn a_rule_with_ports_by_number_and_by_name_tells_both() {
    let out = "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: web}]}]}";
    let evaluator = of(&[out]);
    let pods = Pods::of("x");
    let side = evaluator.side(Egress, A, Endpoint::Pods(&pods));
    // The name alone admits no number for certain, and no admission of nothing is listed.
    assert_eq!(side.admissions.len(), 1);
    assert!(
        side.reach.sure.is_none() && side.reach.possible.covers(&crate::Connections::port(crate::Protocol::Tcp, 1))
    );
    let both = of(&[&out.replace("[{port: web}]", "[{port: web}, {port: 80}]")]);
    assert_eq!(both.side(Egress, A, Endpoint::Pods(&pods)).admissions.len(), 2);
}
