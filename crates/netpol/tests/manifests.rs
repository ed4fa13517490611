//! The manifests that ship: of the Kubernetes API to the field, restricted, and saying what the stars lab's originals say.
//!
//! `stars/` has the originals as its guide has them (<https://docs.tigera.io/calico/latest/network-policy/get-started/kubernetes-demo>).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, Namespace, PodSpec, PodTemplateSpec, ReplicationController, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/lab");
const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/policies");
const ORIGINALS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stars");

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The objects of a folder, without what is kustomize's own.
fn objects(folder: &str) -> Vec<Value> {
    let read = |file: PathBuf| -> Vec<Value> {
        serde_saphyr::from_multiple(&fs::read_to_string(&file).unwrap()).unwrap_or_else(|e| panic!("{file:?}: {e}"))
    };
    let objects: Vec<_> = files(folder).into_iter().flat_map(read).filter(|it| it["kind"] != "Kustomization").collect();
    assert!(objects.len() >= 5, "{folder} holds {} objects", objects.len());
    objects
}

/// `object` as the API's type, and the paths of what that type has not.
fn typed<T: DeserializeOwned>(object: &Value) -> Result<(T, Vec<String>), serde_json::Error> {
    let mut unknown = Vec::new();
    let typed = serde_ignored::deserialize(object, |path| unknown.push(path.to_string().replace(".?", "")))?;
    Ok((typed, unknown))
}

/// Why the API has no such object; empty if it has.
fn problems(object: &Value) -> Vec<String> {
    fn of<T: DeserializeOwned>(object: &Value) -> Vec<String> {
        typed::<T>(object).map_or_else(|error| vec![error.to_string()], |(_, unknown)| unknown)
    }
    match (object["apiVersion"].as_str(), object["kind"].as_str()) {
        (Some("v1"), Some("Namespace")) => of::<Namespace>(object),
        (Some("v1"), Some("Service")) => of::<Service>(object),
        (Some("v1"), Some("ReplicationController")) => of::<ReplicationController>(object),
        (Some("apps/v1"), Some("Deployment")) => of::<Deployment>(object),
        (Some("networking.k8s.io/v1"), Some("NetworkPolicy")) => of::<NetworkPolicy>(object),
        other => vec![format!("{other:?} is no kind that these manifests need")],
    }
}

#[test]
fn every_manifest_is_of_the_kubernetes_api_to_the_field() {
    for folder in [LAB, POLICIES, ORIGINALS] {
        for object in objects(folder) {
            assert_eq!(problems(&object), [""; 0], "{object:#}");
        }
    }
    // What an API server would drop in silence.
    let mut object = objects(LAB).into_iter().find(|object| object["kind"] == "Deployment").unwrap();
    object["spec"]["template"]["spec"]["containers"][0]["securityContxt"] = json!({});
    assert_eq!(problems(&object), ["spec.template.spec.containers.0.securityContxt"]);
    object["spec"]["replicas"] = json!("1");
    assert!(problems(&object)[0].contains("invalid type"), "{:?}", problems(&object));
}

fn pods(folder: &str) -> BTreeMap<String, PodTemplateSpec> {
    let template = |object: Value| match object["kind"].as_str() {
        Some("Deployment") => {
            let deployment = typed::<Deployment>(&object).unwrap().0;
            Some((deployment.metadata.name.unwrap(), deployment.spec.unwrap().template))
        }
        Some("ReplicationController") => {
            let controller = typed::<ReplicationController>(&object).unwrap().0;
            Some((controller.metadata.name.unwrap(), controller.spec.unwrap().template.unwrap()))
        }
        _ => None,
    };
    let pods: BTreeMap<_, _> = objects(folder).into_iter().filter_map(template).collect();
    assert_eq!(pods.keys().collect::<Vec<_>>(), ["backend", "client", "frontend", "management-ui"]);
    pods
}

