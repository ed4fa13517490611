//! The rules of `networking.k8s.io/v1` NetworkPolicy, one test a rule; what is often got wrong, in several ways.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use star_netpol::{
    Cluster, Evaluator, Protocol,
    destination::Destination,
    edge::Edge,
    evaluator::{Endpoint, IpBlockPods, Options},
    manifest::parse,
    reach::Verdict,
};

/// Two pods in each of two namespaces. In `y` pods carry an empty `team`, which the others do not carry at all.
const PODS: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {ns: x}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, labels: {pod: a}}, status: {podIP: 10.0.1.1},
 spec: {containers: [{ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x, labels: {pod: b}}, status: {podIP: 10.0.1.2},
 spec: {containers: [{ports: [{name: http, containerPort: 9090}]}]}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: y, labels: {ns: y}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: y, labels: {pod: a, team: ''}}, status: {podIP: 10.0.2.1}, spec: {}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: y, labels: {pod: b, team: ''}}, status: {podIP: 10.0.2.2}, spec: {}}
";

const ALL: &str = "All Connections";
const NONE: &str = "No Connections";

fn evaluator_of(manifests: &str, ip_block_pods: IpBlockPods) -> Evaluator {
    let objects = parse(&"test.yaml".into(), manifests).unwrap();
    Evaluator::new(Cluster::new(&objects, "default").unwrap(), Options { ip_block_pods })
}

/// The pods, and policies by namespace and spec.
fn with(policies: &[(&str, &str)]) -> Evaluator {
    evaluator_of(&manifests(policies), IpBlockPods::Undecided)
}

fn manifests(policies: &[(&str, &str)]) -> String {
    let policies = policies.iter().enumerate().map(|(index, (namespace, spec))| {
        format!("---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{index}, namespace: {namespace}}}, spec: {spec}}}\n")
    });
    format!("{PODS}{}", policies.collect::<String>())
}

fn endpoint<'e>(evaluator: &'e Evaluator, name: &str) -> Endpoint<'e> {
    let end: Destination = name.parse().unwrap();
    evaluator.endpoint(&end.host, "default").unwrap()
}

/// What goes through, `sure ? possible` where that is undecided.
#[track_caller]
fn expect(evaluator: &Evaluator, pairs: &[(&str, &str, &str)]) {
    for (source, destination, expected) in pairs {
        let reach = evaluator.pair(endpoint(evaluator, source), endpoint(evaluator, destination)).reach;
        let found = match reach.is_decided() {
            true => reach.sure.to_string(),
            false => format!("{} ? {}", reach.sure, reach.possible),
        };
        assert_eq!(found, *expected, "{source} -> {destination}");
    }
}

fn edge<'e>(evaluator: &'e Evaluator, source: &str, destination: &str) -> Edge<'e> {
    evaluator.edge(endpoint(evaluator, source), &destination.parse().unwrap(), "default").unwrap()
}

// 1. policyTypes left out.

#[test]
fn an_egress_only_policy_without_types_isolates_ingress_as_well() {
    let evaluator = with(&[("x", "{podSelector: {}, egress: [{}]}")]);
    expect(&evaluator, &[("y/a", "x/a", NONE), ("x/a", "y/a", ALL), ("x/a", "x/b", NONE), ("y/a", "y/b", ALL)]);
}

#[test]
fn an_egress_rule_that_restricts_isolates_both_ways_without_types() {
    let evaluator = with(&[("x", "{podSelector: {matchLabels: {pod: a}}, egress: [{ports: [{port: 80}]}]}")]);
    expect(&evaluator, &[("x/a", "y/a", "TCP 80"), ("y/a", "x/a", NONE), ("x/b", "y/a", ALL), ("y/a", "x/b", ALL)]);
}

#[test]
fn without_types_and_egress_rules_egress_stays_open() {
    for egress in ["", ", egress: []", ", egress: null"] {
        let evaluator = with(&[("x", &format!("{{podSelector: {{}}{egress}}}"))]);
        expect(&evaluator, &[("x/a", "y/a", ALL), ("y/a", "x/a", NONE)]);
    }
}

#[test]
fn empty_types_are_types_left_out() {
    let evaluator = with(&[("x", "{podSelector: {}, policyTypes: [], egress: [{}]}")]);
    expect(&evaluator, &[("y/a", "x/a", NONE), ("x/a", "y/a", ALL)]);
}

// 2. policyTypes given.

#[test]
fn rules_of_a_direction_that_types_leave_out_are_ignored() {
    let evaluator =
        with(&[("x", "{podSelector: {}, policyTypes: [Egress], ingress: [], egress: [{ports: [{port: 1}]}]}")]);
    expect(&evaluator, &[("y/a", "x/a", ALL), ("x/a", "y/a", "TCP 1")]);
    let evaluator = with(&[("x", "{podSelector: {}, policyTypes: [Ingress], egress: [{ports: [{port: 1}]}]}")]);
    expect(&evaluator, &[("x/a", "y/a", ALL), ("y/a", "x/a", NONE)]);
    assert!(evaluator.cluster().warnings.iter().any(|warning| warning.contains("its egress rules do nothing")));
}

