//! Leaves the machine's network for an empty one of our own, and enters the one of a pod.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::Context;
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use rustix::process::{getgid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, LinkNameSpaceType, UnshareFlags, move_into_link_name_space, set_capabilities,
    unshare_unsafe,
};

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
pub(crate) fn leave_the_machine() -> anyhow::Result<()> {
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
    disable_ipv6();
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").map_err(|_| Forbidden::ReadOnly)?;
    // A Service without pods refuses every connection aloud; by default the kernel says so once a second only.
    let _ = fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0");
    Ok(())
}

/// Moves this thread into a new network with nothing in it.
pub(crate) fn enter_new_network() -> anyhow::Result<()> {
    unshare(UnshareFlags::NEWNET).map_err(|error| match error {
        Errno::NOSPC => anyhow::Error::new(error).context("no more networks: raise `sysctl user.max_net_namespaces`"),
        other => other.into(),
    })?;
    disable_ipv6();
    Ok(())
}

/// Moves this thread into a network.
pub(crate) fn enter_network(network: impl AsFd) -> anyhow::Result<()> {
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
        .context("the network cannot be entered")
}

/// Has this process, still of one thread, see the files of `folder` in /etc, and nobody else.
pub(crate) fn overlay_etc(folder: &Path) -> anyhow::Result<()> {
    unshare(UnshareFlags::NEWNS).context("no mount namespace")?;
    let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", alone).context("mounts cannot be kept private")?;
    for file in ["resolv.conf", "hosts"] {
        let target = Path::new("/etc").join(file);
        mount_bind(folder.join(file), &target)
            .with_context(|| format!("{} cannot be replaced; the machine must have one", target.display()))?;
    }
    Ok(())
}

/// Gives up all rights of this process but that to listen on ports below 1024.
pub(crate) fn drop_capabilities() -> anyhow::Result<()> {
    let kept = CapabilitySet::NET_BIND_SERVICE;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })
        .context("capabilities cannot be dropped")
}

/// The lab is IPv4 only. Without this, each end of a link would announce itself with packets that nobody asked for.
fn disable_ipv6() {
    for scope in ["all", "default"] {
        // A kernel without IPv6 has no such file.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"), "1");
    }
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
