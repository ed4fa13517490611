use std::collections::BTreeSet;

use crate::cluster::tests::{apply, cluster, ready, refused, second};
use crate::cluster::{Cluster, Outcome};

const WEB: &str = "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}}";

const PODS: &str = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 2
  serviceName: web
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: star-probe, ports: [{name: http, containerPort: 8080}]}]
";

fn address(cluster: &Cluster, name: &str) -> String {
    let address = cluster.services[&("default".to_owned(), name.to_owned())].address;
    address.map_or("None".to_owned(), |address| address.to_string())
}

#[test]
fn a_service_keeps_its_address_and_no_other_gets_it() {
    let mut cluster = cluster();
    assert_eq!(apply(&mut cluster, WEB, 1), [Outcome::Created]);
    assert_eq!(apply(&mut cluster, WEB, 2), [Outcome::Unchanged]);
    assert_eq!(apply(&mut cluster, &WEB.replace("80,", "81,"), 3), [Outcome::Configured]);
    apply(&mut cluster, &WEB.replace("name: web", "name: other"), 4);
    assert_eq!((address(&cluster, "web"), address(&cluster, "other")), ("10.96.0.11".into(), "10.96.0.12".into()));
    // One that was given back is not the next one's.
    cluster.delete("Service", "default", "web", second(5)).unwrap();
    apply(&mut cluster, WEB, 6);
    assert_eq!(address(&cluster, "web"), "10.96.0.13");
}

#[test]
fn a_service_gets_the_address_that_it_asks_for_if_it_may() {
    let mut cluster = cluster();
    let asking = |name: &str, address: &str| {
        WEB.replace("name: web", &format!("name: {name}"))
            .replace("spec: {", &format!("spec: {{clusterIP: {address}, "))
    };
    apply(&mut cluster, &asking("a", "10.96.0.12"), 1);
    apply(&mut cluster, &asking("none", "None"), 1);
    apply(&mut cluster, WEB, 1);
    apply(&mut cluster, &WEB.replace("name: web", "name: b"), 1);
    assert_eq!(address(&cluster, "a"), "10.96.0.12");
    assert_eq!(address(&cluster, "none"), "None");
    assert_eq!((address(&cluster, "web"), address(&cluster, "b")), ("10.96.0.11".into(), "10.96.0.13".into()));
    for (asked, told) in [
        ("10.96.0.12", "service default/c: clusterIP 10.96.0.12 is taken; leave it out"),
        ("10.244.0.9", "service default/c: clusterIP 10.244.0.9 is not in 10.96.0.0/12; leave it out"),
        ("'2001:db8::1'", "service default/c: star-lab's addresses are IPv4: leave clusterIP out"),
    ] {
        let refused = refused(&mut cluster, &asking("c", asked));
        assert!(refused.contains(told), "{refused}");
    }
    let external = WEB.replace("spec: {", "spec: {type: ExternalName, ");
    assert!(refused(&mut cluster, &external).contains("ExternalName leads nowhere"));
}

#[test]
fn a_port_leads_to_the_ready_pods_that_are_selected() {
    let mut cluster = cluster();
    apply(&mut cluster, &format!("{WEB}\n---{PODS}"), 1);
    apply(&mut cluster, &PODS.replace("name: web", "name: other").replace("app: web", "app: other"), 1);
    let ends = |cluster: &Cluster, ready: &BTreeSet<_>| {
        let [port] = &*cluster.service_ports(ready) else { panic!("one port") };
        assert_eq!((port.port, port.address.to_string()), (80, "10.96.0.11".to_owned()));
        port.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let mut ready = ready(&cluster);
    assert_eq!(ends(&cluster, &ready), ["10.244.0.2:8080", "10.244.0.3:8080"]);
    ready.remove(&("default".to_owned(), "web-0".to_owned()));
    assert_eq!(ends(&cluster, &ready), ["10.244.0.3:8080"]);
    // A StatefulSet's pods carry their names as labels.
    let one = "{app: web, statefulset.kubernetes.io/pod-name: web-1}";
    apply(&mut cluster, &WEB.replace("{app: web}", one), 2);
    assert_eq!(ends(&cluster, &ready), ["10.244.0.3:8080"]);
    // No port of the pods is called so.
    apply(&mut cluster, &WEB.replace("http", "https"), 3);
    assert_eq!(ends(&cluster, &ready), [""; 0]);
}

#[test]
fn names_are_those_of_services_and_of_pods_below_headless_ones() {
    let mut cluster = cluster();
    apply(&mut cluster, &format!("{WEB}\n---{PODS}"), 1);
    let names = |cluster: &Cluster| {
        let names = cluster.names(&ready(cluster));
        let line = |(name, addresses): (String, Vec<std::net::Ipv4Addr>)| {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            format!("{} {}", name.strip_suffix(".default.svc.cluster.local.").unwrap(), addresses.join(" "))
        };
        let mut lines: Vec<_> = names.into_iter().map(line).collect();
        lines.sort();
        lines
    };
    assert_eq!(names(&cluster), ["web 10.96.0.11"]);
    apply(&mut cluster, &WEB.replace("spec: {", "spec: {clusterIP: None, "), 2);
    assert_eq!(names(&cluster), ["web 10.244.0.2 10.244.0.3", "web-0.web 10.244.0.2", "web-1.web 10.244.0.3"]);
    // By its hostname and subdomain, any pod has such a name; under another Service it has none.
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {app: web}}, \
               spec: {hostname: me, subdomain: web, containers: [{name: c, image: star-probe}]}}";
    apply(&mut cluster, pod, 3);
    apply(&mut cluster, &PODS.replace("serviceName: web", "serviceName: other"), 3);
    assert_eq!(names(&cluster), ["me.web 10.244.0.4", "web 10.244.0.4 10.244.0.5 10.244.0.6"]);
    assert_eq!(cluster.names(&BTreeSet::new()).len(), 0, "no pod is ready");
}
