//! What a peer's status says, as far as it can be used: a bad field or target costs itself alone.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use star_daemon::target::MAX_URL;
use star_daemon::text::{MAX_MESSAGE, is_invisible, plain};
use star_wire::Timestamp;
use star_wire::gap::Gap;
use star_wire::observation::{Observation, State};
use star_wire::status::{Status, StatusBody, Target};

use crate::peer::Listed;
use crate::resource::MAX_ID;

/// As many as a probe takes.
const MAX_TARGETS: usize = 10_000;

/// The last few, as a probe tells them.
const MAX_GAPS: usize = 8;

/// A probe that stood still for an hour is told by its silence.
const MAX_GAP_MS: i128 = 3_600_000;

/// A gap of yesterday is nobody's news. That a probe tells it still is no flaw.
const MAX_GAP_AGE_MS: i128 = 24 * 3_600_000;

/// How far a probe's clock may be ahead for its gaps to count.
const MAX_CLOCK_AHEAD_MS: i128 = 60_000;

/// Nobody waits for a day.
const MAX_LATENCY_MS: f64 = 86_400_000.0;

/// How much of a peer's word is quoted.
const MAX_QUOTE: usize = 80;

/// A status that was read.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    /// In the peer's order, each once.
    pub(crate) targets: Vec<(Arc<Listed>, Observation)>,
    /// When the peer stood still, by its clock.
    pub(crate) gaps: Vec<Gap>,
    /// What could not be used.
    pub(crate) flaws: Flaws,
    /// A URL that is listed more than once; the first counts.
    pub(crate) twice: Option<Arc<Listed>>,
}

/// What was left out of a status: how often, and what first.
#[derive(Debug, Default)]
pub(crate) struct Flaws {
    first: Option<String>,
    more: usize,
}

impl Flaws {
    fn note(&mut self, what: impl FnOnce() -> String) {
        match &self.first {
            None => self.first = Some(what()),
            Some(_) => self.more += 1,
        }
    }

    /// A sentence about them, if there are any.
    pub(crate) fn sentence(&self) -> Option<String> {
        let first = self.first.as_ref()?;
        let more = match self.more {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Some(format!("a part of its status cannot be used and is left out: {first}{more}"))
    }
}

/// Reads the body of `GET /status` at the moment `now`. `find` gives the target of a URL and an id.
///
/// # Errors
///
/// When it is no status at all.
pub(crate) fn read(
    body: &[u8],
    now: Timestamp,
    mut find: impl FnMut(String, Option<String>) -> Arc<Listed>,
) -> Result<Statement, serde_json::Error> {
    let mut flaws = Flaws::default();
    let Status { targets: told, gaps } = parse(body, &mut flaws)?;
    if told.len() > MAX_TARGETS {
        let (count, more) = (told.len(), told.len() - MAX_TARGETS);
        flaws.note(|| format!("{more} of {count} targets, of which {MAX_TARGETS} can be shown"));
    }
    let (mut seen, mut twice) = (HashSet::with_capacity(told.len().min(MAX_TARGETS)), None);
    let mut targets = Vec::with_capacity(told.len().min(MAX_TARGETS));
    for target in told.into_iter().take(MAX_TARGETS) {
        let Some((url, id, observation)) = usable(Arc::unwrap_or_clone(target), now, &mut flaws) else { continue };
        let listed = find(url, id);
        match seen.insert((Arc::clone(&listed.key), listed.id.clone())) {
            true => targets.push((listed, observation)),
            false => twice = twice.or(Some(listed)),
        }
    }
    let skip = gaps.len().saturating_sub(MAX_GAPS);
    let gaps = gaps.into_iter().skip(skip).filter(|gap| {
        let length = gap.until.duration_since(gap.from).as_millis();
        let age = now.duration_since(gap.until).as_millis();
        let wrong = if age > MAX_GAP_AGE_MS {
            return false;
        } else if age < -MAX_CLOCK_AHEAD_MS {
            "a gap that is to come"
        } else if length < 0 {
            "a gap that ends before it begins"
        } else if length > MAX_GAP_MS {
            "a gap of more than an hour"
        } else {
            return true;
        };
        flaws.note(|| wrong.to_owned());
        false
    });
    let gaps = gaps.collect();
    Ok(Statement { targets, gaps, flaws, twice })
}

/// The status as a whole, or what is left of it.
fn parse(body: &[u8], flaws: &mut Flaws) -> Result<Status, serde_json::Error> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        status: Parts<'a>,
    }
    #[derive(Deserialize)]
    struct Parts<'a> {
        #[serde(borrow)]
        targets: Vec<&'a RawValue>,
        #[serde(borrow, default)]
        gaps: Option<&'a RawValue>,
    }
    if let Ok(StatusBody { status }) = serde_json::from_slice(body) {
        return Ok(status);
    }
    let Body { status: Parts { targets, gaps } } = serde_json::from_slice(body)?;
    // One more than can be shown, so that this is known.
    let targets = targets.into_iter().take(MAX_TARGETS + 1).filter_map(|target| mend(target, flaws)).map(Arc::new);
    let targets = targets.collect();
    let gaps: Vec<&RawValue> = match gaps.map(|gaps| serde_json::from_str(gaps.get())) {
        None => Vec::new(),
        Some(Ok(gaps)) => gaps,
        Some(Err(_)) => {
            flaws.note(|| "its gaps".to_owned());
            Vec::new()
        }
    };
    let skip = gaps.len().saturating_sub(MAX_GAPS);
    let gaps = gaps.into_iter().skip(skip).filter_map(|gap| {
        let gap = serde_json::from_str(gap.get()).ok();
        if gap.is_none() {
            flaws.note(|| "a gap".to_owned());
        }
        gap
    });
    Ok(Status { targets, gaps: gaps.collect() })
}

