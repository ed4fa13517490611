//! From a name to its addresses: asked anew each time, and again every 100 ms, until a deadline.
//!
//! hickory-resolver knows resolv.conf, its search list, the hosts file and TCP. Two things it would do are not ours: it
//! repeats a question only after a third of a second at the soonest, and it takes a question without an answer for a
//! reason to try the next name of the search list. So its UDP transport is replaced here by one that repeats sooner, and
//! its own time-outs are set beyond any deadline of ours.

use std::future::ready;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt};
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ProtocolConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::{DnsExchange, DnsHandle, DnsRequestSender};
use hickory_resolver::proto::op::{DnsRequest, DnsResponse};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{ConnectionProvider, PoolContext};
use star_wire::observation::Reason;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Failure, Millis};

/// How long a question stays unanswered before it is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Longer than any deadline: only the deadline ends a question.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks names up. Keeps no answer.
pub struct Resolver(hickory_resolver::Resolver<Provider>);

/// Why there can be no resolver.
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
        Self::build(config, options)
    }

    /// Asks one name server at `address`, without a search list.
    ///
    /// # Errors
    ///
    /// When the resolver cannot be built.
    pub fn from_server(address: SocketAddr, search: &[&str], ndots: usize) -> Result<Self, ResolverError> {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = address.port();
            connection
        });
        let server = NameServerConfig::new(address.ip(), true, connections.into());
        let search = search.iter().filter_map(|name| name.parse().ok()).collect();
        let mut options = ResolverOpts::default();
        options.ndots = ndots;
        Self::build(ResolverConfig::from_parts(None, search, vec![server]), options)
    }

    fn build(config: ResolverConfig, mut options: ResolverOpts) -> Result<Self, ResolverError> {
        options.cache_size = 0;
        options.timeout = NEVER;
        options.attempts = 0;
        // IPv6 is asked for only where there is no IPv4 address: one question less to lose.
        options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
        // All servers at once (resolv.conf has three at the most), so that a dead one costs no time.
        options.num_concurrent_reqs = config.name_servers().len();
        let mut builder =
            hickory_resolver::Resolver::builder_with_config(config, Provider(TokioRuntimeProvider::default()));
        *builder.options_mut() = options;
        Ok(Self(builder.build()?))
    }

    /// The addresses of `name`, in the order of the answer; never empty.
    pub(super) async fn resolve(&self, name: &str, deadline: Instant) -> Result<Vec<IpAddr>, Problem> {
        let mut problem = Problem::Silence;
        let asking = async {
            loop {
                match self.0.lookup_ip(name).await {
                    Ok(addresses) => return Ok(addresses.iter().collect::<Vec<_>>()),
                    Err(error) if error.is_no_records_found() => return Err(Problem::NoSuchName),
                    Err(error) => problem = Problem::Failed(error),
                }
                // A server that fails now may answer in a moment: the deadline decides.
                sleep(ASK_AGAIN_AFTER).await;
            }
        };
        match timeout_at(deadline, asking).await {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(Problem::NoSuchName),
            Ok(answer) => answer,
            Err(_) => Err(problem),
        }
    }
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

/// Connects to name servers: over UDP by our own rules, over TCP as hickory does.
#[derive(Clone)]
struct Provider(TokioRuntimeProvider);

impl ConnectionProvider for Provider {
    type Conn = Connection;
    type FutureConn = BoxFuture<'static, Result<Connection, NetError>>;
    type RuntimeProvider = TokioRuntimeProvider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        context: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        if config.protocol == ProtocolConfig::Udp {
            return Ok(ready(Ok(Connection::Udp(SocketAddr::new(ip, config.port)))).boxed());
        }
        let connecting = self.0.new_connection(ip, config, context)?;
        Ok(async move { connecting.await.map(Connection::Tcp) }.boxed())
    }

    fn runtime_provider(&self) -> &TokioRuntimeProvider {
        &self.0
    }
}

#[derive(Clone)]
enum Connection {
    /// A socket of its own for each question, so that each has a random port.
    Udp(SocketAddr),
    Tcp(DnsExchange<TokioRuntimeProvider>),
}

impl DnsHandle for Connection {
    type Response = BoxStream<'static, Result<DnsResponse, NetError>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, mut request: DnsRequest) -> Self::Response {
        match self {
            Self::Udp(server) => {
                // Else hickory would wait for as long as it has seen this server take.
                request.options_mut().retry_interval = ASK_AGAIN_AFTER;
                UdpClientStream::builder(*server, TokioRuntimeProvider::default())
                    .with_timeout(Some(NEVER))
                    .with_retry_interval_floor(ASK_AGAIN_AFTER.as_millis() as u64)
                    .with_max_retries(u8::MAX)
                    .with_os_port_selection(true)
                    .build()
                    .send_message(request)
                    .boxed()
            }
            Self::Tcp(exchange) => exchange.send(request).boxed(),
        }
    }
}
