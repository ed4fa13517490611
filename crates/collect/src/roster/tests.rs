use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use star_daemon::check::{Answer, Check, Failure, Phases, Reached};
use star_wire::observation::Reason;
use star_wire::resource::Resource;
use star_wire::status::Target;

use super::*;
use crate::graph::Difference;

const INTERVAL: Duration = Duration::from_secs(1);

/// A roster of these resources, polled by pollers 1, 2, …
pub(crate) fn roster(resources: &[(&str, &str)]) -> Roster {
    let mut roster = Roster::new(INTERVAL);
    for (poller, (id, url)) in (1..).zip(resources) {
        roster.put(Entry::try_from(Resource { id: id.to_string(), url: url.to_string() }).unwrap(), poller);
    }
    roster.relink();
    roster
}

/// A fetched status that lists these targets.
pub(crate) fn status(poller: u64, targets: Vec<Target>) -> Report {
    let listed = |target: Target| (Arc::new(Listed::new(target.url, target.id)), target.observation);
    let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Ok(Bytes::new()) };
    let status = Statement { targets: targets.into_iter().map(listed).collect(), ..Statement::default() };
    let content = Content::Fetched { response: None, status: Ok(status) };
    Report { poller, check: check(Ok(Reached::Answer(answer))), content }
}

/// A fetch that failed.
pub(crate) fn failed(poller: u64, reason: Reason) -> Report {
    Report { poller, check: check(Err(Failure::new(reason, "because"))), content: Content::Nothing }
}

fn check(outcome: Result<Reached, Failure>) -> Check {
    Check { began: star_wire::now(), phases: Phases::default(), outcome }
}

/// A target as the original's probe lists it: no more than whether it is reachable.
pub(crate) fn old(url: &str, reachable: bool) -> Target {
    let state = if reachable { State::Reachable } else { State::Unreachable };
    Target::new(url, Observation { state, ..Observation::default() })
}

fn take(roster: &mut Roster, report: Report) -> Change {
    let change = roster.take(report);
    if change == Change::Links {
        roster.relink();
    }
    change
}

/// Each edge as `source>target:state`, in order.
fn edges(roster: &Roster) -> Vec<String> {
    let graph = roster.state().graph();
    let state = |observation: &Observation| format!("{:?}", observation.state).to_lowercase();
    graph.edges.iter().map(|edge| format!("{}>{}:{}", edge.source, edge.target, state(&edge.observation))).collect()
}

const TWO: [(&str, &str); 2] = [("A", "http://a/status"), ("B", "http://b:80/status")];

#[test]
fn an_edge_leads_to_the_resource_with_the_targets_url_in_whatever_spelling() {
    let mut roster = roster(&TWO);
    take(&mut roster, status(1, vec![old("b/status", true), old("HTTP://A:80/status", false)]));
    assert_eq!(edges(&roster), ["A>B:reachable", "A>A:unreachable"]);
}

#[test]
fn a_targets_id_counts_more_than_its_url() {
    let mut roster = roster(&TWO);
    let mut target = old("http://b/status", true);
    target.id = Some("A".to_owned());
    let unknown = Target { id: Some("nobody".to_owned()), ..old("http://b/status", true) };
    take(&mut roster, status(1, vec![target, unknown]));
    assert_eq!(edges(&roster), ["A>A:reachable", "A>B:reachable"]);
}

#[test]
fn a_url_of_two_resources_leads_to_both() {
    let mut roster = roster(&[("A", "http://a/"), ("B", "http://b/"), ("B2", "http://b/")]);
    take(&mut roster, status(1, vec![old("http://b/", true)]));
    assert_eq!(edges(&roster), ["A>B:reachable", "A>B2:reachable"]);
}

#[test]
fn a_report_after_a_list_that_shrank_may_come_before_the_links_are_made_anew() {
    let mut roster = roster(&TWO);
    take(&mut roster, status(1, vec![old("http://a/status", true), old("http://b/status", true)]));
    let shrunk = || status(1, vec![old("http://b/status", false)]);
    assert_eq!(roster.take(shrunk()), Change::Links);
    assert_eq!(roster.take(shrunk()), Change::Row);
    roster.relink();
    assert_eq!(edges(&roster), ["A>B:unreachable"]);
}

