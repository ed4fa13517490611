//! Leaves the machine's network for an empty one of our own, and shuts a pod's process in.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, RawFd};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_remount, unmount,
};
use rustix::process::{DumpableBehavior, Gid, Uid, chdir, getgid, getuid, pivot_root, set_dumpable_behavior, umask};
use rustix::thread::{
    CapabilitySet, CapabilitySets, LinkNameSpaceType, UnshareFlags, move_into_link_name_space, set_capabilities,
    set_keep_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid, unshare_unsafe,
};
use serde::{Deserialize, Serialize};

use crate::family::{Families, Family};

/// Why this machine does not let us have networks of our own, and what would.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Forbidden {
    #[error(
        "this machine allows no more user namespaces: `sysctl user.max_user_namespaces` says how many; raise it, or run \
         star-lab as root, or with --loopback"
    )]
    TooMany,
    #[error(
        "this machine forbids user namespaces: `sysctl -w kernel.unprivileged_userns_clone=1` allows them; or run star-lab \
         as root, or with --loopback"
    )]
    Switch,
    #[error(
        "this machine forbids namespaces, as a container's seccomp profile does (Docker: --security-opt seccomp=unconfined); \
         or run star-lab outside the container, or with --loopback"
    )]
    Unshare,
    #[error(
        "this machine's AppArmor forbids user namespaces: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` allows \
         them; or run star-lab as root, or with --loopback"
    )]
    AppArmor,
    #[error(
        "this machine's /proc/sys cannot be written, so that no packets can be forwarded; run star-lab with --loopback"
    )]
    ReadOnly,
    #[error("this machine's kernel has no IPv6; run star-lab with --ip-family=ipv4")]
    NoIpv6,
    #[error("this machine gives no namespaces ({0}); run star-lab with --loopback")]
    Other(Errno),
}

/// Moves this process into a network of its own, with nothing in it, and makes it that network's administrator. What was
/// opened before stays open: a listener goes on serving the machine's loopback.
///
/// This must happen before the first thread is started.
///
/// # Errors
///
/// When the machine forbids it.
pub(crate) fn leave_the_machine(families: Families) -> anyhow::Result<()> {
    let (uid, gid) = (getuid(), getgid());
    // The machine's root needs no user namespace, unless a container took its rights.
    if !uid.is_root() || unshare(UnshareFlags::NEWNET).is_err() {
        unshare(UnshareFlags::NEWNET | UnshareFlags::NEWUSER).map_err(|error| match error {
            Errno::NOSPC => Forbidden::TooMany,
            Errno::PERM if is_zero("/proc/sys/kernel/unprivileged_userns_clone") => Forbidden::Switch,
            Errno::PERM => Forbidden::Unshare,
            other => Forbidden::Other(other),
        })?;
        let map = |file: &str, text: String| match fs::write(file, text) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(anyhow::Error::new(Forbidden::AppArmor)),
            written => written.with_context(|| format!("{file} cannot be written")),
        };
        map("/proc/self/setgroups", "deny".to_owned())?;
        map("/proc/self/uid_map", format!("0 {} 1", uid.as_raw()))?;
        map("/proc/self/gid_map", format!("0 {} 1", gid.as_raw()))?;
    }
    // Pods of root's lab are another user's, who is to read what is put there for him; nobody enters the lab's folder.
    umask(Mode::from_raw_mode(0o022));
    set_ipv6(families)?;
    for family in families.list() {
        let (forwarding, limit) = match family {
            Family::V4 => ("ipv4/ip_forward", "ipv4/icmp_ratelimit"),
            Family::V6 => ("ipv6/conf/all/forwarding", "ipv6/icmp/ratelimit"),
        };
        fs::write(format!("/proc/sys/net/{forwarding}"), "1").map_err(|_| Forbidden::ReadOnly)?;
        // A Service without pods refuses every connection aloud; by default the kernel says so once a second only.
        let _ = fs::write(format!("/proc/sys/net/{limit}"), "0");
    }
    Ok(())
}

/// Moves this thread into a new network with nothing in it.
pub(crate) fn enter_new_network(families: Families) -> anyhow::Result<()> {
    unshare(UnshareFlags::NEWNET).map_err(|error| match error {
        Errno::NOSPC => anyhow::Error::new(error).context("no more networks: raise `sysctl user.max_net_namespaces`"),
        other => other.into(),
    })?;
    Ok(set_ipv6(families)?)
}

/// Moves this thread into a network.
pub(crate) fn enter_network(network: impl AsFd) -> anyhow::Result<()> {
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
        .context("the network cannot be entered")
}

/// The user and the group of our images; see the Dockerfile.
const USER: u32 = 65532;

/// All that a pod's process sees of files. Nothing of it can be written, and nothing run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Root {
    /// Paths from the root, and what is in them.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// Paths from the root, and the file or folder of the machine that is seen there.
    pub(crate) views: Vec<(PathBuf, PathBuf)>,
}

/// Has what this thread starts from now on belong to a new pod in `network`, and see no process outside of it. The first
/// that it starts is the pod's init: the others end with it, and no more can be started.
pub(crate) fn found_pod(network: impl AsFd) -> anyhow::Result<()> {
    enter_network(network)?;
    unshare(UnshareFlags::NEWPID | UnshareFlags::NEWIPC).map_err(|error| match error {
        Errno::NOSPC => anyhow::Error::new(error).context("no more pods: raise `sysctl user.max_pid_namespaces`"),
        other => other.into(),
    })
}