/// What the *restricted* Pod Security Standard forbids and `pod` does, control by control
/// (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>). Volumes, Windows and init containers are stricter
/// here: there are none.
fn violations(pod: &PodSpec) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut forbid = |control: &'static str, violated: bool| {
        if violated {
            found.insert(control);
        }
    };
    let of_pod = pod.security_context.clone().unwrap_or_default();
    forbid("HostProcess", of_pod.windows_options.is_some());
    forbid("Host Namespaces", [pod.host_network, pod.host_pid, pod.host_ipc].contains(&Some(true)));
    forbid("Volume Types", pod.volumes.is_some());
    forbid("init containers", pod.init_containers.is_some() || pod.ephemeral_containers.is_some());
    forbid("SELinux", of_pod.se_linux_options.is_some());
    forbid("Sysctls", of_pod.sysctls.is_some());
    forbid("containers", pod.containers.is_empty());
    for Container { security_context, ports, liveness_probe, readiness_probe, startup_probe, lifecycle, .. } in
        &pod.containers
    {
        let own = security_context.clone().unwrap_or_default();
        forbid("HostProcess", own.windows_options.is_some());
        forbid("Privileged Containers", own.privileged == Some(true));
        forbid("Privilege Escalation", own.allow_privilege_escalation != Some(false));
        let (drop, add) = own.capabilities.map(|it| (it.drop, it.add)).unwrap_or_default();
        forbid("Capabilities", !drop.unwrap_or_default().iter().any(|name| name == "ALL"));
        forbid("Capabilities", add.unwrap_or_default().iter().any(|name| name != "NET_BIND_SERVICE"));
        forbid("Host Ports", ports.iter().flatten().any(|port| port.host_port.is_some_and(|port| port != 0)));
        let probes = [liveness_probe, readiness_probe, startup_probe].into_iter().flatten();
        for probe in probes {
            forbid("Host Probes", probe.http_get.as_ref().is_some_and(|get| get.host.is_some()));
            forbid("Host Probes", probe.tcp_socket.as_ref().is_some_and(|socket| socket.host.is_some()));
        }
        forbid("Host Probes", lifecycle.is_some());
        let app_armor = [&of_pod.app_armor_profile, &own.app_armor_profile].into_iter().flatten();
        forbid("AppArmor", app_armor.into_iter().any(|profile| profile.type_ == "Unconfined"));
        forbid("SELinux", own.se_linux_options.is_some());
        forbid("/proc Mount Type", own.proc_mount.is_some_and(|mount| mount != "Default"));
        let non_root = own.run_as_non_root.or(of_pod.run_as_non_root);
        forbid("Running as Non-root", non_root != Some(true));
        forbid("Running as Non-root user", own.run_as_user.or(of_pod.run_as_user) == Some(0));
        let seccomp = own.seccomp_profile.or(of_pod.seccomp_profile.clone()).map(|profile| profile.type_);
        forbid("Seccomp", !matches!(seccomp.as_deref(), Some("RuntimeDefault" | "Localhost")));
    }
    found
}

#[test]
fn every_pod_keeps_the_restricted_standard_control_by_control() {
    for (name, pod) in pods(LAB) {
        let pod = pod.spec.unwrap();
        assert_eq!(violations(&pod), BTreeSet::new(), "{name}");
        // And beyond the standard: nothing to write to, no capability but the one in need, no token.
        for container in &pod.containers {
            let own = container.security_context.as_ref().unwrap();
            assert_eq!(own.read_only_root_filesystem, Some(true), "{name}");
            let low = container.ports.iter().flatten().any(|port| port.container_port < 1024);
            let added = own.capabilities.as_ref().unwrap().add.is_some();
            assert_eq!(added, low, "{name}: NET_BIND_SERVICE for a port below 1024, and for no other");
        }
        assert_eq!(pod.automount_service_account_token, Some(false), "{name}");
        assert_eq!(pod.security_context.unwrap().run_as_user, Some(65532), "{name}");
    }
}