#[test]
fn a_target_that_is_no_resource_is_kept_as_a_node_until_it_is_one() {
    let mut roster = roster(&TWO);
    take(&mut roster, status(1, vec![old("c:1", false), old("http://b/status", true)]));
    assert_eq!(edges(&roster), ["A>http://c:1/:unreachable", "A>B:reachable"]);
    let stranger = roster.state().graph().nodes.pop().unwrap();
    assert_eq!((&*stranger.url, stranger.observation.state), ("c:1", State::Unknown));

    roster.put(Entry::try_from(Resource { id: "C".to_owned(), url: "http://c:1".to_owned() }).unwrap(), 3);
    roster.relink();
    assert_eq!(edges(&roster), ["A>C:unreachable", "A>B:reachable"]);
    assert_eq!(roster.state().graph().nodes.len(), 3);

    roster.remove("C");
    roster.relink();
    assert_eq!(edges(&roster), ["A>http://c:1/:unreachable", "A>B:reachable"]);
}

#[test]
fn what_a_source_found_is_unknown_while_it_cannot_be_asked() {
    let mut roster = roster(&TWO);
    let since = "2026-01-01T00:00:00Z".parse().ok();
    let told = Target::new("http://b/status", Observation { state: State::Reachable, since, ..Observation::default() });
    take(&mut roster, status(1, vec![told.clone()]));
    assert_eq!(take(&mut roster, failed(1, Reason::ConnectTimeout)), Change::Row);
    assert_eq!(edges(&roster), ["A>B:unknown"]);
    assert_eq!(take(&mut roster, failed(1, Reason::ConnectTimeout)), Change::Nothing);

    take(&mut roster, status(1, vec![told]));
    assert_eq!(edges(&roster), ["A>B:reachable"]);
    assert_eq!(roster.state().graph().edges[0].observation.since, since, "the probe knows since when");
}

#[test]
fn what_is_no_status_makes_the_edges_unknown_and_the_node_reachable_with_the_reason() {
    let mut roster = roster(&TWO);
    take(&mut roster, status(1, vec![old("http://b/status", true)]));
    let failure = Failure::new(Reason::InvalidResponse, "nonsense");
    let nonsense = Content::Fetched { response: None, status: Err(failure) };
    take(&mut roster, Report { content: nonsense, ..status(1, Vec::new()) });
    assert_eq!(edges(&roster), ["A>B:unknown"]);
    let node = roster.state().graph().nodes.swap_remove(0).observation;
    assert_eq!(
        (node.state, node.reason, node.message.as_deref()),
        (State::Reachable, Some(Reason::InvalidResponse), Some("nonsense"))
    );
}

#[test]
fn since_when_an_old_probes_target_is_as_it_is_we_saw_ourselves() {
    let mut roster = roster(&TWO);
    let since = |roster: &Roster, edge: usize| roster.state().graph().edges[edge].observation.since;
    take(&mut roster, status(1, vec![old("http://b/status", true)]));
    let first = since(&roster, 0);
    assert!(first.is_some());
    while star_wire::now() == first.unwrap() {}
    take(&mut roster, status(1, vec![old("http://b/status", true)]));
    assert_eq!(since(&roster, 0), first);
    take(&mut roster, status(1, vec![old("http://a/status", true), old("http://b/status", true)]));
    assert_eq!(since(&roster, 1), first, "its place in the list does not matter");
    take(&mut roster, status(1, vec![old("http://a/status", true), old("http://b/status", false)]));
    assert!(since(&roster, 1) > first);
}

#[test]
fn a_clock_that_is_ahead_does_not_date_a_transition_into_the_future() {
    let mut roster = roster(&TWO);
    let since = "2999-01-01T00:00:00Z".parse().ok();
    let told = Target::new("http://b/status", Observation { state: State::Reachable, since, ..Observation::default() });
    take(&mut roster, status(1, vec![told]));
    assert!(roster.state().graph().edges[0].observation.since < since);
}

#[test]
fn a_report_of_a_resource_that_is_gone_or_replaced_counts_for_nothing() {
    let mut roster = roster(&TWO);
    assert_eq!(
        roster.put(Entry::try_from(Resource { id: "A".to_owned(), url: "http://x/".to_owned() }).unwrap(), 7),
        Some(1)
    );
    roster.relink();
    assert_eq!(take(&mut roster, status(1, vec![old("http://b/status", true)])), Change::Nothing);
    assert!(edges(&roster).is_empty());
}

#[test]
fn not_modified_keeps_the_status_code_of_the_answer_that_came_before() {
    let mut roster = roster(&TWO);
    take(&mut roster, status(1, Vec::new()));
    let mut report = status(1, Vec::new());
    report.content = Content::Unchanged;
    if let Ok(Reached::Answer(answer)) = &mut report.check.outcome {
        answer.status = StatusCode::NOT_MODIFIED;
    }
    assert_eq!(take(&mut roster, report), Change::Nothing);
    assert_eq!(roster.state().graph().nodes[0].observation.status_code, Some(200));
}

