//! From a name to its addresses: asked anew each time, and again every 100 ms, until a deadline.
//!
//! hickory-resolver reads resolv.conf and the hosts file, and speaks DNS. What it makes of silence and errors is not ours:
//! it repeats a question only after a third of a second at the soonest; it takes any error, a time-out too, for a reason to
//! try the next name of the search list; and of several servers it takes the first answer, be it an error. So the search
//! list is walked here, on answers alone; each server is asked by a resolver of its own; and its transports are
//! replaced by ones that repeat sooner and keep no connection.

use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{BoxStream, FuturesUnordered, StreamExt, once};
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::tcp::TcpClientStream;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::{DnsHandle, DnsRequestSender};
use hickory_resolver::proto::op::{DnsRequest, DnsResponse, Query};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{ConnectionProvider, Hosts, PoolContext};
use star_wire::observation::Reason;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Failure, Millis};

/// How long a question stays unanswered before it is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Longer than any deadline: only the deadline ends a question.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks names up. Keeps no answer.
pub struct Resolver {
    hosts: Hosts,
    search: Vec<Name>,
    ndots: usize,
    /// One for each name server.
    servers: Vec<hickory_resolver::Resolver<Provider>>,
}

/// Why no resolver can be made.
#[derive(Debug, thiserror::Error)]
#[error("the name servers cannot be used")]
pub struct ResolverError(#[from] NetError);

impl Resolver {
    /// Asks the name servers of /etc/resolv.conf by its rules, and /etc/hosts first. Where there is no usable
    /// resolv.conf, only /etc/hosts and addresses are known.
    ///
    /// # Errors
    ///
    /// When the resolver cannot be built from it.
    pub fn from_system() -> Result<Self, ResolverError> {
        let (config, options) = read_system_conf().unwrap_or_else(|error| {
            tracing::warn!(%error, "no usable /etc/resolv.conf: only addresses and /etc/hosts are known");
            (ResolverConfig::from_name_servers(Vec::new()), ResolverOpts::default())
        });
        Self::build(config, &options)
    }

    /// Asks the name servers at `servers`, with a search list of `search` for names of fewer than `ndots` dots.
    ///
    /// # Errors
    ///
    /// When the resolver cannot be built.
    pub fn from_servers(servers: &[SocketAddr], search: &[&str], ndots: usize) -> Result<Self, ResolverError> {
        let server = |address: &SocketAddr| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
            NameServerConfig::new(address.ip(), true, connections.into())
        };
        let search = search.iter().filter_map(|name| name.parse().ok()).collect();
        let mut options = ResolverOpts::default();
        options.ndots = ndots;
        Self::build(ResolverConfig::from_parts(None, search, servers.iter().map(server).collect()), &options)
    }

    fn build(config: ResolverConfig, options: &ResolverOpts) -> Result<Self, ResolverError> {
        let (domain, mut search, servers) = config.into_parts();
        if search.is_empty() {
            search.extend(domain);
        }
        let resolver = |server| {
            let config = ResolverConfig::from_name_servers(vec![server]);
            let provider = Provider(TokioRuntimeProvider::default());
            let mut builder = hickory_resolver::Resolver::builder_with_config(config, provider);
            let ours = builder.options_mut();
            ours.clone_from(options);
            (ours.cache_size, ours.timeout, ours.attempts) = (0, NEVER, 0);
            ours.use_hosts_file = ResolveHosts::Never;
            // A cache of no size still holds what has just come in, errors too.
            (ours.positive_max_ttl, ours.negative_max_ttl) = (Some(Duration::ZERO), Some(Duration::ZERO));
            builder.build()
        };
        let servers = servers.into_iter().map(resolver).collect::<Result<_, _>>()?;
        Ok(Self { hosts: Hosts::from_system().unwrap_or_default(), search, ndots: options.ndots, servers })
    }

    /// The addresses of `name`, in the order of the answer; never empty.
    pub(super) async fn resolve(&self, name: &str, deadline: Instant) -> Result<Vec<IpAddr>, Problem> {
        const KINDS: [RecordType; 2] = [RecordType::A, RecordType::AAAA];
        let Ok(name) = Name::from_ascii(name) else { return Err(Problem::NoSuchName) };
        let mut known =
            KINDS.iter().filter_map(|kind| self.hosts.lookup_static_host(&Query::query(name.clone(), *kind)));
        if let Some(lookup) = known.next() {
            return Ok(addresses(&lookup));
        }
        let mut problem = match self.servers.is_empty() {
            true => return Err(Problem::Failed(NetError::NoConnections)),
            false => Problem::Silence,
        };
        let asking = async {
            for name in self.candidates(name) {
                // IPv6 is asked for only where a name has no IPv4 address: one question less to lose.
                for kind in KINDS {
                    match self.ask(&name, kind, &mut problem).await {
                        Answer::Addresses(addresses) => return Ok(addresses),
                        Answer::OfAnotherKind => {}
                        Answer::NoSuchName => break,
                    }
                }
            }
            Err(Problem::NoSuchName)
        };
        match timeout_at(deadline, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(problem),
        }
    }

    /// The names to ask for, by the rules of resolv.conf(5): with few dots, the search list comes first.
    fn candidates(&self, mut name: Name) -> Vec<Name> {
        let (absolute, dots) = (name.is_fqdn(), usize::from(name.num_labels()).saturating_sub(1));
        let searched: Vec<_> = match absolute || name.is_localhost() {
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
    async fn ask(&self, name: &Name, kind: RecordType, problem: &mut Problem) -> Answer {
        loop {
            let mut asked: FuturesUnordered<_> =
                self.servers.iter().map(|server| server.lookup(name.clone(), kind)).collect();
            while let Some(answer) = asked.next().await {
                match answer {
                    Ok(lookup) => {
                        return match addresses(&lookup) {
                            none if none.is_empty() => Answer::OfAnotherKind,
                            addresses => Answer::Addresses(addresses),
                        };
                    }
                    Err(error) if error.is_nx_domain() => return Answer::NoSuchName,
                    Err(error) if error.is_no_records_found() => return Answer::OfAnotherKind,
                    Err(error) => *problem = Problem::Failed(error),
                }
            }
            // Servers that fail now may answer in a moment: the deadline decides.
            sleep(ASK_AGAIN_AFTER).await;
        }
    }
}

fn addresses(lookup: &Lookup) -> Vec<IpAddr> {
    lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// What a server says of a name.
enum Answer {
    Addresses(Vec<IpAddr>),
    /// It exists, without such an address.
    OfAnotherKind,
    NoSuchName,
}

/// Why a name has no address.
pub(super) enum Problem {
    /// The answer is that there is none.
    NoSuchName,
    /// There was no answer.
    Silence,
    /// The servers cannot be asked, or answer with an error.
    Failed(NetError),
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
            Self::Failed(error) => Failure::new(Reason::DnsFailed, format!("{name} could not be resolved: {error}")),
        }
    }
}

/// Connects to name servers, without keeping a connection: an established one would outlive a policy that denies it.
#[derive(Clone)]
struct Provider(TokioRuntimeProvider);

impl ConnectionProvider for Provider {
    type Conn = Transport;
    type FutureConn = Ready<Result<Transport, NetError>>;
    type RuntimeProvider = TokioRuntimeProvider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        _: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let server = SocketAddr::new(ip, config.port);
        Ok(ready(Ok(match config.protocol {
            ProtocolConfig::Tcp => Transport::Tcp(server),
            _ => Transport::Udp(server),
        })))
    }

    fn runtime_provider(&self) -> &TokioRuntimeProvider {
        &self.0
    }
}

/// How a name server is asked: each question by a socket of its own.
#[derive(Clone, Copy)]
enum Transport {
    Udp(SocketAddr),
    /// When the answer is too long for a datagram.
    Tcp(SocketAddr),
}

impl DnsHandle for Transport {
    type Response = BoxStream<'static, Result<DnsResponse, NetError>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, mut request: DnsRequest) -> Self::Response {
        let provider = TokioRuntimeProvider::default();
        match *self {
            Self::Udp(server) => {
                // Else hickory would wait for as long as it has seen this server take.
                request.options_mut().retry_interval = ASK_AGAIN_AFTER;
                UdpClientStream::builder(server, provider)
                    .with_timeout(Some(NEVER))
                    .with_retry_interval_floor(ASK_AGAIN_AFTER.as_millis() as u64)
                    .with_max_retries(u8::MAX)
                    .with_os_port_selection(true)
                    .build()
                    .send_message(request)
                    .boxed()
            }
            Self::Tcp(server) => once(TcpClientStream::exchange(server, None, NEVER, None, provider))
                .flat_map(move |connected| match connected {
                    Ok(connection) => connection.send(request.clone()).boxed(),
                    Err(error) => once(ready(Err(error))).boxed(),
                })
                .boxed(),
        }
    }
}
