//! Any text as manifests: read, evaluated, within and to the outside, explained, printed and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use star_netpol::{
    Cluster, Evaluator, Matrix,
    destination::Destination,
    evaluator::{Endpoint, IpBlockPods, Options},
    lint,
    manifest::parse,
    outside,
    policy::{Direction, Policy},
};

fuzz_target!(|text: &str| {
    let _ = text.lines().next().map(str::parse::<Destination>);
    let Ok(objects) = parse(&"fuzz.yaml".into(), text) else { return };
    let Ok(cluster) = Cluster::new(&objects, "default") else { return };
    for policy in &cluster.policies {
        let printed = serde_json::to_string(policy).expect("a policy is plain data");
        let objects = parse(&"printed.json".into(), &printed).expect("JSON is YAML");
        assert_eq!(Policy::read(&objects[0].node, "default").as_ref().ok(), Some(policy));
    }
    if cluster.workloads.len() > 12 {
        return;
    }
    let modes = [IpBlockPods::Match, IpBlockPods::Ignore, IpBlockPods::Undecided];
    let evaluator = Evaluator::new(cluster, Options { ip_block_pods: modes[text.len() % 3] });
    let matrix = Matrix::new(&evaluator);
    let count = evaluator.workloads().len();
    for (source, destination) in (0..count).flat_map(|s| (0..count).map(move |d| (s, d))).filter(|(s, d)| s != d) {
        let pair = evaluator.pair(Endpoint::Workload(source), Endpoint::Workload(destination));
        assert_eq!(pair.reach, matrix.reach(source, destination));
        assert!(pair.reach.possible.covers(&pair.reach.sure));
        evaluator.reasons(&pair, None);
    }
    // Nobody outside escapes, and nothing changes where nothing did.
    for (subject, direction) in (0..count).flat_map(|subject| Direction::ALL.map(|direction| (subject, direction))) {
        let end = Endpoint::Workload(subject);
        assert!(!outside::exposure(&evaluator, end, direction).is_empty());
        let same = (&evaluator, Some(end));
        assert!(outside::changes(same, same, direction).is_empty());
    }
    lint::findings(&evaluator);
    for service in &evaluator.cluster().services {
        let Ok(destination) = format!("http://{}.{}:80/", service.name, service.namespace).parse() else { continue };
        for source in 0..count {
            if let Ok(edge) = evaluator.edge(Endpoint::Workload(source), &destination, "default") {
                let _ = evaluator.explain(String::new(), &edge).to_string();
            }
        }
    }
});
