//! What the API server refuses is refused, with its place and what is wrong; what it takes is taken.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use star_netpol::{Cluster, manifest::parse};

/// Everything wrong with a policy of this spec, each without the file's name.
fn refused(spec: &str) -> Vec<String> {
    wrong(&format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: p\nspec:\n  {spec}\n"))
}

fn wrong(manifest: &str) -> Vec<String> {
    let objects = parse(&"p.yaml".into(), manifest).unwrap();
    let problems = Cluster::new(&objects, "default").err().unwrap_or_default();
    problems.iter().map(|problem| problem.to_string().replace("p.yaml:", "")).collect()
}

#[test]
fn invalid_specs_are_refused_with_line_column_and_path() {
    let p = "NetworkPolicy default/p: ";
    let key_form = "at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, after an optional DNS name and '/'";
    let value_form =
        "at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, or nothing";
    let port_form = "at most 15 lower-case letters, digits and single '-', with a letter among them";
    let cases: &[(&str, &str)] = &[
        ("podSelektor: {}", "6:3: {p}spec.podSelektor: unknown field; did you mean podSelector?"),
        ("tier: web", "6:3: {p}spec.tier: unknown field; known here: podSelector, policyTypes, ingress, egress"),
        ("podSelector: []", "6:16: {p}spec.podSelector: must be a mapping, and is a list"),
        ("podSelector: {matchLabels: [a]}", "6:30: {p}spec.podSelector.matchLabels: must be a mapping, and is a list"),
        (
            "podSelector: {matchLabels: {a: 1}}",
            "6:34: {p}spec.podSelector.matchLabels.a: must be a string, and is 1, a number to YAML: write \"1\" in quotes",
        ),
        (
            "podSelector: {matchLabels: {a: 1.5}}",
            "6:34: {p}spec.podSelector.matchLabels.a: must be a string, and is 1.5, a number to YAML: write \"1.5\" in quotes",
        ),
        (
            "podSelector: {matchLabels: {a: yes}}",
            "6:34: {p}spec.podSelector.matchLabels.a: must be a string, and is yes, a boolean to YAML: write \"yes\" in quotes",
        ),
        (
            "podSelector: {matchLabels: {a: [b]}}",
            "6:34: {p}spec.podSelector.matchLabels.a: must be a string, and is a list",
        ),
        (
            "podSelector: {matchLabels: {-a: b}}",
            "6:31: {p}spec.podSelector.matchLabels.-a: \"-a\" is not a label key: {key}",
        ),
        (
            "podSelector: {matchLabels: {A/b: c, a//b: d}}",
            "6:31: {p}spec.podSelector.matchLabels.A/b: \"A/b\" is not a label key: {key}|6:39: {p}spec.podSelector.matchLabels.a//b: \"a//b\" is not a label key: {key}",
        ),
        (
            "podSelector: {matchLabels: {a: b c}}",
            "6:34: {p}spec.podSelector.matchLabels.a: \"b c\" is not a label value: {value}",
        ),
        (
            "podSelector: {matchExpressions: [{key: a, operator: In}]}",
            "6:55: {p}spec.podSelector.matchExpressions[0].values: required with operator In",
        ),
        (
            "podSelector: {matchExpressions: [{key: a, operator: NotIn, values: []}]}",
            "6:70: {p}spec.podSelector.matchExpressions[0].values: required with operator NotIn",
        ),
        (
            "podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}",
            "6:71: {p}spec.podSelector.matchExpressions[0].values: may not be given with operator Exists",
        ),
        (
            "podSelector: {matchExpressions: [{key: a, operator: DoesNotExist, values: [b]}]}",
            "6:77: {p}spec.podSelector.matchExpressions[0].values: may not be given with operator DoesNotExist",
        ),
        (
            "podSelector: {matchExpressions: [{key: a, operator: Is, values: [b]}]}",
            "6:55: {p}spec.podSelector.matchExpressions[0].operator: \"Is\" is not an operator; one of In, NotIn, Exists, DoesNotExist",
        ),
        (
            "podSelector: {matchExpressions: [{key: a}]}",
            "6:36: {p}spec.podSelector.matchExpressions[0].operator: required; one of In, NotIn, Exists, DoesNotExist",
        ),
        (
            "podSelector: {matchExpressions: [{operator: Exists}]}",
            "6:36: {p}spec.podSelector.matchExpressions[0].key: required",
        ),
        (
            "podSelector: {matchExpressions: [{key: a b, operator: Exists}]}",
            "6:42: {p}spec.podSelector.matchExpressions[0].key: \"a b\" is not a label key: {key}",
        ),
        (
            "podSelector: {matchExpressions: [{key: a, operator: In, values: [b c]}]}",
            "6:68: {p}spec.podSelector.matchExpressions[0].values[0]: \"b c\" is not a label value: {value}",
        ),
        ("policyTypes: [ingress]", "6:17: {p}spec.policyTypes[0]: \"ingress\" must be Ingress or Egress"),
        ("policyTypes: Ingress", "6:16: {p}spec.policyTypes: must be a list, and is \"Ingress\""),
        ("policyTypes: [Ingress, Egress, Egress]", "6:34: {p}spec.policyTypes: may hold two types at most"),
        ("ingress: {}", "6:12: {p}spec.ingress: must be a list, and is a mapping"),
        ("ingress: [{to: []}]", "6:14: {p}spec.ingress[0].to: unknown field; known here: from, ports"),
        ("egress: [{}, {from: []}]", "6:17: {p}spec.egress[1].from: unknown field; known here: to, ports"),
        (
            "ingress: [{from: [{}]}]",
            "6:21: {p}spec.ingress[0].from[0]: must specify a peer: podSelector, namespaceSelector or ipBlock",
        ),
        (
            "ingress: [{from: [null]}]",
            "6:21: {p}spec.ingress[0].from[0]: must specify a peer: podSelector, namespaceSelector or ipBlock",
        ),
        (
            "ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]",
            "6:48: {p}spec.ingress[0].from[0].ipBlock: may not stand beside a selector: make it a peer of its own",
        ),
        (
            "ingress: [{from: [{ipBlock: {}}]}]",
            "6:31: {p}spec.ingress[0].from[0].ipBlock.cidr: required, such as 10.0.0.0/8",
        ),
        (
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]",
            "6:38: {p}spec.ingress[0].from[0].ipBlock.cidr: \"10.0.0.0\" is not a block of addresses, such as 10.0.0.0/8 or fd00::/8",
        ),
        (
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]",
            "6:38: {p}spec.ingress[0].from[0].ipBlock.cidr: \"10.0.0.0/33\" is not a block of addresses, such as 10.0.0.0/8 or fd00::/8",
        ),
        (
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]",
            "6:59: {p}spec.ingress[0].from[0].ipBlock.except[0]: 11.0.0.0/16 must lie inside cidr 10.0.0.0/8, and be smaller",
        ),
        (
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]",
            "6:59: {p}spec.ingress[0].from[0].ipBlock.except[0]: 10.0.0.0/8 must lie inside cidr 10.0.0.0/8, and be smaller",
        ),
        (
            "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['fd00::/16']}}]}]",
            "6:59: {p}spec.ingress[0].from[0].ipBlock.except[0]: fd00::/16 must lie inside cidr 10.0.0.0/8, and be smaller",
        ),
        (
            "ingress: [{ports: [{protocol: tcp}]}]",
            "6:33: {p}spec.ingress[0].ports[0].protocol: \"tcp\" must be TCP, UDP or SCTP",
        ),
        (
            "ingress: [{ports: [{port: 0}]}]",
            "6:29: {p}spec.ingress[0].ports[0].port: must be a number from 1 to 65535, and is 0, a number to YAML",
        ),
        (
            "ingress: [{ports: [{port: 65536}]}]",
            "6:29: {p}spec.ingress[0].ports[0].port: must be a number from 1 to 65535, and is 65536, a number to YAML",
        ),
        (
            "ingress: [{ports: [{port: true}]}]",
            "6:29: {p}spec.ingress[0].ports[0].port: must be a number from 1 to 65535, and is true, a boolean to YAML",
        ),
        (
            "ingress: [{ports: [{port: '80'}]}]",
            "6:29: {p}spec.ingress[0].ports[0].port: \"80\" is not a port name: {port}; for the number write 80 without quotes",
        ),
        (
            "ingress: [{ports: [{port: Http}]}]",
            "6:29: {p}spec.ingress[0].ports[0].port: \"Http\" is not a port name: {port}",
        ),
        (
            "ingress: [{ports: [{port: a--b}]}]",
            "6:29: {p}spec.ingress[0].ports[0].port: \"a--b\" is not a port name: {port}",
        ),
        (
            "ingress: [{ports: [{port: sixteen-letters-}]}]",
            "6:29: {p}spec.ingress[0].ports[0].port: \"sixteen-letters-\" is not a port name: {port}",
        ),
        (
            "ingress: [{ports: [{port: sixteen-lettersx}]}]",
            "6:29: {p}spec.ingress[0].ports[0].port: \"sixteen-lettersx\" is not a port name: {port}",
        ),
        (
            "ingress: [{ports: [{endPort: 90}]}]",
            "6:32: {p}spec.ingress[0].ports[0].endPort: needs a port, where the range begins",
        ),
        (
            "ingress: [{ports: [{port: http, endPort: 90}]}]",
            "6:44: {p}spec.ingress[0].ports[0].endPort: needs a numeric port, where the range begins",
        ),
        (
            "ingress: [{ports: [{port: 90, endPort: 80}]}]",
            "6:42: {p}spec.ingress[0].ports[0].endPort: 80 must not be below port 90",
        ),
        (
            "ingress: [{ports: [{port: 90, endPort: http}]}]",
            "6:42: {p}spec.ingress[0].ports[0].endPort: must be a number from 1 to 65535, and is \"http\"",
        ),
    ];
    for (spec, expected) in cases {
        let expected = expected
            .replace("{p}", p)
            .replace("{key}", key_form)
            .replace("{value}", value_form)
            .replace("{port}", port_form);
        assert_eq!(refused(spec), expected.split('|').collect::<Vec<_>>(), "{spec}");
    }
}

