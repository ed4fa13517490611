use crate::cluster::tests::{apply, cluster, objects, pods, refused, second};
use crate::cluster::{Cluster, Outcome};

/// A workload of three pods.
fn workload(kind: &str) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: web}}, spec: {{replicas: 3, template: \
         {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: c, image: star-probe}}]}}}}}}}}"
    )
}

/// A pod's spec by its name.
fn pod<'c>(cluster: &'c Cluster, name: &str) -> &'c crate::pod::Spec {
    &cluster.pods().find(|(_, pod)| pod.spec.name == name).unwrap().1.spec
}

#[test]
fn pods_are_called_as_their_controllers_call_them() {
    let named = |kind: &str| {
        let mut cluster = cluster();
        assert_eq!(apply(&mut cluster, &workload(kind), 1), [Outcome::Created]);
        pods(&cluster)
    };
    assert_eq!(named("StatefulSet"), ["web-0", "web-1", "web-2"]);
    for (kind, parts) in [("Deployment", vec![3, 10, 5]), ("ReplicaSet", vec![3, 5])] {
        let names = named(kind);
        assert_eq!(names.len(), 3);
        for name in &names {
            assert_eq!(name.split('-').map(str::len).collect::<Vec<_>>(), parts, "{name}");
        }
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2], "{names:?}");
    }
    assert_eq!(named("DaemonSet").len(), 1, "there is one node");
    let mut cluster = cluster();
    let long = "a".repeat(60);
    apply(&mut cluster, &workload("ReplicaSet").replace("name: web", &format!("name: {long}")), 1);
    assert!(pods(&cluster).iter().all(|name| name.len() == 63), "{:?}", pods(&cluster));
}

#[test]
fn a_pod_of_a_deployment_that_is_deleted_comes_again_by_another_name() {
    let mut cluster = cluster();
    apply(&mut cluster, &workload("Deployment"), 1);
    let before = pods(&cluster);
    let (old, address) = (before[1].clone(), pod(&cluster, &before[1]).addresses[0]);
    assert_eq!(cluster.delete("Pod", "default", &old, second(5)), Ok(Outcome::Deleted));
    let after = pods(&cluster);
    assert_eq!(after.len(), 3);
    assert_eq!(&after[..2], [before[0].clone(), before[2].clone()]);
    assert!(!before.contains(&after[2]), "{after:?}");
    assert_ne!(pod(&cluster, &after[2]).addresses[0], address);
    let created = cluster.pods().map(|(_, pod)| pod.created).collect::<Vec<_>>();
    assert_eq!(created, [second(1), second(1), second(5)]);
    let hash = &pod(&cluster, &after[2]).labels["pod-template-hash"];
    assert!(after[2].starts_with(&format!("web-{hash}-")), "{}", after[2]);
    assert_eq!(cluster.delete("Pod", "stars", &after[2], second(6)), Ok(Outcome::NotFound), "of another namespace");
}

#[test]
fn a_pod_of_a_stateful_set_that_is_deleted_is_another_pod_of_the_same_name() {
    let mut cluster = cluster();
    let asking = workload("StatefulSet")
        .replace("replicas: 3", "replicas: 1")
        .replace("labels: {app", "annotations: {cni.projectcalico.org/ipAddrs: '[\"10.244.0.9\"]'}, labels: {app");
    apply(&mut cluster, &asking, 1);
    let before = pod(&cluster, "web-0").clone();
    cluster.delete("Pod", "default", "web-0", second(2)).unwrap();
    let after = pod(&cluster, "web-0");
    assert_eq!((after.addresses[0], &after.name), (before.addresses[0], &before.name));
    assert_ne!(*after, before, "what runs is to be replaced");
}

#[test]
fn a_stateful_set_keeps_its_lowest_numbers() {
    let mut cluster = cluster();
    let many = workload("StatefulSet").replace("replicas: 3", "replicas: 11");
    apply(&mut cluster, &many, 1);
    assert_eq!(pods(&cluster)[9..], ["web-9", "web-10"]);
    cluster.delete("Pod", "default", "web-0", second(2)).unwrap();
    assert_eq!(pods(&cluster)[0], "web-0");
    apply(&mut cluster, &workload("StatefulSet").replace("replicas: 3", "replicas: 1"), 3);
    assert_eq!(pods(&cluster), ["web-0"]);
    apply(&mut cluster, &workload("StatefulSet").replace("replicas: 3", "replicas: 2, ordinals: {start: 5}"), 4);
    assert_eq!(pods(&cluster), ["web-5", "web-6"]);
    assert_eq!(pod(&cluster, "web-6").labels["apps.kubernetes.io/pod-index"], "6");
}

#[test]
fn pods_stay_as_long_as_their_template_does() {
    let mut cluster = cluster();
    apply(&mut cluster, &workload("Deployment"), 1);
    let before = pods(&cluster);
    assert_eq!(apply(&mut cluster, &workload("Deployment"), 2), [Outcome::Unchanged]);
    assert_eq!(pods(&cluster), before);
    let fewer = workload("Deployment").replace("replicas: 3", "replicas: 2");
    assert_eq!(apply(&mut cluster, &fewer, 3), [Outcome::Configured]);
    assert_eq!(pods(&cluster), before[..2]);
    apply(&mut cluster, &fewer.replace("app: web", "app: other"), 4);
    assert!(pods(&cluster).iter().all(|name| !before.contains(name)));
    let created = cluster.workloads.values().map(|object| object.created).collect::<Vec<_>>();
    assert_eq!(created, [second(1)]);
}

