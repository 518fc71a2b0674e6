//! The options of TLS.

use std::time::Duration;

use super::NotApplied;

/// Versions that `tls-protocols` may name.
const PROTOCOLS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

/// The values of the options whose names begin with `tls-`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is documented by its line in OPTIONS")]
pub struct Tls {
    pub port: u64,
    pub cert_file: String,
    pub key_file: String,
    pub key_file_pass: String,
    pub ca_cert_file: String,
    pub ca_cert_dir: String,
    pub auth_clients: &'static str,
    pub auth_clients_user: &'static str,
    pub protocols: Vec<String>,
    pub prefer_server_ciphers: bool,
    pub session_caching: bool,
    pub handshake_timeout_ms: u64,
    /// How often a file was named: it is read anew each time.
    pub readings: u64,
}

/// Whether clients have certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// None is requested.
    Ignored,
    /// A client without one is served.
    Optional,
    /// A client without one is refused.
    Required,
}

impl Tls {
    /// Whether the values are possible.
    ///
    /// # Errors
    /// What is not.
    pub(super) fn check(&self) -> Result<(), NotApplied> {
        let unknown = |word: &&String| !PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(word));
        if let Some(word) = self.protocols.iter().find(unknown) {
            let reason = format!("'{word}' is not supported: only {}", PROTOCOLS.join(" and "));
            return Err(NotApplied { option: "tls-protocols", reason });
        }
        if !self.key_file_pass.is_empty() {
            let reason = "keys with a passphrase are not supported: write the key without one, by 'openssl pkey', \
                          into a file that only this user can read";
            return Err(NotApplied { option: "tls-key-file-pass", reason: reason.to_owned() });
        }
        Ok(())
    }

    /// True if connections may be of this version.
    pub fn allows(&self, version: &str) -> bool {
        self.protocols.is_empty() || self.protocols.iter().any(|word| word.eq_ignore_ascii_case(version))
    }

    /// Whether clients have certificates.
    pub fn client_certificates(&self) -> ClientCertificates {
        match self.auth_clients {
            "no" => ClientCertificates::Ignored,
            "optional" => ClientCertificates::Optional,
            _ => ClientCertificates::Required,
        }
    }

    /// True if the certificate of a client says which user it is.
    pub fn names_users(&self) -> bool {
        self.auth_clients_user == "CN"
    }

    /// How long a handshake may wait for the client, in all.
    pub fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, SetError, Settings};

    fn refused(option: &'static str, value: &str) -> String {
        let config = Config::new(Settings::defaults());
        match config.set(&[(option, value)]) {
            Err(SetError::NotApplied(why)) if why.option == option => why.reason,
            other => panic!("{option} {value}: {other:?}"),
        }
    }

    #[test]
    fn versions_that_are_not_there_and_passphrases_are_refused_by_name() {
        assert!(refused("tls-protocols", "TLSv1.3 TLSv1.1").contains("'TLSv1.1' is not supported"));
        assert!(refused("tls-key-file-pass", "secret").contains("openssl pkey"));
        for (option, value) in [("tls-ciphers", "DEFAULT"), ("tls-dh-params-file", "x")] {
            let refusal = Config::new(Settings::defaults()).set(&[(option, value)]);
            assert!(matches!(refusal, Err(SetError::Invalid(name, _)) if name == option), "{option}");
        }
    }

    #[test]
    fn versions_are_named_in_any_case() {
        let config = Config::new(Settings::defaults());
        assert!(config.settings().tls.allows("TLSv1.2"));
        config.set(&[("tls-protocols", "tlsv1.3")]).expect("it is one");
        let settings = config.settings();
        assert!(settings.tls.allows("TLSv1.3") && !settings.tls.allows("TLSv1.2"));
    }

    #[test]
    fn a_file_is_read_again_when_it_is_named_again() {
        let config = Config::new(Settings::defaults());
        let readings = || config.settings().tls.readings;
        let at_start = readings();
        config.set(&[("tls-cert-file", "a")]).expect("it is not read without a port");
        config.set(&[("tls-cert-file", "a")]).expect("it is not read without a port");
        config.reload().expect("it is not read without a port");
        assert_eq!(readings() - at_start, 3);
        config.set(&[("timeout", "7")]).expect("it is valid");
        assert_eq!(readings() - at_start, 3);
    }
}
