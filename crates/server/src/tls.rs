//! TLS for every listener: an authority of our own, certificates from it, and a configuration that takes a new
//! certificate without a restart.
//!
//! This module makes and holds certificates; where their private keys rest (sealed) is the caller's business.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// How long a server certificate lives.
pub const LEAF_LIFE_DAYS: u64 = 90;

/// How long the authority lives.
pub const AUTHORITY_LIFE_DAYS: u64 = 3650;

/// Backdating of new certificates, for clients whose clock is behind.
const SKEW: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(86_400);

/// What can go wrong while making or loading certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A certificate could not be made or signed.
    #[error("a certificate could not be made")]
    Make(#[source] rcgen::Error),
    /// A PEM text holds no usable certificate or key.
    #[error("the PEM text holds no usable certificate and key")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// The TLS library refused the certificate, the key or the configuration.
    #[error("the TLS library refused the certificate and key")]
    Refused(#[source] rustls::Error),
}

/// A certificate chain and its private key, both in PEM. The key part is secret: seal it before it touches a disk.
#[derive(Clone)]
pub struct Pair {
    /// The certificate, or chain with the leaf first, in PEM.
    pub certificate_pem: String,
    /// The private key, PKCS #8 in PEM.
    pub key_pem: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair(secret)")
    }
}

/// Makes a certificate authority that lives [`AUTHORITY_LIFE_DAYS`] from `now`. `name` is its common name.
///
/// # Errors
/// [`TlsError::Make`] if the library cannot make a key.
pub fn new_authority(name: &str, now: SystemTime) -> Result<Pair, TlsError> {
    let key = KeyPair::generate().map_err(TlsError::Make)?;
    let mut parameters = CertificateParams::new(Vec::new()).map_err(TlsError::Make)?;
    parameters.distinguished_name = named(name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    live(&mut parameters, now, AUTHORITY_LIFE_DAYS);
    let certificate = parameters.self_signed(&key).map_err(TlsError::Make)?;
    Ok(Pair { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
}

/// Issues a server certificate for `hosts` (DNS names or IP addresses) that lives [`LEAF_LIFE_DAYS`] from `now`.
///
/// # Errors
/// [`TlsError::Make`] if a host is neither name nor address, or the authority's texts do not parse.
pub fn issue(authority: &Pair, hosts: &[String], now: SystemTime) -> Result<Pair, TlsError> {
    let authority_key = KeyPair::from_pem(&authority.key_pem).map_err(TlsError::Make)?;
    let issuer =
        Issuer::from_ca_cert_pem(&authority.certificate_pem, authority_key).map_err(TlsError::Make)?;
    let key = KeyPair::generate().map_err(TlsError::Make)?;
    let mut parameters = CertificateParams::new(hosts.to_vec()).map_err(TlsError::Make)?;
    parameters.distinguished_name = named(hosts.first().map_or("ward", String::as_str));
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.use_authority_key_identifier_extension = true;
    live(&mut parameters, now, LEAF_LIFE_DAYS);
    let certificate = parameters.signed_by(&key, &issuer).map_err(TlsError::Make)?;
    Ok(Pair { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Ward");
    name.push(DnType::CommonName, common_name);
    name
}

fn live(parameters: &mut CertificateParams, now: SystemTime, days: u64) {
    parameters.not_before = (now - SKEW).into();
    parameters.not_after = (now + DAY * u32::try_from(days).unwrap_or(u32::MAX)).into();
}

/// When a certificate issued at `issued` is to be replaced: while more than a third of its life is left.
#[must_use]
pub fn renew_at(issued: SystemTime) -> SystemTime {
    issued + DAY * u32::try_from(LEAF_LIFE_DAYS * 3 / 5).unwrap_or(u32::MAX)
}

/// The certificate that the listeners show, replaceable while they run.
#[derive(Debug)]
pub struct Certificates {
    current: ArcSwap<CertifiedKey>,
}

impl Certificates {
    /// Holds `pair` as the certificate to show.
    ///
    /// # Errors
    /// [`TlsError::Pem`] or [`TlsError::Refused`] if certificate and key cannot be used together.
    pub fn new(pair: &Pair) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self { current: ArcSwap::from_pointee(certified(pair)?) }))
    }

    /// Shows `pair` to every connection accepted from now on; open connections go on as they are.
    ///
    /// # Errors
    /// As for [`Certificates::new`]; the old certificate stays then.
    pub fn replace(&self, pair: &Pair) -> Result<(), TlsError> {
        self.current.store(Arc::new(certified(pair)?));
        Ok(())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn certified(pair: &Pair) -> Result<CertifiedKey, TlsError> {
    let chain = CertificateDer::pem_slice_iter(pair.certificate_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(TlsError::Pem)?;
    let key = PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes()).map_err(TlsError::Pem)?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::Refused)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A server configuration for TLS 1.3 and 1.2 that shows `certificates` and offers `protocols` by ALPN
/// (`["h2", "http/1.1"]` for HTTP, none for MLLP).
///
/// # Errors
/// [`TlsError::Refused`] if the library offers no cipher suite for these versions.
pub fn server_config(
    certificates: Arc<Certificates>,
    protocols: &[&str],
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsError::Refused)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// A client configuration that trusts only the authority in `authority_pem`.
///
/// # Errors
/// [`TlsError::Pem`] if the text holds no certificate, [`TlsError::Refused`] if it cannot be trusted.
pub fn client_config(authority_pem: &str) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority_pem.as_bytes()) {
        roots.add(certificate.map_err(TlsError::Pem)?).map_err(TlsError::Refused)?;
    }
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Refused)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> Pair {
        new_authority("Ward test authority", SystemTime::now()).unwrap()
    }

    #[test]
    fn a_certificate_of_the_authority_can_be_shown_and_replaced() {
        let authority = authority();
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let first = issue(&authority, &hosts, SystemTime::now()).unwrap();
        let second = issue(&authority, &hosts, SystemTime::now()).unwrap();
        let certificates = Certificates::new(&first).unwrap();
        let before = certificates.current.load_full();
        certificates.replace(&second).unwrap();
        assert_ne!(before.cert, certificates.current.load_full().cert);
        server_config(certificates, &["http/1.1"]).unwrap();
        client_config(&authority.certificate_pem).unwrap();
    }

    #[test]
    fn a_certificate_and_a_foreign_key_are_refused() {
        let authority = authority();
        let hosts = ["localhost".to_owned()];
        let one = issue(&authority, &hosts, SystemTime::now()).unwrap();
        let other = issue(&authority, &hosts, SystemTime::now()).unwrap();
        let mixed = Pair { certificate_pem: one.certificate_pem, key_pem: other.key_pem };
        assert!(Certificates::new(&mixed).is_err());
    }

    #[test]
    fn renewal_comes_before_the_last_third() {
        let issued = SystemTime::UNIX_EPOCH;
        let left = issued + DAY * 90 - renew_at(issued).duration_since(issued).unwrap();
        assert!(left.duration_since(issued).unwrap() > DAY * 30);
    }

    #[test]
    fn a_key_never_shows_in_debug_output() {
        assert_eq!(format!("{:?}", authority()), "Pair(secret)");
    }
}
