//! Who reaches whom, as snapshots that share what did not change between them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::Serialize;
use star_wire::Timestamp;
use star_wire::event::{EdgePatch, Event, NodePatch, Patch, Row as WireRow, RowEdge, Snapshot as WireSnapshot};
use star_wire::graph::{Edge, Graph, Kind, Node};
use star_wire::observation::{Observation, State};
use star_wire::resource::{Resource, ResourcesBody};
use star_wire::response::{Response, ResponsesBody};

/// Everything that the collector knows at one moment.
pub(crate) struct Snapshot {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    /// Replaced as a whole whenever one comes or goes: the same allocation means the same nodes.
    pub(crate) names: Arc<[Name]>,
    /// One for each resource, in the order of `names`, which begins with the resources.
    pub(crate) rows: Vec<Arc<Row>>,
    pub(crate) responses: Vec<Option<Arc<Response>>>,
    rendered: OnceLock<Bytes>,
}

impl Clone for Snapshot {
    /// Shares all but what was rendered from it.
    fn clone(&self) -> Self {
        let Self { seq, at, names, rows, responses, rendered: _ } = self;
        let (names, rows, responses) = (Arc::clone(names), rows.clone(), responses.clone());
        Self { seq: *seq, at: *at, names, rows, responses, rendered: OnceLock::new() }
    }
}

/// What names a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Name {
    pub(crate) id: Arc<str>,
    pub(crate) url: Arc<str>,
}

/// What the collector found of a resource, and what the resource found of others.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) observation: Observation,
    pub(crate) edges: Vec<RowEdge>,
}

/// What leads from one state to the next.
pub(crate) enum Difference {
    /// There are other nodes than before: the next state as a whole.
    Nodes,
    Patch(Patch),
}