#[test]
fn what_the_api_server_takes_is_taken() {
    let block = |cidr: &str| refused(&format!("ingress: [{{from: [{{ipBlock: {{cidr: '{cidr}'}}}}]}}]")).join("|");
    for (cidr, cure) in [
        ("10.1.2.3/8", "\"10.1.2.3/8\" has bits beyond its prefix: write 10.0.0.0/8, or 10.1.2.3/32"),
        ("10.0.0.0/08", "\"10.0.0.0/08\" has leading zeros: write 10.0.0.0/8"),
        ("::ffff:10.0.0.0/104", "\"::ffff:10.0.0.0/104\" is an IPv4 block written as IPv6: write it as IPv4"),
    ] {
        assert!(block(cidr).ends_with(cure), "{}", block(cidr));
    }
    for spec in [
        "podSelector: {matchLabels: {example.com/a_b.c: X-1, empty: ''}}",
        "podSelector: {matchExpressions: [{key: a, operator: Exists, values: []}]}",
        "policyTypes: [Egress, Egress]",
        "ingress: [{from: [{podSelector: {}, namespaceSelector: {}, ipBlock: null}]}]",
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.0.0.1/32]}}]}]",
        "ingress: [{ports: [{port: 1, endPort: 65535}, {port: a}, {port: fifteen-letters, protocol: SCTP}, {port: 80, endPort: 80}]}]",
    ] {
        assert_eq!(refused(spec), [""; 0], "{spec}");
    }
}

