//! The hosts file, as glibc reads it.

use std::collections::HashMap;
use std::net::IpAddr;

/// Names and their addresses, in the order of the file. All lines of a name count, as for glibc's getaddrinfo.
#[derive(Default)]
pub(super) struct Hosts(HashMap<String, Vec<IpAddr>>);

impl Hosts {
    /// Reads hosts(5). A line without an address is passed over, and costs no other line.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut hosts = HashMap::<_, Vec<_>>::new();
        for line in String::from_utf8_lossy(text).lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse().ok()) else { continue };
            for name in words {
                let addresses = hosts.entry(name.to_ascii_lowercase()).or_default();
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        Self(hosts)
    }

    /// The addresses of `name`, in whatever case it is written.
    pub(super) fn get(&self, name: &str) -> Option<&[IpAddr]> {
        // A target's name is in lower case already.
        let found = self.0.get(name).or_else(|| self.0.get(&name.to_ascii_lowercase()));
        found.map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_line_costs_itself_alone_and_all_lines_of_a_name_count() {
        let hosts = Hosts::parse(
            b"127.0.0.2 two\n# caf\xe9\n127.0.0.3 two alias\r\n::1\tTwo#comment\nbad z\nfe80::1%lo scoped\n127.0.0.4 caf\xe9 last\n",
        );
        let found = |name| hosts.get(name).map(|found| found.iter().map(IpAddr::to_string).collect::<Vec<_>>());
        assert_eq!(found("two").unwrap(), ["127.0.0.2", "127.0.0.3", "::1"]);
        assert_eq!(found("alias").unwrap(), ["127.0.0.3"]);
        assert_eq!(found("LAST").unwrap(), ["127.0.0.4"]);
        assert_eq!((found("z"), found("scoped"), found("comment")), (None, None, None));
    }
}