/// A target without the fields that its type does not take: each is read once.
fn mend(raw: &RawValue, flaws: &mut Flaws) -> Option<Target> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        reachable: bool,
        url: String,
        #[serde(borrow, default)]
        id: Option<&'a RawValue>,
        #[serde(borrow, default)]
        state: Option<&'a RawValue>,
        #[serde(borrow, default)]
        since: Option<&'a RawValue>,
        #[serde(borrow, default)]
        status_code: Option<&'a RawValue>,
        #[serde(borrow, default)]
        reason: Option<&'a RawValue>,
        #[serde(borrow, default)]
        message: Option<&'a RawValue>,
        #[serde(borrow, default)]
        latency_ms: Option<&'a RawValue>,
        #[serde(borrow, default)]
        address: Option<&'a RawValue>,
        #[serde(borrow, default)]
        checked_at: Option<&'a RawValue>,
        #[serde(borrow, default)]
        certificate_expires: Option<&'a RawValue>,
        #[serde(borrow, default)]
        kept: Option<&'a RawValue>,
    }
    /// The field, unless it is none; `key` is then added to `bad`.
    fn field<T: DeserializeOwned>(raw: Option<&RawValue>, key: &'static str, bad: &mut Vec<&'static str>) -> Option<T> {
        let field = serde_json::from_str(raw?.get());
        field.unwrap_or_else(|_| {
            bad.push(key);
            None
        })
    }
    if let Ok(target) = serde_json::from_str(raw.get()) {
        return Some(target);
    }
    let Ok(fields) = serde_json::from_str::<Fields<'_>>(raw.get()) else {
        flaws.note(|| format!("a target: {}", plain(raw.get(), MAX_QUOTE)));
        return None;
    };
    let mut bad = Vec::new();
    let Fields { reachable, url, .. } = fields;
    let told = if reachable { State::Reachable } else { State::Unreachable };
    let id = field(fields.id, "id", &mut bad);
    let observation = Observation {
        state: field(fields.state, "state", &mut bad).unwrap_or(told),
        since: field(fields.since, "since", &mut bad),
        status_code: field(fields.status_code, "status_code", &mut bad),
        reason: field(fields.reason, "reason", &mut bad),
        message: field::<String>(fields.message, "message", &mut bad).map(Arc::from),
        latency_ms: field(fields.latency_ms, "latency_ms", &mut bad),
        address: field(fields.address, "address", &mut bad),
        checked_at: field(fields.checked_at, "checked_at", &mut bad),
        certificate_expires: field(fields.certificate_expires, "certificate_expires", &mut bad),
        kept: field(fields.kept, "kept", &mut bad),
    };
    for key in bad {
        flaws.note(|| format!("`{key}` of {}", plain(&url, MAX_QUOTE)));
    }
    Some(Target { reachable, url, id, observation })
}