#[test]
fn counts_that_an_api_server_refuses_are_refused_with_their_line() {
    let mut cluster = cluster();
    let with = |kind: &str, replicas: &str| workload(kind).replace("replicas: 3", &format!("\n replicas: {replicas}"));
    assert_eq!(
        refused(&mut cluster, &with("Deployment", "-5")),
        "error: a.yaml:2: The Deployment \"web\" is invalid: spec.replicas: Invalid value: -5: must be greater than or equal to 0"
    );
    let job = workload("Job").replace("replicas: 3", "parallelism: -1");
    assert!(refused(&mut cluster, &job).contains("The Job \"web\" is invalid: spec.parallelism: Invalid value: -1"));
    assert!(refused(&mut cluster, &with("ReplicaSet", "three")).contains("spec.replicas must be a whole number"));
    assert!(refused(&mut cluster, &with("StatefulSet", "251")).contains("asks for more than 250 replicas"));
    assert_eq!(cluster.workloads.len(), 0);
    assert_eq!(apply(&mut cluster, &with("Deployment", "0"), 1), [Outcome::Created]);
    assert_eq!(pods(&cluster), [""; 0]);
}

#[test]
fn addresses_are_those_that_are_asked_for_or_the_next_that_are_free() {
    let mut cluster = cluster();
    let pod = |name: &str, address: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, annotations: {{cni.projectcalico.org/ipAddrs: '{address}'}}}}, \
             spec: {{containers: [{{name: c, image: star-probe}}]}}}}"
        )
    };
    apply(&mut cluster, &pod("a", "[\"10.244.0.3\"]"), 1);
    apply(&mut cluster, &workload("StatefulSet"), 1);
    let addresses: Vec<_> = cluster.pods().map(|(_, pod)| pod.spec.addresses[0].to_string()).collect();
    assert_eq!(addresses, ["10.244.0.3", "10.244.0.2", "10.244.0.4", "10.244.0.5"]);
    for (address, told) in [
        ("[\"10.244.0.3\"]", "the address 10.244.0.3 is taken"),
        ("[\"10.244.0.1\"]", "is not a list of one address in 10.244.0.0/16, not 10.244.0.1"),
        ("10.244.0.7", "is not a list of one address"),
        ("[\"10.244.0.7\", \"10.244.0.8\"]", "is not a list of one address"),
    ] {
        let refused = refused(&mut cluster, &pod("b", address));
        assert!(refused.contains(told), "{refused}");
    }
    let many = workload("Deployment")
        .replace("labels: {app", "annotations: {cni.projectcalico.org/ipAddrs: '[\"10.244.0.9\"]'}, labels: {app");
    assert!(refused(&mut cluster, &many).contains("gives one address to several replicas"));
}

#[test]
fn no_two_pods_have_one_name() {
    let mut cluster = cluster();
    apply(&mut cluster, &workload("StatefulSet"), 1);
    let pod =
        "{apiVersion: v1, kind: Pod, metadata: {name: web-1}, spec: {containers: [{name: c, image: star-probe}]}}";
    assert_eq!(
        refused(&mut cluster, pod),
        "Error from server (AlreadyExists): error when creating \"a.yaml\": pods \"web-1\" already exists"
    );
    assert_eq!(cluster.pods().count(), 3);
}

#[test]
fn what_a_lab_ignores_is_told_when_it_comes_and_not_again() {
    let mut cluster = cluster();
    let text =
        workload("Deployment").replace("spec: {containers", "spec: {volumes: [{name: a, emptyDir: {}}], containers");
    let mut warnings = || cluster.apply(&objects(&text)[0], "default", second(1)).unwrap().warnings;
    assert!(warnings()[0].contains("ignores it: volumes (line 1)"));
    assert_eq!(warnings(), [""; 0]);
}

#[test]
fn a_pods_environment_and_command_are_expanded_by_the_kubelets_rules() {
    let mut cluster = cluster();
    let manifest = "
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
    - name: c
      image: star-probe
      args: [--urls=http://$(HOST):$(PORT)/$(NAME), $$(HOST), $(NOBODY), $(LITERAL), $(TWICE)]
      env:
        - {name: EARLY, value: $(HOST)}
        - {name: HOST, value: $(PART).stars}
        - {name: PART, value: web}
        - {name: HOST, value: $(PART).client}
        - {name: PORT, value: '80'}
        - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: LITERAL, value: $(metadata.name)}
        - {name: TWICE, value: $$(NAME)}
        - {name: ADDRESS, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
";
    apply(&mut cluster, manifest, 1);
    let [container] = &*pod(&cluster, "a").containers else { panic!("one container") };
    let command = ["probe", "--urls=http://web.client:80/a", "$(HOST)", "$(NOBODY)", "$(metadata.name)", "$(NAME)"];
    assert_eq!(container.command, command);
    let values: Vec<_> = container.environment.iter().map(|(_, value)| value.as_str()).collect();
    let expected =
        ["$(HOST)", "$(PART).stars", "web", "web.client", "80", "a", "$(metadata.name)", "$(NAME)", "10.244.0.2"];
    assert_eq!(values, expected);
}
