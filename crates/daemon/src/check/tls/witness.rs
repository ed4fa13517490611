//! Who looks at the peer's certificate: whether it is good, and when it ends.

use std::sync::{Arc, OnceLock};

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode, SliceReader, Tag, TagNumber};
use star_wire::Timestamp;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Whose certificates are good.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    /// Everybody's.
    Anybody,
    /// Those of whom an authority has signed, for their name and for now.
    Signed(Arc<WebPkiServerVerifier>),
    /// Nobody's, for no authority is known.
    Nobody,
}

/// Looks at the certificate of one handshake. rustls gives those alone that were good.
#[derive(Debug)]
pub(super) struct Witness {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
    expires: OnceLock<Timestamp>,
}

impl Witness {
    pub(super) fn new(trust: Trust) -> Self {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        Self { trust, algorithms, expires: OnceLock::new() }
    }

    /// When the certificate ends that was shown.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.expires.get().copied()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(expires) = not_after(certificate) {
            let _ = self.expires.set(expires);
        }
        match &self.trust {
            Trust::Anybody => Ok(ServerCertVerified::assertion()),
            Trust::Signed(verifier) => verifier.verify_server_cert(certificate, intermediates, name, ocsp, now),
            Trust::Nobody => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    // That the peer has the certificate's key is looked at in any case.

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// When a certificate ends (RFC 5280, 4.1.2.5); none if it is no certificate, or if that is no time.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    // Certificate: its first part is what is signed.
    let certificate = AnyRef::from_der(certificate).ok()?;
    let mut parts = SliceReader::new(certificate.value()).ok()?;
    let signed = AnyRef::decode(&mut parts).ok()?;
    // TBSCertificate: version (the first alone leaves it out), serialNumber, signature, issuer, validity, …
    let mut fields = SliceReader::new(signed.value()).ok()?;
    let version = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
    let before_validity = if Tag::peek(&fields).ok()? == version { 4 } else { 3 };
    for _ in 0..before_validity {
        AnyRef::decode(&mut fields).ok()?;
    }
    let validity = AnyRef::decode(&mut fields).ok()?;
    // Validity: notBefore, notAfter.
    let mut times = SliceReader::new(validity.value()).ok()?;
    AnyRef::decode(&mut times).ok()?;
    let time = AnyRef::decode(&mut times).ok()?;
    let since_1970 = match time.header().tag() {
        Tag::UtcTime => time.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        _ => time.decode_as::<GeneralizedTime>().ok()?.to_unix_duration(),
    };
    Timestamp::from_second(since_1970.as_secs().try_into().ok()?).ok()
}
