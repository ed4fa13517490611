//! `describe netpol`: a policy in the words of `kubectl`.

use star_netpol::policy::{Direction, Peer, Policy, Port, Rule, Scope, Target};
use star_netpol::selector::{Labels, Selector};

use crate::cluster::{Cluster, Kind, PolicyObject};
use crate::control::Answer;
use crate::listing::not_found;
use crate::query::Query;

/// Describes the policies that `query` is about, of a namespace, into `answer`.
pub(crate) fn describe(cluster: &Cluster, query: Query, namespace: &str, answer: &mut Answer) {
    let policies = match query {
        Query::Every(kinds, selector) if kinds == [Kind::NetworkPolicy] => {
            let within = cluster.policies.iter().filter(|((of, _), _)| of == namespace);
            within.map(|(_, object)| object).filter(|object| selector.matches(&object.labels)).collect()
        }
        Query::Named(objects) if objects.iter().all(|(kind, _)| *kind == Kind::NetworkPolicy) => {
            let mut found = Vec::new();
            for (kind, name) in objects {
                match cluster.policies.get(&(namespace.to_owned(), name.clone())) {
                    Some(object) => found.push(object),
                    None => answer.refused.push(not_found(&kind.plural(), &name)),
                }
            }
            found
        }
        _ => {
            answer.refused.push("error: star-lab describes network policies alone: describe netpol NAME".to_owned());
            return;
        }
    };
    if policies.is_empty() && answer.refused.is_empty() {
        answer.warned.push(format!("No resources found in {namespace} namespace."));
    }
    answer.told = policies.into_iter().map(described).collect::<Vec<_>>().join("\n\n");
}

fn described(object: &PolicyObject) -> String {
    let PolicyObject { policy, labels, annotations, created } = object;
    let mut told = format!(
        "Name:         {}\nNamespace:    {}\nCreated on:   {}\n",
        policy.name,
        policy.namespace,
        created.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    );
    told += &texts("Labels:       ", "=", labels);
    told += &texts("Annotations:  ", ": ", annotations);
    told += "Spec:\n";
    told += &match policy.pod_selector.is_everything() {
        true => "  PodSelector:     <none> (Allowing the specific traffic to all pods in this namespace)\n".to_owned(),
        false => format!("  PodSelector:     {}\n", policy.pod_selector),
    };
    told += &direction(policy, Direction::Ingress);
    told += &direction(policy, Direction::Egress);
    let types = [(Direction::Ingress, "Ingress"), (Direction::Egress, "Egress")];
    let types = types.into_iter().filter(|(direction, _)| policy.rules(*direction).is_some()).map(|(_, name)| name);
    told += &format!("  Policy Types: {}\n", types.collect::<Vec<_>>().join(", "));
    told
}

fn texts(head: &str, between: &str, texts: &Labels) -> String {
    let lines: Vec<_> = texts.iter().map(|(key, value)| format!("{key}{between}{value}")).collect();
    match lines.is_empty() {
        true => format!("{head}<none>\n"),
        false => format!("{head}{}\n", lines.join(&format!("\n{}", " ".repeat(head.len())))),
    }
}

fn direction(policy: &Policy, direction: Direction) -> String {
    let Some(rules) = policy.rules(direction) else { return format!("  Not affecting {direction} traffic\n") };
    let head = format!("  Allowing {direction} traffic:\n");
    if rules.is_empty() {
        return format!("{head}    <none> (Selected pods are isolated for {direction} connectivity)\n");
    }
    head + &rules.iter().map(|each| rule(each, direction)).collect::<Vec<_>>().join("    ----------\n")
}

fn rule(rule: &Rule, direction: Direction) -> String {
    let mut told: String = match rule.ports.is_empty() {
        true => "    To Port: <any> (traffic allowed to all ports)\n".to_owned(),
        false => rule.ports.iter().map(port).collect(),
    };
    let who = match direction {
        Direction::Ingress => "From",
        Direction::Egress => "To",
    };
    match rule.peers.is_empty() {
        true => {
            let where_from = if direction == Direction::Ingress { "source" } else { "destination" };
            told += &format!("    {who}: <any> (traffic not restricted by {where_from})\n");
        }
        false => told.extend(rule.peers.iter().map(|each| format!("    {who}:\n{}", peer(each)))),
    }
    told
}

fn port(Port { protocol, target, .. }: &Port) -> String {
    match target {
        Target::Every => format!("    To Port: <any>/{protocol}\n"),
        Target::Range(first, last) if first == last => format!("    To Port: {first}/{protocol}\n"),
        Target::Range(first, last) => format!("    To Port Range: {first}-{last}/{protocol}\n"),
        Target::Named(name) => format!("    To Port: {name}/{protocol}\n"),
    }
}

fn peer(peer: &Peer) -> String {
    let selected = |selector: &Selector| match selector.is_everything() {
        true => "<none>".to_owned(),
        false => selector.to_string(),
    };
    match &peer.scope {
        Scope::Pods { namespace_selector, pod_selector } => {
            let namespaces =
                namespace_selector.iter().map(|selector| format!("      NamespaceSelector: {}\n", selected(selector)));
            let pods = pod_selector.iter().map(|selector| format!("      PodSelector: {}\n", selected(selector)));
            namespaces.chain(pods).collect()
        }
        Scope::Block { ip_block } => {
            let holes: Vec<_> = ip_block.except.iter().map(ToString::to_string).collect();
            format!("      IPBlock:\n        CIDR: {}\n        Except: {}\n", ip_block.cidr, holes.join(", "))
        }
    }
}
