//! The right to listen on a port below 1024 without being root.

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// Runs `bind` with `CAP_NET_BIND_SERVICE` in effect on this thread where it is permitted, and not in effect after it.
///
/// The images' programs carry it as permitted only (`setcap cap_net_bind_service+p`): with `+ep` the kernel refuses to
/// start a program whose container has dropped the capability, whatever port it wants (capabilities(7), "Safety checking
/// for capability-dumb binaries").
pub(crate) fn with_bind_service<T>(bind: impl FnOnce() -> T) -> T {
    let Ok(before) = capabilities(None) else { return bind() };
    let effective = before.effective | (before.permitted & CapabilitySet::NET_BIND_SERVICE);
    let raised = CapabilitySets { effective, ..before };
    if raised == before || set_capabilities(None, raised).is_err() {
        return bind();
    }
    let bound = bind();
    if let Err(error) = set_capabilities(None, before) {
        tracing::warn!(%error, "CAP_NET_BIND_SERVICE could not be lowered again");
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: CapabilitySet = CapabilitySet::NET_BIND_SERVICE;

    fn effective() -> bool {
        capabilities(None).unwrap().effective.contains(SERVICE)
    }

    // Capabilities belong to the thread, and each test has its own.

    #[test]
    fn what_is_permitted_is_in_effect_while_binding_and_only_then() {
        let mut sets = capabilities(None).unwrap();
        if !sets.permitted.contains(SERVICE) {
            return eprintln!(
                "skipped: CAP_NET_BIND_SERVICE is not permitted here; the tests of the images show it, too"
            );
        }
        sets.effective.remove(SERVICE);
        set_capabilities(None, sets).unwrap();
        assert!(with_bind_service(effective));
        assert!(!effective());
    }

    #[test]
    fn what_is_not_permitted_is_not_asked_for() {
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(SERVICE);
        sets.permitted.remove(SERVICE);
        set_capabilities(None, sets).unwrap();
        assert!(!with_bind_service(effective));
    }
}
