//! The resources, what each last said, and the graph that follows from it. Knows no network and no time but the clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use star_wire::Timestamp;
use star_wire::event::RowEdge;
use star_wire::observation::{Observation, State};
use star_wire::response::Response;

use crate::graph::{Name, Row, Snapshot};
use crate::peer::{Content, Listed, Report};
use crate::resource::Entry;

/// All resources, and the state that they make.
pub(crate) struct Roster {
    /// Sorted by id, as the rows of a snapshot are.
    members: Vec<Member>,
    state: Snapshot,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Change {
    /// Nothing that anybody could see.
    Nothing,
    /// A node or its edges.
    Row,
    /// Which targets a node lists, and so perhaps which nodes there are: [`Roster::relink`] is due.
    Links,
}

impl Roster {
    /// No resources.
    pub(crate) fn new() -> Self {
        Self { members: Vec::new(), state: Snapshot::new(star_wire::now()) }
    }

    /// The state, not numbered.
    pub(crate) fn state(&self) -> &Snapshot {
        &self.state
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The resource `id`.
    pub(crate) fn get(&self, id: &str) -> Option<&Entry> {
        self.place(id).ok().map(|place| &self.members[place].entry)
    }

    /// Where the resource is, or where it would have to be.
    fn place(&self, id: &str) -> Result<usize, usize> {
        self.members.binary_search_by(|member| (*member.entry.id).cmp(id))
    }

    /// Adds a resource that `poller` fetches from now on. Returns the poller of the resource that had the id before.
    pub(crate) fn put(&mut self, entry: Entry, poller: u64) -> Option<u64> {
        let place = self.place(&entry.id);
        let member = Member::new(entry, poller);
        match place {
            Ok(place) => Some(std::mem::replace(&mut self.members[place], member).poller),
            Err(place) => {
                self.members.insert(place, member);
                None
            }
        }
    }

    /// Removes a resource. Returns its poller, if there was one.
    pub(crate) fn remove(&mut self, id: &str) -> Option<u64> {
        self.place(id).ok().map(|place| self.members.remove(place).poller)
    }

    /// Takes what a poller fetched; nothing, if its resource is gone.
    pub(crate) fn take(&mut self, report: Report) -> Change {
        let Some(place) = self.members.iter().position(|member| member.poller == report.poller) else {
            return Change::Nothing;
        };
        let member = &mut self.members[place];
        let change = member.take(report);
        if change == Change::Row {
            self.state.rows[place] = Arc::new(member.row());
            self.state.responses[place].clone_from(&member.response);
        }
        change
    }

    /// Names the nodes anew, and leads every edge to its node.
    pub(crate) fn relink(&mut self) {
        let resources = self.members.iter().enumerate();
        let ids: HashMap<_, _> = resources.clone().map(|(place, member)| (&*member.entry.id, place)).collect();
        let mut urls: HashMap<_, Vec<usize>> = HashMap::new();
        for (place, member) in resources {
            urls.entry(Arc::clone(member.entry.url.normal())).or_default().push(place);
        }
        // A target that is not a resource has a node of its own, behind the resources.
        let mut strangers = BTreeMap::new();
        let listed = || self.members.iter().flat_map(|member| &member.listed);
        let by_id = |listed: &Listed| listed.id.as_deref().and_then(|id| ids.get(id).copied());
        for listed in listed().filter(|listed| by_id(listed).is_none() && !urls.contains_key(&listed.key)) {
            strangers.entry(Arc::clone(&listed.key)).or_insert_with(|| Arc::from(listed.url.as_str()));
        }
        let resources =
            self.members.iter().map(|Member { entry: Entry { id, url }, .. }| (id, Arc::from(url.as_str())));
        let names = resources.chain(strangers.iter().map(|(key, url)| (key, Arc::clone(url))));
        let names: Arc<[Name]> = names.map(|(id, url)| Name { id: Arc::clone(id), url }).collect();
        for (place, key) in (self.members.len()..).zip(strangers.into_keys()) {
            urls.insert(key, vec![place]);
        }
        let links = self.members.iter().map(|member| {
            let links = member.listed.iter().enumerate().flat_map(|(index, listed)| {
                let places = by_id(listed).map_or_else(|| urls[&listed.key].clone(), |place| vec![place]);
                places.into_iter().map(move |place| (index, place))
            });
            links.collect()
        });
        let links: Vec<_> = links.collect();
        for (member, links) in self.members.iter_mut().zip(links) {
            member.links = links;
        }
        let before = std::mem::take(&mut self.state.rows);
        let before: HashMap<_, _> = self.state.names.iter().map(|name| Arc::clone(&name.id)).zip(before).collect();
        if *names != *self.state.names {
            self.state.names = names;
        }
        self.state.rows = self
            .members
            .iter()
            .map(|member| {
                // A row that stays as it was stays the same allocation, here and in the history.
                let row = member.row();
                let same = before.get(&member.entry.id).filter(|before| ***before == row);
                same.map_or_else(|| Arc::new(row), Arc::clone)
            })
            .collect();
        self.state.responses = self.members.iter().map(|member| member.response.clone()).collect();
    }
}

/// A resource, and the last that is known of it.
struct Member {
    entry: Entry,
    /// Numbers its poller.
    poller: u64,
    observation: Observation,
    response: Option<Arc<Response>>,
    /// What its last status listed, and since when each target is as it is.
    listed: Vec<Arc<Listed>>,
    found: Vec<Observation>,
    /// Whether that still holds: not when the resource could not be asked the last time.
    known: bool,
    /// For each edge, its place in `listed`, and the node that it leads to.
    links: Vec<(usize, usize)>,
}

impl Member {
    fn new(entry: Entry, poller: u64) -> Self {
        let (observation, response, listed, found) = (Observation::default(), None, Vec::new(), Vec::new());
        Self { entry, poller, observation, response, listed, found, known: false, links: Vec::new() }
    }

