//! Kubernetes NetworkPolicies read from manifests: who may reach whom, and which rule says so.
//!
//! No network and no async runtime: manifests in, verdicts out.
//!
//! - [`node`], [`manifest`]: YAML and JSON with every value's place; objects out of files, folders and lists
//! - [`policy`], [`selector`], [`workload`], [`service`]: what the objects mean
//! - [`cluster`]: all of them together
//! - [`connections`], [`reach`]: sets of ports, and those that are sure or possible
//! - [`endpoint`]: the ends of an edge, those that no manifest names among them
//! - [`evaluator`], [`matrix`]: what passes between two, and between all
//! - [`outside`]: whom workloads let in and reach besides each other
//! - [`destination`], [`edge`]: the same by name, Service and URL, the look-up of the name included
//! - [`lint`]: the mistakes that people make
//! - [`doubt`], [`explanation`]: what a verdict hangs on, and everything that it rests on

pub mod cluster;
pub mod connections;
pub mod destination;
mod dns;
pub mod doubt;
pub mod edge;
pub mod endpoint;
pub mod evaluator;
pub mod explanation;
mod facts;
pub mod lint;
mod location;
mod lookup;
pub mod manifest;
pub mod matrix;
pub mod node;
pub mod outside;
pub mod policy;
pub mod reach;
mod reason;
mod route;
pub mod selector;
pub mod service;
mod strict;
pub mod workload;

pub use cluster::Cluster;
pub use connections::{Connections, Protocol};
pub use evaluator::Evaluator;
pub use location::{Location, Problem};
pub use matrix::Matrix;
