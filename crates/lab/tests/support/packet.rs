//! Single packets in the networks of pods, for whoever may enter them.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs::{self, File};
use std::net::IpAddr;
use std::os::fd::AsFd;

use rustix::process::{getgid, getuid};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::lab::{Lab, wait};

/// Becomes one who may enter the networks of labs that are started from now on: root, if only in a user namespace; and
/// takes what `more` says. The process must still have one thread.
pub(crate) fn become_root(more: UnshareFlags) {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    let user = if uid == 0 { UnshareFlags::empty() } else { UnshareFlags::NEWUSER };
    #[expect(unsafe_code, reason = "unsafe with FILES alone, which takes open files from other threads")]
    // SAFETY: no caller here passes FILES.
    unsafe {
        unshare_unsafe(user | more).unwrap();
    }
    if uid != 0 {
        fs::write("/proc/self/setgroups", "deny").unwrap();
        fs::write("/proc/self/uid_map", format!("0 {uid} 1")).unwrap();
        fs::write("/proc/self/gid_map", format!("0 {gid} 1")).unwrap();
    }
}

/// Runs `work` in the network of a process.
pub(crate) fn within<T: Send>(process: i32, work: impl FnOnce() -> T + Send) -> T {
    let network = File::open(format!("/proc/{process}/ns/net")).unwrap();
    std::thread::scope(|scope| {
        let entered = scope.spawn(|| {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        });
        entered.join().unwrap()
    })
}

/// A process of the pod with `address`, once one is in the pod's network: before, it is in the node's, which has routes to
/// every pod's address, while the pod's own has it as its local one.
pub(crate) fn process_at(lab: &Lab, address: IpAddr) -> i32 {
    let own = |pid: &i32| {
        if let IpAddr::V6(address) = address {
            let addresses = fs::read_to_string(format!("/proc/{pid}/net/if_inet6")).unwrap_or_default();
            return addresses.lines().any(|line| line.starts_with(&format!("{:032x}", address.to_bits())));
        }
        let routes = fs::read_to_string(format!("/proc/{pid}/net/fib_trie")).unwrap_or_default();
        let lines = routes.lines().zip(routes.lines().skip(1));
        lines.into_iter().any(|(line, next)| line.ends_with(&format!(" {address}")) && next.contains("host LOCAL"))
    };
    let mut found = None;
    wait(
        || {
            found = lab.processes().into_iter().find(own);
            found.is_some()
        },
        || format!("no process is in the network of {address}"),
    );
    found.unwrap()
}