/// What can be shown of a target: its URL, its id, and what was found.
fn usable(target: Target, now: Timestamp, flaws: &mut Flaws) -> Option<(String, Option<String>, Observation)> {
    let Target { reachable, url, mut id, mut observation } = target;
    if url.len() > MAX_URL {
        flaws.note(|| format!("a target whose URL has {} bytes: {}", url.len(), plain(&url, MAX_QUOTE)));
        return None;
    }
    let mut flaw = |what: &str| flaws.note(|| format!("{what} of {}", plain(&url, MAX_QUOTE)));
    if id.take_if(|id| id.len() > MAX_ID).is_some() {
        flaw("the long id");
    }
    let contradicts = match observation.state {
        State::Reachable => !reachable,
        State::Unreachable | State::Pending | State::NotMeasured => reachable,
        State::Unknown => false,
    };
    if contradicts {
        flaw("the contradictory verdict");
        observation = Observation { state: State::Unknown, ..Observation::default() };
    }
    if observation.status_code.take_if(|code| !(100..=999).contains(code)).is_some() {
        flaw("the impossible status code");
    }
    if observation.latency_ms.take_if(|latency| !(0.0..=MAX_LATENCY_MS).contains(latency)).is_some() {
        flaw("the impossible latency");
    }
    let message = observation.message.as_deref().unwrap_or_default();
    if message.len() > MAX_MESSAGE || message.chars().any(is_invisible) {
        observation.message = Some(plain(message, MAX_MESSAGE).into());
    }
    // A clock that is ahead.
    observation.checked_at = observation.checked_at.map(|at| at.min(now));
    Some((url, id, observation))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn statement(body: &str) -> Statement {
        read(body.as_bytes(), Timestamp::now(), |url, id| Arc::new(Listed::new(url, id))).unwrap()
    }

    /// What is read of a good target, of one that `changes` make bad, and of another good one.
    fn beside_good_ones(changes: &Value) -> (Statement, Vec<String>) {
        let good = |url: &str| json!({"reachable": true, "url": url, "state": "reachable", "status_code": 200});
        let mut bad = good("http://bad/");
        bad.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let body = json!({"status": {"targets": [good("http://a/"), bad, good("http://b/")]}});
        let statement = statement(&body.to_string());
        let urls = statement.targets.iter().map(|(listed, _)| listed.url.clone()).collect();
        (statement, urls)
    }

    #[test]
    fn a_bad_field_costs_itself_alone() {
        let bad = |key: &str, value: Value| (key.to_owned(), json!({key: value}));
        for (key, changes) in [
            bad("since", json!("yesterday")),
            bad("since", json!(5)),
            bad("status_code", json!(70_000)),
            bad("status_code", json!(-1)),
            bad("latency_ms", json!("fast")),
            bad("message", json!([1])),
            bad("address", json!("10.0.0.1")),
            bad("checked_at", json!("2026-99-99T00:00:00Z")),
            bad("certificate_expires", json!("next year")),
            bad("kept", json!({"state": "flowing"})),
            bad("kept", json!("flowing")),
            bad("reason", json!(1)),
            bad("id", json!({})),
        ] {
            let (statement, urls) = beside_good_ones(&changes);
            assert_eq!(urls, ["http://a/", "http://bad/", "http://b/"], "{changes}");
            let told = statement.flaws.sentence().unwrap();
            assert!(told.ends_with(&format!("`{key}` of http://bad/")), "{told}");
            assert_eq!(statement.targets[1].1.state, State::Reachable);
        }
    }

    #[test]
    fn a_value_that_cannot_be_costs_itself_alone() {
        for (changes, what) in [
            (json!({"status_code": 42}), "the impossible status code"),
            (json!({"latency_ms": -1}), "the impossible latency"),
            (json!({"latency_ms": 1e308}), "the impossible latency"),
            (json!({"id": "x".repeat(254)}), "the long id"),
        ] {
            let (statement, urls) = beside_good_ones(&changes);
            assert_eq!(urls.len(), 3);
            assert!(statement.flaws.sentence().unwrap().ends_with(&format!("{what} of http://bad/")), "{changes}");
            let (listed, observation) = &statement.targets[1];
            assert_eq!((observation.latency_ms, &listed.id), (None, &None));
            assert!(observation.status_code.is_none_or(|code| code == 200));
        }
    }

    #[test]
    fn who_contradicts_himself_has_said_nothing() {
        for changes in [json!({"reachable": false}), json!({"state": "unreachable"}), json!({"state": "pending"})] {
            let (statement, urls) = beside_good_ones(&changes);
            assert_eq!((urls.len(), statement.targets[1].1.state), (3, State::Unknown), "{changes}");
            assert_eq!(statement.targets[1].1.status_code, None);
        }
        // What only a newer probe knows is no contradiction.
        assert!(beside_good_ones(&json!({"state": "throttled"})).0.flaws.sentence().is_none());
    }

    #[test]
    fn a_target_that_is_none_costs_itself_alone() {
        for changes in [
            json!({"url": 5}),
            json!({"url": null}),
            json!({"reachable": "yes"}),
            json!({"url": format!("http://bad/{}", "x".repeat(2048))}),
        ] {
            let (statement, urls) = beside_good_ones(&changes);
            assert_eq!(urls, ["http://a/", "http://b/"]);
            assert!(statement.flaws.sentence().unwrap().len() < 300);
        }
        for target in ["5", "[]", r#"{"reachable":true,"url":"\ud800"}"#] {
            let body = format!(r#"{{"status":{{"targets":[{target},{{"reachable":true,"url":"http://a/"}}]}}}}"#);
            let statement = statement(&body);
            assert_eq!(statement.targets.len(), 1, "{target}");
            assert!(statement.flaws.sentence().is_some());
        }
    }

    #[test]
    fn texts_are_cut_and_without_what_cannot_be_seen() {
        let (statement, urls) =
            beside_good_ones(&json!({"url": "http://bad\u{202e}\n/", "message": "x\n\u{1b}[31m".repeat(1000)}));
        assert_eq!(urls[1], r"http://bad\u{202e}\n/");
        let (listed, observation) = &statement.targets[1];
        assert!(!listed.key.chars().any(is_invisible), "{}", listed.key);
        let message = observation.message.as_deref().unwrap();
        assert!(message.len() <= MAX_MESSAGE && message.ends_with('…') && !message.chars().any(is_invisible));
    }

    #[test]
    fn more_targets_than_can_be_shown_leave_the_first() {
        let target = |number| format!(r#"{{"reachable":true,"url":"http://{number}/"}}"#);
        for bad in ["", ",5"] {
            let targets = (0..MAX_TARGETS + 2).map(target).collect::<Vec<_>>().join(",");
            let statement = statement(&format!(r#"{{"status":{{"targets":[{targets}{bad}]}}}}"#));
            assert_eq!(statement.targets.len(), MAX_TARGETS);
            assert!(statement.flaws.sentence().unwrap().contains("targets, of which 10000 can be shown"));
        }
    }

    #[test]
    fn bad_gaps_cost_themselves_alone() {
        let body = |gaps: Value| json!({"status": {"targets": [], "gaps": gaps}}).to_string();
        let now = Timestamp::now();
        let at = |seconds: i64| Timestamp::from_second(now.as_second() + seconds).unwrap();
        let gap = |from: i64, until: i64| json!({"from": at(from), "until": at(until)});
        let good = statement(&body(json!([gap(-9, -8), gap(-6, -7), {"from": 1}, gap(-5, -4)])));
        assert_eq!(good.gaps.len(), 2);
        assert!(good.flaws.sentence().is_some());
        assert!(statement(&body(json!("never"))).flaws.sentence().is_some());
        let many: Vec<_> = (0..20).map(|second| gap(second - 60, second - 60)).collect();
        assert_eq!(statement(&body(json!(many))).gaps.len(), MAX_GAPS);
        let ends = json!({"from": Timestamp::MIN, "until": Timestamp::MAX});
        for wrong in [gap(-3700, -10), gap(90, 100), ends, json!({"from": Timestamp::MAX, "until": Timestamp::MIN})] {
            let read = statement(&body(json!([wrong, gap(-2, -1)])));
            assert_eq!(read.gaps.len(), 1, "{wrong}");
        }
        // A probe tells its last gaps for as long as it runs.
        let old = statement(&body(json!([gap(-100_000, -99_999)])));
        assert_eq!((old.gaps.len(), old.flaws.sentence()), (0, None));
    }

    #[test]
    fn fields_without_number_are_passed_over() {
        let mut fields: serde_json::Map<_, _> = (0..1000).map(|number| (format!("x{number}"), json!(number))).collect();
        fields.insert("since".to_owned(), json!(5));
        let (statement, urls) = beside_good_ones(&Value::Object(fields));
        assert_eq!((urls.len(), statement.flaws.sentence().unwrap().contains("`since` of")), (3, true));
    }

    #[test]
    fn one_target_in_two_spellings_is_one() {
        let target = |url: &str, reachable: bool| json!({"reachable": reachable, "url": url});
        let targets = json!([target("http://a/", true), target("HTTP://A:80", false), target("a", false)]);
        let statement = statement(&json!({"status": {"targets": targets}}).to_string());
        let states: Vec<_> = statement.targets.iter().map(|(_, found)| found.state).collect();
        assert_eq!((states, statement.twice.unwrap().url.as_str()), (vec![State::Reachable], "HTTP://A:80"));
    }

    #[test]
    fn what_is_no_status_is_an_error() {
        for body in ["", "5", "{}", r#"{"status":{}}"#, r#"{"status":"x"}"#, r#"{"status":{"targets":{}}}"#] {
            assert!(read(body.as_bytes(), Timestamp::now(), |url, id| Arc::new(Listed::new(url, id))).is_err());
        }
    }
}
