//! The whole reasoning for one edge: what `star-policy explain` prints.

use std::fmt;

use crate::{edge::Edge, evaluator::Evaluator, reach::Verdict};

/// An edge's verdict and everything that it rests on.
///
/// Displayed as text of several lines, the verdict first.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The edge as it was named.
    pub edge: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// The reasons, in the order in which a connection meets what they say.
    pub reasons: Vec<String>,
    /// For each isolated side, what every policy that isolates it says.
    pub sides: Vec<(String, Vec<String>)>,
}

impl Evaluator {
    /// Everything that the edge's verdict rests on; `name` is what to call the edge.
    pub fn explain(&self, name: String, edge: &Edge<'_>) -> Explanation {
        let mut sides = Vec::new();
        for (pair, about) in &edge.pairs {
            for side in [&pair.egress, &pair.ingress].into_iter().filter(|side| !side.isolated_by.is_empty()) {
                let passes = match side.reach.is_decided() {
                    _ if about.is_some() => String::new(),
                    true => format!(" (lets through {})", side.reach.sure),
                    false => format!(" (lets through {}, perhaps {})", side.reach.sure, side.reach.possible),
                };
                let title = format!("{} of {}, policy by policy{passes}:", side.direction, self.name(side.subject));
                sides.push((title, self.every_policy(side, *about)));
            }
        }
        Explanation { edge: name, verdict: edge.verdict, reasons: edge.reasons.clone(), sides }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.edge, self.verdict)?;
        for reason in &self.reasons {
            writeln!(f, "  {reason}")?;
        }
        for (title, lines) in &self.sides {
            writeln!(f, "\n{title}")?;
            for line in lines {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}