/// Random histories of a small world, the same in each run.
pub(crate) fn world(seed: u64, steps: usize, mut step: impl FnMut(&Snapshot)) {
    let mut state = seed;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let url = |number: u64| format!("http://{number}/");
    let mut roster = Roster::new(INTERVAL);
    for _ in 0..steps {
        let number = random(4);
        match random(12) {
            0 => {
                let entry = Entry::try_from(Resource { id: number.to_string(), url: url(number) }).unwrap();
                roster.put(entry, number);
            }
            1 => {
                roster.remove(&number.to_string());
            }
            2 => {
                roster.take(failed(number, Reason::ConnectTimeout));
            }
            3 => {
                roster.take(failed(number, Reason::ConnectionRefused));
            }
            _ => {
                let count = if random(4) == 0 { random(6) } else { 3 };
                let targets = (0..count).map(|place| old(&url(place + random(20) / 19), random(3) > 0)).collect();
                roster.take(status(number, targets));
            }
        }
        roster.relink();
        step(roster.state());
    }
}

#[test]
fn what_a_stream_tells_rebuilds_every_state() {
    let mut patches = 0;
    for seed in 0..20 {
        let mut seen = Snapshot::new(Timestamp::UNIX_EPOCH);
        let mut before = seen.clone();
        world(seed, 200, |state| {
            let mut state = state.clone();
            (state.seq, state.at) = (before.seq + 1, before.at);
            match state.since(&before) {
                None => state.seq = before.seq,
                Some(Difference::Patch(patch)) => {
                    assert_eq!((patch.prev, patch.seq), (before.seq, state.seq));
                    seen.apply(&patch);
                    patches += 1;
                }
                Some(Difference::Nodes) => seen = state.clone(),
            }
            assert_eq!(seen.event(), state.event());
            before = state;
        });
    }
    assert!(patches > 1000, "{patches}");
}

#[test]
fn no_gap_that_a_probe_tells_ends_the_collector_and_few_are_noted_at_once() {
    let mut roster = roster(&TWO);
    let mut tell = |gaps: Vec<Gap>| {
        let mut report = status(1, Vec::new());
        let Content::Fetched { status: Ok(told), .. } = &mut report.content else { panic!("no status") };
        told.gaps = gaps;
        take(&mut roster, report);
        roster.take_notes()
    };
    let (least, most) = (Timestamp::MIN, Timestamp::MAX);
    assert_eq!(tell(Vec::new()), []);
    let gap = |from, until| Gap { from, until };
    let noted = tell(vec![gap(least, most), gap(most, most), gap(least, least), gap(most, least)]);
    assert_eq!(noted.len(), 4);
    let now = star_wire::now();
    for number in 1..=20 {
        let moment = Timestamp::from_second(now.as_second() - number).unwrap();
        let noted = tell(vec![gap(moment, moment)]);
        assert_eq!(noted.len(), usize::from(number <= 4), "{number}");
    }
}

#[test]
fn a_node_that_is_listed_by_id_and_by_url_has_one_edge() {
    let mut roster = roster(&TWO);
    let by_id = Target { id: Some("B".to_owned()), ..old("http://elsewhere/", true) };
    take(&mut roster, status(1, vec![by_id, old("http://b/status", false), old("http://c/", true)]));
    assert_eq!(edges(&roster), ["A>B:reachable", "A>http://c/:reachable"]);
}

#[test]
fn a_list_that_changes_all_the_time_is_not_taken_each_time_and_said() {
    let mut roster = roster(&TWO);
    let changes: Vec<_> = (0..20)
        .map(|number| {
            let targets = vec![old("http://b/status", true), old(&format!("http://c{number}/"), true)];
            take(&mut roster, status(1, targets))
        })
        .collect();
    assert_eq!(changes.iter().filter(|change| **change == Change::Links).count(), MAX_RELISTED, "{changes:?}");
    assert_eq!(edges(&roster), ["A>B:reachable", "A>http://c2/:unknown"]);
    let node = &roster.state().rows[0].observation;
    assert_eq!(node.message.as_deref(), Some(TOO_OFTEN));
    // What is listed as before counts at once.
    take(&mut roster, status(1, vec![old("http://b/status", false), old("http://c2/", true)]));
    assert_eq!(edges(&roster), ["A>B:unreachable", "A>http://c2/:reachable"]);
    assert_eq!(roster.state().rows[0].observation.message, None);
}
