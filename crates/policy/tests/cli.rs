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
    assert!(stdout(&both).contains("client/client  "), "{}", stdout(&both));
    let row = |line: &str| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    assert!(stdout(&both).lines().any(|line| row(line) == "client/client stars/backend denied"));
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
    let world = "everyone outside -> x/a: ";
    assert!(!ruled_out.contains(world), "{ruled_out}");
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
        "star-policy: no workload and no policy in -: give the manifests of the pods as well as the policies\n",
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
    for command in ["eval", "explain", "diff", "check", "lint", "completions"] {
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
        "{} eval -o table -f {} | head -n 1; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_star-policy"),
        file.display()
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

/// Two files of manifests, and what `diff` says of them: its exit code and its words.
fn diff(name: &str, before: &str, after: &str) -> (Option<i32>, String) {
    let file = |side: &str, text: &str| {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{side}.yaml"));
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let output = star_policy(&["diff", &file("before", before), &file("after", after)], "");
    (output.status.code(), stdout(&output))
}

fn policy(spec: &str) -> String {
    format!(
        "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p, namespace: x}}, spec: {spec}}}\n"
    )
}

#[test]
fn diff_tells_what_opens_to_the_world_outside() {
    let a = pods(&["a"]);
    let with = |spec: &str| format!("{a}{}", policy(spec));
    let ingress = |peer: &str| with(&format!("{{podSelector: {{}}, ingress: [{{from: [{peer}]}}]}}"));
    let block = |cidr: &str| ingress(&format!("{{ipBlock: {{cidr: {cidr}}}}}"));
    let wider = diff("wider", &block("10.20.0.0/16"), &block("0.0.0.0/0"));
    assert_eq!(wider.0, Some(1));
    assert_eq!(
        wider.1.lines().take(2).collect::<Vec<_>>(),
        ["0.0.0.0/0 except 10.20.0.0/16 -> x/a: denied before, allowed now", "  + opens All Connections"]
    );
    assert!(wider.1.contains("    rule 1 of x/p ("), "{}", wider.1);

    let egress = |rules: &str| with(&format!("{{podSelector: {{}}, policyTypes: [Egress], egress: [{rules}]}}"));
    let inside = "{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}";
    let gains = format!("{inside}, {{to: [{{ipBlock: {{cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}}}]}}");
    let out = diff("out", &egress(inside), &egress(&gains));
    assert_eq!(out.0, Some(1));
    assert!(out.1.starts_with("x/a -> 0.0.0.0/0 except 10.0.0.0/8: denied before, allowed now\n"), "{}", out.1);

    let any = diff("any", &ingress("{podSelector: {}}"), &ingress("{podSelector: {}}, {namespaceSelector: {}}"));
    assert_eq!(any.0, Some(1));
    assert!(any.1.starts_with("any pod -> x/a: denied before, allowed now\n"), "{}", any.1);

    let deleted = diff("deleted", &with("{podSelector: {}}"), &a);
    assert_eq!(deleted.0, Some(1));
    assert!(deleted.1.starts_with("everyone outside -> x/a: denied before, allowed now\n"), "{}", deleted.1);
    assert!(deleted.1.contains("    no policy isolates ingress of x/a\n"), "{}", deleted.1);

    let nothing = diff("nothing", "", &policy("{podSelector: {matchLabels: {app: b}}}"));
    assert_eq!(nothing.0, Some(1));
    assert!(
        nothing.1.starts_with("everyone outside -> any pod with app=b of x: allowed before, denied now\n"),
        "{}",
        nothing.1
    );
    let back = diff("back", &policy("{podSelector: {}}"), "");
    assert!(back.1.starts_with("everyone outside -> any pod of x: denied before, allowed now\n"), "{}", back.1);

    // A pod in its node's network speaks for no other.
    let host = a.replace("spec: {}", "spec: {hostNetwork: true}");
    let (_, lines) = diff("host", &format!("{host}{}", policy("{podSelector: {}}")), &host);
    assert!(lines.contains("everyone outside -> any pod of x: denied before, allowed now\n"), "{lines}");

    for text in [&a, &with("{podSelector: {}}"), &policy("{podSelector: {matchLabels: {app: b}}}")] {
        assert_eq!(diff("same", text, text), (Some(0), String::new()));
    }
}

#[test]
fn pods_with_the_labels_of_a_workload_at_hand_are_told_by_its_pairs() {
    let folders = ["docs/examples/without-backend-policy", "docs/examples/with-backend-policy"];
    let text = stdout(&star_policy(&[&["diff"][..], &folders].concat(), ""));
    let titles: Vec<_> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(titles, ["stars/frontend -> stars/backend: denied before, partial now"]);
    let json: Value =
        serde_json::from_slice(&star_policy(&[&["diff"][..], &folders, &["-o", "json"]].concat(), "").stdout).unwrap();
    let pods: Vec<_> =
        json["outside"].as_array().unwrap().iter().map(|change| change["src"].as_str().unwrap()).collect();
    assert_eq!(pods, ["any pod with role=frontend of stars"]);
}

#[test]
fn diff_says_once_what_several_share() {
    let before = format!("{}{}", pods(&["a", "b", "c", "d", "e"]), policy("{podSelector: {}}"));
    let (_, text) = diff("shared", &before, &pods(&["a", "b", "c", "d", "e"]));
    assert!(text.contains("everyone outside -> x/a, x/b, x/c and 2 more: denied before, allowed now\n"), "{text}");
    assert_eq!(text.matches("everyone outside").count(), 1, "{text}");
}

fn policy_on_80() -> String {
    let rule = "{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {}}], ports: [{port: 80}]}";
    format!("{}{}", pods(&["a"]), policy(&format!("{{podSelector: {{}}, ingress: [{rule}]}}")))
}

#[test]
fn explain_takes_any_pod_and_a_block_of_addresses() {
    let policy = policy("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {}}]}]}");
    let input = format!("{}{policy}", pods(&["a"]));
    let verdict = |from: &str| {
        let text = stdout(&star_policy(&["explain", "-f", "-", from, "x/a:80"], &input));
        text.lines().next().unwrap().to_owned()
    };
    assert_eq!(verdict("10.1.0.0/16"), "10.1.0.0/16 -> x/a:80: allowed");
    assert_eq!(verdict("11.0.0.0/8"), "11.0.0.0/8 -> x/a:80: denied");
    assert_eq!(verdict("10.0.0.0/7"), "10.0.0.0/7 -> x/a:80: undecided");
    assert_eq!(verdict("x/*"), "any pod of x -> x/a:80: allowed");
    assert_eq!(verdict("*"), "any pod -> x/a:80: undecided");
    let port = policy_on_80();
    for (from, miss) in [("10.1.0.0/16", "admits TCP 80 only, not TCP 81"), ("x/*", "admits TCP 80 only, not TCP 81")] {
        let text = stdout(&star_policy(&["explain", "-f", "-", from, "x/a:81"], &port));
        assert!(text.contains(&format!("{miss}\n")), "{text}");
    }
    let unknown = star_policy(&["explain", "-f", "-", "xy/*", "x/a"], &input);
    assert_eq!(stderr(&unknown), "star-policy: the manifests have no namespace xy: only any pod, *, can be of it\n");
}

#[test]
fn explain_and_check_as_json_say_it_in_the_shape_of_eval() {
    let block = policy("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80}]}]}");
    let input = format!("{}{block}", pods(&["a", "b"]));
    let json = |args: &[&str]| -> Value { serde_json::from_slice(&star_policy(args, &input).stdout).unwrap() };
    let edge = json(&["explain", "-f", "-", "-o", "json", "x/a", "x/b:80"]);
    let pair = &json(&["eval", "-f", "-", "-o", "json"])["pairs"][0];
    for document in [&edge, pair] {
        assert_eq!(document["verdict"], "undecided");
        assert_eq!(document["src"], "x/a");
        let rule = &document["rules"][0];
        assert_eq!(
            [&rule["direction"], &rule["policy"], &rule["file"], &rule["admits"]],
            ["ingress", "x/p", "-", "TCP 80"]
        );
        assert_eq!([&rule["rule"], &rule["line"]], [1, 6]);
        assert_eq!(document["hangs_on"][0], rule["hangs_on"]);
        assert!(document["reasons"][1].as_str().unwrap().contains("may admit x/a on TCP 80"));
    }
    assert_eq!(edge["sides"][0]["title"], "ingress of x/b, policy by policy:");
    let valid = json(&["check", "-f", "-", "-o", "json"]);
    assert_eq!([&valid["valid"], &valid["policies"], &valid["workloads"]], [&Value::from(true), &1.into(), &2.into()]);
    let wrong = star_policy(&["check", "-f", "-", "-o", "json"], &policy("{ingress: 1}"));
    assert_eq!(wrong.status.code(), Some(1));
    let wrong: Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!(wrong["valid"], false);
    assert_eq!([&wrong["problems"][0]["file"], &wrong["problems"][0]["line"]], [&Value::from("-"), &2.into()]);
}

#[test]
fn many_workloads_are_summed_up_by_namespace_for_people() {
    let many: Vec<_> = (0..41).map(|index| format!("p{index}")).collect();
    let input = pods(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let output = star_policy(&["eval", "-f", "-"], &input);
    assert_eq!(
        stdout(&output).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>(),
        [
            "SOURCE DESTINATION PAIRS ALLOWED PARTIAL DENIED UNDECIDED",
            "(outside) x 41 41 - - -",
            "x (outside) 41 41 - - -",
            "x x 1640 1640 - - -"
        ]
    );
    assert_eq!(stderr(&output), "star-policy: summed up, since there are 41 workloads: -o table has every pair\n");
    assert_eq!(stdout(&star_policy(&["eval", "-f", "-", "-o", "table"], &input)).lines().count(), 1 + 1640 + 82);
}

#[test]
fn markdown_and_graphviz_are_printed_too() {
    let eval = |format: &str| stdout(&star_policy(&["eval", "-f", "manifests", "-n", "stars", "-o", format], ""));
    assert!(
        eval("markdown").contains("| client/client | stars/frontend | partial | TCP 80 |\n"),
        "{}",
        eval("markdown")
    );
    let dot = eval("dot");
    assert!(dot.contains("\"client/client\" -> \"stars/frontend\" [label=\"TCP 80\"];"), "{dot}");
    assert!(!dot.contains("\"client/client\" -> \"stars/backend\""), "{dot}");
    let diff = star_policy(&["diff", "manifests/lab", "manifests", "-o", "markdown"], "");
    assert_eq!(diff.status.code(), Some(1));
    assert!(stdout(&diff).starts_with("### Closes ("), "{}", stdout(&diff));
    assert!(stdout(&diff).contains("| client/client -&gt; stars/backend | All Connections | "), "{}", stdout(&diff));
    let same = star_policy(&["diff", "manifests", "manifests", "-o", "markdown"], "");
    assert_eq!(stdout(&same), "No edge opens or closes.\n");
}

#[test]
fn a_workload_that_is_misnamed_is_found_in_other_namespaces_and_under_its_kind() {
    let input = pods(&["web"]);
    let told = |name: &str| stderr(&star_policy(&["explain", "-f", "-", name, "x/web"], &input));
    assert_eq!(told("y/web"), "star-policy: the manifests have no workload y/web: did you mean x/web?\n");
    assert_eq!(
        told("pod/web"),
        "star-policy: the manifests have no workload pod/web: an end is NAMESPACE/WORKLOAD, without its kind; did you mean x/web?\n"
    );
}

#[test]
fn check_refuses_what_kubectl_would_not_send_and_the_others_read_it() {
    let unquoted = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: x}, spec: {podSelector: {matchLabels: {a: y}}}}\n";
    let check = |input: &str| star_policy(&["check", "-f", "-"], input);
    assert_eq!(check(unquoted).status.code(), Some(1));
    assert_eq!(
        stdout(&check(unquoted)),
        "-:1:130: NetworkPolicy x/p: spec.podSelector.matchLabels.a: must be a string, and y without quotes is a boolean to kubectl: write \"y\"\n"
    );
    let eval = star_policy(&["eval", "-f", "-"], unquoted);
    assert!(eval.status.success() && stderr(&eval).contains("y without quotes"), "{}", stderr(&eval));
    for nothing in ["", "# nothing\n", "---\n---\n", "{apiVersion: v1, kind: List, items: []}"] {
        let output = check(nothing);
        assert_eq!(output.status.code(), Some(1), "{nothing:?}");
        assert_eq!(stdout(&output), "-:1:1: no object: kubectl would have nothing to send\n");
    }
}

