//! Who reaches whom, as snapshots that share what did not change between them.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use star_wire::Timestamp;
use star_wire::event::{
    EdgePatch, Event, NodeGap, NodePatch, Patch, Row as WireRow, RowEdge, Snapshot as WireSnapshot,
};
use star_wire::gap::Gap;
use star_wire::graph::{Edge, Graph, Kind, Node};
use star_wire::observation::{Observation, State};
use star_wire::resource::{Resource, ResourcesBody};
use star_wire::response::{Response, ResponsesBody};

/// Everything that the collector knows at one moment.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    /// Replaced as a whole whenever one comes or goes: the same allocation means the same nodes.
    pub(crate) names: Arc<[Name]>,
    /// One for each resource, in the order of `names`, which begins with the resources.
    pub(crate) rows: Vec<Arc<Row>>,
    pub(crate) responses: Vec<Option<Arc<Response>>>,
    /// Oldest first.
    notes: Arc<[Note]>,
}

/// How many notes are remembered: whoever was told the state before them learns of them all.
const NOTES: usize = 64;

/// That nobody looked for a while.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    /// The state that tells it first.
    seq: u64,
    /// The resource whose probe stood still; none if we did.
    source: Option<Arc<str>>,
    gap: Gap,
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

/// How many changes of a node or an edge a patch tells.
pub(crate) fn size(Patch { nodes, rows, edges, gaps, .. }: &Patch) -> usize {
    let rows = rows.iter().map(|row| row.edges.len()).sum::<usize>();
    nodes.len() + gaps.len() + rows + edges.iter().map(|row| row.changed.len()).sum::<usize>()
}

impl Snapshot {
    pub(crate) fn new(at: Timestamp) -> Self {
        let (names, rows, responses, notes) = (Arc::default(), Vec::new(), Vec::new(), Arc::default());
        Self { seq: 0, at, names, rows, responses, notes }
    }

    /// The state that follows `before`, with what was noted meanwhile.
    pub(crate) fn follow(&mut self, before: &Self, at: Timestamp, gaps: Vec<(Option<Arc<str>>, Gap)>) {
        (self.seq, self.at, self.notes) = (before.seq + 1, at, Arc::clone(&before.notes));
        self.note(gaps);
    }

    fn note(&mut self, gaps: Vec<(Option<Arc<str>>, Gap)>) {
        if gaps.is_empty() {
            return;
        }
        let new = gaps.into_iter().map(|(source, gap)| Note { seq: self.seq, source, gap });
        let notes: Vec<_> = self.notes.iter().cloned().chain(new).collect();
        self.notes = notes[notes.len().saturating_sub(NOTES)..].into();
    }

    /// What was noted after the state `seq`; not of a resource that is gone.
    fn gaps(&self, seq: Option<u64>) -> Vec<NodeGap> {
        let new = self.notes.iter().filter(|note| seq.is_none_or(|seq| note.seq > seq));
        let told = new.filter_map(|Note { seq: _, source, gap }| {
            let source = match source {
                None => None,
                Some(id) => Some(self.place(id)?),
            };
            Some(NodeGap { source, gap: *gap })
        });
        told.collect()
    }

