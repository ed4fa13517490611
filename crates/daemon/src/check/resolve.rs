//! From a name to its addresses: asked anew each time, and again every 100 ms, until a deadline.
//!
//! hickory reads resolv.conf and the hosts file, and knows the messages of DNS. Its resolver makes of silence and errors
//! what does not suit a check (it takes a time-out for a reason to try the next name of the search list, and waits for a
//! dead server before it asks another again), so that the search list is walked and the servers are asked here.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, StreamExt};
use hickory_resolver::Hosts;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::{DnsRequestSender, FirstAnswer};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, Record, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use rustix::io::Errno;
use star_wire::observation::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use super::{Failure, Millis, connect};

/// How long a question stays unanswered before it is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Longer than any deadline: only the deadline ends a question.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Where resolv.conf's name servers listen.
const PORT: u16 = 53;

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
    search: Vec<Name>,
    ndots: usize,
    servers: Vec<SocketAddr>,
    options: DnsRequestOptions,
    read: Versions,
}

/// The hosts file and resolv.conf.
struct Files([PathBuf; 2]);

/// When each of the files was changed last.
type Versions = [Option<SystemTime>; 2];

impl Files {
    fn versions(&self) -> Versions {
        self.0.each_ref().map(|path| fs::metadata(path).and_then(|file| file.modified()).ok())
    }

    fn rules(&self) -> Rules {
        let [hosts_file, resolv_conf] = &self.0;
        let mut rules = Rules { read: self.versions(), ..Rules::default() };
        // Without it, all names are asked for.
        let _ = File::open(hosts_file).and_then(|file| rules.hosts.read_hosts_conf(file));
        match fs::read(resolv_conf).map_err(NetError::from).and_then(parse_resolv_conf) {
            Err(error) => {
                tracing::warn!(%error, "no usable resolv.conf: only addresses and the hosts file are known");
            }
            Ok((config, options)) => {
                let (domain, search, servers) = config.into_parts();
                rules.search = if search.is_empty() { Vec::from_iter(domain) } else { search };
                rules.servers = servers.iter().map(|server| SocketAddr::new(server.ip, PORT)).collect();
                (rules.ndots, rules.options.use_edns) = (options.ndots, options.edns0);
            }
        }
        rules
    }
}

impl Resolver {
    /// Asks the name servers of /etc/resolv.conf by its rules, and /etc/hosts first; both are read again when they
    /// change. Where there is no usable resolv.conf, only /etc/hosts and addresses are known.
    pub fn from_system() -> Self {
        Self::from_files(["/etc/hosts", "/etc/resolv.conf"].map(Path::new))
    }

    fn from_files(paths: [&Path; 2]) -> Self {
        let files = Files(paths.map(Path::to_owned));
        Self { rules: Mutex::new(Arc::new(files.rules())), files: Some(files) }
    }

    /// Asks the name servers at `servers`, with a search list of `search` for names of fewer than `ndots` dots.
    pub fn from_servers(servers: &[SocketAddr], search: &[&str], ndots: usize) -> Self {
        let search = search.iter().filter_map(|name| name.parse().ok()).collect();
        let rules = Rules { search, ndots, servers: servers.to_vec(), ..Rules::default() };
        Self { rules: Mutex::new(Arc::new(rules)), files: None }
    }

    /// The addresses of `name`, in the order of the answer; never empty. Until it ends, what is wrong is in `problem`.
    pub(super) async fn resolve(&self, name: &str, problem: &mut Problem) -> Result<Vec<IpAddr>, Problem> {
        self.rules().resolve(name, problem).await
    }

    fn rules(&self) -> Arc<Rules> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = &self.files
            && files.versions() != rules.read
        {
            *rules = Arc::new(files.rules());
        }
        Arc::clone(&rules)
    }
}