#[test]
fn an_egress_type_without_rules_lets_nothing_out() {
    let evaluator = with(&[("x", "{podSelector: {}, policyTypes: [Egress]}")]);
    expect(&evaluator, &[("x/a", "y/a", NONE), ("y/a", "x/a", ALL)]);
}

// 3. The pods that a policy selects.

#[test]
fn an_empty_missing_or_null_pod_selector_selects_every_pod_of_the_namespace() {
    for spec in ["{podSelector: {}}", "{podSelector: null}", "{}", "{podSelector: {matchLabels: {}}}", "null"] {
        expect(&with(&[("x", spec)]), &[("y/a", "x/a", NONE), ("y/a", "x/b", NONE), ("x/a", "y/a", ALL)]);
    }
}

// 4. Rules missing, empty, and one that is empty.

#[test]
fn no_rule_admits_nothing_and_an_empty_rule_everything() {
    for ingress in ["", ", ingress: []", ", ingress: null"] {
        expect(&with(&[("x", &format!("{{podSelector: {{}}{ingress}}}"))]), &[("y/a", "x/a", NONE)]);
    }
    for ingress in ["[{}]", "[null]", "[{from: []}]", "[{ports: []}]", "[{from: [], ports: []}]"] {
        expect(&with(&[("x", &format!("{{podSelector: {{}}, ingress: {ingress}}}"))]), &[("y/a", "x/a", ALL)]);
    }
}

// 5. Peers left out.

#[test]
fn a_rule_without_peers_admits_any_peer_on_its_ports() {
    for from in ["", "from: [], ", "from: null, "] {
        let evaluator = with(&[("x", &format!("{{podSelector: {{}}, ingress: [{{{from}ports: [{{port: 80}}]}}]}}"))]);
        expect(&evaluator, &[("y/a", "x/a", "TCP 80"), ("x/b", "x/a", "TCP 80"), ("203.0.113.7", "x/a", "TCP 80")]);
    }
    let evaluator = with(&[("x", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [], ports: [{port: 80}]}]}")]);
    expect(&evaluator, &[("x/a", "203.0.113.7", "TCP 80"), ("x/a", "y/a", "TCP 80")]);
}

// 7. Which pods a peer means.

