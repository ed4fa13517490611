//! The resources, what each last said, and the graph that follows from it. Knows no network and no time but the clock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use star_daemon::check::Failure;
use star_daemon::text::plain;
use star_daemon::verdict::{Judge, Verdict};
use star_wire::Timestamp;
use star_wire::event::RowEdge;
use star_wire::gap::Gap;
use star_wire::observation::{Kept, Observation, Reason, State};
use star_wire::response::Response;

use crate::graph::{Name, Row, Snapshot};
use crate::peer::{Content, Listed, Report, SAMPLE_EVERY};
use crate::resource::Entry;
use crate::statement::Statement;

/// All resources, and the state that they make.
pub(crate) struct Roster {
    /// Sorted by id, as the rows of a snapshot are.
    members: Vec<Member>,
    state: Snapshot,
    judge: Judge,
    /// When nobody looked, not yet shown: which resource's probe, or we.
    notes: Vec<(Option<Arc<str>>, Gap)>,
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
    /// No resources; any will be fetched once in `interval`.
    pub(crate) fn new(interval: Duration) -> Self {
        let (state, judge) = (Snapshot::new(star_wire::now()), Judge::new(interval));
        Self { members: Vec::new(), state, judge, notes: Vec::new() }
    }

    /// Notes when nobody looked.
    pub(crate) fn note(&mut self, gaps: impl IntoIterator<Item = (Option<Arc<str>>, Gap)>) {
        self.notes.extend(gaps);
    }

    /// What was noted since this was asked for last.
    pub(crate) fn take_notes(&mut self) -> Vec<(Option<Arc<str>>, Gap)> {
        std::mem::take(&mut self.notes)
    }

