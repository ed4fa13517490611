//! How much this process has room for: open files and memory, shared out between those who serve and those who check.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Connections that are served at most, however much room there is.
const MAX_CONNECTIONS: usize = 8192;

/// What a connection may cost: a head of 32 KiB, its task and its buffers. Twice that, so that half of the memory is left.
const BYTES_A_CONNECTION: u64 = 128 * 1024;

/// Connections beyond those, for `/healthz` and for saying that there are too many.
const MAX_RESERVE: usize = 64;

/// Files that are neither a connection nor a check's: logs, the runtime's own, resolv.conf.
const OTHER_FILES: usize = 16;

/// Files that a check may need at once: four connection attempts, or as many questions to name servers.
const FILES_A_CHECK: usize = 8;

/// How many of each there may be at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Room {
    /// Connections that are served.
    pub(crate) connections: usize,
    /// Connections beyond them.
    pub(crate) reserve: usize,
    /// Checks.
    pub(crate) checks: usize,
    /// Bytes of bodies that clients have not taken yet.
    pub(crate) bodies: usize,
}

impl Room {
    /// What the limits of this process leave room for.
    pub(crate) fn of_this_process() -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::of(files, memory_limit().unwrap_or(u64::MAX))
    }

    /// Half of the files are for connections, the others for checks.
    fn of(files: u64, memory: u64) -> Self {
        let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let half = number(files / 2);
        let reserve = (half / 4).min(MAX_RESERVE);
        Self {
            connections: (half - reserve).min(MAX_CONNECTIONS).min(number(memory / BYTES_A_CONNECTION)).max(1),
            reserve: reserve.max(1),
            checks: (half.saturating_sub(OTHER_FILES) / FILES_A_CHECK).clamp(1, 1 << 20),
            bodies: number(memory / 8).min(64 << 20),
        }
    }
}

/// How many bytes of `count` texts that others send may be kept or read at once, each: a quarter of the memory, shared out.
pub fn share(count: usize, at_most: usize) -> usize {
    share_of(memory_limit().unwrap_or(u64::MAX), count, at_most)
}

fn share_of(memory: u64, count: usize, at_most: usize) -> usize {
    usize::try_from(memory / 4).unwrap_or(usize::MAX).checked_div(count).map_or(at_most, |share| share.min(at_most))
}

/// The memory that this process's cgroup may use, if that is limited: of version 2 or 1, as a container sees it or by its
/// path (cgroups(7)).
fn memory_limit() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let groups = own.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        Some((controllers, path.trim_start_matches('/')))
    });
    let files = groups.filter_map(|(controllers, path)| match controllers {
        "" => Some(("/sys/fs/cgroup", path, "memory.max")),
        "memory" => Some(("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes")),
        _ => None,
    });
    let read = |folder: &Path, file: &str| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok();
    // Without a limit there is `max`, or as many bytes as fit no machine.
    let limits = files
        .flat_map(|(root, path, file)| [Path::new(root).join(path), root.into()].map(|folder| read(&folder, file)));
    limits.flatten().filter(|limit| *limit < 1 << 50).min()
}

/// Raises the limit of open files as far as it may be: each check and each client needs one.
pub fn raise_open_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_and_connections_never_need_more_files_than_there_are() {
        for files in [64, 256, 1024, 4096, 1 << 20, u64::MAX] {
            let Room { connections, reserve, checks, .. } = Room::of(files, u64::MAX);
            let needed = connections + reserve + checks * FILES_A_CHECK + OTHER_FILES;
            assert!(needed as u64 <= files, "{needed} of {files}");
            assert!(connections >= 16 && reserve >= 8 && checks >= 2, "{connections}, {reserve}, {checks} of {files}");
        }
    }

    #[test]
    fn the_manifests_memory_has_room_for_the_longest_heads_of_all_connections() {
        let Room { connections, bodies, .. } = Room::of(1 << 20, 64 << 20);
        assert_eq!((connections, bodies), (512, 8 << 20));
        assert_eq!(Room::of(1 << 20, u64::MAX).connections, MAX_CONNECTIONS);
    }

    #[test]
    fn what_many_send_has_a_quarter_of_the_memory_together() {
        assert_eq!((share_of(64 << 20, 300, 8 << 20) * 300) >> 20, 15);
        assert_eq!(share_of(64 << 20, 1, 8 << 20), 8 << 20);
        assert_eq!(share_of(u64::MAX, 10_000, 8 << 20), 8 << 20);
        assert_eq!(share_of(64 << 20, 0, 8 << 20), 8 << 20);
    }
}