#[test]
fn metadata_is_checked_and_an_export_is_taken() {
    let policy =
        |rest: &str| wrong(&format!("{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, {rest}, spec: {{}}}}"));
    let export = "metadata: {name: p, namespace: x, labels: {a: b}, annotations: {a: 'b c'}, uid: 1-2, resourceVersion: '7', generation: 1, creationTimestamp: null, managedFields: [{manager: kubectl}]}, status: null";
    assert_eq!(policy(export), [""; 0]);
    let first = |rest: &str| policy(rest).join("|");
    let p = "NetworkPolicy default";
    assert_eq!(
        first("metadata: {nam: p}"),
        format!(
            "1:68: {p}/without a name: metadata.nam: unknown field; did you mean name?|1:67: {p}/without a name: metadata.name: required: a policy has a name of its own in its namespace"
        )
    );
    assert_eq!(
        first("metadata: {name: P}"),
        format!(
            "1:74: {p}/P: metadata.name: \"P\" is not a name: lower-case letters, digits, '-' and '.' between them"
        )
    );
    assert_eq!(first("metadata: {generateName: p-}"), "");
    assert_eq!(
        first("metadata: {name: p, namespace: a.b}"),
        "1:88: NetworkPolicy a.b/p: metadata.namespace: \"a.b\" is not a namespace: at most 63 lower-case letters, digits and '-'"
    );
    assert!(
        first("metadata: {name: p, labels: {a: 1}}")
            .ends_with("metadata.labels.a: must be a string, and is 1, a number to YAML: write \"1\" in quotes")
    );
    assert!(first("metadata: {name: p, annotations: {a: 1}}").contains("metadata.annotations.a: must be a string"));
    assert!(first("metadata: {name: p}, specs: {}").contains("specs: unknown field; did you mean spec?"));
    // Part of the API from 1.24 to 1.27.
    assert!(first("metadata: {name: p}, status: {}").contains("status: unknown field"));
    assert!(
        first("metadata: {name: p, creationTimestamp: 2026-13}")
            .ends_with("must be a time such as 2026-01-31T12:00:00Z, and is \"2026-13\"")
    );
    for time in ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5+01:00"] {
        assert_eq!(first(&format!("metadata: {{name: p, creationTimestamp: '{time}'}}")), "");
    }
    for time in ["2026-01-31T12:00:00", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00.1.2Z"] {
        assert_ne!(first(&format!("metadata: {{name: p, creationTimestamp: '{time}'}}")), "", "{time}");
    }
}