    /// The state, not numbered.
    pub(crate) fn state(&self) -> &Snapshot {
        &self.state
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The ids of all.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Arc<str>> {
        self.members.iter().map(|member| Arc::clone(&member.entry.id))
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
        let (change, gaps) = member.take(report, &mut self.judge);
        self.notes.extend(gaps.into_iter().map(|gap| (Some(Arc::clone(&member.entry.id)), gap)));
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
            // By id and by URL a list may name one node twice: the first counts.
            let mut led = HashSet::new();
            let links = member.listed.iter().enumerate().flat_map(|(index, listed)| {
                let places = by_id(listed).map_or_else(|| urls[&listed.key].clone(), |place| vec![place]);
                places.into_iter().map(move |place| (index, place))
            });
            links.filter(|(_, place)| led.insert(*place)).collect()
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
    verdict: Verdict,
    response: Option<Arc<Response>>,
    /// What its last status listed, and since when each target is as it is.
    listed: Vec<Arc<Listed>>,
    found: Vec<Arc<Observation>>,
    /// Whether that still holds: not when the resource could not be asked the last time.
    known: bool,
    /// When it answered last.
    heard: Timestamp,
    /// When its probe stood still, as it told last, by its clock; none before it told anything.
    gaps: Option<Vec<Gap>>,
    /// When gaps of it were noted: the last few.
    noted: Vec<Timestamp>,
    /// When it listed other targets than before: the last few times.
    relisted: Vec<Timestamp>,
    /// For each edge, its place in `listed`, and the node that it leads to.
    links: Vec<(usize, usize)>,
}

impl Member {
    fn new(entry: Entry, poller: u64) -> Self {
        Self {
            entry,
            poller,
            observation: Observation::default(),
            verdict: Verdict::default(),
            response: None,
            listed: Vec::new(),
            found: Vec::new(),
            known: false,
            heard: star_wire::now(),
            gaps: None,
            noted: Vec::new(),
            relisted: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Takes a report. Says what it changed, and when the probe stood still.
    fn take(&mut self, Report { poller: _, check, content }: Report, judge: &mut Judge) -> (Change, Vec<Gap>) {
        let mut found = check.observation();
        // How long the peer took to answer says nothing, when it was asked to take its time.
        found.latency_ms = None;
        match &content {
            Content::Fetched { status: Err(failure), .. } => {
                (found.reason, found.message) = (Some(failure.reason), Some(failure.message.as_str().into()));
            }
            Content::Fetched { status: Ok(Statement { flaws, twice, .. }), .. } => {
                if let Some(sentence) = flaws.sentence() {
                    let failure = Failure::new(Reason::InvalidResponse, sentence);
                    (found.reason, found.message) = (Some(failure.reason), Some(failure.message.into()));
                } else if let Some(listed) = twice {
                    let url = plain(&listed.url, MAX_QUOTE);
                    found.message = Some(format!("it lists {url} more than once; the first counts").into());
                }
            }
            Content::Nothing | Content::Unchanged => {}
        }
        let Some(mut observation) = judge.judge(&mut self.verdict, found) else { return (Change::Nothing, Vec::new()) };
        let now = star_wire::now();
        let before = std::mem::take(&mut self.observation);
        let (was_known, mut gaps) = (self.known, Vec::new());
        let change = match content {
            Content::Unchanged if observation.state == State::Reachable => {
                // "Not modified" is said of the answer that came before.
                let Observation { status_code, reason, message, .. } = &before;
                observation =
                    Observation { status_code: *status_code, reason: *reason, message: message.clone(), ..observation };
                self.heard = now;
                Change::Nothing
            }
            Content::Fetched { response, status } if observation.state == State::Reachable => {
                (self.response, self.known) = (response, status.is_ok());
                match status {
                    Ok(Statement { targets, gaps: told, .. }) => {
                        gaps = self.note(told, now);
                        self.heard = now;
                        let change = self.list(targets, was_known, now);
                        change.unwrap_or_else(|| {
                            (observation.reason, observation.message) =
                                (Some(Reason::InvalidResponse), Some(TOO_OFTEN.into()));
                            Change::Row
                        })
                    }
                    Err(_) => Change::Row,
                }
            }
            _ => {
                (self.response, self.known) = (None, false);
                Change::Nothing
            }
        };
        let observation = observation.after(Some(&before), now);
        if observation.since != before.since {
            let (id, reason) = (&self.entry.id, observation.reason.map(tracing::field::display));
            let why = observation.message.as_deref();
            match observation.state {
                State::Reachable => tracing::info!(%id, reason, why, "resource reachable"),
                State::Unknown => tracing::info!(%id, reason, why, "resource not known"),
                _ => tracing::info!(%id, reason, why, "resource unreachable"),
            }
        }
        let same = observation.agrees(&before) && observation.since == before.since;
        // That it was checked again is sampled, as latencies are: else each check would make a row of its own.
        let fresh =
            before.checked_at.is_some_and(|at| now.duration_since(at) < SAMPLE_EVERY.try_into().unwrap_or_default());
        self.observation = if same && fresh { before } else { observation };
        let changed = !(same && fresh) || self.known != was_known || !gaps.is_empty();
        (change.max(if changed { Change::Row } else { Change::Nothing }), gaps)
    }

    /// Which of the gaps that the probe tells are new, and when they were by our clock.
    fn note(&mut self, told: Vec<Gap>, now: Timestamp) -> Vec<Gap> {
        let Some(known) = self.gaps.replace(told.clone()) else { return Vec::new() };
        recent(&mut self.noted, now, NOTED_WITHIN);
        let new = told.into_iter().filter(|gap| !known.contains(gap));
        // A gap is told as soon as it is over: if it seems to have ended at another time, the probe's clock is another.
        let ours = new.take(MAX_NOTED.saturating_sub(self.noted.len())).map(|gap| {
            let late = Duration::try_from(self.heard.duration_since(gap.until)).is_ok_and(|late| late > SOON);
            if !late && gap.until <= now {
                return gap;
            }
            let length = gap.until.duration_since(gap.from);
            Gap { from: now.checked_sub(length).unwrap_or(Timestamp::MIN), until: now }
        });
        let ours: Vec<_> = ours.collect();
        self.noted.extend(ours.iter().map(|_| now));
        ours
    }

    /// Takes what the probe lists; `None` if it lists other targets too often, and the list stays as it was.
    fn list(&mut self, told: Vec<(Arc<Listed>, Observation)>, was_known: bool, now: Timestamp) -> Option<Change> {
        if told.iter().map(|(listed, _)| listed).eq(&self.listed) {
            for (found, (_, told)) in self.found.iter_mut().zip(told) {
                *found = Arc::new(settle(told, Some(found), was_known, now));
            }
            return Some(Change::Row);
        }
        recent(&mut self.relisted, now, RELISTED_WITHIN);
        if self.relisted.len() >= MAX_RELISTED {
            let mut told: HashMap<_, _> = told.into_iter().collect();
            for (listed, found) in self.listed.iter().zip(&mut self.found) {
                // Of what it does not list any more nothing new is known.
                let told =
                    told.remove(listed).unwrap_or(Observation { state: State::Unknown, ..Observation::default() });
                *found = Arc::new(settle(told, Some(found), was_known, now));
            }
            return None;
        }
        self.relisted.push(now);
        let before: HashMap<_, _> = self.listed.drain(..).zip(self.found.drain(..)).collect();
        (self.listed, self.found) = told
            .into_iter()
            .map(|(listed, told)| {
                let found = settle(told, before.get(&listed).map(|before| &**before), was_known, now);
                (listed, Arc::new(found))
            })
            .unzip();
        // They lead to the old list. A further report may come before the links are made anew.
        self.links.clear();
        Some(Change::Links)
    }

    /// The row that shows it.
    fn row(&self) -> Row {
        let unknown = Observation { state: State::Unknown, since: self.observation.since, ..Observation::default() };
        let unknown = (!self.known).then(|| Arc::new(unknown));
        let edge = |&(index, target): &(usize, usize)| {
            let observation = Arc::clone(unknown.as_ref().unwrap_or(&self.found[index]));
            RowEdge { target, observation, expected: None, agreement: None, because: Arc::default() }
        };
        Row { observation: self.observation.clone(), edges: self.links.iter().map(edge).collect() }
    }
}

/// Within this time of its end a gap is told: a probe that goes on may answer before it knows that it stood still.
const SOON: Duration = Duration::from_secs(2);

/// So many gaps of one probe are noted within [`NOTED_WITHIN`]: each is news to everybody.
const MAX_NOTED: usize = 8;
const NOTED_WITHIN: Duration = Duration::from_secs(60);

/// So often a probe may list other targets within [`RELISTED_WITHIN`]: each time all nodes are named anew. The first
/// list is one of them.
const MAX_RELISTED: usize = 3;
const RELISTED_WITHIN: Duration = Duration::from_secs(10);
const TOO_OFTEN: &str = "it lists other targets too often; what it listed before is shown for some seconds";

/// Leaves those of the `moments` that are less than `within` from `now`.
fn recent(moments: &mut Vec<Timestamp>, now: Timestamp, within: Duration) {
    moments.retain(|at| now.duration_since(*at).unsigned_abs() < within);
}

/// How much of a URL is quoted in a sentence about it.
const MAX_QUOTE: usize = 80;

/// Since when a target is as its probe says: as the probe told when it became so, or else as we saw. A clock of the
/// probe's that is wrong, or is set, changes nothing afterwards.
fn settle(told: Observation, before: Option<&Observation>, was_known: bool, now: Timestamp) -> Observation {
    let same = before.filter(|before| (before.state, before.reason) == (told.state, told.reason));
    // What was not looked at meanwhile may have changed twice.
    let kept_on = same.filter(|_| was_known || told.since.is_none()).and_then(|before| before.since);
    let since = kept_on.or(told.since.map(|since| since.min(now))).or(Some(now));
    let kept = told.kept.map(|kept| {
        let known = before.and_then(|before| before.kept).filter(|known| known.state == kept.state);
        known.unwrap_or(Kept { since: kept.since.min(now), ..kept })
    });
    Observation { since, kept, ..told }
}

#[cfg(test)]
pub(crate) mod tests;