    fn take(&mut self, Report { poller: _, check, content }: Report) -> Change {
        let before = std::mem::take(&mut self.observation);
        let was_known = self.known;
        let mut observation = check.observation();
        // How long the peer took to answer says nothing, when it was asked to take its time.
        observation.latency_ms = None;
        let change = match content {
            Content::Unchanged => {
                // "Not modified" is said of the answer that came before.
                observation.status_code = before.status_code;
                Change::Nothing
            }
            Content::Nothing => {
                (self.response, self.known) = (None, false);
                Change::Nothing
            }
            Content::Fetched { response, targets } => {
                (self.response, self.known) = (response, targets.is_ok());
                match targets {
                    Ok(listed) => self.list(listed),
                    Err(failure) => {
                        observation.reason = Some(failure.reason);
                        observation.message = Some(failure.message.into());
                        Change::Row
                    }
                }
            }
        };
        let observation = observation.after(Some(&before), star_wire::now());
        if observation.since != before.since {
            let (id, reason) = (&self.entry.id, observation.reason.map(tracing::field::display));
            let why = observation.message.as_deref();
            match observation.state {
                State::Reachable => tracing::info!(%id, reason, why, "resource reachable"),
                _ => tracing::info!(%id, reason, why, "resource unreachable"),
            }
        }
        let changed = observation != before || self.known != was_known;
        self.observation = observation;
        change.max(if changed { Change::Row } else { Change::Nothing })
    }

    fn list(&mut self, told: Vec<(Arc<Listed>, Observation)>) -> Change {
        let now = star_wire::now();
        if told.iter().map(|(listed, _)| listed).eq(&self.listed) {
            for (found, (_, told)) in self.found.iter_mut().zip(told) {
                *found = settle(told, Some(found), now);
            }
            return Change::Row;
        }
        let before: HashMap<_, _> = self.listed.drain(..).zip(self.found.drain(..)).collect();
        (self.listed, self.found) = told
            .into_iter()
            .map(|(listed, told)| {
                let found = settle(told, before.get(&listed), now);
                (listed, found)
            })
            .unzip();
        // They lead to the old list. A further report may come before the links are made anew.
        self.links.clear();
        Change::Links
    }

    /// The row that shows it.
    fn row(&self) -> Row {
        let edge = |&(index, target): &(usize, usize)| {
            let observation = match self.known {
                true => self.found[index].clone(),
                false => Observation { state: State::Unknown, since: self.observation.since, ..Observation::default() },
            };
            RowEdge { target, observation, expected: None, agreement: None, because: Arc::default() }
        };
        Row { observation: self.observation.clone(), edges: self.links.iter().map(edge).collect() }
    }
}

/// Since when a target is as its probe says: as the probe knows, or else as we saw.
fn settle(told: Observation, before: Option<&Observation>, now: Timestamp) -> Observation {
    let since = told.since.map(|since| since.min(now));
    let seen = told.after(before, now);
    Observation { since: since.or(seen.since), ..seen }
}

#[cfg(test)]
pub(crate) mod tests;