#[test]
fn a_pod_selector_alone_means_the_policys_own_namespace() {
    let evaluator = with(&[("x", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}")]);
    expect(&evaluator, &[("x/b", "x/a", ALL), ("y/b", "x/a", NONE)]);
}

#[test]
fn a_namespace_selector_alone_means_every_pod_there() {
    let evaluator =
        with(&[("x", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]}")]);
    expect(&evaluator, &[("y/a", "x/a", ALL), ("y/b", "x/a", ALL), ("x/b", "x/a", NONE)]);
    let any = with(&[("x", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}")]);
    expect(&any, &[("y/a", "x/a", ALL), ("x/b", "x/a", ALL), ("203.0.113.7", "x/a", NONE)]);
}

#[test]
fn both_selectors_in_one_peer_must_match_and_of_two_peers_one() {
    let ns = "namespaceSelector: {matchLabels: {ns: y}}";
    let pod = "podSelector: {matchLabels: {pod: b}}";
    let both = with(&[("x", &format!("{{podSelector: {{}}, ingress: [{{from: [{{{ns}, {pod}}}]}}]}}"))]);
    expect(&both, &[("y/b", "x/a", ALL), ("y/a", "x/a", NONE), ("x/b", "x/a", NONE)]);
    let either = with(&[("x", &format!("{{podSelector: {{}}, ingress: [{{from: [{{{ns}}}, {{{pod}}}]}}]}}"))]);
    expect(&either, &[("y/b", "x/a", ALL), ("y/a", "x/a", ALL), ("x/b", "x/a", ALL)]);
}

// 8. Expressions.

fn from_pods(expression: &str) -> Evaluator {
    let peer = format!("{{namespaceSelector: {{}}, podSelector: {{matchExpressions: [{expression}]}}}}");
    with(&[("x", &format!("{{podSelector: {{matchLabels: {{pod: a}}}}, ingress: [{{from: [{peer}]}}]}}"))])
}

#[test]
fn in_and_exists_need_the_key() {
    expect(&from_pods("{key: team, operator: In, values: ['', red]}"), &[("y/a", "x/a", ALL), ("x/b", "x/a", NONE)]);
    expect(&from_pods("{key: team, operator: Exists}"), &[("y/a", "x/a", ALL), ("x/b", "x/a", NONE)]);
    expect(&from_pods("{key: team, operator: Exists, values: []}"), &[("y/a", "x/a", ALL), ("x/b", "x/a", NONE)]);
}

#[test]
fn not_in_matches_where_the_key_is_missing() {
    expect(&from_pods("{key: team, operator: NotIn, values: [red]}"), &[("y/a", "x/a", ALL), ("x/b", "x/a", ALL)]);
    expect(&from_pods("{key: team, operator: NotIn, values: ['']}"), &[("y/a", "x/a", NONE), ("x/b", "x/a", ALL)]);
    expect(&from_pods("{key: pod, operator: NotIn, values: [a]}"), &[("y/a", "x/a", NONE), ("y/b", "x/a", ALL)]);
}

#[test]
fn does_not_exist_matches_where_the_key_is_missing() {
    expect(&from_pods("{key: team, operator: DoesNotExist}"), &[("y/a", "x/a", NONE), ("x/b", "x/a", ALL)]);
    expect(&from_pods("{key: none, operator: DoesNotExist}"), &[("y/a", "x/a", ALL), ("x/b", "x/a", ALL)]);
    let namespaces = "{namespaceSelector: {matchExpressions: [{key: other, operator: DoesNotExist}]}}";
    let evaluator = with(&[("x", &format!("{{podSelector: {{}}, ingress: [{{from: [{namespaces}]}}]}}"))]);
    expect(&evaluator, &[("y/a", "x/a", ALL), ("x/b", "x/a", ALL)]);
}

#[test]
fn expressions_select_the_pods_that_a_policy_isolates() {
    let selector = "{matchExpressions: [{key: pod, operator: NotIn, values: [a]}]}";
    expect(&with(&[("x", &format!("{{podSelector: {selector}}}"))]), &[("y/a", "x/b", NONE), ("y/a", "x/a", ALL)]);
}

// 9. An empty value.

#[test]
fn an_empty_value_needs_the_key() {
    let from = |labels: &str| {
        format!(
            "{{podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {{}}, podSelector: {{matchLabels: {labels}}}}}]}}]}}"
        )
    };
    for labels in ["{team: ''}", "{team: null}", "{team: \"\"}"] {
        expect(&with(&[("x", &from(labels))]), &[("y/a", "x/a", ALL), ("x/b", "x/a", NONE)]);
    }
    expect(&with(&[("y", "{podSelector: {matchLabels: {team: ''}}}")]), &[("x/a", "y/a", NONE)]);
    expect(&with(&[("x", "{podSelector: {matchLabels: {team: ''}}}")]), &[("y/a", "x/a", ALL)]);
}

// 10. Labels and expressions together.

#[test]
fn labels_and_expressions_must_all_match() {
    let selector = "{matchLabels: {pod: a}, matchExpressions: [{key: team, operator: Exists}, {key: pod, operator: In, values: [a, b]}]}";
    let evaluator = with(&[(
        "x",
        &format!("{{podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {{}}, podSelector: {selector}}}]}}]}}"),
    )]);
    expect(&evaluator, &[("y/a", "x/a", ALL), ("y/b", "x/a", NONE), ("x/a", "x/b", NONE)]);
}

// 11. The label that every namespace has.

#[test]
fn every_namespace_carries_its_name_as_a_label() {
    let by_name = |name: &str| {
        let selector = format!("{{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}");
        format!("{{podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {selector}}}]}}]}}")
    };
    expect(&with(&[("x", &by_name("y"))]), &[("y/a", "x/a", ALL), ("x/b", "x/a", NONE)]);
    let unnamed = "---\n{apiVersion: v1, kind: Pod, metadata: {name: c, namespace: z}, spec: {}}\n";
    let evaluator = evaluator_of(&format!("{}{unnamed}", manifests(&[("x", &by_name("z"))])), IpBlockPods::Undecided);
    expect(&evaluator, &[("z/c", "x/a", ALL), ("y/a", "x/a", NONE)]);
}

// 12. Ports.

fn on_ports(ports: &str) -> Evaluator {
    with(&[("x", &format!("{{podSelector: {{}}, ingress: [{{ports: {ports}}}]}}"))])
}

#[test]
fn ports_left_out_are_all_ports_of_all_protocols() {
    for ports in ["[]", "null"] {
        expect(&on_ports(ports), &[("y/a", "x/a", ALL)]);
    }
}

#[test]
fn a_port_without_protocol_is_tcp() {
    expect(&on_ports("[{port: 80}]"), &[("y/a", "x/a", "TCP 80")]);
    expect(&on_ports("[{port: 80, endPort: 90}]"), &[("y/a", "x/a", "TCP 80-90")]);
    expect(&on_ports("[{port: http}]"), &[("y/a", "x/a", "TCP 8080")]);
}

#[test]
fn a_protocol_without_port_is_every_port_of_that_protocol_alone() {
    expect(&on_ports("[{protocol: UDP}]"), &[("y/a", "x/a", "UDP 1-65535")]);
    expect(&on_ports("[{protocol: SCTP}]"), &[("y/a", "x/a", "SCTP 1-65535")]);
    expect(&on_ports("[{}]"), &[("y/a", "x/a", "TCP 1-65535")]);
    expect(&on_ports("[null]"), &[("y/a", "x/a", "TCP 1-65535")]);
    expect(&on_ports("[{protocol: TCP}, {protocol: UDP}, {protocol: SCTP}]"), &[("y/a", "x/a", ALL)]);
}

// 13. Named ports.

#[test]
fn a_named_port_is_the_destination_pods_own() {
    expect(&on_ports("[{port: http}]"), &[("y/a", "x/a", "TCP 8080"), ("y/a", "x/b", "TCP 9090")]);
    let egress = with(&[("y", "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}")]);
    expect(&egress, &[("y/a", "x/a", "TCP 8080"), ("y/a", "x/b", "TCP 9090"), ("y/a", "y/b", NONE)]);
}

#[test]
fn a_named_port_needs_its_protocol() {
    expect(&on_ports("[{port: dns}]"), &[("y/a", "x/a", NONE)]);
    expect(&on_ports("[{port: dns, protocol: UDP}]"), &[("y/a", "x/a", "UDP 53"), ("y/a", "x/b", NONE)]);
    expect(&on_ports("[{port: http, protocol: UDP}]"), &[("y/a", "x/a", NONE)]);
}

#[test]
fn a_named_port_of_an_external_peer_is_none() {
    let egress =
        with(&[("x", "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}, {port: 443}]}]}")]);
    expect(&egress, &[("x/a", "203.0.113.7", "TCP 443"), ("x/a", "x/b", "TCP 443,9090")]);
}

// 14. Ranges.

#[test]
fn a_range_includes_its_ends() {
    let evaluator = on_ports("[{port: 8000, endPort: 8002}, {port: 8002, endPort: 8010}, {port: 9000, endPort: 9000}]");
    expect(&evaluator, &[("y/a", "x/a", "TCP 8000-8010,9000")]);
    let reach = evaluator.pair(endpoint(&evaluator, "y/a"), endpoint(&evaluator, "x/a")).reach;
    let verdicts = [7999, 8000, 8010, 8011].map(|port| reach.verdict(Protocol::Tcp, port));
    assert_eq!(verdicts, [Verdict::Denied, Verdict::Allowed, Verdict::Allowed, Verdict::Denied]);
}

// 15. Blocks.

#[test]
fn a_block_admits_what_its_exceptions_leave_and_another_may_admit_the_hole() {
    let block = "{ipBlock: {cidr: 203.0.0.0/16, except: [203.0.113.0/24]}}";
    let egress = |to: &str| format!("{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{to}]}}]}}");
    let evaluator = with(&[("x", &egress(block))]);
    expect(&evaluator, &[("x/a", "203.0.1.1", ALL), ("x/a", "203.0.113.7", NONE), ("x/a", "203.1.0.1", NONE)]);
    let hole = format!("{block}, {{ipBlock: {{cidr: 203.0.113.7/32}}}}");
    expect(&with(&[("x", &egress(&hole))]), &[("x/a", "203.0.113.7", ALL), ("x/a", "203.0.113.8", NONE)]);
    let six = with(&[("x", &egress("{ipBlock: {cidr: '2001:db8::/32'}}"))]);
    expect(&six, &[("x/a", "2001:db8::7", ALL), ("x/a", "2001:db9::7", NONE), ("x/a", "203.0.113.7", NONE)]);
}

// 16. Blocks and pods.

#[test]
fn whether_a_block_admits_a_pod_is_undecided_unless_settled() {
    let policy = [("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.2.1/32}}], ports: [{port: 80}]}]}")];
    expect(&with(&policy), &[("y/a", "x/a", "No Connections ? TCP 80"), ("y/b", "x/a", NONE)]);
    let settled = |how| evaluator_of(&manifests(&policy), how);
    expect(&settled(IpBlockPods::Match), &[("y/a", "x/a", "TCP 80"), ("y/b", "x/a", NONE)]);
    expect(&settled(IpBlockPods::Ignore), &[("y/a", "x/a", NONE)]);
}

#[test]
fn a_verdict_that_another_rule_decides_does_not_hang_on_a_block() {
    let policy = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}, {from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]}";
    expect(&with(&[("x", policy)]), &[("y/a", "x/a", ALL), ("x/b", "x/a", "No Connections ? All Connections")]);
}

#[test]
fn a_block_and_a_workload_without_address_is_undecided_even_when_blocks_match() {
    let deployment = "---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: y}, spec: {template: {metadata: {labels: {}}, spec: {containers: [{}]}}}}\n";
    let policy = manifests(&[("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}")]);
    let evaluator = evaluator_of(&format!("{policy}{deployment}"), IpBlockPods::Match);
    expect(&evaluator, &[("y/d", "x/a", "No Connections ? All Connections"), ("y/a", "x/a", ALL)]);
    let reasons = edge(&evaluator, "y/d", "x/a:80").reasons.join("\n");
    assert!(reasons.contains("hangs on its address, which the manifests do not give"), "{reasons}");
}

// 17. Selectors and external addresses.

#[test]
fn no_selector_matches_an_external_address() {
    for from in ["{podSelector: {}}", "{namespaceSelector: {}}", "{namespaceSelector: {}, podSelector: {}}"] {
        let evaluator = with(&[("x", &format!("{{podSelector: {{}}, ingress: [{{from: [{from}]}}]}}"))]);
        expect(&evaluator, &[("203.0.113.7", "x/a", NONE), ("x/b", "x/a", ALL)]);
    }
}

// 18, 19. Unions, and both sides.

#[test]
fn policies_and_rules_are_a_union() {
    let deny = ("x", "{podSelector: {}}");
    let http = ("x", "{podSelector: {}, ingress: [{ports: [{port: 80}]}, {ports: [{port: 81}]}]}");
    let more = ("x", "{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{port: 443}]}]}");
    for order in [[deny, http, more], [more, deny, http], [http, more, deny]] {
        expect(&with(&order), &[("y/a", "x/a", "TCP 80-81,443"), ("y/a", "x/b", "TCP 80-81")]);
    }
}

#[test]
fn an_edge_needs_both_sides() {
    let out = ("y", "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 80}, {port: 81}]}]}");
    let into = ("x", "{podSelector: {}, ingress: [{ports: [{port: 81}, {port: 82}]}]}");
    expect(
        &with(&[out, into]),
        &[("y/a", "x/a", "TCP 81"), ("y/a", "y/b", "TCP 80-81"), ("x/b", "x/a", "TCP 81-82"), ("x/a", "y/a", ALL)],
    );
}

// 20. Oneself.

#[test]
fn a_pod_always_reaches_itself_but_through_its_service_that_is_undecided() {
    let service = "---\n{apiVersion: v1, kind: Service, metadata: {name: own, namespace: x}, spec: {selector: {pod: a}, ports: [{port: 80, targetPort: 8080}]}}\n";
    let text = format!("{}{service}", manifests(&[("x", "{podSelector: {}, policyTypes: [Ingress, Egress]}")]));
    let evaluator = evaluator_of(&text, IpBlockPods::Undecided);
    expect(&evaluator, &[("x/a", "x/a", ALL), ("x/a", "x/b", NONE)]);
    assert_eq!(edge(&evaluator, "x/a", "x/a:8080").verdict, Verdict::Allowed);
    let evaluator = evaluator_of(&format!("{PODS}{service}"), IpBlockPods::Undecided);
    assert_eq!(edge(&evaluator, "x/a", "http://own.x/").verdict, Verdict::Undecided);
    assert_eq!(edge(&evaluator, "x/b", "http://own.x/").verdict, Verdict::Allowed);
}

// 21, 22. Nodes.

const HOSTS: &str = "
---
{apiVersion: v1, kind: Pod, metadata: {name: host, namespace: y, labels: {pod: host}}, spec: {hostNetwork: true, nodeName: n1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: here, namespace: x, labels: {pod: here}}, spec: {nodeName: n1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: there, namespace: x, labels: {pod: there}}, spec: {nodeName: n2}}
";

#[test]
fn a_node_reaches_the_pods_that_it_runs() {
    let evaluator =
        evaluator_of(&format!("{}{HOSTS}", manifests(&[("x", "{podSelector: {}}")])), IpBlockPods::Undecided);
    expect(&evaluator, &[("y/host", "x/here", ALL), ("y/host", "x/there", NONE)]);
    expect(&evaluator, &[("y/host", "x/a", "No Connections ? All Connections"), ("y/a", "x/here", NONE)]);
}

#[test]
fn what_a_policy_does_to_a_pod_in_its_nodes_network_is_undecided() {
    let subject = evaluator_of(&format!("{}{HOSTS}", manifests(&[("y", "{podSelector: {}}")])), IpBlockPods::Undecided);
    expect(
        &subject,
        &[("x/a", "y/host", "No Connections ? All Connections"), ("x/a", "y/a", NONE), ("y/host", "x/a", ALL)],
    );
    let peer = "{podSelector: {matchLabels: {pod: there}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {pod: host}}}]}]}";
    let peer = evaluator_of(&format!("{}{HOSTS}", manifests(&[("x", peer)])), IpBlockPods::Undecided);
    expect(&peer, &[("y/host", "x/there", "No Connections ? All Connections"), ("y/a", "x/there", NONE)]);
}

// 23. Namespaces left out.

#[test]
fn a_policy_without_namespace_is_in_the_default_one_alone() {
    let policy = "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny}, spec: {podSelector: {}}}\n";
    let pod = "---\n{apiVersion: v1, kind: Pod, metadata: {name: c}, spec: {}}\n";
    let text = format!("{PODS}{policy}{pod}");
    let in_default = evaluator_of(&text, IpBlockPods::Undecided);
    expect(&in_default, &[("x/a", "default/c", NONE), ("y/a", "x/a", ALL)]);
    let given = Cluster::new(&parse(&"test.yaml".into(), &text).unwrap(), "x").unwrap();
    expect(
        &Evaluator::new(given, Options::default()),
        &[("y/a", "x/a", NONE), ("y/a", "x/c", NONE), ("x/a", "y/a", ALL)],
    );
}

#[test]
fn a_pod_selector_peer_without_namespace_means_the_default_one_too() {
    let policy = "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}}\n";
    let pods = "---\n{apiVersion: v1, kind: Pod, metadata: {name: c}, spec: {}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: d}, spec: {}}\n";
    let evaluator = evaluator_of(&format!("{PODS}{policy}{pods}"), IpBlockPods::Undecided);
    expect(&evaluator, &[("default/d", "default/c", ALL), ("x/a", "default/c", NONE)]);
}

// 24. Names given twice.

#[test]
fn of_two_policies_of_one_name_the_last_counts_and_is_warned_of() {
    let policy = |port: u16| {
        format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p, namespace: x}}, spec: {{podSelector: {{}}, ingress: [{{ports: [{{port: {port}}}]}}]}}}}\n"
        )
    };
    let evaluator = evaluator_of(&format!("{PODS}{}{}", policy(80), policy(81)), IpBlockPods::Undecided);
    expect(&evaluator, &[("y/a", "x/a", "TCP 81")]);
    let warnings = &evaluator.cluster().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("NetworkPolicy x/p stands at")), "{warnings:?}");
}

