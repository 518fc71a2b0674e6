//! The common name in a certificate.
//!
//! ```text
//! subject: SET { SEQUENCE { OBJECT IDENTIFIER 2.5.4.3, text } … } …
//! ```

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// UTF-8, printable, IA5 and T61: a byte for each character of names that are ASCII.
const TEXTS: [u8; 4] = [0x0c, 0x13, 0x16, 0x14];
/// 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
/// Longest name. Certificates allow 64 characters.
const MAX_LEN: usize = 256;

/// The first common name of the subject, if it can be the name of a user.
pub(super) fn common_name(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let name = first_common_name(certificate.subject())?;
    let is_name = !name.is_empty() && name.len() <= MAX_LEN && !name.contains(&0);
    is_name.then(|| name.to_vec())
}

fn first_common_name(mut subject: &[u8]) -> Option<&[u8]> {
    while !subject.is_empty() {
        let mut attributes = take(&mut subject, SET)?;
        while !attributes.is_empty() {
            let mut attribute = take(&mut attributes, SEQUENCE)?;
            if take(&mut attribute, OBJECT_IDENTIFIER)? == COMMON_NAME {
                return TEXTS.iter().find_map(|&tag| take(&mut attribute, tag));
            }
        }
    }
    None
}

/// The next value, if it is of this kind; it is left there if not.
fn take<'d>(der: &mut &'d [u8], tag: u8) -> Option<&'d [u8]> {
    let (&first, rest) = der.split_first()?;
    let (&len, rest) = rest.split_first()?;
    let (len, rest) = match len {
        0..=0x7f => (usize::from(len), rest),
        0x81 => rest.split_first().map(|(&len, rest)| (usize::from(len), rest))?,
        0x82 => rest.split_first_chunk().map(|(len, rest)| (usize::from(u16::from_be_bytes(*len)), rest))?,
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(len).filter(|_| first == tag)?;
    *der = rest;
    Some(value)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn with(names: &[(DnType, &str)]) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).expect("there are no names");
        params.distinguished_name = DistinguishedName::new();
        names.iter().for_each(|(kind, name)| params.distinguished_name.push(kind.clone(), *name));
        params.self_signed(&KeyPair::generate().expect("keys can be made")).expect("it signs itself").into()
    }

    #[test]
    fn the_common_name_is_found_among_others() {
        let name = |names: &[(DnType, &str)]| common_name(&with(names));
        let long = "x".repeat(200);
        assert_eq!(name(&[(DnType::CommonName, "alice")]), Some(b"alice".to_vec()));
        let others = [(DnType::CountryName, "AQ"), (DnType::OrganizationName, &*long)];
        assert_eq!(name(&[&others[..], &[(DnType::CommonName, &*long)]].concat()), Some(long.clone().into()));
        assert_eq!((name(&others), name(&[])), (None, None));
        assert_eq!((name(&[(DnType::CommonName, "")]), name(&[(DnType::CommonName, "a\0b")])), (None, None));
        assert_eq!(name(&[(DnType::CommonName, &"x".repeat(300))]), None);
    }

    #[test]
    fn no_bytes_lead_astray() {
        let subject =
            [&[SET, 14, SEQUENCE, 12, OBJECT_IDENTIFIER, 3][..], &COMMON_NAME, &[0x0c, 5], b"alice"].concat();
        assert_eq!(first_common_name(&subject), Some(&b"alice"[..]));
        for end in 0..subject.len() {
            assert_eq!(first_common_name(&subject[..end]), None);
        }
        for at in 0..subject.len() {
            for byte in 0..=255 {
                let mut changed = subject.clone();
                changed[at] = byte;
                let found = first_common_name(&changed);
                assert!(found.is_none_or(|name| name.len() <= 5));
            }
        }
    }
}
