//! The files that TLS needs, and the flags that name them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

use super::Material;
use super::witness::Trust;

/// Whom https targets have to be signed by, and who we are.
#[derive(Args, Clone, Debug, Default)]
pub struct TlsArgs {
    /// Trust the CA certificates in this file (PEM), in place of the system's; read again when it changes
    #[arg(long, value_name = "PATH", env = "STAR_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// Show this certificate, and those that follow it in the file (PEM), to https targets that ask for one; read again when it changes
    #[arg(long, value_name = "PATH", env = "STAR_CLIENT_CERTIFICATE", requires = "client_key")]
    client_certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "PATH", env = "STAR_CLIENT_KEY", requires = "client_certificate")]
    client_key: Option<PathBuf>,
    /// Accept any certificate of an https target, whoever signed it, for whatever name, and though it has expired
    #[arg(long, env = "STAR_TLS_SKIP_VERIFY", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    tls_skip_verify: bool,
}

impl TlsArgs {
    pub(super) fn skips_verification(&self) -> bool {
        self.tls_skip_verify
    }

    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let Self { ca_file, client_certificate, client_key, tls_skip_verify: _ } = self;
        [ca_file, client_certificate, client_key].into_iter().flatten().cloned()
    }

    /// Whether the files that were named can be used. The system's are left for when they are needed.
    ///
    /// # Errors
    ///
    /// When one cannot: with its flag.
    pub(super) fn verify(&self) -> anyhow::Result<()> {
        self.authorities()?;
        self.identity()?;
        Ok(())
    }

    /// All that handshakes are made of, and what of it cannot be used.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub(super) fn read(&self) -> anyhow::Result<(Material, Option<String>)> {
        let provider = Arc::new(ring::default_provider());
        let named = self.authorities()?;
        let identity = self.identity()?;
        let (trust, problem) = if self.tls_skip_verify {
            (Trust::Anybody, None)
        } else {
            let (roots, problem) = named.unwrap_or_else(of_system);
            match WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build() {
                Ok(verifier) => (Trust::Signed(verifier), problem),
                // There is none.
                Err(_) => (Trust::Nobody, problem),
            }
        };
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = builder.with_root_certificates(RootCertStore::empty());
        let mut config = match identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A session that is resumed shows no certificate, neither the peer's nor ours: the check would tell what was once.
        config.resumption = Resumption::disabled();
        Ok((Material { config, trust }, problem))
    }

    /// The CA certificates in the file that was named.
    fn authorities(&self) -> anyhow::Result<Option<(RootCertStore, Option<String>)>> {
        let Some(file) = &self.ca_file else { return Ok(None) };
        let mut roots = RootCertStore::empty();
        let problem = add(&mut roots, load_certs_from_paths(Some(file), None));
        let problem = problem.map(|problem| format!("--ca-file={} {problem}", file.display()));
        match problem {
            Some(problem) if roots.is_empty() => bail!("{problem}; name a file of CA certificates"),
            problem => Ok(Some((roots, problem))),
        }
    }

    /// Our certificate and its key.
    fn identity(&self) -> anyhow::Result<Option<CertifiedKey>> {
        let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) else { return Ok(None) };
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let (its_flag, key_flag) = (flag("client-certificate", certificate), flag("client-key", key));
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("{its_flag} cannot be used; name a file of certificates in PEM"))?;
        if chain.is_empty() {
            bail!("{its_flag} has no certificate in it; name a file of certificates in PEM");
        }
        let key = PrivateKeyDer::from_pem_file(key)
            .with_context(|| format!("{key_flag} cannot be used; name a file with a private key in PEM"))?;
        let fitted = CertifiedKey::from_der(chain, key, &ring::default_provider());
        fitted.map(Some).map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                anyhow!("{key_flag} is not the key of the first certificate in {its_flag}; name the one that is")
            }
            Error::InvalidCertificate(_) => anyhow!(error).context(format!("{its_flag} cannot be used")),
            error => anyhow!(error).context(format!("{key_flag} cannot be used")),
        })
    }
}

/// The CA certificates, of SSL_CERT_FILE and SSL_CERT_DIR or else the system's, and what is wrong with them.
fn of_system() -> (RootCertStore, Option<String>) {
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
        problems.push("name a file of CA certificates in --ca-file".to_owned());
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
