//! The TLS handshake of an https target.

mod args;
mod witness;

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use futures_util::future::{pending, select_all};
use star_wire::Timestamp;
use star_wire::observation::Reason;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OnceCell, watch};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig};

use super::{Failure, Millis, Phases};
use crate::follow::Followed;
use crate::target::Host;
use witness::{Trust, Witness};

pub use args::TlsArgs;

/// How https targets are checked: whose certificates are good, and who we are.
#[derive(Default)]
pub struct Tls {
    args: TlsArgs,
    /// Read when the first https target is known: reading the system's CA certificates costs more than a whole start.
    material: OnceCell<watch::Sender<Material>>,
    /// Said once, however often they are read.
    problem: OnceLock<String>,
}

/// What all handshakes are made of.
#[derive(Clone)]
struct Material {
    /// Who we are, if we are asked, and how.
    config: ClientConfig,
    trust: Trust,
}

/// What one handshake is made with.
pub(super) struct Connector {
    connector: TlsConnector,
    witness: Arc<Witness>,
}

impl Connector {
    fn new(Material { mut config, trust }: Material) -> Self {
        let witness = Arc::new(Witness::new(trust));
        config.dangerous().set_certificate_verifier(witness.clone());
        Self { connector: TlsConnector::from(Arc::new(config)), witness }
    }

    /// When the certificate ends that the peer has shown, be it trusted or not.
    pub(super) fn certificate_expires(&self) -> Option<Timestamp> {
        self.witness.expires()
    }
}

impl Tls {
    /// As `args` have it.
    ///
    /// # Errors
    ///
    /// When a file cannot be used: with its flag.
    pub fn open(args: TlsArgs) -> anyhow::Result<Self> {
        args.verify()?;
        Ok(Self { args, ..Self::default() })
    }

    /// Whether any certificate will do.
    pub(super) fn skips_verification(&self) -> bool {
        self.args.skips_verification()
    }

    /// What a handshake is made with. Where there is no CA certificate they are looked for again with each check.
    ///
    /// It fails until then, but not before: whether the connection can be made is known without them.
    pub(super) async fn connector(&self) -> Result<Connector, Failure> {
        let read = async || {
            let args = self.args.clone();
            let read = spawn_blocking(move || args.read()).await.map_err(anyhow::Error::from).flatten();
            let (material, problem) = read.map_err(|error| {
                let problem = format!("what TLS needs could not be read: {error:#}");
                Err(Failure::new(Reason::LocalError, problem))
            })?;
            if let Some(problem) = problem
                && self.problem.set(problem).is_ok()
            {
                tracing::warn!(problem = self.problem(), "https targets may fail");
            }
            match material.trust {
                Trust::Nobody => Err(Ok(material)),
                _ => Ok(watch::Sender::new(material)),
            }
        };
        let kept = self.material.get_or_try_init(read).await.map(|material| material.borrow().clone());
        kept.or_else(|made_anew| made_anew).map(Connector::new)
    }

    /// What is wrong with the CA certificates that were read, and where.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.get().map(String::as_str)
    }

    /// Reads the files that were named again whenever one of them has changed, from now on; never ends. Certificate and key
    /// come one after the other: until they fit, what was read before stays.
    pub(super) fn follow(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let mut files: Vec<_> = self.args.files().map(Followed::new).collect();
        let tls = Arc::clone(self);
        async move {
            if files.is_empty() {
                return pending().await;
            }
            loop {
                let args = tls.args.clone();
                let read = move |_: &Path| args.read().map_err(|error| format!("{error:#}"));
                let looks = files.iter_mut().map(|file| Box::pin(file.changed(read.clone())));
                let ((material, problem), ..) = select_all(looks).await;
                tracing::info!(problem, "the files that TLS needs were read again");
                // Nobody has needed them yet, or else they do from now on.
                if let Some(used) = tls.material.get() {
                    used.send_replace(material);
                }
            }
        }
    }
}

pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    tls: &Tls,
    connector: &Connector,
    host: &Host,
    stream: S,
) -> Result<TlsStream<S>, Failure> {
    let failed = |problem: String| Failure::new(Reason::TlsFailed, problem);
    let name = match host {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => ServerName::try_from(name.to_string())
            .map_err(|error| failed(format!("the host is no name for TLS: {error}")))?,
    };
    connector.connector.connect(name, stream).await.map_err(|error| {
        let problem = tls.problem().filter(|_| is_unknown_issuer(&error));
        let problem = problem.map_or_else(String::new, |problem| format!("; {problem}"));
        failed(format!("the TLS handshake failed: {error}{problem}"))
    })
}

fn is_unknown_issuer(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)))
}

/// What it means that the handshake did not end in time.
pub(super) fn no_answer(phases: &Phases, within: Millis) -> Failure {
    let address = phases.address.map_or_else(String::new, |address| format!(" with {address}"));
    Failure::new(Reason::TlsFailed, format!("connected, but the TLS handshake{address} did not end within {within}"))
}