// 25. Whose labels count.

#[test]
fn a_workloads_labels_are_its_pod_templates() {
    let template = "template: {metadata: {labels: {pod: t}}, spec: {containers: [{}]}}";
    let workload = |kind: &str, spec: &str| {
        format!(
            "---\n{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: w, namespace: x, labels: {{pod: own}}}}, spec: {spec}}}\n"
        )
    };
    for kind in ["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job", "Rollout"] {
        let text = workload(kind, &format!("{{{template}}}"));
        let select = |pod: &str| {
            evaluator_of(
                &format!("{}{text}", manifests(&[("x", &format!("{{podSelector: {{matchLabels: {{pod: {pod}}}}}}}"))])),
                IpBlockPods::Undecided,
            )
        };
        expect(&select("t"), &[("y/a", "x/w", NONE)]);
        expect(&select("own"), &[("y/a", "x/w", ALL)]);
    }
    let cron = workload("CronJob", &format!("{{jobTemplate: {{spec: {{{template}}}}}}}"));
    let policy = manifests(&[("x", "{podSelector: {matchLabels: {pod: t}}}")]);
    expect(&evaluator_of(&format!("{policy}{cron}"), IpBlockPods::Undecided), &[("y/a", "x/w", NONE)]);
}

// 26. Services.

