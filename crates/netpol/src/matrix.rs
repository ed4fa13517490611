//! All pairs at once: what every workload lets in and out.
//!
//! A side's rules are applied one after the other to all its peers. Peers that the same rules admit share one result, so
//! that the sets of connections are few and a peer costs four bytes.

use crate::{
    connections::Connections,
    evaluator::{CompiledRule, Endpoint, Evaluator, Reach, settle},
    policy::Direction,
};

/// What every workload lets in from every other, and out to it. Its indexes are those of [`Evaluator::workloads`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    sides: [Vec<Row>; 2],
}

/// One workload's side towards all others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    /// The different results.
    reaches: Vec<Reach>,
    /// For each peer, which of them is its own.
    of: Vec<u32>,
}

impl Matrix {
    /// What the policies say now.
    pub fn new(evaluator: &Evaluator) -> Self {
        let workloads = 0..evaluator.workloads().len();
        let side = |direction| workloads.clone().map(|subject| Row::new(evaluator, direction, subject)).collect();
        Self { sides: Direction::ALL.map(side) }
    }

    /// Brings the sides of these workloads up to date, as [`Evaluator::apply`] and [`Evaluator::delete`] return them.
    pub fn update(&mut self, evaluator: &Evaluator, workloads: &[usize]) {
        for direction in Direction::ALL {
            for &subject in workloads {
                self.sides[direction as usize][subject] = Row::new(evaluator, direction, subject);
            }
        }
    }

    /// What `source` lets out to `destination`.
    pub fn egress(&self, source: usize, destination: usize) -> &Reach {
        self.sides[Direction::Egress as usize][source].towards(destination)
    }

    /// What `destination` lets in from `source`.
    pub fn ingress(&self, source: usize, destination: usize) -> &Reach {
        self.sides[Direction::Ingress as usize][destination].towards(source)
    }

    /// What goes through from `source` to `destination`, which is another.
    pub fn reach(&self, source: usize, destination: usize) -> Reach {
        self.egress(source, destination).intersection(self.ingress(source, destination))
    }
}

impl Row {
    fn new(evaluator: &Evaluator, direction: Direction, subject: usize) -> Self {
        let peers = evaluator.workloads().len();
        let isolating = evaluator.isolating(subject, direction);
        let mut row = Self { reaches: vec![Reach::none()], of: vec![0; peers] };
        for rule in isolating.iter().flat_map(|policy| &policy.rules[direction as usize]) {
            match direction {
                Direction::Egress if rule.has_named_ports() => row.admit_each(evaluator, rule),
                _ => {
                    let destination = evaluator.workload(Endpoint::Workload(subject));
                    let connections = rule.connections(destination);
                    row.admit(&rule.sure, &connections, true);
                    row.admit(&rule.maybe, &connections, false);
                }
            }
        }
        row.settle(evaluator, direction, subject, isolating.is_empty());
        row
    }

    fn towards(&self, peer: usize) -> &Reach {
        &self.reaches[self.of[peer] as usize]
    }

    /// Adds the connections to what these peers have.
    fn admit(&mut self, peers: &[usize], connections: &Connections, sure: bool) {
        let mut moved = vec![None; self.reaches.len()];
        let named = self.of.len();
        for &peer in peers.iter().take_while(|peer| **peer < named) {
            let before = self.of[peer] as usize;
            self.of[peer] = match moved[before] {
                Some(after) => after,
                None => {
                    let mut reach = self.reaches[before].clone();
                    reach.possible = reach.possible.union(connections);
                    if sure {
                        reach.sure = reach.sure.union(connections);
                    }
                    *moved[before].insert(self.place(reach))
                }
            };
        }
    }

    /// As [`admit`](Self::admit), for a rule whose named ports each destination resolves for itself.
    fn admit_each(&mut self, evaluator: &Evaluator, rule: &CompiledRule) {
        for (peers, sure) in [(&rule.sure, true), (&rule.maybe, false)] {
            for &peer in peers {
                let connections = rule.connections(evaluator.workload(Endpoint::Workload(peer)));
                self.admit(&[peer], &connections, sure);
            }
        }
    }

    /// What passes in the end: everything on an open side, and what doubts leave of it.
    fn settle(&mut self, evaluator: &Evaluator, direction: Direction, subject: usize, open: bool) {
        let doubts = evaluator.side_doubts(subject, open);
        for reach in &mut self.reaches {
            *reach = settle(reach.clone(), open, &doubts);
        }
        let hosts = evaluator.workloads().iter().enumerate().filter(|(_, workload)| workload.host_network);
        for (peer, _) in hosts.filter(|_| direction == Direction::Ingress && !open) {
            let doubts: Vec<_> = evaluator.node_doubt(subject, peer).into_iter().collect();
            let reach = settle(self.towards(peer).clone(), open, &doubts);
            self.of[peer] = self.place(reach);
        }
    }

    /// Where this result stands among the row's; it is added if it is new.
    fn place(&mut self, reach: Reach) -> u32 {
        let place = self.reaches.iter().position(|other| *other == reach).unwrap_or_else(|| {
            self.reaches.push(reach);
            self.reaches.len() - 1
        });
        // No more results than peers, and the square of 2^32 workloads fits no memory.
        place as u32
    }
}
