//! All pairs at once: what every workload lets in and out.
//!
//! A side's rules are applied one after the other to all the peers that they match. Peers with the same result share it,
//! within a row and between rows, so that the different results are few and a pair costs two integers.

use std::collections::HashMap;

use crate::{
    connections::Connections,
    evaluator::{Endpoint, Evaluator},
    facts::CompiledRule,
    policy::Direction,
    reach::{Reach, settle},
};

/// What every workload lets in from every other, and out to it. Its indexes are those of [`Evaluator::workloads`].
#[derive(Clone, Debug)]
pub struct Matrix {
    /// For each direction and workload, the place of its result towards every other.
    sides: [Vec<Vec<u32>>; 2],
    results: Results,
}

/// The different results, each once; those that no pair has any more stay.
#[derive(Clone, Debug, Default)]
struct Results {
    reaches: Vec<Reach>,
    places: HashMap<Reach, u32>,
}

/// One workload's side towards all others, as it comes to be.
struct Row<'m> {
    results: &'m mut Results,
    /// For each peer, the place of its result.
    of: Vec<u32>,
}

impl Matrix {
    /// What the policies say now.
    pub fn new(evaluator: &Evaluator) -> Self {
        let count = evaluator.workloads().len();
        let mut matrix =
            Self { sides: [vec![Vec::new(); count], vec![Vec::new(); count]], results: Results::default() };
        matrix.update(evaluator, &Vec::from_iter(0..count));
        matrix
    }

    /// Brings the sides of these workloads up to date, as [`Evaluator::apply`] and [`Evaluator::delete`] return them.
    pub fn update(&mut self, evaluator: &Evaluator, workloads: &[usize]) {
        for direction in Direction::ALL {
            for &subject in workloads {
                self.sides[direction as usize][subject] = Row::of(evaluator, direction, subject, &mut self.results);
            }
        }
    }

    /// What `source` lets out to `destination`.
    pub fn egress(&self, source: usize, destination: usize) -> &Reach {
        let row = &self.sides[Direction::Egress as usize][source];
        &self.results.reaches[row[destination] as usize]
    }

    /// What `destination` lets in from `source`.
    pub fn ingress(&self, source: usize, destination: usize) -> &Reach {
        let row = &self.sides[Direction::Ingress as usize][destination];
        &self.results.reaches[row[source] as usize]
    }

    /// What goes through from `source` to `destination`, which is another.
    pub fn reach(&self, source: usize, destination: usize) -> Reach {
        self.egress(source, destination).intersection(self.ingress(source, destination))
    }
}

impl Results {
    /// Where this result stands; it is added if it is new.
    fn place(&mut self, reach: Reach) -> u32 {
        *self.places.entry(reach).or_insert_with_key(|reach| {
            self.reaches.push(reach.clone());
            // No more results than pairs, and 2^32 pairs' integers alone are 32 GiB.
            (self.reaches.len() - 1) as u32
        })
    }
}

impl Row<'_> {
    fn of(evaluator: &Evaluator, direction: Direction, subject: usize, results: &mut Results) -> Vec<u32> {
        let none = results.place(Reach::none());
        let mut row = Row { results, of: vec![none; evaluator.workloads().len()] };
        let isolating = evaluator.isolating(subject, direction);
        let sure = isolating.sure.iter().map(|policy| (policy, true));
        let perhaps = isolating.perhaps.iter().map(|(policy, _)| (policy, false));
        let rules = sure
            .chain(perhaps)
            .flat_map(|(policy, isolates)| policy.rules[direction as usize].iter().map(move |rule| (rule, isolates)));
        for (rule, isolates) in rules {
            for (peers, sure) in [(&rule.sure, isolates), (&rule.maybe, false)] {
                match direction {
                    Direction::Egress if rule.has_named_ports() => row.admit_each(evaluator, rule, peers, sure),
                    _ => {
                        let destination = evaluator.workload(Endpoint::Workload(subject));
                        row.admit(peers, &rule.connections(destination), sure);
                    }
                }
            }
        }
        row.settle(evaluator, direction, subject);
        row.of
    }

    /// Adds the connections to what these peers have.
    fn admit(&mut self, peers: &[usize], connections: &Connections, sure: bool) {
        let mut moved = HashMap::new();
        // Neighbours mostly have the same result.
        let mut last = None;
        let named = self.of.len();
        for &peer in peers.iter().take_while(|peer| **peer < named) {
            let before = self.of[peer];
            let after = match last {
                Some((from, to)) if from == before => to,
                _ => *moved.entry(before).or_insert_with(|| {
                    let mut reach = self.results.reaches[before as usize].clone();
                    reach.possible = reach.possible.union(connections);
                    if sure {
                        reach.sure = reach.sure.union(connections);
                    }
                    self.results.place(reach)
                }),
            };
            self.of[peer] = after;
            last = Some((before, after));
        }
    }

    /// As [`admit`](Self::admit), for a rule whose named ports each destination resolves for itself.
    fn admit_each(&mut self, evaluator: &Evaluator, rule: &CompiledRule, peers: &[usize], sure: bool) {
        let mut alike: HashMap<Connections, Vec<usize>> = HashMap::new();
        for &peer in peers {
            let connections = rule.connections(evaluator.workload(Endpoint::Workload(peer)));
            alike.entry(connections).or_default().push(peer);
        }
        for (connections, peers) in alike {
            self.admit(&peers, &connections, sure);
        }
    }

    /// What passes in the end: everything on an open side, and what doubts leave of it.
    fn settle(&mut self, evaluator: &Evaluator, direction: Direction, subject: usize) {
        let isolating = evaluator.isolating(subject, direction);
        let open = isolating.is_open();
        let mut doubts = evaluator.side_doubts(subject, open);
        doubts.extend(isolating.doubts().cloned());
        let mut settled = HashMap::new();
        for place in &mut self.of {
            *place = *settled.entry(*place).or_insert_with(|| {
                let reach = self.results.reaches[*place as usize].clone();
                self.results.place(settle(reach, open, &doubts))
            });
        }
        let hosts = evaluator.workloads().iter().enumerate().filter(|(_, workload)| workload.host_network);
        for (peer, _) in hosts.filter(|_| direction == Direction::Ingress && !open) {
            let doubts: Vec<_> = evaluator.node_doubt(subject, peer).into_iter().collect();
            let reach = self.results.reaches[self.of[peer] as usize].clone();
            self.of[peer] = self.results.place(settle(reach, false, &doubts));
        }
    }
}
