//! The TLS handshake of an https target.

use std::sync::Arc;

use rustls_native_certs::load_native_certs;
use star_wire::observation::Reason;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Failure, Millis, Phases};
use crate::target::Host;

/// Made when the first https target is checked: reading the system's CA certificates costs more than a whole start.
#[derive(Default)]
pub(super) struct Tls(OnceCell<TlsConnector>);

impl Tls {
    /// What handshakes are made with. Tried again with each check, while it cannot be had.
    pub(super) async fn connector(&self) -> Result<TlsConnector, Failure> {
        self.0.get_or_try_init(connector).await.cloned()
    }
}

pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    connector: &TlsConnector,
    host: &Host,
    stream: S,
) -> Result<TlsStream<S>, Failure> {
    let failed = |problem: String| Failure::new(Reason::TlsFailed, problem);
    let name = match host {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => {
            ServerName::try_from(name.to_string()).map_err(|error| failed(format!("`{name}`: {error}")))?
        }
    };
    connector.connect(name, stream).await.map_err(|error| failed(format!("the TLS handshake failed: {error}")))
}

/// What it means that the handshake did not end in time.
pub(super) fn no_answer(phases: &Phases, within: Millis) -> Failure {
    let address = phases.address.map_or_else(String::new, |address| format!(" with {address}"));
    Failure::new(Reason::TlsFailed, format!("connected, but the TLS handshake{address} did not end within {within}"))
}

async fn connector() -> Result<TlsConnector, Failure> {
    let load = || {
        let loaded = load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(loaded.certs);
        if roots.is_empty() {
            let problem = loaded.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
            let message = format!("no CA certificates found{problem}: name a file of them in SSL_CERT_FILE");
            return Err(Failure::new(Reason::TlsFailed, message));
        }
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    };
    match tokio::task::spawn_blocking(load).await {
        Ok(connector) => connector,
        Err(error) => Err(Failure::new(Reason::LocalError, format!("CA certificates could not be read: {error}"))),
    }
}