impl Snapshot {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self { seq: 0, at, names: Arc::default(), rows: Vec::new(), responses: Vec::new(), rendered: OnceLock::new() }
    }

    /// The same, without what only the present is asked for.
    pub(crate) fn without_responses(&self) -> Self {
        Self { responses: Vec::new(), ..self.clone() }
    }

    /// How many nodes and edges it has; never none.
    pub(crate) fn size(&self) -> usize {
        1 + self.names.len() + self.rows.iter().map(|row| row.edges.len()).sum::<usize>()
    }

    /// The place of the resource `id`.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.resources().position(|name| &*name.id == id)
    }

    fn resources(&self) -> impl Iterator<Item = &Name> {
        self.names.iter().take(self.rows.len())
    }

    /// `GET /resources`.
    pub(crate) fn resources_body(&self) -> ResourcesBody {
        let resource = |name: &Name| Resource { id: name.id.to_string(), url: name.url.to_string() };
        ResourcesBody { resources: self.resources().map(resource).collect() }
    }

    /// `GET /responses`, rendered once for each snapshot.
    pub(crate) fn responses_body(&self) -> Bytes {
        let render = || {
            let ids = self.resources().map(|name| name.id.to_string());
            let responses = ids.zip(self.responses.iter().map(|response| response.as_deref().cloned()));
            render(&ResponsesBody { responses: responses.collect::<BTreeMap<_, _>>() })
        };
        self.rendered.get_or_init(render).clone()
    }

    fn node(&self, index: usize, name: &Name) -> Node {
        let (kind, observation) = match self.rows.get(index) {
            Some(row) => (Kind::Resource, row.observation.clone()),
            None => (Kind::Target, Observation { state: State::Unknown, ..Observation::default() }),
        };
        Node { id: name.id.to_string(), url: name.url.to_string(), kind, observation }
    }

    fn nodes(&self) -> Vec<Node> {
        self.names.iter().enumerate().map(|(index, name)| self.node(index, name)).collect()
    }

    /// `GET /api/v1/graph`.
    pub(crate) fn graph(&self) -> Graph {
        let edges = self.rows.iter().zip(self.resources()).flat_map(|(row, source)| {
            row.edges.iter().map(|RowEdge { target, observation, expected, agreement, because }| Edge {
                source: source.id.to_string(),
                target: self.names[*target].id.to_string(),
                observation: observation.clone(),
                expected: *expected,
                agreement: *agreement,
                because: Arc::clone(because),
            })
        });
        Graph { seq: self.seq, at: self.at, nodes: self.nodes(), edges: edges.collect() }
    }

    /// The first event of a stream.
    pub(crate) fn event(&self) -> Event {
        let row = |(source, row): (usize, &Arc<Row>)| WireRow { source, edges: row.edges.iter().map(told).collect() };
        let rows = self.rows.iter().enumerate().filter(|(_, row)| !row.edges.is_empty()).map(row);
        let nodes = self.nodes().into_iter().map(|node| Node { observation: timeless(&node.observation), ..node });
        Event::Snapshot(WireSnapshot { seq: self.seq, at: self.at, nodes: nodes.collect(), rows: rows.collect() })
    }

    /// The event that tells those who know the state before of this one.
    pub(crate) fn event_of(&self, difference: Difference) -> Event {
        match difference {
            Difference::Nodes => self.event(),
            Difference::Patch(patch) => Event::Patch(patch),
        }
    }

    /// What leads from `before` to this state; `None` if nobody would see a difference.
    pub(crate) fn since(&self, before: &Self) -> Option<Difference> {
        if !Arc::ptr_eq(&self.names, &before.names) {
            return Some(Difference::Nodes);
        }
        let (mut nodes, mut rows, mut edges) = (Vec::new(), Vec::new(), Vec::new());
        for (source, (new, old)) in self.rows.iter().zip(&before.rows).enumerate() {
            if Arc::ptr_eq(new, old) {
                continue;
            }
            if differ(&new.observation, &old.observation) {
                nodes.push(NodePatch { node: source, observation: timeless(&new.observation) });
            }
            if !new.edges.iter().map(|edge| edge.target).eq(old.edges.iter().map(|edge| edge.target)) {
                rows.push(WireRow { source, edges: new.edges.iter().map(told).collect() });
                continue;
            }
            let pairs = new.edges.iter().zip(&old.edges).enumerate();
            let changed = pairs
                .filter(|(_, (new, old))| differ(&new.observation, &old.observation) || new.expected != old.expected);
            let changed: Vec<_> = changed.map(|(place, (new, _))| (place, told(new))).collect();
            if !changed.is_empty() {
                edges.push(EdgePatch { source, changed });
            }
        }
        let same = nodes.is_empty() && rows.is_empty() && edges.is_empty();
        let (causes, gaps) = (Vec::new(), Vec::new());
        let patch = Patch { seq: self.seq, prev: before.seq, at: self.at, nodes, rows, edges, causes, gaps };
        (!same).then_some(Difference::Patch(patch))
    }

    /// Does to this state what `patch` tells.
    pub(crate) fn apply(&mut self, patch: &Patch) {
        (self.seq, self.at) = (patch.seq, patch.at);
        let mut change = |source: usize, change: &mut dyn FnMut(&mut Row)| {
            let Some(row) = self.rows.get_mut(source) else { return };
            let mut copy = Row { observation: row.observation.clone(), edges: row.edges.clone() };
            change(&mut copy);
            *row = Arc::new(copy);
        };
        for NodePatch { node, observation } in &patch.nodes {
            change(*node, &mut |row| row.observation = observation.clone());
        }
        for WireRow { source, edges } in &patch.rows {
            change(*source, &mut |row| row.edges.clone_from(edges));
        }
        for EdgePatch { source, changed } in &patch.edges {
            change(*source, &mut |row| {
                for (place, edge) in changed {
                    row.edges[*place].clone_from(edge);
                }
            });
        }
    }
}

/// Whether it is a transition. Another latency or another wording is not.
fn differ(new: &Observation, old: &Observation) -> bool {
    !new.agrees(old) || new.since != old.since
}

/// Without the latency, which is not a transition.
fn timeless(observation: &Observation) -> Observation {
    Observation { latency_ms: None, ..observation.clone() }
}

fn told(edge: &RowEdge) -> RowEdge {
    RowEdge { observation: timeless(&edge.observation), ..edge.clone() }
}

/// JSON of one of our own bodies.
pub(crate) fn render(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).expect("our bodies have no keys but strings").into()
}