const SERVICES: &str = "
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: x}, spec: {selector: {pod: a}, ports: [{port: 80, targetPort: http}, {name: raw, port: 81, targetPort: 8081}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: nobody, namespace: x}, spec: {selector: {pod: none}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: headless, namespace: x}, spec: {clusterIP: None, selector: {pod: a}, ports: [{port: 80, targetPort: 8080}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: both, namespace: x}, spec: {clusterIP: 10.96.0.7, selector: {}, ports: [{port: 80}]}}
";

#[test]
fn through_a_service_policies_see_the_target_port() {
    let policy = manifests(&[("x", "{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}")]);
    let evaluator = evaluator_of(&format!("{policy}{SERVICES}"), IpBlockPods::Undecided);
    for name in ["web.x", "web.x.svc", "web.x.svc.cluster.local", "web.x.svc.cluster.local."] {
        assert_eq!(edge(&evaluator, "y/a", &format!("http://{name}/status")).verdict, Verdict::Allowed, "{name}");
    }
    let allowed = edge(&evaluator, "y/a", "web.x:80");
    assert!(allowed.reasons[0].contains("leads from port 80 to port 8080"), "{:?}", allowed.reasons);
    assert_eq!(edge(&evaluator, "y/a", "web.x:81").verdict, Verdict::Denied);
    assert_eq!(edge(&evaluator, "y/a", "x/a:80").verdict, Verdict::Denied);
    // A headless Service translates nothing.
    assert_eq!(edge(&evaluator, "y/a", "headless.x:80").verdict, Verdict::Denied);
    assert_eq!(edge(&evaluator, "y/a", "headless.x:8080").verdict, Verdict::Allowed);
    // A name without a dot is looked up in the source's own namespace.
    assert_eq!(edge(&evaluator, "x/b", "http://web/").verdict, Verdict::Allowed);
    assert_eq!(edge(&evaluator, "y/a", "http://web/").verdict, Verdict::Undecided);
}

#[test]
fn a_service_that_finds_no_pod_refuses_whatever_policies_say() {
    let evaluator = evaluator_of(&format!("{PODS}{SERVICES}"), IpBlockPods::Undecided);
    let refused = edge(&evaluator, "y/a", "http://nobody.x/");
    assert_eq!(refused.verdict, Verdict::Denied);
    assert!(
        refused.reasons[0].contains("finds no pod for port 80: the connection is refused"),
        "{:?}",
        refused.reasons
    );
    assert_eq!(edge(&evaluator, "y/a", "web.x:82").verdict, Verdict::Denied);
    assert_eq!(edge(&evaluator, "y/a", "10.96.0.7:80").verdict, Verdict::Undecided);
}

#[test]
fn a_service_before_pods_of_which_some_are_reached_is_undecided() {
    let service = "---\n{apiVersion: v1, kind: Service, metadata: {name: all, namespace: y}, spec: {selector: {team: ''}, ports: [{port: 80}]}}\n";
    let policy = manifests(&[("y", "{podSelector: {matchLabels: {pod: a}}}")]);
    let evaluator = evaluator_of(&format!("{policy}{service}"), IpBlockPods::Undecided);
    let edge = edge(&evaluator, "x/a", "http://all.y/");
    assert_eq!(edge.verdict, Verdict::Undecided);
    assert!(
        edge.reasons[0].contains("hangs on which pod Service y/all picks: it leads to y/a and y/b"),
        "{:?}",
        edge.reasons
    );
}

// 27. Policies of other kinds.

#[test]
fn what_a_policy_of_another_kind_could_change_is_undecided() {
    let undecided = "No Connections ? All Connections";
    let own =
        "---\n{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: l7, namespace: x}, spec: {}}\n";
    let evaluator = evaluator_of(&format!("{PODS}{own}"), IpBlockPods::Undecided);
    expect(&evaluator, &[("y/a", "x/a", undecided), ("x/a", "y/a", undecided), ("y/a", "y/b", ALL)]);
    let reasons = edge(&evaluator, "y/a", "x/a:80").reasons.join("\n");
    assert!(reasons.contains("CiliumNetworkPolicy x/l7 (test.yaml:"), "{reasons}");
    for (version, kind) in [
        ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"),
        ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy"),
        ("projectcalico.org/v3", "GlobalNetworkPolicy"),
        ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
    ] {
        let everywhere = format!("---\n{{apiVersion: {version}, kind: {kind}, metadata: {{name: p}}, spec: {{}}}}\n");
        expect(&evaluator_of(&format!("{PODS}{everywhere}"), IpBlockPods::Undecided), &[("y/a", "y/b", undecided)]);
    }
    let staged = "---\n{apiVersion: projectcalico.org/v3, kind: StagedNetworkPolicy, metadata: {name: p, namespace: x}, spec: {}}\n";
    expect(&evaluator_of(&format!("{PODS}{staged}"), IpBlockPods::Undecided), &[("y/a", "x/a", ALL)]);
}

// DNS.

#[test]
fn a_source_that_cannot_ask_dns_resolves_no_name() {
    let only =
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {ns: x}}}]}]}";
    let evaluator = evaluator_of(&format!("{}{SERVICES}", manifests(&[("y", only)])), IpBlockPods::Undecided);
    let denied = edge(&evaluator, "y/a", "http://web.x/");
    assert_eq!(denied.verdict, Verdict::Denied);
    assert!(
        denied.reasons[0].starts_with("y/a cannot ask the cluster's DNS (kube-system/kube-dns on UDP 53)"),
        "{:?}",
        denied.reasons
    );
    // An address needs no look-up.
    assert_eq!(edge(&evaluator, "y/a", "10.0.1.1:8080").verdict, Verdict::Allowed);
    let dns = "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}]}]}";
    let evaluator =
        evaluator_of(&format!("{}{SERVICES}", manifests(&[("y", only), ("y", dns)])), IpBlockPods::Undecided);
    assert_eq!(edge(&evaluator, "y/a", "http://web.x/").verdict, Verdict::Allowed);
}

