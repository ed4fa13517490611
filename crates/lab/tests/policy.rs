//! What NetworkPolicies do to real packets, told by the collector, as root and as an ordinary user.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/lab.rs"]
mod lab;

use lab::{Lab, users, wait};
use serde_json::{Value, json};

const OPEN: &str =
    "B>F:reachable B>B:reachable B>C:reachable C>F:reachable C>B:reachable F>F:reachable F>B:reachable F>C:reachable";

/// What the collector has no way to know: no probe answers it.
const DENIED: &str = "B>F:unknown B>B:unknown B>C:unknown C>F:unknown C>B:unknown F>F:unknown F>B:unknown F>C:unknown";

/// The edges of a lab in which every probe answers the collector, and between pods nothing but `open` works.
fn only(open: &[&str]) -> String {
    let edge = |edge: &str| match open.contains(&edge) || edge == "B>B" || edge == "F>F" {
        true => format!("{edge}:reachable"),
        false => format!("{edge}:connect_timeout"),
    };
    ["B>F", "B>B", "B>C", "C>F", "C>B", "F>F", "F>B", "F>C"].map(edge).join(" ")
}

fn policy(name: &str) -> String {
    format!("{}/../../manifests/policies/{name}.yaml", env!("CARGO_MANIFEST_DIR"))
}

/// `GET /responses` as an old script would read it: for each resource, whether each of its targets is reachable.
fn responses(lab: &Lab) -> Value {
    let mut told = serde_json::Map::new();
    for (id, response) in lab.get("/responses")["responses"].as_object().unwrap() {
        let targets = response["json"]["status"]["targets"].as_array();
        let reachable = targets.map(|targets| targets.iter().map(|target| target["reachable"].clone()).collect());
        told.insert(id.clone(), reachable.map_or(Value::Null, Value::Array));
    }
    Value::Object(told)
}

fn wait_for_responses(lab: &Lab, expected: Value) {
    wait(|| responses(lab) == expected, || format!("{}\ninstead of\n{expected}", responses(lab)));
}

#[test]
fn the_labs_five_states_and_back_again() {
    five_states("ipv4");
}

#[test]
fn the_labs_five_states_and_back_again_over_ipv6() {
    five_states("ipv6");
}

#[test]
fn the_labs_five_states_and_back_again_with_both_families() {
    five_states("dual");
}

fn five_states(families: &str) {
    for user in users() {
        let lab = Lab::start(&format!("states-{families}"), user, &["--ip-family", families]);
        let apply = |name: &str| lab.ok(&["apply", "-f", &policy(name)]);
        let delete = |name: &str| lab.ok(&["delete", "-f", &policy(name)]);
        let all_open = json!({"F": [true, true, true], "B": [true, true, true], "C": [true, true]});
        // Targets are frontend, backend, client, in this order.
        let only_themselves = json!({"F": [true, false, false], "B": [false, true, false], "C": [false, false]});

        lab.wait_for(OPEN);
        wait_for_responses(&lab, all_open.clone());

        for namespace in ["stars", "client"] {
            let told = lab.ok(&["apply", "-n", namespace, "-f", &policy("default-deny")]);
            assert_eq!(told, "networkpolicy.networking.k8s.io/default-deny created\n");
        }
        lab.wait_for(DENIED);
        wait_for_responses(&lab, json!({"F": null, "B": null, "C": null}));

        apply("allow-ui");
        apply("allow-ui-client");
        lab.wait_for(&only(&[]));
        wait_for_responses(&lab, only_themselves.clone());

        apply("frontend-policy");
        lab.wait_for(&only(&["C>F"]));
        wait_for_responses(&lab, json!({"F": [true, false, false], "B": [false, true, false], "C": [true, false]}));

        apply("backend-policy");
        lab.wait_for(&only(&["C>F", "F>B"]));
        wait_for_responses(&lab, json!({"F": [true, true, false], "B": [false, true, false], "C": [true, false]}));

        delete("backend-policy");
        lab.wait_for(&only(&["C>F"]));
        delete("frontend-policy");
        lab.wait_for(&only(&[]));
        wait_for_responses(&lab, only_themselves);
        delete("allow-ui");
        delete("allow-ui-client");
        lab.wait_for(DENIED);
        for namespace in ["stars", "client"] {
            let told = lab.ok(&["delete", "netpol", "-n", namespace, "default-deny"]);
            assert_eq!(
                told,
                format!("networkpolicy.networking.k8s.io \"default-deny\" deleted from {namespace} namespace\n")
            );
        }
        lab.wait_for(OPEN);
        wait_for_responses(&lab, all_open);
    }
}