#[test]
fn each_control_is_noticed_when_it_is_broken() {
    let pod = serde_json::to_value(pods(LAB)["frontend"].spec.as_ref().unwrap()).unwrap();
    let cases = [
        ("/securityContext/windowsOptions", json!({"hostProcess": true}), "HostProcess"),
        ("/hostNetwork", json!(true), "Host Namespaces"),
        ("/hostPID", json!(true), "Host Namespaces"),
        ("/hostIPC", json!(true), "Host Namespaces"),
        ("/volumes", json!([{"name": "etc", "hostPath": {"path": "/etc"}}]), "Volume Types"),
        ("/initContainers", json!([{"name": "first"}]), "init containers"),
        ("/securityContext/seLinuxOptions", json!({"user": "root"}), "SELinux"),
        ("/securityContext/sysctls", json!([{"name": "kernel.msgmax", "value": "1"}]), "Sysctls"),
        ("/containers/0/securityContext/privileged", json!(true), "Privileged Containers"),
        ("/containers/0/securityContext/allowPrivilegeEscalation", Value::Null, "Privilege Escalation"),
        ("/containers/0/securityContext/capabilities/drop", json!(["NET_RAW"]), "Capabilities"),
        ("/containers/0/securityContext/capabilities/add", json!(["NET_ADMIN"]), "Capabilities"),
        ("/containers/0/ports/0/hostPort", json!(80), "Host Ports"),
        ("/containers/0/livenessProbe/httpGet/host", json!("10.0.0.1"), "Host Probes"),
        ("/containers/0/securityContext/appArmorProfile", json!({"type": "Unconfined"}), "AppArmor"),
        ("/containers/0/securityContext/procMount", json!("Unmasked"), "/proc Mount Type"),
        ("/securityContext/runAsNonRoot", Value::Null, "Running as Non-root"),
        ("/containers/0/securityContext/runAsUser", json!(0), "Running as Non-root user"),
        ("/securityContext/seccompProfile", json!({"type": "Unconfined"}), "Seccomp"),
    ];
    for (path, value, control) in cases {
        let mut pod = pod.clone();
        let (parent, field) = path.rsplit_once('/').unwrap();
        pod.pointer_mut(parent).unwrap()[field] = value;
        let (pod, unknown) = typed::<PodSpec>(&pod).unwrap();
        assert_eq!(unknown, [""; 0], "{path}");
        assert_eq!(violations(&pod), BTreeSet::from([control]), "{path}");
    }
}

#[test]
fn every_pod_is_watched_and_bounded_and_its_image_may_be_loaded_by_hand() {
    for (name, pod) in pods(LAB) {
        for container in pod.spec.unwrap().containers {
            let port = &container.ports.as_ref().unwrap()[0];
            for (probe, path) in [(&container.liveness_probe, "/healthz"), (&container.readiness_probe, "/readyz")] {
                let get = probe.as_ref().unwrap().http_get.as_ref().unwrap();
                assert_eq!(get.path.as_deref(), Some(path), "{name}");
                assert_eq!(get.port, IntOrString::String(port.name.clone().unwrap()), "{name}");
            }
            let resources = container.resources.unwrap();
            assert!(
                resources.requests.unwrap().contains_key("cpu") && resources.limits.unwrap().contains_key("memory")
            );
            // Without a policy, and with a tag that is not `latest`, the kubelet pulls only what the node has not.
            assert_eq!(container.image_pull_policy, None, "{name}");
            let (_, tag) = container.image.as_ref().unwrap().split_once(':').unwrap();
            assert_eq!(tag, env!("CARGO_PKG_VERSION"), "{name}");
        }
    }
}

/// What a user of the originals relies on: labels, command, ports.
fn promise(pod: &PodTemplateSpec) -> Value {
    let container = &pod.spec.as_ref().unwrap().containers[0];
    let ports: Vec<_> = container.ports.iter().flatten().map(|port| port.container_port).collect();
    json!({
        "labels": pod.metadata.as_ref().unwrap().labels,
        "command": container.command, "args": container.args, "ports": ports,
    })
}

