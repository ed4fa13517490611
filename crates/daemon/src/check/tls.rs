//! The TLS handshake of an https target.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};
use star_wire::observation::Reason;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use super::{Failure, Millis, Phases};
use crate::target::Host;

/// Made when the first https target is known: reading the system's CA certificates costs more than a whole start.
#[derive(Default)]
pub(super) struct Tls {
    connector: OnceCell<TlsConnector>,
    /// Said once, however often they are read.
    problem: OnceLock<String>,
}

impl Tls {
    /// What handshakes are made with. Where there is no CA certificate they are looked for again with each check.
    ///
    /// They fail until then, but not before: whether the connection can be made is known without them.
    pub(super) async fn connector(&self) -> Result<TlsConnector, Failure> {
        let read = async || {
            let (roots, problem) = tokio::task::spawn_blocking(roots).await.map_err(|error| {
                Err(Failure::new(Reason::LocalError, format!("CA certificates could not be read: {error}")))
            })?;
            if let Some(problem) = problem
                && self.problem.set(problem).is_ok()
            {
                tracing::warn!(problem = self.problem(), "https targets may fail");
            }
            let none = roots.is_empty();
            let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            let connector = TlsConnector::from(Arc::new(config));
            if none { Err(Ok(connector)) } else { Ok(connector) }
        };
        self.connector.get_or_try_init(read).await.cloned().or_else(|made_anew| made_anew)
    }

    /// What is wrong with the CA certificates that were read, and where.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.get().map(String::as_str)
    }
}

pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    tls: &Tls,
    connector: &TlsConnector,
    host: &Host,
    stream: S,
) -> Result<TlsStream<S>, Failure> {
    let failed = |problem: String| Failure::new(Reason::TlsFailed, problem);
    let name = match host {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => ServerName::try_from(name.to_string())
            .map_err(|error| failed(format!("the host is no name for TLS: {error}")))?,
    };
    connector.connect(name, stream).await.map_err(|error| {
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

/// The CA certificates, of SSL_CERT_FILE and SSL_CERT_DIR or else the system's, and what is wrong with them.
fn roots() -> (RootCertStore, Option<String>) {
    let mut roots = RootCertStore::empty();
    let mut problems = Vec::new();
    let named = |variable| std::env::var_os(variable).filter(|value| !value.is_empty());
    let (file, folders) = (named("SSL_CERT_FILE"), named("SSL_CERT_DIR"));
    let mut add = |what: String, loaded| problems.extend(add(&mut roots, loaded).map(|problem| what + &problem));
    if let Some(file) = &file {
        let what = format!("SSL_CERT_FILE={} ", Path::new(file).display());
        add(what, load_certs_from_paths(Some(Path::new(file)), None));
    }
    for folder in folders.iter().flat_map(std::env::split_paths) {
        add(format!("SSL_CERT_DIR={} ", folder.display()), load_certs_from_paths(None, Some(&folder)));
    }
    if file.is_none() && folders.is_none() {
        add("the system's store of CA certificates ".to_owned(), load_native_certs());
    }
    if roots.is_empty() {
        problems.push("name a file of CA certificates in SSL_CERT_FILE".to_owned());
    }
    (roots, (!problems.is_empty()).then(|| problems.join("; ")))
}

/// Adds what was loaded, and says what of it cannot be used.
fn add(roots: &mut RootCertStore, loaded: CertificateResult) -> Option<String> {
    let CertificateResult { certs, errors, .. } = loaded;
    let (good, bad) = roots.add_parsable_certificates(certs);
    let bad = bad + errors.len();
    let why = errors.first().map_or_else(String::new, |error| format!(" ({error})"));
    match (good, bad) {
        (0, 0) => Some("has no certificate in it".to_owned()),
        (0, _) => Some(format!("cannot be used{why}")),
        (_, 0) => None,
        _ => Some(format!("has entries that cannot be used: {bad}{why}")),
    }
}
