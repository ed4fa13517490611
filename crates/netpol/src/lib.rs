//! Kubernetes NetworkPolicies read from manifests: who may reach whom, and which rule says so.
//!
//! No network and no async runtime: manifests in, verdicts out.
//!
//! - [`node`], [`manifest`]: YAML and JSON with every value's place; objects out of files, folders and lists
//! - [`policy`], [`selector`], [`workload`], [`service`]: what the objects mean
//! - [`cluster`]: all of them together
//! - [`connections`], [`reach`]: sets of ports, and those that are sure or possible
//! - [`evaluator`], [`matrix`]: what passes between two, and between all
//! - [`edge`]: the same by name, Service and URL, the look-up of the name included
//! - [`doubt`], [`explanation`]: what a verdict hangs on, and everything that it rests on

pub mod cluster;
pub mod connections;
mod dns;
pub mod doubt;
pub mod edge;
pub mod evaluator;
pub mod explanation;
mod location;
pub mod manifest;
pub mod matrix;
pub mod node;
pub mod policy;
pub mod reach;
mod reason;
pub mod selector;
pub mod service;
mod strict;
pub mod workload;

pub use cluster::Cluster;
pub use connections::{Connections, Protocol};
pub use evaluator::Evaluator;
pub use location::{Location, Problem};
pub use matrix::Matrix;
