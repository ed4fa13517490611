//! `get`: objects in `kubectl`'s columns, and as JSON and YAML.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Key, Kind};
use crate::control::{Answer, Output};
use crate::pod::Pod;
use crate::publish::Published;
use crate::query::Query;
use crate::yaml;

mod row;

use row::Row;

/// What can be listed.
pub(crate) struct View<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) pods: &'a BTreeMap<Key, Pod>,
    pub(crate) published: &'a [Published],
}

/// The headers of a kind's columns: those of every listing, then those of `-o wide`.
fn headers(kind: Kind) -> (&'static [&'static str], &'static [&'static str]) {
    const IMAGES: &[&str] = &["CONTAINERS", "IMAGES", "SELECTOR"];
    match kind {
        Kind::Pod => (&["READY", "STATUS", "RESTARTS", "AGE"], &["IP", "NODE", "NOMINATED NODE", "READINESS GATES"]),
        Kind::Service => (&["TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"], &["SELECTOR"]),
        Kind::NetworkPolicy => (&["POD-SELECTOR", "AGE"], &[]),
        Kind::Namespace => (&["STATUS", "AGE"], &[]),
        Kind::Deployment => (&["READY", "UP-TO-DATE", "AVAILABLE", "AGE"], IMAGES),
        Kind::StatefulSet => (&["READY", "AGE"], &["CONTAINERS", "IMAGES"]),
        Kind::DaemonSet => {
            (&["DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AVAILABLE", "NODE SELECTOR", "AGE"], IMAGES)
        }
        Kind::ReplicaSet | Kind::ReplicationController => (&["DESIRED", "CURRENT", "READY", "AGE"], IMAGES),
        Kind::Job | Kind::CronJob => (&["PODS", "AGE"], IMAGES),
    }
}

/// Lists the objects that `query` is about into `answer`; those of all namespaces if none is given.
pub(crate) fn get(
    view: &View<'_>,
    query: Query,
    namespace: Option<&str>,
    output: Output,
    ignore_not_found: bool,
    answer: &mut Answer,
) {
    let (rows, only) = match query {
        Query::Named(objects) => {
            let Some(namespace) = namespace.or(objects.iter().all(|(kind, _)| !kind.is_namespaced()).then_some(""))
            else {
                let refused = "error: a resource cannot be retrieved by name across all namespaces";
                answer.refused.push(refused.to_owned());
                return;
            };
            let only = objects.len() == 1;
            let mut found = Vec::new();
            for (kind, name) in objects {
                let is = |row: &Row| row.name == name && (!kind.is_namespaced() || row.namespace == namespace);
                match view.rows(kind).into_iter().find(is) {
                    Some(row) => found.push(row),
                    None if ignore_not_found => {}
                    None => answer.refused.push(not_found(&kind.plural(), &name)),
                }
            }
            (found, only)
        }
        Query::Every(kinds, selector) => {
            let of = |kind: Kind| {
                let mut rows = view.rows(kind);
                rows.retain(|row| {
                    let within = !kind.is_namespaced() || namespace.is_none_or(|namespace| row.namespace == namespace);
                    within && selector.matches(&row.labels)
                });
                rows
            };
            let rows: Vec<_> = kinds.iter().flat_map(|kind| of(*kind)).collect();
            if rows.is_empty() && !ignore_not_found && matches!(output, Output::Short | Output::Wide) {
                answer.warned.push(match namespace {
                    Some(namespace) if kinds.iter().all(|kind| kind.is_namespaced()) => {
                        format!("No resources found in {namespace} namespace.")
                    }
                    _ => "No resources found".to_owned(),
                });
            }
            (rows, false)
        }
    };
    answer.told = match output {
        Output::Name => rows.iter().map(|row| format!("{}/{}\n", row.kind.singular(), row.name)).collect(),
        Output::Json | Output::Yaml => {
            let mut items: Vec<_> = rows.into_iter().map(|row| row.json).collect();
            if items.is_empty() && (only || ignore_not_found) {
                return;
            }
            let told = match only {
                true => items.remove(0),
                false => {
                    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items})
                }
            };
            match output {
                Output::Yaml => yaml::document(&told),
                _ => indented(&told) + "\n",
            }
        }
        Output::Short | Output::Wide => tables(rows, namespace.is_none(), output == Output::Wide),
    };
}

/// What `kubectl` says of an object that is not there.
pub(crate) fn not_found(plural: &str, name: &str) -> String {
    format!("Error from server (NotFound): {plural} {name:?} not found")
}

/// A table for each kind, with an empty line between two of them.
fn tables(rows: Vec<Row>, everywhere: bool, is_wide: bool) -> String {
    let several = rows.windows(2).any(|pair| pair[0].kind != pair[1].kind);
    let mut groups: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        match groups.last_mut().filter(|group| group.last().is_some_and(|last| last.kind == row.kind)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let one = |group: Vec<Row>| {
        let kind = group[0].kind;
        let (columns, wide) = headers(kind);
        let wide = if is_wide { wide } else { &[] };
        let with_namespace = everywhere && kind.is_namespaced();
        let header = with_namespace.then_some("NAMESPACE").into_iter().chain(["NAME"]);
        let header = header.chain(columns.iter().copied()).chain(wide.iter().copied()).map(str::to_owned).collect();
        let line = |row: Row| {
            let name = if several { format!("{}/{}", kind.singular(), row.name) } else { row.name };
            let start = with_namespace.then_some(row.namespace).into_iter().chain([name]);
            start.chain(row.columns).chain(row.wide.into_iter().take(wide.len())).collect()
        };
        table(std::iter::once(header).chain(group.into_iter().map(line)).collect())
    };
    groups.into_iter().map(one).collect::<Vec<_>>().join("\n")
}

/// JSON as `kubectl` indents it.
fn indented(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut out, serde_json::ser::PrettyFormatter::with_indent(b"    "));
    value.serialize(&mut serializer).expect("a value has no key that is no text");
    String::from_utf8_lossy(&out).into_owned()
}

/// Columns as wide as they need to be, three blanks between them.
fn table(rows: Vec<Vec<String>>) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("   ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
