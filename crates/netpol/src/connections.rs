//! Sets of connections: ranges of ports for each protocol.

use std::fmt;

use serde::Serialize;

/// The protocols that a NetworkPolicy can name, in the order in which they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// SCTP.
    Sctp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// All of them, in printing order.
    pub const ALL: [Self; 3] = [Self::Sctp, Self::Tcp, Self::Udp];

    /// The name that Kubernetes writes, in upper case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sctp => "SCTP",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }

    /// The protocol of that name, if it is one; Kubernetes knows upper case alone.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Every port there is; 0 is none.
const EVERY_PORT: (u16, u16) = (1, u16::MAX);

/// A set of connections: for each protocol the ports, as ranges that are sorted and neither overlap nor touch.
///
/// Displayed as `All Connections`, `No Connections` or, say, `TCP 80-81,443,UDP 53`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connections {
    ports: [Vec<(u16, u16)>; 3],
}

impl Connections {
    /// No connection.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every port of every protocol.
    pub fn all() -> Self {
        Self { ports: [vec![EVERY_PORT], vec![EVERY_PORT], vec![EVERY_PORT]] }
    }

    /// The ports from `first` to `last`, both included, of one protocol.
    pub fn range(protocol: Protocol, first: u16, last: u16) -> Self {
        let mut set = Self::default();
        if first <= last {
            set.ports[protocol as usize].push((first, last));
        }
        set
    }

    /// One port.
    pub fn port(protocol: Protocol, port: u16) -> Self {
        Self::range(protocol, port, port)
    }

    /// Every port of one protocol.
    pub fn protocol(protocol: Protocol) -> Self {
        Self::range(protocol, EVERY_PORT.0, EVERY_PORT.1)
    }

    /// Whether it is every connection.
    pub fn is_all(&self) -> bool {
        self.ports.iter().all(|ports| ports[..] == [EVERY_PORT])
    }

    /// Whether it is no connection.
    pub fn is_none(&self) -> bool {
        self.ports.iter().all(Vec::is_empty)
    }

    /// Whether it has every connection of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        self.intersection(other) == *other
    }

    /// The connections of either.
    pub fn union(&self, other: &Self) -> Self {
        if self.is_none() || other.is_all() {
            return other.clone();
        }
        if other.is_none() || self.is_all() {
            return self.clone();
        }
        self.combine(other, |a, b| {
            let mut ranges: Vec<(u16, u16)> = a.iter().chain(b).copied().collect();
            ranges.sort_unstable();
            let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
            for (first, last) in ranges {
                match merged.last_mut() {
                    Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                    _ => merged.push((first, last)),
                }
            }
            merged
        })
    }

    /// The connections of both.
    pub fn intersection(&self, other: &Self) -> Self {
        if self.is_none() || other.is_all() {
            return self.clone();
        }
        if other.is_none() || self.is_all() {
            return other.clone();
        }
        self.combine(other, |a, b| {
            let mut common = Vec::new();
            let (mut i, mut j) = (0, 0);
            while let (Some(left), Some(right)) = (a.get(i), b.get(j)) {
                let (first, last) = (left.0.max(right.0), left.1.min(right.1));
                if first <= last {
                    common.push((first, last));
                }
                if left.1 < right.1 { i += 1 } else { j += 1 }
            }
            common
        })
    }

    /// The connections of this that the other has not.
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, |a, b| {
            let mut left = Vec::new();
            for &(first, last) in a {
                let mut next = u32::from(first);
                for &(hole, end) in b.iter().filter(|hole| hole.1 >= first && hole.0 <= last) {
                    if u32::from(hole) > next {
                        left.push((next as u16, hole - 1));
                    }
                    next = u32::from(end) + 1;
                }
                if next <= u32::from(last) {
                    left.push((next as u16, last));
                }
            }
            left
        })
    }

    fn combine(&self, other: &Self, ranges: impl Fn(&[(u16, u16)], &[(u16, u16)]) -> Vec<(u16, u16)>) -> Self {
        Self { ports: std::array::from_fn(|i| ranges(&self.ports[i], &other.ports[i])) }
    }
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.pad("All Connections");
        }
        if self.is_none() {
            return f.pad("No Connections");
        }
        let mut text = String::new();
        for protocol in Protocol::ALL {
            let ranges = &self.ports[protocol as usize];
            let ports = ranges.iter().map(|&(first, last)| match first == last {
                true => first.to_string(),
                false => format!("{first}-{last}"),
            });
            let ports: Vec<_> = ports.collect();
            if !ports.is_empty() {
                let comma = if text.is_empty() { "" } else { "," };
                text += &format!("{comma}{protocol} {}", ports.join(","));
            }
        }
        f.pad(&text)
    }
}

impl Serialize for Connections {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