#[test]
fn a_chart_among_manifests_is_said_to_be_one_and_the_folder_goes_on() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("with-chart");
    std::fs::create_dir_all(folder.join("chart/templates")).unwrap();
    std::fs::write(folder.join("pods.yaml"), pods(&["a", "b"])).unwrap();
    let template = folder.join("chart/templates/web.yaml");
    std::fs::write(&template, "{{- if .Values.on }}\napiVersion: v1\nkind: Pod\n{{- end }}\n").unwrap();
    let output = star_policy(&["eval", "-f", folder.to_str().unwrap()], "");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("x/a"));
    assert!(
        stderr(&output).contains(&format!(
            "template that is not rendered ({}; helm template renders a chart) (1)",
            template.display()
        )),
        "{}",
        stderr(&output)
    );
    let alone = star_policy(&["eval", "-f", template.to_str().unwrap()], "");
    assert_eq!(alone.status.code(), Some(2));
}

#[test]
fn lint_tells_mistakes_with_place_and_cure_in_every_format() {
    let wrong = format!("{}{}", pods(&["a"]), policy("{podSelector: {matchLabels: {app: 'a%'}}}").replace("'a%'", "a"));
    let lint = |format: &str, input: &str| star_policy(&["lint", "-f", "-", "-o", format], input);
    let text = lint("text", &wrong);
    assert_eq!(text.status.code(), Some(1));
    assert_eq!(
        stdout(&text),
        "-:4:1: x/p: no pod of x carries app=a: the policy isolates nobody [selects-nothing]\n  every workload of x is as open as without it\n  cure:\n    podSelector: {matchLabels: {}}\n"
    );
    let json: Value = serde_json::from_slice(&lint("json", &wrong).stdout).unwrap();
    let finding = &json["findings"][0];
    assert_eq!([&finding["mistake"], &finding["policy"], &finding["file"]], ["selects-nothing", "x/p", "-"]);
    assert_eq!(finding["line"], 4);
    assert!(finding["cure"].as_str().unwrap().starts_with("podSelector:"));
    assert_eq!(
        stdout(&lint("github", &wrong)),
        "::warning file=-,line=4,col=1,title=selects-nothing::x/p: no pod of x carries app=a: the policy isolates nobody%0Aevery workload of x is as open as without it%0Acure:%0ApodSelector: {matchLabels: {}}\n"
    );
    let junit = stdout(&lint("junit", &wrong));
    assert!(junit.contains("tests=\"1\" failures=\"1\""), "{junit}");
    assert!(junit.contains("<failure message=\"no pod of x carries app=a: the policy isolates nobody\""), "{junit}");
    let right = format!("{}{}", pods(&["a"]), policy("{podSelector: {}}"));
    for format in ["text", "json", "junit", "github"] {
        assert_eq!(lint(format, &right).status.code(), Some(0), "{format}");
    }
    assert!(stdout(&lint("junit", &right)).contains("tests=\"1\" failures=\"0\""));
    assert_eq!(stdout(&lint("text", &right)), "");
}

#[test]
fn a_file_that_stands_alone_is_told_to_take_a_flag() {
    for args in [
        &["eval", "manifests"][..],
        &["check", "manifests"],
        &["lint", "manifests"],
        &["explain", "client/client", "stars/backend", "manifests"],
    ] {
        let output = star_policy(args, "");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(
            stderr(&output),
            "star-policy: manifests stands alone: files and folders are given by -f, as in -f manifests\n",
            "{args:?}"
        );
    }
}