#[test]
fn a_source_that_may_not_ask_for_names_times_out_at_dns() {
    let egress = |rules: &str| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: egress, namespace: client}}, \
             spec: {{podSelector: {{}}, policyTypes: [Egress], egress: [{rules}]}}}}"
        )
    };
    let dns = "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, \
               podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{protocol: UDP, port: 53}]}";
    let others = "B>F:reachable B>B:reachable B>C:reachable";
    let rest = "F>F:reachable F>B:reachable F>C:reachable";
    for user in users() {
        let lab = Lab::start("egress", user, &[]);
        lab.wait_for(OPEN);
        // Nobody listens on the node, but it answers; what a pod sends there is no less egress.
        assert_eq!(lab.check("client", "deploy/client", "10.244.0.1:1"), "connection_refused");
        lab.apply(&egress(""));
        assert_eq!(lab.check("client", "deploy/client", "10.244.0.1:1"), "connect_timeout");
        lab.wait_for(&format!("{others} C>F:dns_timeout C>B:dns_timeout {rest}"));
        lab.apply(&egress(dns));
        lab.wait_for(&format!("{others} C>F:connect_timeout C>B:connect_timeout {rest}"));
        // A policy sees the pod behind a Service, and its port.
        let frontend =
            "{to: [{namespaceSelector: {}, podSelector: {matchLabels: {role: frontend}}}], ports: [{port: http}]}";
        lab.apply(&egress(&format!("{dns}, {frontend}")));
        lab.wait_for(&format!("{others} C>F:reachable C>B:connect_timeout {rest}"));
        lab.ok(&["delete", "netpol", "-n", "client", "egress"]);
        lab.wait_for(OPEN);
    }
}

#[test]
fn a_service_of_both_families_is_open_in_those_whose_block_is_admitted() {
    const SERVICE: &str = "{apiVersion: v1, kind: Service, metadata: {name: both, namespace: stars}, spec: {\
        ipFamilyPolicy: RequireDualStack, clusterIPs: ['fd00:10:96::77', 10.96.0.77], selector: {role: frontend}, ports: [{port: 80}]}}";
    let admit = |block: &str| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: blocks, namespace: stars}}, \
             spec: {{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {{cidr: '{block}'}}}}]}}]}}}}"
        )
    };
    for user in users() {
        let lab = Lab::start("both", user, &["--ip-family", "dual"]);
        lab.wait_for(OPEN);
        lab.apply(SERVICE);
        let checks = || {
            ["[fd00:10:96::77]", "10.96.0.77"]
                .map(|address| lab.check("client", "deploy/client", &format!("http://{address}/status")))
        };
        assert_eq!(checks(), ["reachable", "reachable"]);
        assert_eq!(lab.check("client", "deploy/client", "http://both.stars/status"), "reachable");
        for (block, expected) in [
            ("192.0.2.0/24", ["connect_timeout", "connect_timeout"]),
            ("::/0", ["reachable", "connect_timeout"]),
            ("0.0.0.0/0", ["connect_timeout", "reachable"]),
        ] {
            lab.apply(&admit(block));
            assert_eq!(checks(), expected, "{block}");
        }
    }
}
