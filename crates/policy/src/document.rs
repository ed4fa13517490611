//! What `-o json` prints: one shape for an edge and one for a place in the input, whatever the command.

use serde::Serialize;
use star_netpol::{
    Connections, Evaluator, Location, Protocol,
    evaluator::{Admission, Pair},
    reach::Verdict,
};

/// A place in the input.
#[derive(Serialize)]
pub(crate) struct Place<'l> {
    pub(crate) file: &'l str,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// An edge: whether it goes through, and everything that it rests on.
#[derive(Serialize)]
pub(crate) struct Edge<'e> {
    pub(crate) src: &'e str,
    pub(crate) dst: &'e str,
    pub(crate) verdict: Verdict,
    #[serde(flatten)]
    pub(crate) passes: Option<Passes>,
    /// Sentences, in the order in which a connection meets what they say.
    pub(crate) reasons: Vec<String>,
    /// What an undecided verdict hangs on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hangs_on: Vec<String>,
    /// The rules that admit it, or may.
    pub(crate) rules: Vec<Rule<'e>>,
}

/// What passes between two, over all connections.
#[derive(Serialize)]
pub(crate) struct Passes {
    /// What surely goes through; ingress and egress alike.
    connections: Connections,
    ingress: Connections,
    egress: Connections,
    /// What may go through besides, where the verdict is undecided.
    #[serde(skip_serializing_if = "Option::is_none")]
    possible: Option<Connections>,
}

/// A rule that admits an edge on one of its sides.
#[derive(Serialize)]
pub(crate) struct Rule<'e> {
    direction: &'static str,
    policy: String,
    /// Its place among the policy's rules of the direction, from 1.
    rule: usize,
    #[serde(flatten)]
    at: Place<'e>,
    admits: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hangs_on: Option<String>,
}

impl<'l> From<&'l Location> for Place<'l> {
    fn from(Location { file, line, column }: &'l Location) -> Self {
        Self { file, line: *line, column: *column }
    }
}

impl<'e> Edge<'e> {
    /// All connections of a pair.
    pub(crate) fn of_pair(evaluator: &Evaluator, src: &'e str, dst: &'e str, pair: &Pair<'e>) -> Self {
        let passes = Passes {
            possible: (!pair.reach.is_decided()).then(|| pair.reach.possible.clone()),
            connections: pair.reach.sure.clone(),
            ingress: pair.ingress.reach.sure.clone(),
            egress: pair.egress.reach.sure.clone(),
        };
        let (hangs_on, rules) = grounds([(pair, None)]);
        let verdict = pair.reach.overall();
        Self { src, dst, verdict, passes: Some(passes), reasons: evaluator.reasons(pair, None), hangs_on, rules }
    }
}

/// What pairs' verdicts hang on, and the rules that admit them; on one connection only, where one is given.
pub(crate) fn grounds<'p, 'e: 'p>(
    pairs: impl IntoIterator<Item = (&'p Pair<'e>, Option<(Protocol, u16)>)>,
) -> (Vec<String>, Vec<Rule<'e>>) {
    let (mut hangs_on, mut rules) = (Vec::new(), Vec::new());
    for (pair, about) in pairs {
        let concerns = |admission: &&Admission<'e>| match about {
            None => !admission.connections.is_none(),
            Some((protocol, port)) => admission.connections.covers(&Connections::port(protocol, port)),
        };
        for side in [&pair.egress, &pair.ingress] {
            let is_open = match about {
                None => !side.reach.is_decided(),
                Some((protocol, port)) => side.reach.verdict(protocol, port) == Verdict::Undecided,
            };
            let admissions = side.admissions.iter().filter(concerns);
            let doubts = admissions.clone().filter_map(|admission| admission.doubt.as_ref()).chain(&side.doubts);
            for doubt in doubts.filter(|_| is_open).map(ToString::to_string) {
                if !hangs_on.contains(&doubt) {
                    hangs_on.push(doubt);
                }
            }
            rules.extend(admissions.map(|admission| Rule {
                direction: side.direction.name(),
                policy: admission.policy.to_string(),
                rule: admission.number,
                at: (&admission.rule.at).into(),
                admits: admission.connections.to_string(),
                hangs_on: admission.doubt.as_ref().map(ToString::to_string),
            }));
        }
    }
    (hangs_on, rules)
}
