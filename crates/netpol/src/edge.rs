//! Whether an edge goes through, and why: what one pair or several decide.

use crate::{
    connections::Protocol,
    evaluator::{Evaluator, Pair},
    reach::Verdict,
};

/// Whether an edge goes through, and why.
#[derive(Clone, Debug)]
pub struct Edge<'e> {
    /// Whether it goes through.
    pub verdict: Verdict,
    /// Sentences, in the order in which a connection meets what they say.
    pub reasons: Vec<String>,
    /// The pairs that decide it, each with the connection that it is about, all without one.
    pub pairs: Vec<(Pair<'e>, Option<(Protocol, u16)>)>,
}

impl Edge<'_> {
    /// An edge that no pair decides.
    pub(crate) fn plain(verdict: Verdict, reason: String) -> Self {
        Self { verdict, reasons: vec![reason], pairs: Vec::new() }
    }
}

impl Evaluator {
    pub(crate) fn between<'e>(&'e self, pair: Pair<'e>, about: Option<(Protocol, u16)>) -> Edge<'e> {
        let verdict = match about {
            Some((protocol, port)) => pair.reach.verdict(protocol, port),
            None => pair.reach.overall(),
        };
        if self.is_one_pod(pair.egress.subject, pair.egress.other) {
            return Edge::plain(verdict, format!("{} always reaches itself", self.name(pair.egress.subject)));
        }
        Edge { verdict, reasons: self.reasons(&pair, about), pairs: vec![(pair, about)] }
    }
}