impl Rules {
    async fn resolve(&self, name: &str, problem: &mut Problem) -> Result<Vec<IpAddr>, Problem> {
        const KINDS: [RecordType; 2] = [RecordType::A, RecordType::AAAA];
        let Ok(name) = Name::from_ascii(name) else { return Err(Problem::NoSuchName) };
        let mut known =
            KINDS.iter().filter_map(|kind| self.hosts.lookup_static_host(&Query::query(name.clone(), *kind)));
        if let Some(lookup) = known.next() {
            return Ok(addresses(lookup.answers()));
        }
        if name.is_localhost() {
            return Ok(vec![Ipv4Addr::LOCALHOST.into()]);
        }
        if self.servers.is_empty() {
            return Err(Problem::NoServer);
        }
        for name in self.candidates(name) {
            // IPv6 is asked for only where a name has no IPv4 address: one question less to lose.
            for kind in KINDS {
                match self.ask(&Query::query(name.clone(), kind), problem).await {
                    Answer::Addresses(addresses) => return Ok(addresses),
                    Answer::OfAnotherKind => {}
                    Answer::NoSuchName => break,
                }
            }
        }
        Err(Problem::NoSuchName)
    }

    /// The names to ask for, by the rules of resolv.conf(5): with few dots, the search list comes first.
    fn candidates(&self, mut name: Name) -> Vec<Name> {
        let (absolute, dots) = (name.is_fqdn(), usize::from(name.num_labels()).saturating_sub(1));
        let searched: Vec<_> = match absolute {
            true => Vec::new(),
            false => self.search.iter().filter_map(|domain| name.clone().append_domain(domain).ok()).collect(),
        };
        name.set_fqdn(true);
        match dots >= self.ndots {
            true => std::iter::once(name).chain(searched).collect(),
            false => searched.into_iter().chain([name]).collect(),
        }
    }

    /// Asks all servers until one of them has an answer; what is wrong meanwhile is noted in `problem`.
    async fn ask(&self, query: &Query, problem: &mut Problem) -> Answer {
        let replies = self.servers.iter().map(|server| {
            // A server that fails now may answer in a moment: the deadline decides.
            let replies = stream::unfold(Duration::ZERO, async |pause| {
                sleep(pause).await;
                let reply = exchange(*server, DnsRequest::from_query(query.clone(), self.options)).await;
                Some((reply.and_then(Answer::of).map_err(|error| (*server, error)), ASK_AGAIN_AFTER))
            });
            replies.boxed()
        });
        let mut replies = stream::select_all(replies);
        loop {
            match replies.select_next_some().await {
                Ok(answer) => return answer,
                Err((server, error)) => *problem = Problem::Failed { server, error },
            }
        }
    }
}

/// Asks `server`: again and again, each time from another port, by which a cluster's balancer may choose another server.
async fn exchange(server: SocketAddr, mut request: DnsRequest) -> Result<DnsResponse, NetError> {
    let question = request.to_vec()?;
    // Else hickory waits longer than its floor.
    request.options_mut().retry_interval = ASK_AGAIN_AFTER;
    let udp = UdpClientStream::builder(server, TokioRuntimeProvider::default())
        .with_timeout(Some(NEVER))
        .with_retry_interval_floor(ASK_AGAIN_AFTER.as_millis() as u64)
        .with_max_retries(u8::MAX)
        .with_os_port_selection(true)
        .build()
        .send_message(request)
        .first_answer()
        .await?;
    if !udp.truncation {
        return Ok(udp);
    }
    // Too long for a datagram. The connection is not kept: established, it would outlive a policy that denies it.
    let mut stream = connect::hedged(server, &mut 0).await?;
    let length = u16::try_from(question.len()).map_err(|_| NetError::Message("the question is too long"))?;
    stream.write_all(&[&length.to_be_bytes()[..], &question].concat()).await?;
    let mut reply = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut reply).await?;
    Ok(DnsResponse::from_buffer(reply)?)
}

/// What a server says of a name.
enum Answer {
    Addresses(Vec<IpAddr>),
    /// It exists, without such an address.
    OfAnotherKind,
    NoSuchName,
}