#[test]
fn the_manifests_own_dns_and_its_port_are_taken() {
    let dns = "
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: coredns, namespace: kube-system}, spec: {template: {metadata: {labels: {k8s-app: kube-dns}}, spec: {containers: [{ports: [{name: dns, containerPort: 5353, protocol: UDP}]}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: kube-dns, namespace: kube-system}, spec: {selector: {k8s-app: kube-dns}, ports: [{port: 53, protocol: UDP, targetPort: dns}]}}
";
    let on = |port: u16| {
        let policy = format!(
            "{{podSelector: {{}}, policyTypes: [Egress], egress: [{{ports: [{{port: {port}, protocol: UDP}}, {{port: 8080}}]}}]}}"
        );
        let evaluator =
            evaluator_of(&format!("{}{SERVICES}{dns}", manifests(&[("y", &policy)])), IpBlockPods::Undecided);
        edge(&evaluator, "y/a", "http://web.x/").verdict
    };
    assert_eq!(on(53), Verdict::Denied);
    assert_eq!(on(5353), Verdict::Allowed);
}

#[test]
fn a_block_that_holds_a_nodes_address_is_undecided_for_its_pods_however_settled() {
    let host = "---\n{apiVersion: v1, kind: Pod, metadata: {name: h, namespace: y}, spec: {hostNetwork: true, nodeName: n1}, status: {podIP: 192.0.2.1}}\n";
    let policy = manifests(&[("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}")]);
    let here = "---\n{apiVersion: v1, kind: Pod, metadata: {name: c, namespace: x}, spec: {nodeName: n2}}\n";
    for mode in [IpBlockPods::Match, IpBlockPods::Ignore, IpBlockPods::Undecided] {
        let evaluator = evaluator_of(&format!("{policy}{host}{here}"), mode);
        expect(&evaluator, &[("y/h", "x/c", "No Connections ? All Connections"), ("y/a", "x/c", NONE)]);
    }
}

#[test]
fn blocks_of_every_address_admit_pods_of_unknown_address_where_blocks_match() {
    let pod = "---\n{apiVersion: v1, kind: Pod, metadata: {name: c, namespace: y}, spec: {}}\n";
    let from = |blocks: &str| {
        format!("{}{pod}", manifests(&[("x", &format!("{{podSelector: {{}}, ingress: [{{from: [{blocks}]}}]}}"))]))
    };
    let both = from("{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}");
    expect(&evaluator_of(&both, IpBlockPods::Match), &[("y/c", "x/a", ALL)]);
    expect(&evaluator_of(&both, IpBlockPods::Ignore), &[("y/c", "x/a", NONE)]);
    let holed = from("{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}, {ipBlock: {cidr: '::/0'}}");
    for blocks in [&holed, &from("{ipBlock: {cidr: 0.0.0.0/0}}")] {
        expect(&evaluator_of(blocks, IpBlockPods::Match), &[("y/c", "x/a", "No Connections ? All Connections")]);
    }
}

#[test]
fn a_headless_service_means_its_pods_and_each_of_them_has_a_name() {
    let policy = manifests(&[("x", "{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}")]);
    let service = "---\n{apiVersion: v1, kind: Service, metadata: {name: bare, namespace: x}, spec: {clusterIP: None, selector: {pod: a}}}\n";
    let evaluator = evaluator_of(&format!("{policy}{SERVICES}{service}"), IpBlockPods::Undecided);
    assert_eq!(edge(&evaluator, "y/a", "bare.x").verdict, Verdict::Partial);
    assert_eq!(edge(&evaluator, "y/a", "a-0.bare.x.svc:8080").verdict, Verdict::Allowed);
    assert_eq!(edge(&evaluator, "y/a", "a-0.bare.x.svc.cluster.local:80").verdict, Verdict::Denied);
    assert_eq!(edge(&evaluator, "y/a", "a-0.web.x.svc:8080").verdict, Verdict::Undecided);
    assert_eq!(edge(&evaluator, "y/a", "web.x.svc.example.org:80").verdict, Verdict::Undecided);
}

#[test]
fn a_services_other_addresses_are_its_own() {
    let service = "---\n{apiVersion: v1, kind: Service, metadata: {name: out, namespace: x}, spec: {type: LoadBalancer, clusterIPs: [10.96.0.9, 'fd00::9'], externalIPs: [192.0.2.9], selector: {pod: a}, ports: [{port: 80, targetPort: 8080}]}, status: {loadBalancer: {ingress: [{ip: 198.51.100.9}]}}}\n";
    let policy = manifests(&[("x", "{podSelector: {}}")]);
    let evaluator = evaluator_of(&format!("{policy}{service}"), IpBlockPods::Undecided);
    for address in ["10.96.0.9:80", "[fd00::9]:80", "192.0.2.9:80", "198.51.100.9:80"] {
        assert_eq!(edge(&evaluator, "y/a", address).verdict, Verdict::Denied, "{address}");
    }
    assert_eq!(edge(&evaluator, "y/a", "192.0.2.8:80").verdict, Verdict::Allowed);
}

#[test]
fn who_does_not_ask_the_clusters_dns_resolves_names_in_ways_unknown() {
    let deny = manifests(&[(
        "y",
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {ns: x}}}]}]}",
    )]);
    let pod = |name: &str, spec: &str| {
        format!("---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: y}}, spec: {{{spec}}}}}\n")
    };
    let pods = [
        pod("own", "dnsPolicy: None"),
        pod("nodes", "dnsPolicy: Default"),
        pod("host", "hostNetwork: true"),
        pod("asks", "dnsPolicy: ClusterFirst"),
    ];
    let evaluator = evaluator_of(&format!("{deny}{SERVICES}{}", pods.concat()), IpBlockPods::Undecided);
    for (source, verdict) in [
        ("y/own", Verdict::Undecided),
        ("y/nodes", Verdict::Undecided),
        ("y/host", Verdict::Undecided),
        ("y/asks", Verdict::Denied),
        ("203.0.113.7", Verdict::Undecided),
    ] {
        assert_eq!(edge(&evaluator, source, "http://web.x/").verdict, verdict, "{source}");
    }
    let closed = evaluator_of(
        &format!("{}{SERVICES}{}", manifests(&[("x", "{podSelector: {}}")]), pods[0]),
        IpBlockPods::Undecided,
    );
    assert_eq!(edge(&closed, "y/own", "http://web.x/").verdict, Verdict::Denied);
}

