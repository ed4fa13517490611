//! Fields of a pod that a lab passes over, though its program may miss what they give.

use star_netpol::node::Node;
use star_netpol::workload::Workload;

/// Of a pod's `spec`.
const POD: [&str; 3] = ["volumes", "hostAliases", "dnsConfig"];

/// Of each of its containers.
const CONTAINER: [&str; 2] = ["envFrom", "volumeDevices"];

/// What a workload's pods do not get in a lab, and where it is asked for; one line for all of it.
pub(super) fn warning(workload: &Workload, object: &Node) -> Option<String> {
    let mut fields = Vec::new();
    let mut look = |node: &Node, path: &str, names: &[&str]| {
        let found = names.iter().filter_map(|name| Some((name, node.get(name)?)));
        let found = found.filter(|(_, value)| !value.items().is_empty() || !value.entries().is_empty());
        fields.extend(found.map(|(name, value)| (format!("{path}{name}"), value.at.line)));
    };
    if let Some(spec) = object.get("spec") {
        look(spec, "spec.", &["volumeClaimTemplates"]);
    }
    if let Some(spec) = workload.template.get("spec") {
        look(spec, "", &POD);
        for container in spec.get("containers").map(Node::items).unwrap_or_default() {
            let name = container.get("name").and_then(Node::text).unwrap_or_default();
            look(container, &format!("{name}'s "), &CONTAINER);
        }
    }
    let told: Vec<_> = fields.iter().map(|(field, line)| format!("{field} (line {line})")).collect();
    (!told.is_empty()).then(|| {
        format!(
            "{}: {workload}: star-lab gives its pods none of this, and ignores it: {}",
            workload.at,
            told.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(manifest: &str) -> Option<String> {
        let objects = star_netpol::manifest::parse(&"web.yaml".into(), manifest).unwrap();
        let workload = star_netpol::Cluster::new(&objects, "default").unwrap().workloads.remove(0);
        warning(&workload, &objects[0].node)
    }

    #[test]
    fn what_a_pod_does_not_get_is_told_with_its_line() {
        let manifest = "\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  volumeClaimTemplates: [{metadata: {name: data}}]
  template:
    spec:
      volumes:
        - {name: config, configMap: {name: config}}
      containers:
        - name: web
          image: star-probe
          envFrom: [{configMapRef: {name: env}}]
          volumeMounts: [{name: config, mountPath: /etc/web}]
";
        assert_eq!(
            told(manifest).unwrap(),
            "web.yaml:1: default/web: star-lab gives its pods none of this, and ignores it: \
             spec.volumeClaimTemplates (line 5), volumes (line 9), web's envFrom (line 13)"
        );
    }

    #[test]
    fn a_pod_that_asks_for_nothing_of_it_is_not_told_of() {
        let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {volumes: [], containers: [{name: a, image: star-probe}]}}";
        assert_eq!(told(pod), None);
    }
}