    /// The state of this number in which nothing is known.
    pub(crate) fn emptied(&self) -> Self {
        Self { seq: self.seq, notes: Arc::clone(&self.notes), ..Self::new(self.at) }
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

    /// `GET /responses`.
    pub(crate) fn responses_body(&self) -> ResponsesBody {
        let ids = self.resources().map(|name| name.id.to_string());
        let responses = ids.zip(self.responses.iter().map(|response| response.as_deref().cloned()));
        ResponsesBody { responses: responses.collect() }
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
                observation: Observation::clone(observation),
                expected: *expected,
                agreement: *agreement,
                because: Arc::clone(because),
            })
        });
        Graph { seq: self.seq, at: self.at, nodes: self.nodes(), edges: edges.collect() }
    }

    /// The first event of a stream.
    pub(crate) fn event(&self) -> Event {
        Event::Snapshot(self.wire())
    }

    /// The same, as the stream and the journal have it.
    pub(crate) fn wire(&self) -> WireSnapshot {
        let row = |(source, row): (usize, &Arc<Row>)| WireRow { source, edges: row.edges.iter().map(told).collect() };
        let rows = self.rows.iter().enumerate().filter(|(_, row)| !row.edges.is_empty()).map(row);
        let nodes = self.nodes().into_iter().map(|node| Node { observation: timeless(&node.observation), ..node });
        let (nodes, rows, causes, gaps) = (nodes.collect(), rows.collect(), Vec::new(), self.gaps(None));
        WireSnapshot { seq: self.seq, at: self.at, nodes, rows, causes, gaps }
    }

    /// The state that an event told; `None` if it contradicts itself.
    pub(crate) fn from_wire(told: &WireSnapshot) -> Option<Self> {
        let name = |node: &Node| Name { id: node.id.as_str().into(), url: node.url.as_str().into() };
        let mut state = Self { seq: told.seq, names: told.nodes.iter().map(name).collect(), ..Self::new(told.at) };
        let resources = told.nodes.iter().take_while(|node| node.kind == Kind::Resource);
        let row = |node: &Node| Arc::new(Row { observation: node.observation.clone(), edges: Vec::new() });
        state.rows = resources.map(row).collect();
        let patch = Patch {
            seq: told.seq,
            prev: told.seq,
            at: told.at,
            nodes: Vec::new(),
            rows: told.rows.clone(),
            edges: Vec::new(),
            causes: Vec::new(),
            gaps: told.gaps.clone(),
        };
        state.admits(&patch).then(|| {
            state.apply(&patch);
            state
        })
    }

    /// Whether `patch` applies to this state, and names no node or edge that is not there.
    pub(crate) fn admits(&self, patch: &Patch) -> bool {
        let row = |source: usize| self.rows.get(source);
        let edge = |edge: &RowEdge| edge.target < self.names.len();
        patch.prev == self.seq
            && patch.nodes.iter().all(|change| row(change.node).is_some())
            && patch.rows.iter().all(|change| row(change.source).is_some() && change.edges.iter().all(edge))
            && patch.edges.iter().all(|change| {
                let Some(row) = row(change.source) else { return false };
                change.changed.iter().all(|(place, new)| *place < row.edges.len() && edge(new))
            })
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
        let (causes, gaps) = (Vec::new(), self.gaps(Some(before.seq)));
        let same = nodes.is_empty() && rows.is_empty() && edges.is_empty() && gaps.is_empty();
        let patch = Patch { seq: self.seq, prev: before.seq, at: self.at, nodes, rows, edges, causes, gaps };
        (!same).then_some(Difference::Patch(patch))
    }

    /// Does to this state what `patch` tells.
    pub(crate) fn apply(&mut self, patch: &Patch) {
        (self.seq, self.at) = (patch.seq, patch.at);
        let source = |gap: &NodeGap| gap.source.and_then(|node| self.names.get(node)).map(|name| Arc::clone(&name.id));
        self.note(patch.gaps.iter().map(|gap| (source(gap), gap.gap)).collect());
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

/// Whether it is a transition. Another latency, address or wording is not, nor that it was checked again.
fn differ(new: &Observation, old: &Observation) -> bool {
    !new.agrees(old) || new.since != old.since
}

/// Without the latency, which nobody needs to know of a transition.
fn timeless(observation: &Observation) -> Observation {
    Observation { latency_ms: None, ..observation.clone() }
}

fn told(edge: &RowEdge) -> RowEdge {
    match edge.observation.latency_ms {
        None => edge.clone(),
        Some(_) => RowEdge { observation: Arc::new(timeless(&edge.observation)), ..edge.clone() },
    }
}

/// JSON of one of our own bodies.
pub(crate) fn render(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).expect("our bodies have no keys but strings").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_costs_what_a_million_of_them_may() {
        // In the row, among what was found, and what both share behind two counters.
        let bytes = size_of::<RowEdge>() + size_of::<Arc<Observation>>() + 16 + size_of::<Observation>();
        assert!(bytes <= 208, "{bytes}");
    }
}
