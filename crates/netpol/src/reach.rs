//! What goes through: for sure, and if the network makes the most of what is left open.

use std::fmt;

use serde::Serialize;

use crate::{
    connections::{Connections, Protocol},
    doubt::Doubt,
};

/// Whether a connection goes through, or all of them do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Both sides let it pass.
    Allowed,
    /// One side is isolated, and no rule admits it.
    Denied,
    /// Of all connections some are allowed and some denied.
    Partial,
    /// It hangs on what Kubernetes leaves open, or on what the manifests do not say.
    Undecided,
}

/// The connections that go through: those that are sure, and those that are possible, which hold the sure ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reach {
    /// What goes through whatever the network makes of what Kubernetes leaves open.
    pub sure: Connections,
    /// What goes through if the network makes the most of it.
    pub possible: Connections,
}

impl Reach {
    pub(crate) fn all() -> Self {
        Self { sure: Connections::all(), possible: Connections::all() }
    }

    /// Nothing goes through.
    pub fn none() -> Self {
        Self { sure: Connections::none(), possible: Connections::none() }
    }

    /// What both let pass.
    pub fn intersection(&self, other: &Self) -> Self {
        let possible = self.possible.intersection(&other.possible);
        let sure = match self.is_decided() && other.is_decided() {
            true => possible.clone(),
            false => self.sure.intersection(&other.sure),
        };
        Self { sure, possible }
    }

    /// Whether nothing is left open.
    pub fn is_decided(&self) -> bool {
        self.sure == self.possible
    }

    /// Whether all connections go through.
    pub fn overall(&self) -> Verdict {
        match self.is_decided() {
            false => Verdict::Undecided,
            true if self.sure.is_all() => Verdict::Allowed,
            true if self.sure.is_none() => Verdict::Denied,
            true => Verdict::Partial,
        }
    }

    /// Whether one connection goes through.
    pub fn verdict(&self, protocol: Protocol, port: u16) -> Verdict {
        let one = Connections::port(protocol, port);
        match (self.sure.covers(&one), self.possible.covers(&one)) {
            (true, _) => Verdict::Allowed,
            (false, true) => Verdict::Undecided,
            (false, false) => Verdict::Denied,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Partial => "partial",
            Self::Undecided => "undecided",
        })
    }
}

/// What passes in the end: everything on an open side, and what doubts of the whole side leave of it.
pub(crate) fn settle(admitted: Reach, open: bool, doubts: &[Doubt]) -> Reach {
    let mut reach = if open { Reach::all() } else { admitted };
    for doubt in doubts {
        match doubt {
            Doubt::SameNode => return Reach::all(),
            Doubt::PerhapsSameNode | Doubt::HostNetworkSubject => reach.possible = Connections::all(),
            _ => reach = Reach { sure: Connections::none(), possible: Connections::all() },
        }
    }
    reach
}
