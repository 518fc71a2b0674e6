//! Certificates and keys, from files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Unusable;
use crate::bounded;

/// Longest file; the authorities of a whole system take a quarter of a megabyte.
const MAX_FILE_LEN: u64 = 4 * 1024 * 1024;
/// Files of a folder of authorities.
const MAX_FILES: usize = 4096;

/// The certificate of the server, and those between it and its authority.
pub(super) fn chain(option: &'static str, path: &str) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let chain = certificates(&read(option, path)?)
        .map_err(|error| Unusable::new(option, format!("'{path}' is no PEM file: {error}")))?;
    if chain.is_empty() {
        return Err(Unusable::new(option, format!("there is no certificate in '{path}'")));
    }
    Ok(chain)
}

/// The private key in a file.
pub(super) fn key(option: &'static str, path: &str) -> Result<PrivateKeyDer<'static>, Unusable> {
    let bytes = read(option, path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let is_encrypted = bytes.windows(b"ENCRYPTED".len()).any(|window| window == b"ENCRYPTED");
        let why = if is_encrypted {
            format!("the key in '{path}' has a passphrase: write it without one, by 'openssl pkey'")
        } else {
            format!("there is no private key in '{path}': {error}")
        };
        Unusable::new(option, why)
    })
}

/// The authorities in a file.
pub(super) fn authorities_of_file(
    option: &'static str,
    path: &str,
    roots: &mut RootCertStore,
) -> Result<(), Unusable> {
    let (added, ignored) = roots.add_parsable_certificates(chain(option, path)?);
    if ignored > 0 {
        tracing::warn!("{ignored} certificates in '{path}' cannot be those of authorities: ignored");
    }
    if added == 0 {
        return Err(Unusable::new(option, format!("no certificate in '{path}' can be that of an authority")));
    }
    Ok(())
}

/// The authorities in the files of a folder. Other files may lie there too.
pub(super) fn authorities_of_folder(
    option: &'static str,
    path: &str,
    roots: &mut RootCertStore,
) -> Result<(), Unusable> {
    let unreadable = |error| Unusable::new(option, format!("cannot read the folder '{path}': {error}"));
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)?.take(MAX_FILES) {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.sort();
    let before = roots.len();
    for file in files.iter().filter(|file| file.is_file()) {
        let read = read(option, &file.to_string_lossy())?;
        roots.add_parsable_certificates(certificates(&read).unwrap_or_default());
    }
    if roots.len() == before {
        return Err(Unusable::new(option, format!("there is no certificate of an authority in '{path}'")));
    }
    Ok(())
}

fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(bytes).collect()
}

/// Not a pipe or a device, on which a read may wait for ever.
fn read(option: &'static str, path: &str) -> Result<Vec<u8>, Unusable> {
    let unreadable = |why: String| Unusable::new(option, format!("cannot read '{path}': {why}"));
    if path.is_empty() {
        return Err(Unusable::new(option, "it must be set for tls-port".to_owned()));
    }
    let metadata = fs::metadata(Path::new(path)).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("it is no file".to_owned()));
    }
    let bytes = File::open(path).and_then(|file| bounded::read(file, MAX_FILE_LEN));
    bytes
        .map_err(|error| unreadable(error.to_string()))?
        .ok_or_else(|| unreadable(format!("it is longer than {} MB", MAX_FILE_LEN >> 20)))
}