fn services(folder: &str) -> BTreeMap<String, Value> {
    let pods = pods(folder);
    let service = |object: Value| {
        let service = (object["kind"] == "Service").then(|| typed::<Service>(&object).unwrap().0)?;
        let (name, spec) = (service.metadata.name.unwrap(), service.spec.unwrap());
        let pod = pods[&name].spec.as_ref().unwrap();
        assert_eq!(pods[&name].metadata.as_ref().unwrap().labels, spec.selector, "{name} selects its pod");
        let target = |target: &IntOrString| match target {
            IntOrString::Int(port) => *port,
            IntOrString::String(name) => {
                let mut ports = pod.containers.iter().flat_map(|container| container.ports.iter().flatten());
                ports.find(|port| port.name.as_deref() == Some(name)).unwrap().container_port
            }
        };
        let ports = spec.ports.unwrap();
        let ports: Vec<_> = ports.iter().map(|port| (port.port, target(port.target_port.as_ref().unwrap()))).collect();
        let namespace = service.metadata.namespace;
        let kind = spec.type_.unwrap_or_else(|| "ClusterIP".into());
        Some((name, json!({"namespace": namespace, "type": kind, "ports": ports})))
    };
    objects(folder).into_iter().filter_map(service).collect()
}

fn policies(folder: &str) -> BTreeSet<String> {
    let policy = |object: Value| {
        let mut policy = (object["kind"] == "NetworkPolicy").then(|| typed::<NetworkPolicy>(&object).unwrap().0)?;
        let spec = policy.spec.as_mut().unwrap();
        // An empty `matchLabels` says nothing.
        if let Some(selector) = &mut spec.pod_selector {
            selector.match_labels = selector.match_labels.take().filter(|labels| !labels.is_empty());
        }
        Some(serde_json::to_string(&policy).unwrap())
    };
    objects(folder).into_iter().filter_map(policy).collect()
}

fn namespaces(folder: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let namespace = |object: Value| {
        let metadata = (object["kind"] == "Namespace").then(|| typed::<Namespace>(&object).unwrap().0)?.metadata;
        let mut labels = metadata.labels.unwrap_or_default();
        labels.remove("pod-security.kubernetes.io/enforce");
        Some((metadata.name.unwrap(), labels))
    };
    objects(folder).into_iter().filter_map(namespace).collect()
}

#[test]
fn ours_say_what_the_originals_say() {
    let (ours, originals) = (pods(LAB), pods(ORIGINALS));
    for name in originals.keys() {
        assert_eq!(promise(&ours[name]), promise(&originals[name]), "{name}");
    }
    assert_eq!(services(LAB), services(ORIGINALS));
    assert_eq!(namespaces(LAB), namespaces(ORIGINALS));
    assert_eq!(policies(POLICIES), policies(ORIGINALS));
    assert_eq!(policies(POLICIES).len(), 5);
}

#[test]
fn kustomize_renders_every_object_and_takes_the_images_from_one_place() {
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        return eprintln!("skipped: there is no kubectl here to render the kustomization");
    }
    let render = |folder: &Path| -> Vec<Value> {
        let output = Command::new("kubectl").arg("kustomize").arg(folder).output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success() && err.is_empty(), "{err}");
        serde_saphyr::from_multiple(&out).unwrap()
    };
    let sorted = |mut objects: Vec<Value>| {
        objects.sort_by_key(Value::to_string);
        objects
    };
    assert_eq!(sorted(render(LAB.as_ref())), sorted(objects(LAB)));

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kustomization");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    for file in files(LAB) {
        let text = fs::read_to_string(&file).unwrap();
        let moved = text.replace("newName: star-", "newName: registry.example/team/star-");
        fs::write(folder.join(file.file_name().unwrap()), moved).unwrap();
    }
    let images: BTreeSet<_> = render(&folder)
        .iter()
        .filter_map(|it| it.pointer("/spec/template/spec/containers/0/image")?.as_str().map(str::to_owned))
        .collect();
    assert_eq!(
        images.into_iter().collect::<Vec<_>>(),
        ["registry.example/team/star-collect:0.1.0", "registry.example/team/star-probe:0.1.0"]
    );
}
