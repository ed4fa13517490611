//! What a small cluster must do: Services, replicas, names, `kubectl`'s words, and to end without a trace.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/lab.rs"]
mod lab;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};

use lab::{Lab, User, is_alive, program, users, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const OPEN: &str =
    "B>F:reachable B>B:reachable B>C:reachable C>F:reachable C>B:reachable F>F:reachable F>B:reachable F>C:reachable";

/// Three replicas behind a Service, whose port 80 leads to the pods' port of that name.
const ECHO: &str = "
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {selector: {app: echo}, ports: [{port: 80, targetPort: web}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: echo}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers:
        - {name: echo, image: star-probe, args: [--http-port=8080, --urls=], ports: [{name: web, containerPort: 8080}]}
";

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// The network namespaces that processes are in.
fn networks(pids: &[i32]) -> BTreeSet<String> {
    let network = |pid: &i32| Some(fs::read_link(format!("/proc/{pid}/ns/net")).ok()?.to_str()?.to_owned());
    pids.iter().filter_map(network).collect()
}

/// Every process of this machine that can be seen.
fn everybody() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

#[test]
fn a_service_leads_to_the_pods_that_run_and_refuses_when_there_is_none() {
    let lab = Lab::start("service", User::Me, &[]);
    lab.apply(ECHO);
    let check = || lab.check("client", "deploy/client", "http://echo.default/status");
    // The pod's process may not listen yet.
    wait(|| check() == "reachable", check);
    assert_eq!(lab.check("client", "deploy/client", "http://echo.default:8080/status"), "connection_refused");
    lab.ok(&["kill", "echo-0"]);
    lab.ok(&["kill", "echo-2"]);
    for _ in 0..12 {
        assert_eq!(check(), "reachable");
    }
    lab.ok(&["kill", "echo-1"]);
    assert_eq!(check(), "connection_refused");
    lab.ok(&["start", "echo-0"]);
    wait(|| check() == "reachable", check);
    assert_eq!(lab.check("client", "deploy/client", "http://eccho.default/status"), "dns_failed");
}

#[test]
fn replicas_come_and_go_with_the_manifest() {
    let lab = Lab::start("replicas", User::Me, &[]);
    let names = || lab.ok(&["get", "pods", "-o", "name"]).lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lab.apply(ECHO), "service/echo created\nstatefulset.apps/echo created\n");
    assert_eq!(names(), ["pod/echo-0", "pod/echo-1", "pod/echo-2"]);
    assert_eq!(lab.apply(ECHO), "service/echo unchanged\nstatefulset.apps/echo unchanged\n");
    let fewer = ECHO.replace("replicas: 3", "replicas: 1");
    assert_eq!(lab.apply(&fewer), "service/echo unchanged\nstatefulset.apps/echo configured\n");
    assert_eq!(names(), ["pod/echo-0"]);
    // A headless Service's name means its pods.
    lab.apply(&ECHO.replace("spec: {selector", "spec: {clusterIP: None, selector"));
    let check = || lab.check("client", "deploy/client", "http://echo.default:8080/status");
    wait(|| check() == "reachable", check);
    lab.apply(
        "{apiVersion: batch/v1, kind: Job, metadata: {name: once}, spec: {template: {spec: {restartPolicy: Never, \
               containers: [{name: once, image: star-probe, args: [check, 'echo:8080']}]}}}}",
    );
    let once = || lab.ok(&["get", "pods"]).lines().find(|line| line.starts_with("once-")).unwrap().to_owned();
    wait(|| once().contains("0/1     Completed   0"), once);
    lab.ok(&["delete", "svc", "echo"]);
    assert_eq!(check(), "dns_failed");
}

#[test]
fn objects_are_named_as_for_kubectl() {
    let lab = Lab::start("named", User::Me, &[]);
    lab.apply(
        &ECHO.replace("metadata: {name: echo}\nspec: {", "metadata: {name: echo, labels: {tier: back}}\nspec: {"),
    );
    let first = |args: &[&str]| -> Vec<String> {
        let words = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
        lab.ok(args).lines().map(words).collect()
    };
    let several = first(&["get", "pods,svc"]);
    assert_eq!(several, ["NAME", "pod/echo-0", "pod/echo-1", "pod/echo-2", "", "NAME", "service/echo"]);
    assert_eq!(first(&["get", "svc/echo", "po/echo-1", "-o", "name"]), ["service/echo", "pod/echo-1"]);
    assert_eq!(first(&["get", "pods", "echo-2", "echo-0"]), ["NAME", "echo-2", "echo-0"]);
    let second = ["get", "pods", "-A", "-l", "app in (echo),apps.kubernetes.io/pod-index=1", "-o", "name"];
    assert_eq!(first(&second), ["pod/echo-1"]);
    assert_eq!(first(&["get", "pods,svc", "-l", "tier=back"]), ["NAME", "echo"]);
    wait(|| lab.ok(&["get", "sts"]).contains("   3/3     "), || lab.ok(&["get", "sts"]));
    let yaml = lab.ok(&["get", "sts/echo", "-o", "yaml"]);
    let start = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  creationTimestamp: \"";
    assert!(
        yaml.starts_with(start) && yaml.contains("\n      containers:\n      - args:\n        - --http-port=8080\n"),
        "{yaml}"
    );
    // What it prints it takes.
    assert_eq!(
        lab.feed("delete", &lab.ok(&["get", "svc,sts", "-o", "yaml"])),
        "statefulset.apps \"echo\" deleted from default namespace\nservice \"echo\" deleted from default namespace\n"
    );
    assert_eq!(lab.ok(&["delete", "pods", "--all", "--ignore-not-found"]), "No resources found\n");
    for (args, told) in [
        (vec!["get", "pots"], "error: the server doesn't have a resource type \"pots\"\n"),
        (
            vec!["get", "pods", "-l", "a b"],
            "error: unable to parse requirement: found 'b', expected: in, notin, =, ==, !=\n",
        ),
        (vec!["get", "pod/a", "-A"], "error: a resource cannot be retrieved by name across all namespaces\n"),
        (vec!["delete", "pods"], "error: resource(s) were provided, but no name was specified\n"),
        (vec!["logs", "deploy/a"], "Error from server (NotFound): deployments.apps \"a\" not found\n"),
        (vec!["exec", "svc/a", "--", "probe"], "Error from server (NotFound): services \"a\" not found\n"),
    ] {
        let output = lab.say(&args);
        assert_eq!(
            (output.status.code(), String::from_utf8(output.stderr).unwrap()),
            (Some(1), told.to_owned()),
            "{args:?}"
        );
    }
    assert!(lab.ok(&["logs", "-n", "client", "deploy/client"]).contains("listening"));
}

#[test]
fn a_deleted_pod_comes_again_by_another_name_and_runs() {
    let lab = Lab::start("deleted", User::Me, &[]);
    lab.wait_for(OPEN);
    let old = lab.pod("client", "client");
    assert_eq!(
        lab.ok(&["delete", "pod", "-n", "client", &old]),
        format!("pod {old:?} deleted from client namespace\n")
    );
    let new = lab.pod("client", "client");
    assert_ne!(old, new);
    assert_eq!(lab.ok(&["get", "pods", "-n", "client", "-o", "name"]), format!("pod/{new}\n"));
    // Its Service leads to the new one, at its new address.
    lab.wait_for(OPEN);
}

#[test]
fn a_stateful_sets_pods_have_names_below_a_headless_service() {
    let lab = Lab::start("stateful", User::Me, &[]);
    let headless = ECHO
        .replace("spec: {selector", "spec: {clusterIP: None, selector")
        .replace("replicas: 3", "replicas: 2\n  serviceName: echo");
    lab.apply(&headless);
    let check = |name: &str| lab.check("client", "deploy/client", &format!("http://{name}.echo.default:8080/status"));
    wait(|| check("echo-1") == "reachable", || check("echo-1"));
    assert_eq!(check("echo-2"), "dns_failed");
    lab.ok(&["kill", "echo-1"]);
    wait(|| check("echo-1") == "dns_failed", || check("echo-1"));
    assert_eq!(check("echo-0"), "reachable");
    // Deleted, it is started anew.
    lab.ok(&["delete", "pod/echo-1"]);
    wait(|| check("echo-1") == "reachable", || check("echo-1"));
}

#[test]
fn a_walk_is_taken_twice_and_ends_with_its_reader() {
    let lab = Lab::start("walked", User::Me, &[]);
    let first = lab.ok(&["walk", "--no-pause"]);
    assert!(!first.contains("--ignore-not-found"), "{first}");
    let second = lab.ok(&["walk", "--no-pause"]);
    let steps = |told: &str| told.matches("default-deny created").count();
    assert_eq!((steps(&first), steps(&second)), (2, 2), "{second}");
    assert!(second.contains("deleted from stars namespace"), "{second}");
    lab.ok(&["delete", "netpol", "-n", "stars", "--all"]);
    for args in [
        vec!["walk", "--no-pause"],
        vec!["get", "pods", "-A"],
        vec!["describe", "netpol", "-n", "client"],
        vec!["logs", "-n", "client", "deploy/client"],
        vec!["exec", "-n", "client", "deploy/client", "--", "probe", "--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(&lab.runtime, User::Me).args(&args).stdout(writer).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && told.is_empty(), "{args:?}: {told}");
    }
    let left = lab.say(&["get", "netpol", "-n", "stars"]).stderr;
    assert_eq!(left, b"No resources found in stars namespace.\n", "nobody saw the steps, so that none was taken");
}

#[test]
fn a_load_balancer_that_comes_later_is_on_the_machines_loopback_too() {
    let lab = Lab::start("later", User::Me, &[]);
    let balancer = |name: &str| {
        ECHO.replace("name: echo}\nspec: {", &format!("name: {name}}}\nspec: {{type: LoadBalancer, "))
            .replace("replicas: 3", "replicas: 1")
    };
    lab.apply(&balancer("echo"));
    let shown = |name: &str| lab.ok(&["get", "svc", name, "--ignore-not-found"]);
    let service: Value = serde_json::from_str(&lab.ok(&["get", "svc", "echo", "-o", "json"])).unwrap();
    let port = service["status"]["loadBalancer"]["ingress"][0]["ports"][0]["port"].as_u64().unwrap();
    let answers = || {
        let connect = || std::net::TcpStream::connect(("127.0.0.1", u16::try_from(port).ok()?)).ok();
        let Some(mut stream) = connect() else { return String::new() };
        let mut answer = String::new();
        let _ = stream.write_all(b"GET /status HTTP/1.0\r\n\r\n").and_then(|()| stream.read_to_string(&mut answer));
        answer
    };
    wait(|| answers().contains("\"targets\""), answers);
    // There are eight; each further one says why it gets none, until another goes.
    let said = |name: &str| {
        let file = lab.runtime.join("balancer.yaml");
        let service = balancer(name);
        fs::write(&file, service.split("---").next().unwrap()).unwrap();
        String::from_utf8(lab.say(&["apply", "-f", file.to_str().unwrap()]).stderr).unwrap()
    };
    for number in 1..8 {
        let told = said(&format!("echo-{number}"));
        assert!(told.contains(&format!("Service default/echo-{number}, port 80, is at http://127.0.0.1:")), "{told}");
    }
    let told = said("late");
    assert!(told.contains("Warning: Service default/late, port 80, stays pending: the 8 ports"), "{told}");
    assert!(shown("late").contains("<pending>"), "{}", shown("late"));
    lab.ok(&["delete", "svc", "echo"]);
    assert!(shown("late").contains(&format!("80:{port}/TCP")), "{}", shown("late"));
    wait(|| answers().contains("\"targets\""), answers);
}

#[test]
fn what_a_pod_does_not_get_is_told() {
    let lab = Lab::start("ignored", User::Me, &[]);
    let file = lab.runtime.join("volumes.yaml");
    fs::write(&file, "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  volumes: [{name: a, emptyDir: {}}]\n  containers:\n    - {name: c, image: star-probe, envFrom: [{secretRef: {name: a}}]}\n").unwrap();
    let output = lab.say(&["apply", "-f", file.to_str().unwrap()]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.lines().count() == 1, "{told}");
    assert!(told.starts_with("Warning: ") && told.contains("volumes (line 5), c's envFrom (line 7)"), "{told}");
    let negative = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {replicas: -5, template: {spec: {containers: [{name: c, image: star-probe}]}}}}";
    let told = refused(&lab, negative);
    assert!(told.contains("refused.yaml:1: The Deployment \"d\" is invalid: spec.replicas: Invalid value: -5: must be greater than or equal to 0"), "{told}");
}

#[test]
fn objects_are_shown_as_kubectl_shows_them() {
    let lab = Lab::start("shown", User::Me, &[]);
    lab.wait_for(OPEN);
    let policies = format!("{}/../../manifests/policies", env!("CARGO_MANIFEST_DIR"));
    lab.ok(&["apply", "-f", &policies]);
    // Ages, addresses' last parts and the page's port are others each time.
    let columns = |told: &str| -> Vec<String> {
        told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let policies = columns(&lab.ok(&["get", "netpol", "-n", "stars"]));
    assert_eq!(policies[0], "NAME POD-SELECTOR AGE");
    assert!(policies[1].starts_with("allow-ui <none> ") && policies[2].starts_with("backend-policy role=backend "));
    let services = columns(&lab.ok(&["get", "svc", "-A", "-o", "wide"]));
    assert_eq!(services[0], "NAMESPACE NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR");
    let port = lab.page.rsplit(':').next().unwrap();
    let page = services.iter().find(|line| line.starts_with("management-ui ")).unwrap();
    assert!(page.contains(&format!(" LoadBalancer 10.96.0.11 127.0.0.1 80:{port}/TCP ")), "{page}");
    let pods = columns(&lab.ok(&["get", "pods", "-n", "client", "-o", "wide"]));
    assert_eq!(pods[0], "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES");
    assert!(pods[1].contains(" 1/1 Running 0 ") && pods[1].ends_with(" star-lab <none> <none>"), "{}", pods[1]);
    let json: Value =
        serde_json::from_str(&lab.ok(&["get", "netpol", "-n", "stars", "frontend-policy", "-o", "json"])).unwrap();
    assert_eq!(json["spec"]["ingress"][0]["ports"][0]["port"], 80);
    let described = lab.ok(&["describe", "netpol", "-n", "stars", "frontend-policy"]);
    for part in
        ["  PodSelector:     role=frontend\n", "    To Port: 80/TCP\n", "      NamespaceSelector: role=client\n"]
    {
        assert!(described.contains(part), "{described}");
    }
    let deny = format!("{}/../../manifests/policies/default-deny.yaml", env!("CARGO_MANIFEST_DIR"));
    let warned = lab.say(&["apply", "-n", "management-ui", "-f", &deny]).stderr;
    assert!(
        String::from_utf8(warned).unwrap().contains(&format!("star-lab shows it at http://{}/ all the same", lab.page))
    );
    assert_eq!(lab.get("/api/v1/graph")["nodes"].as_array().unwrap().len(), 3);
    let log = lab.ok(&["logs", "-n", "client", &lab.pod("client", "client")]);
    assert!(log.contains("listening"), "{log}");
}

#[test]
fn what_cannot_be_done_is_told_on_one_line() {
    let lab = Lab::start("mistakes", User::Me, &[]);
    let stars = ["-n", "stars"];
    for (args, told) in [
        (
            vec!["delete", "netpol", "nope"],
            "Error from server (NotFound): networkpolicies.networking.k8s.io \"nope\" not found",
        ),
        (vec!["get", "pods", "nope"], "Error from server (NotFound): pods \"nope\" not found"),
        (vec!["logs", "nope"], "Error from server (NotFound): pods \"nope\" not found"),
        (vec!["exec", "-n", "client", "deploy/client", "--", "sh"], "\"sh\": executable file not found in $PATH"),
        (vec!["apply", "-f", "/nowhere.yaml"], "/nowhere.yaml cannot be read: No such file"),
        (vec!["kill", "bakend"], "there is no pod `bakend`; there are "),
        (vec!["get", "pods", "--lab=1"], "no lab with --lab=1 is running"),
    ] {
        let output = lab.say(&args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(1) && stderr.contains(told) && stderr.lines().count() == 1,
            "{args:?}: {stderr}"
        );
    }
    for (manifest, told) in [
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: nginx:1}]}}",
            "cannot run the image \"nginx:1\"",
        ),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: nope}, spec: {containers: [{name: a, image: star-probe}]}}",
            "namespaces \"nope\" not found",
        ),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: true, containers: [{name: a, image: star-probe}]}}",
            "asks for hostNetwork",
        ),
        (
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {ingress: [{from: [{}]}]}}",
            "spec.ingress[0].from[0]",
        ),
        (
            "{apiVersion: example.com/v1, kind: Foo, metadata: {name: a}}",
            "no matches for kind \"Foo\" in version \"example.com/v1\"",
        ),
        (
            "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: a}}",
            "no matches for kind \"CiliumNetworkPolicy\"",
        ),
    ] {
        let file = lab.runtime.join("bad.yaml");
        fs::write(&file, manifest).unwrap();
        let output = lab.say(&["apply", "-f", file.to_str().unwrap()]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && stderr.contains(told) && stderr.lines().count() == 1, "{stderr}");
        assert!(stderr.contains("bad.yaml"), "{stderr}");
        let up =
            program(&lab.runtime, User::Me).args(["up", "--port=0", "-f", file.to_str().unwrap()]).output().unwrap();
        let stderr = String::from_utf8(up.stderr).unwrap();
        assert!(up.status.code() == Some(1) && stderr.contains(told) && stderr.lines().count() == 1, "{stderr}");
    }
    assert_eq!(lab.say(&[["get", "netpol"], stars].concat()).stderr, b"No resources found in stars namespace.\n");
}

