//! The kinds of objects, by the names that `kubectl` knows them by.

use star_netpol::manifest::Object;

/// A kind of object that can be named on a command line.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Pod,
    Service,
    NetworkPolicy,
    Namespace,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ReplicationController,
    Job,
    CronJob,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Pod,
        Self::Service,
        Self::NetworkPolicy,
        Self::Namespace,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::Job,
        Self::CronJob,
    ];

    /// As manifests name it, the API group, the plural, and the short name if there is one.
    const fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Pod => ("Pod", "", "pods", "po"),
            Self::Service => ("Service", "", "services", "svc"),
            Self::NetworkPolicy => ("NetworkPolicy", "networking.k8s.io", "networkpolicies", "netpol"),
            Self::Namespace => ("Namespace", "", "namespaces", "ns"),
            Self::Deployment => ("Deployment", "apps", "deployments", "deploy"),
            Self::StatefulSet => ("StatefulSet", "apps", "statefulsets", "sts"),
            Self::DaemonSet => ("DaemonSet", "apps", "daemonsets", "ds"),
            Self::ReplicaSet => ("ReplicaSet", "apps", "replicasets", "rs"),
            Self::ReplicationController => ("ReplicationController", "", "replicationcontrollers", "rc"),
            Self::Job => ("Job", "batch", "jobs", ""),
            Self::CronJob => ("CronJob", "batch", "cronjobs", "cj"),
        }
    }

    /// The kind that `kubectl` takes `text` for: by its singular, its plural or its short name, in any case, with or
    /// without the group (`networkpolicies.networking.k8s.io`).
    pub(crate) fn called(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        let (name, group) = text.split_once('.').map_or((&*text, None), |(name, group)| (name, Some(group)));
        let is = |kind: &Self| {
            let (singular, of, plural, short) = kind.names();
            let named = name == singular.to_lowercase() || name == plural || name == short;
            // The version may stand before the group: `deployments.v1.apps`.
            let grouped = |group: &str| group == of || group.strip_prefix("v1.") == Some(of);
            !name.is_empty() && named && group.is_none_or(grouped)
        };
        Self::ALL.into_iter().find(is)
    }

    /// The kind that makes an object what it is, by its name in manifests.
    pub(crate) fn of(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.names().0 == kind)
    }

    /// As manifests name it: `NetworkPolicy`.
    pub(crate) fn name(self) -> &'static str {
        self.names().0
    }

    /// As one object of it is called: `networkpolicy.networking.k8s.io`.
    pub(crate) fn singular(self) -> String {
        let (name, group, ..) = self.names();
        grouped(&name.to_lowercase(), group)
    }

    /// As the API calls all of them: `networkpolicies.networking.k8s.io`.
    pub(crate) fn plural(self) -> String {
        let (_, group, plural, _) = self.names();
        grouped(plural, group)
    }

    /// Whether its objects are in namespaces.
    pub(crate) fn is_namespaced(self) -> bool {
        self != Self::Namespace
    }
}

/// What an object is called, whatever its kind: `networkpolicy.networking.k8s.io`.
pub(crate) fn singular(object: &Object) -> String {
    let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
    grouped(&object.kind.to_lowercase(), group)
}

/// A name with its group, if it has one.
pub(crate) fn grouped(name: &str, group: &str) -> String {
    match group {
        "" => name.to_owned(),
        group => format!("{name}.{group}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_every_name_that_kubectl_takes() {
        for text in ["pod", "pods", "po", "Pod", "PODS"] {
            assert_eq!(Kind::called(text), Some(Kind::Pod), "{text}");
        }
        for text in ["netpol", "networkpolicies.networking.k8s.io", "networkpolicy.v1.networking.k8s.io"] {
            assert_eq!(Kind::called(text), Some(Kind::NetworkPolicy), "{text}");
        }
        assert_eq!(Kind::called("deployments.apps"), Some(Kind::Deployment));
        for text in ["", "pod.apps", "deployments.batch", "networkpolicys", "p", "secrets"] {
            assert_eq!(Kind::called(text), None, "{text}");
        }
    }

    #[test]
    fn objects_are_named_with_their_group() {
        assert_eq!((Kind::Pod.singular(), Kind::Pod.plural()), ("pod".to_owned(), "pods".to_owned()));
        assert_eq!(Kind::StatefulSet.singular(), "statefulset.apps");
        assert_eq!(Kind::NetworkPolicy.plural(), "networkpolicies.networking.k8s.io");
    }
}
