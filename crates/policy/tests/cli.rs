//! The program as a shell and a script see it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: NAME, namespace: x}, spec: {}}\n---\n";

fn star_policy(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_star-policy"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    command.args(args).current_dir(root).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn pods(names: &[&str]) -> String {
    names.iter().map(|name| POD.replace("NAME", name)).collect()
}

#[test]
fn eval_as_json_has_every_ordered_pair_and_the_warnings() {
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: s}}\n---\n";
    let policy = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: x}, spec: {ingress: [{ports: [{port: 80}], from: [{ipBlock: {cidr: 10.0.0.0/8}}]}, {ports: [{port: 53, protocol: UDP}]}]}}\n";
    let input = format!("{}{secret}{policy}", pods(&["a", "b", "c"]));
    let output = star_policy(&["eval", "-f", "-", "-o", "json"], &input);
    assert!(output.status.success());
    assert_eq!(stderr(&output), "");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let pairs = document["pairs"].as_array().unwrap();
    let names: Vec<_> = pairs.iter().map(|pair| format!("{} {}", pair["src"], pair["dst"]).replace('"', "")).collect();
    assert_eq!(names, ["x/a x/b", "x/a x/c", "x/b x/a", "x/b x/c", "x/c x/a", "x/c x/b"]);
    let first = &pairs[0];
    assert_eq!(first["verdict"], "undecided");
    assert_eq!(
        [&first["connections"], &first["ingress"], &first["egress"], &first["possible"]],
        ["UDP 53", "UDP 53", "All Connections", "TCP 80,UDP 53"]
    );
    assert_eq!(first["reasons"].as_array().unwrap().len(), 2);
    assert_eq!(
        document["warnings"],
        serde_json::json!(["passed over 1 object of kinds that are not read here: Secret (1)"])
    );
    let settled = star_policy(&["eval", "-f", "-", "-o", "json", "--ipblock-pods", "ignore"], &input);
    let document: Value = serde_json::from_slice(&settled.stdout).unwrap();
    assert_eq!(document["pairs"][0]["verdict"], "partial");
    assert_eq!(document["pairs"][0].get("possible"), None);
}

#[test]
fn several_inputs_are_one_cluster_and_warnings_go_to_stderr() {
    let deny = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: default-deny}}\n---\n{apiVersion: v1, kind: Secret, metadata: {name: s}}\n";
    let output = star_policy(&["eval", "-f", "manifests/lab", "-n", "client", "-f", "-"], deny);
    assert!(
        stdout(&output)
            .contains("stars/backend                client/client                denied     No Connections\n"),
        "{}",
        stdout(&output)
    );
    assert_eq!(
        stderr(&output),
        "star-policy: warning: passed over 1 object of kinds that are not read here: Secret (1)\n"
    );
    let both = star_policy(&["eval", "-f", "manifests/lab", "manifests/policies"], "");
    assert!(stdout(&both).contains("client/client                stars/backend                denied"));
}

#[test]
fn colours_are_for_terminals_alone() {
    for command in [&["eval", "-f", "manifests"][..], &["explain", "-f", "manifests", "client/client", "stars/backend"]]
    {
        assert!(!stdout(&star_policy(command, "")).contains('\x1b'));
    }
}

#[test]
fn explain_takes_a_port_and_a_protocol() {
    let explain = |to: &str| stdout(&star_policy(&["explain", "-f", "manifests", "client/client", to], ""));
    assert!(explain("stars/frontend:80/TCP").starts_with("client/client -> stars/frontend:80/TCP: allowed\n"));
    assert!(explain("stars/frontend:80/UDP").starts_with("client/client -> stars/frontend:80/UDP: denied\n"));
    assert!(explain("stars/frontend").starts_with("client/client -> stars/frontend: partial\n"));
    assert!(explain("frontend.stars").starts_with("client/client -> frontend.stars: allowed\n"));
}