#[test]
fn a_folder_of_policies_is_followed() {
    let folder = std::env::temp_dir().join(format!("star-lab-test-{}-followed", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let deny = |name: &str, namespace: &str| {
        let policy = format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}, namespace: {namespace}}}, spec: {{}}}}"
        );
        let draft = folder.join(".draft");
        fs::write(&draft, policy).unwrap();
        fs::rename(draft, folder.join(format!("{name}.yaml"))).unwrap();
    };
    deny("first", "client");
    let lab = Lab::start("followed", User::Me, &["--policies", folder.to_str().unwrap()]);
    let names = || {
        let mut names: Vec<_> = lab
            .ok(&["get", "netpol", "-A"])
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().nth(1).unwrap().to_owned())
            .collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names(), "first");
    fs::remove_file(folder.join("first.yaml")).unwrap();
    lab.wait_for(OPEN);
    deny("first", "client");
    deny("second", "stars");
    wait(|| names() == "first second", names);
    fs::write(folder.join("third.yaml"), "{").unwrap();
    fs::remove_file(folder.join("third.yaml")).unwrap();
    fs::remove_file(folder.join("first.yaml")).unwrap();
    wait(|| names() == "second", names);
    lab.wait_for("B>F:unknown B>B:unknown B>C:unknown C>F:connect_timeout C>B:connect_timeout F>F:unknown F>B:unknown F>C:unknown");
    fs::remove_file(folder.join("second.yaml")).unwrap();
    lab.wait_for(OPEN);
    // Folders below it too, those that come later, and what is in one that is moved here.
    let below = folder.join("a/b");
    fs::create_dir_all(&below).unwrap();
    let policy = |name: &str| {
        format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}, namespace: stars}}, spec: {{}}}}"
        )
    };
    fs::write(below.join("deep.yaml"), policy("deep")).unwrap();
    wait(|| names() == "deep", names);
    fs::write(below.join("deep.yaml"), policy("deeper")).unwrap();
    wait(|| names() == "deeper", names);
    let elsewhere = folder.with_extension("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::write(elsewhere.join("moved.yaml"), policy("moved")).unwrap();
    fs::rename(&elsewhere, folder.join("c")).unwrap();
    wait(|| names() == "deeper moved", names);
    fs::remove_dir_all(folder.join("a")).unwrap();
    wait(|| names() == "moved", names);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn labs_run_side_by_side() {
    let (one, other) = (Lab::start("one", User::Me, &[]), Lab::start("other", User::Me, &[]));
    one.wait_for(OPEN);
    other.wait_for(OPEN);
    let deny = format!("{}/../../manifests/policies/default-deny.yaml", env!("CARGO_MANIFEST_DIR"));
    other.ok(&["apply", "-n", "client", "-f", &deny]);
    other.wait_for("B>F:reachable B>B:reachable B>C:connect_timeout C>F:unknown C>B:unknown F>F:reachable F>B:reachable F>C:connect_timeout");
    one.wait_for(OPEN);
}

#[test]
fn a_lab_that_is_killed_leaves_nothing_but_its_folder() {
    for user in users() {
        let mut lab = Lab::start("killed", user, &[]);
        lab.wait_for(OPEN);
        let id = lab.process.id().try_into().unwrap();
        let pods = lab.processes();
        assert_eq!(pods.len(), 5);
        let mine = networks(&[pods.as_slice(), &[id]].concat());
        assert_eq!(mine.len(), 6, "a network for each pod, and the node's");
        lab.process.kill().unwrap();
        lab.process.wait().unwrap();
        wait(|| !pods.iter().any(|pod| is_alive(*pod)), || "a pod is still alive".to_owned());
        wait(|| networks(&everybody()).is_disjoint(&mine), || "somebody is in the lab's networks".to_owned());
        assert!(std::net::TcpListener::bind(&lab.page).is_ok(), "the page's port is free");

        let next = program(&lab.runtime, user).args(["get", "ns"]).output().unwrap();
        assert!(String::from_utf8(next.stderr).unwrap().contains("no lab is running"));
    }
}

#[test]
fn a_lab_that_is_asked_to_end_leaves_nothing_behind() {
    for user in users() {
        let mut lab = Lab::start("ended", user, &[]);
        let pods = lab.processes();
        assert!(lab.ok(&["down"]).ends_with(" ended\n"));
        assert_eq!(lab.process.wait().unwrap().code(), Some(0));
        assert!(!pods.iter().any(|pod| is_alive(*pod)));
        assert_eq!(fs::read_dir(lab.runtime.join("star-lab")).unwrap().count(), 0);
    }
}

#[test]
fn killed_processes_of_pods_come_back_and_their_edges_with_them() {
    let lab = Lab::start("restarts", User::Me, &[]);
    lab.wait_for(OPEN);
    for pod in lab.processes() {
        signal(pod, Signal::KILL);
    }
    let pods = || lab.ok(&["get", "pods", "-A"]);
    wait(|| pods().lines().skip(1).all(|line| line.contains("1/1     Running   1")), pods);
    lab.wait_for(OPEN);
}

/// What the lab says to an `apply` of `manifest` that it refuses.
fn refused(lab: &Lab, manifest: &str) -> String {
    let file = lab.runtime.join("refused.yaml");
    fs::write(&file, manifest).unwrap();
    let output = lab.say(&["apply", "-f", file.to_str().unwrap()]);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_manifest_decides_neither_a_pods_network_nor_where_files_are_written() {
    let lab = Lab::start("escape", User::Me, &[]);
    let container = |more: &str| format!("{{name: c, image: star-probe, args: [--urls=]{more}}}");
    let pod = |name: &str, container: &str| {
        format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{containers: [{container}]}}}}")
    };
    let own = std::process::id();
    let env =
        format!(", env: [{{name: STAR_LAB_NETWORK, value: ../../{own}/ns/net}}, {{name: STAR_LAB_ETC, value: /tmp}}]");
    lab.apply(&pod("env", &container(&env)));
    wait(|| lab.ok(&["get", "pods"]).contains("1/1"), || lab.ok(&["get", "pods"]));
    let machine = fs::read_link("/proc/self/ns/net").unwrap();
    let pods = lab.processes();
    assert!(networks(&pods).len() >= 5, "{pods:?}");
    assert!(!networks(&pods).contains(machine.to_str().unwrap()), "a pod is in the machine's network");

    for name in ["/tmp/escaped", "../up", "Bad_Name"] {
        assert!(refused(&lab, &pod(name, &container(""))).contains("a name is made of lower-case letters"), "{name}");
    }
    let service = "{apiVersion: v1, kind: Service, metadata: {name: a..b}, spec: {ports: [{port: 80}]}}";
    assert!(refused(&lab, service).contains("a name is made of"));
    let climbing = container("").replace("name: c", "name: ../../x");
    assert!(refused(&lab, &pod("c", &climbing)).contains("is not a container's name"));
    let many = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {replicas: 100000, template: {spec: {containers: [{name: c, image: star-probe}]}}}}";
    assert!(refused(&lab, many).contains("more than 250 replicas"));
    assert!(lab.ok(&["get", "ns"]).contains("stars"), "the lab goes on");
}

#[test]
fn a_service_without_pods_refuses_every_connection() {
    let lab = Lab::start("refusals", User::Me, &[]);
    for service in 0..4 {
        lab.apply(&format!("{{apiVersion: v1, kind: Service, metadata: {{name: dead-{service}}}, spec: {{selector: {{app: nobody}}, ports: [{{port: 80}}]}}}}"));
    }
    for round in 0..5 {
        for service in 0..4 {
            let url = format!("http://dead-{service}.default/status");
            assert_eq!(lab.check("client", "deploy/client", &url), "connection_refused", "{round}");
        }
    }
}
