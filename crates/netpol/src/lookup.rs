//! The look-up of a name, which comes before the first packet to it.

use crate::{connections::Protocol, edge::Edge, endpoint::Endpoint, evaluator::Evaluator, node::Node, reach::Verdict};

impl Evaluator {
    /// Whether a source can resolve a name.
    pub(crate) fn resolution<'e>(&'e self, source: Endpoint<'e>) -> Edge<'e> {
        if let Endpoint::Pods(_) = source {
            return self.dns_edge(source);
        }
        let Some(workload) = self.workload(source) else {
            let reason =
                format!("{source} is outside, and who resolves names for it is not known", source = self.name(source));
            return Edge::plain(Verdict::Undecided, reason);
        };
        // <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy>
        let policy = workload.template.at_path(&["spec", "dnsPolicy"]).and_then(Node::text).unwrap_or("ClusterFirst");
        match (policy, workload.host_network) {
            ("ClusterFirst", false) | ("ClusterFirstWithHostNet", _) => self.dns_edge(source),
            _ => {
                let reason = format!(
                    "{workload} does not ask the cluster's DNS (dnsPolicy {policy}{host}), and who resolves names for it is not known",
                    host = if workload.host_network { " in its node's network" } else { "" }
                );
                Edge::plain(Verdict::Undecided, reason)
            }
        }
    }

    /// Whether a source can ask the cluster's DNS, which comes before the first packet to any name.
    pub fn dns_edge<'e>(&'e self, source: Endpoint<'e>) -> Edge<'e> {
        let edges = self.dns().iter().map(|index| {
            let pair = self.pair(source, Endpoint::Workload(*index));
            let port = self.dns_port(*index);
            // Questions go over UDP, and over TCP only when an answer says so.
            (pair.reach.verdict(Protocol::Udp, port), pair, port)
        });
        // Any of them answers: the best verdict counts.
        let best = edges.min_by_key(|(verdict, ..)| match verdict {
            Verdict::Allowed => 0,
            Verdict::Undecided => 1,
            Verdict::Partial | Verdict::Denied => 2,
        });
        let Some((verdict, pair, port)) = best else {
            return Edge::plain(Verdict::Undecided, "the cluster has no DNS".into());
        };
        let about = Some((Protocol::Udp, port));
        let mut edge = self.between(pair, about);
        let (from, dns) =
            (self.name(source), edge.pairs.first().map(|(pair, _)| self.name(pair.egress.other)).unwrap_or_default());
        match verdict {
            Verdict::Allowed => {}
            Verdict::Denied => edge.reasons.insert(0, format!(
                "{from} cannot ask the cluster's DNS ({dns} on UDP {port}): it resolves no name at all, and the connection is never tried"
            )),
            _ => edge.reasons.insert(0, format!(
                "whether {from} resolves any name hangs on whether it may ask the cluster's DNS ({dns} on UDP {port})"
            )),
        }
        edge
    }

    /// The port of a DNS workload that its Service leads to, 53 without a Service.
    pub(crate) fn dns_port(&self, workload: usize) -> u16 {
        let Some(pod) = self.workloads().get(workload) else { return 53 };
        let services = self.cluster().services.iter().filter(|service| service.selects(pod));
        let ports =
            services.flat_map(|service| &service.ports).filter(|own| own.protocol == Protocol::Udp && own.port == 53);
        ports.filter_map(|own| own.target.on(pod, Protocol::Udp)).next().unwrap_or(53)
    }
}
