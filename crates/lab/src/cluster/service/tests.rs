use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::cluster::tests::{apply, cluster, ready, refused, second};
use crate::cluster::{Cluster, Outcome};
use crate::family::{Families, Family};

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
    let addresses = &cluster.services[&("default".to_owned(), name.to_owned())].addresses;
    if addresses.is_empty() {
        return "None".to_owned();
    }
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
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
        (
            "'2001:db8::1'",
            "The Service \"c\" is invalid: spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster",
        ),
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
        let [port] = &*cluster.service_ports(Family::V4, ready) else { panic!("one port") };
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
        let line = |(name, addresses): (String, Vec<IpAddr>)| {
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

/// What a Service of `spec` gets in a cluster of `families`: its policy, families and addresses, or its refusal.
fn got(families: Families, spec: &str) -> String {
    let mut cluster = Cluster::new(families, second(0));
    let service = WEB.replace("spec: {", &format!("spec: {{{spec}"));
    match cluster.apply(&crate::cluster::tests::objects(&service)[0], "default", second(1)) {
        Ok(_) => {
            let object = &cluster.services[&("default".to_owned(), "web".to_owned())];
            let names: Vec<_> = object.families.iter().map(|family| family.name()).collect();
            format!("{} {} {}", object.family_policy.name(), names.join(","), address(&cluster, "web"))
        }
        Err(refused) => refused.join("\n").split_once("is invalid: ").unwrap().1.to_owned(),
    }
}

#[test]
fn a_service_has_the_families_that_it_asks_for() {
    use Families::{Dual, Ipv4, Ipv6};
    for (families, spec, expected) in [
        (Ipv4, "", "SingleStack IPv4 10.96.0.11"),
        (Ipv6, "", "SingleStack IPv6 fd00:10:96::b"),
        (Dual, "", "SingleStack IPv4 10.96.0.11"),
        (Dual, "ipFamilies: [IPv6], ", "SingleStack IPv6 fd00:10:96::b"),
        (Dual, "clusterIP: fd00:10:96::9, ", "SingleStack IPv6 fd00:10:96::9"),
        (Dual, "ipFamilyPolicy: PreferDualStack, ", "PreferDualStack IPv4,IPv6 10.96.0.11,fd00:10:96::b"),
        (Ipv6, "ipFamilyPolicy: PreferDualStack, ", "PreferDualStack IPv6 fd00:10:96::b"),
        (
            Dual,
            "ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6], ",
            "RequireDualStack IPv6,IPv4 fd00:10:96::b,10.96.0.11",
        ),
        (
            Dual,
            "ipFamilyPolicy: RequireDualStack, clusterIPs: [10.96.0.20, fd00:10:96::14], ",
            "RequireDualStack IPv4,IPv6 10.96.0.20,fd00:10:96::14",
        ),
        (Dual, "clusterIP: None, ipFamilyPolicy: PreferDualStack, ", "PreferDualStack IPv4,IPv6 None"),
        (
            Ipv4,
            "ipFamilyPolicy: RequireDualStack, ",
            "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services",
        ),
        (Ipv4, "ipFamilies: [IPv6], ", "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster"),
        (
            Dual,
            "ipFamilies: [IPv4, IPv6], ",
            "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when \
             multiple IP families are specified",
        ),
        (Dual, "ipFamilies: [IPv4, IPv4], ", "spec.ipFamilies[1]: Duplicate value: \"IPv4\""),
        (
            Dual,
            "ipFamilies: [IPX], ",
            "spec.ipFamilies[0]: Unsupported value: \"IPX\": supported values: \"IPv4\", \"IPv6\"",
        ),
        (
            Dual,
            "ipFamilyPolicy: Both, ",
            "spec.ipFamilyPolicy: Unsupported value: \"Both\": supported values: \"PreferDualStack\", \
             \"RequireDualStack\", \"SingleStack\"",
        ),
    ] {
        assert_eq!(got(families, spec), expected, "{families:?} {spec}");
    }
}

#[test]
fn a_service_leads_to_its_pods_addresses_of_its_own_families() {
    let mut cluster = Cluster::new(Families::Dual, second(0));
    let with = |spec: &str| format!("{}\n---{PODS}", WEB.replace("spec: {", &format!("spec: {{{spec}")));
    apply(&mut cluster, &with("ipFamilyPolicy: PreferDualStack, "), 1);
    let ends = |cluster: &Cluster, family: Family| {
        let ports = cluster.service_ports(family, &ready(cluster));
        ports.iter().flat_map(|port| port.endpoints.iter().map(ToString::to_string)).collect::<Vec<_>>().join(" ")
    };
    let names = |cluster: &Cluster| cluster.names(&ready(cluster)).into_values().flatten().collect::<Vec<_>>();
    let texts = |texts: &[&str]| texts.iter().map(|text| text.parse::<IpAddr>().unwrap()).collect::<Vec<_>>();
    assert_eq!(ends(&cluster, Family::V4), "10.244.0.2:8080 10.244.0.3:8080");
    assert_eq!(ends(&cluster, Family::V6), "[fd00:10:244::2]:8080 [fd00:10:244::3]:8080");
    assert_eq!(names(&cluster), texts(&["10.96.0.11", "fd00:10:96::b"]));
    // One that becomes single keeps its first address.
    apply(&mut cluster, &with(""), 2);
    assert_eq!((ends(&cluster, Family::V6), names(&cluster)), (String::new(), texts(&["10.96.0.11"])));
    let headless = PODS.replace("serviceName: web", "serviceName: other");
    apply(
        &mut cluster,
        &(with("clusterIP: None, ipFamilies: [IPv6], ").split("---").next().unwrap().to_owned() + "---" + &headless),
        3,
    );
    let mut found = names(&cluster);
    found.sort();
    assert_eq!(found, texts(&["fd00:10:244::4", "fd00:10:244::5"]));
}
