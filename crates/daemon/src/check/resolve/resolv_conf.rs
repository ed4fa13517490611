//! resolv.conf, as glibc reads it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use hickory_resolver::proto::rr::Name;

/// Where resolv.conf's name servers listen.
const PORT: u16 = 53;

/// glibc's MAXNS and RES_MAXNDOTS.
const MAX_SERVERS: usize = 3;
const MAX_NDOTS: usize = 15;

/// Whom to ask, for which names.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct ResolvConf {
    /// In the order in which they are believed.
    pub(super) servers: Vec<SocketAddr>,
    pub(super) search: Vec<Name>,
    /// A name of fewer dots goes through the search list first.
    pub(super) ndots: usize,
    /// Whether a name without dots is asked for as it is, after the search list.
    pub(super) bare: bool,
    pub(super) edns0: bool,
    /// By TCP alone.
    pub(super) use_vc: bool,
    /// Without questions for IPv6.
    pub(super) no_aaaa: bool,
}

impl Default for ResolvConf {
    fn default() -> Self {
        let (servers, search) = (Vec::new(), Vec::new());
        Self { servers, search, ndots: 1, bare: true, edns0: false, use_vc: false, no_aaaa: false }
    }
}

impl ResolvConf {
    /// Reads resolv.conf(5). What is not understood costs itself alone.
    ///
    /// How long and how often to ask (`timeout`, `attempts`) is the check's own affair; `rotate` would let chance choose
    /// whom to believe; and each question has a socket of its own, so that `single-request` has nothing to cure.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut read = Self::default();
        let mut search = None;
        for line in String::from_utf8_lossy(text).lines() {
            // A keyword stands at the very start of its line.
            let Some((keyword, values)) = line.split_once([' ', '\t']) else { continue };
            let mut values = values.split_ascii_whitespace();
            match keyword {
                "nameserver" if read.servers.len() < MAX_SERVERS => {
                    let value = values.next().unwrap_or_default().split(['#', ';']).next().unwrap_or_default();
                    read.servers.extend(server(value));
                }
                // The last of the two counts.
                "domain" => search = values.next().map(|name| name.parse().into_iter().collect()).or(search),
                "search" => {
                    let mut names = values.peekable();
                    if names.peek().is_some() {
                        search = Some(names.filter_map(|name| name.parse().ok()).collect());
                    }
                }
                "options" => values.for_each(|option| read.option(option)),
                _ => {}
            }
        }
        if read.servers.is_empty() {
            read.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        read.search = search.unwrap_or_else(|| Vec::from_iter(own_domain()));
        read
    }

    fn option(&mut self, option: &str) {
        match option {
            "edns0" => self.edns0 = true,
            "use-vc" => self.use_vc = true,
            "no-aaaa" => self.no_aaaa = true,
            "no-tld-query" | "no_tld_query" => self.bare = false,
            _ => {
                if let Some(dots) = option.strip_prefix("ndots:") {
                    self.ndots = dots.parse().unwrap_or(0).min(MAX_NDOTS);
                }
            }
        }
    }

    /// The names to ask for: with few dots, the search list comes first.
    pub(super) fn candidates(&self, mut name: Name) -> Vec<Name> {
        let (absolute, dots) = (name.is_fqdn(), usize::from(name.num_labels()).saturating_sub(1));
        let searched: Vec<_> = match absolute {
            true => Vec::new(),
            false => self.search.iter().filter_map(|domain| name.clone().append_domain(domain).ok()).collect(),
        };
        let bare = absolute || dots > 0 || self.bare || searched.is_empty();
        name.set_fqdn(true);
        match (bare, absolute || dots >= self.ndots) {
            (false, _) => searched,
            (true, true) => std::iter::once(name).chain(searched).collect(),
            (true, false) => searched.into_iter().chain([name]).collect(),
        }
    }
}

/// An address, or a link-local one with the link that it is of.
fn server(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address, PORT).into());
    }
    let (address, link) = text.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    let index = || fs::read_to_string(format!("/sys/class/net/{link}/ifindex")).ok()?.trim().parse().ok();
    let scope = link.parse().ok().or_else(|| if link.contains('/') { None } else { index() })?;
    Some(SocketAddrV6::new(address, PORT, 0, scope).into())
}

/// What follows the first dot of this machine's name: the search list where there is none.
fn own_domain() -> Option<Name> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    host.trim().split_once('.')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(conf: &str) -> Vec<String> {
        ResolvConf::parse(conf.as_bytes()).search.iter().map(Name::to_string).collect()
    }

    #[test]
    fn what_is_bad_in_resolv_conf_costs_itself_alone() {
        let read = ResolvConf::parse(
            b"# caf\xe9\nsearch bad..name ok\r\nnameserver nonsense\nnameserver\t127.0.0.2 # caf\xe9\r\n nameserver 127.0.0.9\n\
              nameserver fe80::1%1\nnameserver ::1;\nnameserver 127.0.0.4\noptions ndots:99 nonsense edns0\noptions use-vc\n",
        );
        let servers: Vec<_> = read.servers.iter().map(SocketAddr::to_string).collect();
        assert_eq!(servers, ["127.0.0.2:53", "[fe80::1%1]:53", "[::1]:53"]);
        assert_eq!(read.search, ["ok".parse::<Name>().unwrap()]);
        assert_eq!((read.ndots, read.edns0, read.use_vc, read.no_aaaa), (15, true, true, false));
    }

    #[test]
    fn the_last_of_domain_and_search_counts_and_without_a_server_this_machine_is_asked() {
        assert_eq!(search("search a b\ndomain c d\n"), ["c"]);
        assert_eq!(search("domain c\nsearch a b\nsearch\n"), ["a", "b"]);
        assert_eq!(search(&format!("search{}\n", " x".repeat(20))).len(), 20);
        assert_eq!(ResolvConf::parse(b"").servers, [([127, 0, 0, 1], 53).into()]);
    }

    #[test]
    fn the_search_list_comes_first_for_names_of_few_dots_and_is_never_forgotten() {
        let asked = |name: &str, options: &str| {
            let read = ResolvConf::parse(format!("search stars.svc svc\noptions {options}\n").as_bytes());
            read.candidates(name.parse().unwrap()).iter().map(Name::to_string).collect::<Vec<_>>()
        };
        assert_eq!(asked("backend", "ndots:1"), ["backend.stars.svc.", "backend.svc.", "backend."]);
        assert_eq!(asked("backend", "no-tld-query"), ["backend.stars.svc.", "backend.svc."]);
        assert_eq!(
            asked("backend.stars", "ndots:1"),
            ["backend.stars.", "backend.stars.stars.svc.", "backend.stars.svc."]
        );
        assert_eq!(
            asked("backend.stars", "ndots:5"),
            ["backend.stars.stars.svc.", "backend.stars.svc.", "backend.stars."]
        );
        assert_eq!(asked("backend.", "ndots:5"), ["backend."]);
    }
}