#[test]
fn a_policy_of_a_version_that_no_server_knows_is_refused() {
    for (version, kind) in [
        ("extensions/v1beta1", "NetworkPolicy"),
        ("networking.k8s.io/v2", "NetworkPolicy"),
        ("v1", "NetworkPolicy"),
        ("networking.k8s.io/v1", "Networkpolicy"),
        ("networking.k8s.io/v1", "NetworkPolcy"),
        ("networking.k8s/v1", "NetworkPolicy"),
    ] {
        let found = wrong(&format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: p}}, spec: {{}}}}"));
        assert_eq!(
            found,
            [format!(
                "1:1: {kind} p: no API server takes {kind} of {version}: write apiVersion: networking.k8s.io/v1 and kind: NetworkPolicy"
            )]
        );
    }
}

#[test]
fn everything_wrong_is_told_at_once_and_nothing_else_is_read_strictly() {
    let found = wrong("
{apiVersion: v1, kind: Service, metadata: {name: s, nonsense: 1}, spec: {ports: [{port: x}], selektor: 7}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {template: {metadata: {labels: {a: 1}}, spec: {containers: [{ports: 5}]}}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {ingress: [{form: []}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: b}, spec: {ingress: 7}}
");
    assert_eq!(
        found,
        [
            "6:96: NetworkPolicy default/a: spec.ingress[0].form: unknown field; did you mean from?",
            "8:94: NetworkPolicy default/b: spec.ingress: must be a list, and is 7, a number to YAML",
        ]
    );
}