impl Answer {
    fn of(reply: DnsResponse) -> Result<Self, NetError> {
        match reply.response_code {
            ResponseCode::NXDomain => Ok(Self::NoSuchName),
            ResponseCode::NoError => Ok(match addresses(&reply.answers) {
                none if none.is_empty() => Self::OfAnotherKind,
                addresses => Self::Addresses(addresses),
            }),
            code => Err(DnsError::ResponseCode(code).into()),
        }
    }
}

/// Whether a server's reply can be used; for a fuzz target.
#[cfg(feature = "fuzzing")]
pub(super) fn is_reply(reply: &[u8]) -> bool {
    DnsResponse::from_buffer(reply.to_vec()).map_err(NetError::from).and_then(Answer::of).is_ok()
}

fn addresses(records: &[Record]) -> Vec<IpAddr> {
    records.iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// Why a name has no address.
pub(super) enum Problem {
    /// The answer is that there is none.
    NoSuchName,
    /// There was no answer.
    Silence,
    /// There is nobody to ask.
    NoServer,
    /// A server cannot be asked, or answers with an error.
    Failed { server: SocketAddr, error: NetError },
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
            Self::NoServer => Failure::new(
                Reason::DnsFailed,
                format!("{name} could not be resolved: there is no usable /etc/resolv.conf that names a server"),
            ),
            Self::Failed { server, error } => {
                let reason = if is_local(&error) { Reason::LocalError } else { Reason::DnsFailed };
                Failure::new(reason, format!("{name} could not be resolved by the name server {server}: {error}"))
            }
        }
    }
}

/// Whether this machine could not even ask: it is out of files, memory or ports.
fn is_local(error: &NetError) -> bool {
    let NetError::Io(error) = error else { return false };
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::ADDRINUSE | Errno::ADDRNOTAVAIL)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(search: &[&str], ndots: usize) -> Arc<Rules> {
        Resolver::from_servers(&[], search, ndots).rules()
    }

    #[test]
    fn the_search_list_comes_first_for_names_of_few_dots_and_is_never_forgotten() {
        let asked = |name: &str, ndots| {
            let names = rules(&["stars.svc", "svc"], ndots).candidates(name.parse().unwrap());
            names.iter().map(Name::to_string).collect::<Vec<_>>()
        };
        assert_eq!(asked("backend", 1), ["backend.stars.svc.", "backend.svc.", "backend."]);
        assert_eq!(asked("backend.stars", 1), ["backend.stars.", "backend.stars.stars.svc.", "backend.stars.svc."]);
        assert_eq!(asked("backend.stars", 5), ["backend.stars.stars.svc.", "backend.stars.svc.", "backend.stars."]);
        assert_eq!(asked("backend.", 5), ["backend."]);
    }

    #[tokio::test]
    async fn the_files_are_read_again_when_they_change() {
        let folder = std::env::temp_dir().join(format!("star-resolve-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [hosts, resolv_conf] = ["hosts", "resolv.conf"].map(|name| folder.join(name));
        let resolver = Resolver::from_files([&hosts, &resolv_conf]);
        let asked = async |name| resolver.resolve(name, &mut Problem::Silence).await;
        assert!(matches!(asked("backend").await, Err(Problem::NoServer)));
        assert_eq!(asked("localhost").await.ok().unwrap(), [IpAddr::from([127, 0, 0, 1])]);
        fs::write(&hosts, "127.0.0.2 backend\n::1 backend6\n").unwrap();
        assert_eq!(asked("backend").await.ok().unwrap(), [IpAddr::from([127, 0, 0, 2])]);
        assert_eq!(asked("backend6").await.ok().unwrap(), ["::1".parse::<IpAddr>().unwrap()]);
        fs::write(&resolv_conf, "nameserver 127.0.0.3\nsearch stars.svc svc\noptions ndots:5 edns0\n").unwrap();
        let rules = resolver.rules();
        assert_eq!((&*rules.servers, rules.ndots), (&[([127, 0, 0, 3], 53).into()][..], 5));
        assert_eq!((rules.search.len(), rules.options.use_edns), (2, true));
        fs::remove_dir_all(folder).unwrap();
    }
}
