//! From a name to its addresses: asked anew each time, and again every 100 ms, until a deadline.
//!
//! hickory knows the messages of DNS; whom to ask, for what, and whom to believe is decided here, as glibc would.

mod hosts;
mod lookup;
mod question;
mod resolv_conf;

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use star_wire::observation::Reason;

use super::{Failure, Millis};
use hosts::Hosts;
use question::Refusal;
use resolv_conf::ResolvConf;

pub(super) use lookup::{Addresses, Lookup};
#[cfg(feature = "fuzzing")]
pub(super) use question::is_reply;

/// Looks names up. Keeps no answer.
pub struct Resolver {
    /// Locked for as long as it takes to see that the files are still the same.
    rules: Mutex<Arc<Rules>>,
    files: Option<Files>,
}

/// Whom to ask, for what.
#[derive(Default)]
struct Rules {
    hosts: Hosts,
    conf: ResolvConf,
    read: Versions,
}

/// The hosts file and resolv.conf.
struct Files([PathBuf; 2]);

/// What changes with each of the files: its time, length and number.
type Versions = [Option<(SystemTime, u64, u64)>; 2];

impl Files {
    fn versions(&self) -> Versions {
        let version = |path: &PathBuf| {
            let file = fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.len(), file.ino()))
        };
        self.0.each_ref().map(version)
    }

    /// What the files say; a file that does not exist says nothing.
    fn rules(&self) -> io::Result<Rules> {
        let read = self.versions();
        let text = |path: &PathBuf| match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        };
        let [hosts, conf] = self.0.each_ref().map(text);
        Ok(Rules { hosts: Hosts::parse(&hosts?), conf: ResolvConf::parse(&conf?), read })
    }
}

impl Resolver {
    /// Asks the name servers of /etc/resolv.conf by its rules, and /etc/hosts first; both are read again when they
    /// change. Where resolv.conf names no server, this machine's own is asked.
    pub fn from_system() -> Self {
        Self::from_files(["/etc/hosts", "/etc/resolv.conf"].map(Path::new))
    }

    /// The same, with the hosts file and the resolv.conf at `paths`.
    pub fn from_files(paths: [&Path; 2]) -> Self {
        let files = Files(paths.map(Path::to_owned));
        // A failure leaves no version, so that the next look-up reads again.
        let rules = files.rules().unwrap_or_default();
        Self { rules: Mutex::new(Arc::new(rules)), files: Some(files) }
    }

    /// Asks the name servers at `servers`, with a search list of `search` for names of fewer than `ndots` dots.
    pub fn from_servers(servers: &[SocketAddr], search: &[&str], ndots: usize) -> Self {
        let search = search.iter().filter_map(|name| name.parse().ok()).collect();
        let conf = ResolvConf { search, ndots, servers: servers.to_vec(), ..ResolvConf::default() };
        Self { rules: Mutex::new(Arc::new(Rules { conf, ..Rules::default() })), files: None }
    }

    /// A look-up of `name`, by the rules as they are now.
    pub(super) fn look_up(&self, name: &Arc<str>) -> Lookup {
        Lookup::new(self.rules(), name)
    }

    fn rules(&self) -> Arc<Rules> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = &self.files
            && files.versions() != rules.read
        {
            match files.rules() {
                Ok(read) => *rules = Arc::new(read),
                // Out of files, for example. The rules that there were are still better than none.
                Err(error) => tracing::debug!(%error, "/etc/hosts or /etc/resolv.conf could not be read again"),
            }
        }
        Arc::clone(&rules)
    }
}

/// Why a name has no address.
pub(super) enum Problem {
    /// The answer is that there is none.
    NoSuchName,
    /// There was no answer.
    Silence,
    /// A server cannot be asked, or answers with an error.
    Failed { server: SocketAddr, error: Refusal },
}

impl Problem {
    /// The same as a check's failure.
    pub(super) fn at(self, name: &str, within: Millis) -> Failure {
        match self {
            Self::NoSuchName => Failure::new(Reason::DnsFailed, format!("no such name: {name}")),
            Self::Silence => Failure::new(
                Reason::DnsTimeout,
                format!(
                    "no name server answered for {name} within {within}: DNS is down, or a policy drops it (port 53)"
                ),
            ),
            Self::Failed { server, error } => {
                let reason = if error.is_local() { Reason::LocalError } else { Reason::DnsFailed };
                Failure::new(reason, format!("{name} could not be resolved by the name server {server}: {error}"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