/// Shuts this process, still of one thread, in: with the files of `root` alone, and no right but to listen on ports below
/// 1024. There is no way back, and none to more rights.
pub(crate) fn shut_in(root: &Root) -> anyhow::Result<()> {
    unshare(UnshareFlags::NEWNS).context("no mount namespace")?;
    let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", alone).context("mounts cannot be kept private")?;
    // Somewhere to build it: every machine has this folder, and nobody else sees what is mounted here.
    let building = Path::new("/proc");
    let inert = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", building, "tmpfs", inert, c"size=1m,mode=755").context("no file system in memory")?;
    for (path, text) in &root.files {
        let path = place(building, path)?;
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    for (path, of) in &root.views {
        let path = place(building, path)?;
        match of.is_dir() {
            true => fs::create_dir(&path),
            false => fs::write(&path, ""),
        }
        .with_context(|| format!("{} cannot be made", path.display()))?;
        let seen = mount_bind(of, &path)
            .and_then(|()| mount_remount(&path, MountFlags::BIND | MountFlags::RDONLY | inert, c""));
        seen.with_context(|| format!("{} cannot be shown to the pod", of.display()))?;
    }
    // The machine's root comes to lie upon the new one, and is taken away.
    chdir(building).context("the new root cannot be entered")?;
    pivot_root(".", ".").context("the root cannot be replaced")?;
    unmount(".", UnmountFlags::DETACH).context("the machine's files cannot be left")?;
    chdir("/").context("the new root cannot be entered")?;
    mount_remount("/", MountFlags::BIND | MountFlags::RDONLY | inert, c"")
        .context("the root cannot be made read-only")?;

    become_nobody()?;
    set_no_new_privs(true).context("more rights cannot be ruled out")?;
    let kept = CapabilitySet::NET_BIND_SERVICE;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })
        .context("capabilities cannot be dropped")?;
    // Nor can others of this user look into it; and where it crashes, the machine keeps no dump.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("dumps cannot be ruled out")
}

/// Becomes the user that our images run as, but for the rights of before. In an ordinary user's namespace there is none but
/// him.
fn become_nobody() -> anyhow::Result<()> {
    let (user, group) = (Uid::from_raw(USER), Gid::from_raw(USER));
    match set_thread_res_gid(group, group, group) {
        Err(Errno::INVAL) => return Ok(()),
        changed => changed.context("root's group cannot be left")?,
    }
    set_thread_groups(&[]).context("root's groups cannot be left")?;
    set_keep_capabilities(true).context("capabilities cannot be kept")?;
    set_thread_res_uid(user, user, user).context("root cannot be left")
}

/// Where a path from a root is while the root is built; with the folders that lead there.
fn place(building: &Path, path: &Path) -> anyhow::Result<PathBuf> {
    let path = building.join(path.strip_prefix("/").unwrap_or(path));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    Ok(path)
}

/// Closes all but the standard streams: what whoever started the lab had open and did not keep to himself. Nothing of this
/// process may have opened a file yet.
pub(crate) fn close_inherited() -> anyhow::Result<()> {
    let folder = Path::new("/proc/self/fd");
    let files = fs::read_dir(folder).context("/proc is not mounted")?;
    let numbers: Vec<RawFd> = files.filter_map(|file| file.ok()?.file_name().to_str()?.parse().ok()).collect();
    // The folder was open itself, and is closed again.
    let open = |number: &RawFd| fs::symlink_metadata(folder.join(number.to_string())).is_ok();
    for number in numbers.into_iter().filter(|number| *number > 2).filter(open) {
        #[expect(unsafe_code, reason = "closes files by number, whoever owns them")]
        // SAFETY: it is open, and nobody here owns it yet.
        unsafe {
            rustix::io::close(number);
        }
    }
    Ok(())
}

/// Gives this process, still of one thread, its variables.
pub(crate) fn set_environment(variables: Vec<(String, String)>) {
    for (name, value) in variables {
        #[expect(unsafe_code, reason = "unsafe where another thread might read variables")]
        // SAFETY: this process has one thread.
        unsafe {
            std::env::set_var(name, value);
        }
    }
}

/// Has the links of this thread's network know IPv6 if the lab does, and nothing that they were not told: by default each
/// end would announce itself, and ask for routers, with packets that nobody wants.
fn set_ipv6(families: Families) -> Result<(), Forbidden> {
    // `addr_gen_mode` 1: no address of the link's own.
    let silent: &[_] = match families.has(Family::V6) {
        true => &[("addr_gen_mode", "1"), ("accept_ra", "0"), ("router_solicitations", "0"), ("disable_ipv6", "0")],
        false => &[("disable_ipv6", "1")],
    };
    for scope in ["all", "default"] {
        for (name, value) in silent {
            let file = format!("/proc/sys/net/ipv6/conf/{scope}/{name}");
            match fs::write(&file, value) {
                Ok(()) => {}
                Err(_) if !families.has(Family::V6) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(Forbidden::NoIpv6),
                Err(_) => return Err(Forbidden::ReadOnly),
            }
        }
    }
    Ok(())
}

fn is_zero(file: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.trim() == "0")
}

fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    #[expect(unsafe_code, reason = "unsafe with FILES alone, which takes open files from other threads")]
    // SAFETY: no caller here passes FILES.
    unsafe {
        unshare_unsafe(flags)
    }
}
