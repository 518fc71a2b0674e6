//! What new connections get: certificate, key, versions, and the authorities of clients.

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion, version};

use super::files;
use super::handshake::Complaints;
use crate::config::{ClientCertificates, Tls};

/// Bytes of records that may wait for a client that does not read; what else waits for it is plain,
/// and counted as on other sockets.
const MAX_UNSENT: usize = 64 * 1024;

/// An option of TLS that cannot be used, and why.
#[derive(Debug)]
pub struct Unusable {
    /// The option.
    pub option: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl Unusable {
    pub(super) fn new(option: &'static str, why: String) -> Self {
        Self { option, why }
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.option, self.why)
    }
}

/// What is in force, and the failures of handshakes. Shared by all listeners and network threads.
#[derive(Default)]
pub(in crate::server) struct Context {
    /// None while there is no `tls-port`.
    current: RwLock<Option<Arc<ServerConfig>>>,
    pub(super) complaints: Complaints,
}

impl Context {
    /// Has new connections get `next`. Returns what was in force.
    pub(in crate::server) fn replace(&self, next: Option<Arc<ServerConfig>>) -> Option<Arc<ServerConfig>> {
        std::mem::replace(&mut *self.current.write(), next)
    }

    /// The server's end of a new connection, before its handshake.
    pub(super) fn session(&self) -> Option<ServerConnection> {
        let current = self.current.read().clone()?;
        let mut session = ServerConnection::new(current)
            .inspect_err(|error| tracing::warn!(%error, "a client could not be served with TLS"))
            .ok()?;
        session.set_buffer_limit(Some(MAX_UNSENT));
        Some(session)
    }
}

/// Reads the files that the options name; None without `tls-port`.
///
/// # Errors
/// One cannot be used, or they do not fit each other.
pub(in crate::server) fn prepare(options: &Tls) -> Result<Option<Arc<ServerConfig>>, Unusable> {
    if options.port == 0 {
        return Ok(None);
    }
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(options))
        .map_err(|error| Unusable::new("tls-protocols", error.to_string()))?;
    let builder = match verifier(options, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let chain = files::chain("tls-cert-file", &options.cert_file)?;
    let key = files::key("tls-key-file", &options.key_file)?;
    let mut config = builder.with_single_cert(chain, key).map_err(|error| {
        let why = format!("'{}' is not the key of '{}': {error}", options.key_file, options.cert_file);
        Unusable::new("tls-key-file", why)
    })?;
    config.ignore_client_order = options.prefer_server_ciphers;
    // Tickets hold all that resumes a session, so nothing is kept here for clients that have left.
    // Their keys are new with each reading, so that no session outlives the authorities by which
    // its client was checked.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if options.session_caching {
        let ticketer = ring::Ticketer::new();
        config.ticketer =
            ticketer.map_err(|error| Unusable::new("tls-session-caching", error.to_string()))?;
    } else {
        config.send_tls13_tickets = 0;
    }
    Ok(Some(Arc::new(config)))
}

fn versions(options: &Tls) -> Vec<&'static SupportedProtocolVersion> {
    let all = [("TLSv1.3", &version::TLS13), ("TLSv1.2", &version::TLS12)];
    all.into_iter().filter(|(name, _)| options.allows(name)).map(|(_, version)| version).collect()
}

/// Checks the certificates of clients; None if none are requested.
fn verifier(
    options: &Tls,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Unusable> {
    let wanted = options.client_certificates();
    if wanted == ClientCertificates::Ignored {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    if !options.ca_cert_file.is_empty() {
        files::authorities_of_file("tls-ca-cert-file", &options.ca_cert_file, &mut roots)?;
    }
    if !options.ca_cert_dir.is_empty() {
        files::authorities_of_folder("tls-ca-cert-dir", &options.ca_cert_dir, &mut roots)?;
    }
    if roots.is_empty() {
        let why = format!("'{}' needs tls-ca-cert-file or tls-ca-cert-dir", options.auth_clients);
        return Err(Unusable::new("tls-auth-clients", why));
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match wanted {
        ClientCertificates::Optional => builder.allow_unauthenticated(),
        _ => builder,
    };
    let built = builder.build().map_err(|error| Unusable::new("tls-ca-cert-file", error.to_string()))?;
    Ok(Some(built))
}