#[test]
fn what_is_certain_is_not_called_undecided() {
    let evaluator = evaluator_of(
        &format!(
            "{}{HOSTS}",
            manifests(&[
                ("x", "{podSelector: {}}"),
                ("y", "{podSelector: {matchLabels: {pod: host}}, ingress: [{ports: [{port: 80}]}]}")
            ])
        ),
        IpBlockPods::Undecided,
    );
    let own = edge(&evaluator, "y/host", "x/here:80");
    assert_eq!(own.verdict, Verdict::Allowed);
    assert!(own.reasons[1].ends_with("x/here is open to it all the same: the peer is the node that runs it, and a node always reaches its own pods"), "{:?}", own.reasons);
    let admitted = edge(&evaluator, "x/a", "y/host:80");
    assert_eq!(admitted.verdict, Verdict::Allowed);
    assert!(!admitted.reasons.concat().contains("undecided"), "{:?}", admitted.reasons);
    assert!(edge(&evaluator, "x/a", "y/host:81").reasons.concat().contains("undecided for y/host"));
}

#[test]
fn a_block_that_is_taken_to_admit_no_pod_is_told_so() {
    let policy = manifests(&[("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}")]);
    let evaluator = evaluator_of(&policy, IpBlockPods::Ignore);
    let reasons = edge(&evaluator, "y/a", "x/a:80").reasons;
    assert!(reasons[1].ends_with("matches TCP 80, but its ipBlock 10.0.0.0/8 is taken to admit no pod"), "{reasons:?}");
}