#[test]
fn diff_tells_by_its_exit_code_whether_anything_changes() {
    let same = star_policy(&["diff", "manifests", "manifests"], "");
    assert_eq!((same.status.code(), stdout(&same)), (Some(0), String::new()));
    let closed = star_policy(&["diff", "manifests/lab", "manifests"], "");
    assert_eq!(closed.status.code(), Some(1));
    assert!(
        stdout(&closed)
            .starts_with("client/client -> stars/backend: allowed before, denied now\n  - closes All Connections\n"),
        "{}",
        stdout(&closed)
    );
    let block = |rule: &str| {
        format!(
            "{}{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p, namespace: x}}, spec: {{ingress: [{rule}]}}}}\n",
            pods(&["a", "b"])
        )
    };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("undecided.yaml");
    std::fs::write(&file, block("{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}")).unwrap();
    let ruled_out = stdout(&star_policy(&["diff", file.to_str().unwrap(), "-"], &block("")));
    assert!(
        ruled_out.starts_with(
            "x/a -> x/b: undecided before, denied now\n  - closes, having been undecided, All Connections\n"
        ),
        "{ruled_out}"
    );
    let emptied = star_policy(&["diff", "manifests", "-"], "");
    assert_eq!((emptied.status.code(), stdout(&emptied).matches("one of the two is gone").count()), (Some(1), 8));
    let gone = star_policy(&["diff", "manifests", "-", "-o", "json"], &pods(&["a"]));
    assert_eq!(gone.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&gone.stdout).unwrap();
    let change = &document["changes"][0];
    assert_eq!(
        [&change["src"], &change["dst"], &change["closed"], &change["opened"], &change["undecided"]],
        ["client/client", "management-ui/management-ui", "All Connections", "No Connections", "No Connections"]
    );
    assert_eq!(change["reasons"], serde_json::json!(["one of the two is gone"]));
}

#[test]
fn check_tells_by_its_exit_code_whether_it_is_valid() {
    let invalid =
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {ingress: [{from: [{}]}]}\n";
    let output = star_policy(&["check", "-f", "-"], invalid);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stdout(&output),
        "-:4:26: NetworkPolicy default/p: spec.ingress[0].from[0]: must specify a peer: podSelector, namespaceSelector or ipBlock\n"
    );
    let foreign = "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: l7}}";
    let output = star_policy(&["check", "-n", "x", "-f", "-"], foreign);
    assert_eq!(
        (output.status.code(), stdout(&output).as_str()),
        (Some(0), "valid: NetworkPolicies 0, workloads 0; not checked, of other kinds: CiliumNetworkPolicy x/l7\n")
    );
}

#[test]
fn what_cannot_be_done_is_said_in_a_line_with_exit_code_2() {
    let fails = |args: &[&str], input: &str, expected: &str| {
        let output = star_policy(args, input);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(stdout(&output), "");
        assert!(stderr(&output).starts_with(expected), "{args:?}: {}", stderr(&output));
    };
    fails(
        &["eval", "-f", "no-such-file"],
        "",
        "star-policy: no-such-file cannot be read: No such file or directory (os error 2)\n",
    );
    fails(&["eval", "-f", "-"], "a: [1", "star-policy: -:");
    fails(
        &["eval", "-f", "-"],
        "",
        "star-policy: no workload in -: give the manifests of the pods as well as the policies\n",
    );
    fails(
        &["eval", "-f", "manifests", "-f", "docs/examples/mistakes.yaml"],
        "",
        "star-policy: docs/examples/mistakes.yaml:6:3: NetworkPolicy default/mistakes: spec.podSelektor",
    );
    fails(
        &["explain", "-f", "manifests", "client/clint", "stars/backend"],
        "",
        "star-policy: the manifests have no workload client/clint: did you mean client/client?",
    );
    fails(&["explain", "-f", "manifests", "client/client", "stars/backend:x"], "", "star-policy: \"x\" is not a port");
    fails(
        &["explain", "-f", "manifests", "client/client:80", "stars/backend"],
        "",
        "star-policy: \"client/client:80\" is not a source",
    );
    fails(&["diff", "-", "-"], "", "star-policy: standard input can be read once: give BEFORE or AFTER as a file\n");
    fails(&["eval", "-f", "manifests", "-n", "Bad NS"], "", "error: invalid value 'Bad NS' for '--namespace <NS>'");
    fails(&["diff", "manifests"], "", "error: the following required arguments");
}

#[test]
fn every_command_has_an_example_and_shells_get_completions() {
    for command in ["eval", "explain", "diff", "check", "completions"] {
        assert!(stdout(&star_policy(&[command, "--help"], "")).contains("star-policy "), "{command}");
        assert!(stdout(&star_policy(&[command, "--help"], "")).contains("Example"), "{command}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&star_policy(&["completions", shell], "")).contains("star-policy"), "{shell}");
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let many: Vec<_> = (0..80).map(|index| format!("p{index}")).collect();
    let input = pods(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("many.yaml");
    std::fs::write(&file, input).unwrap();
    let script = format!(
        "{} eval -f {} | head -n 1; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_star-policy"),
        file.display()
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}
