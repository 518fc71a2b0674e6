//! Which requests are served: as on the Redis port, those with the password of the user `default`;
//! or without a password, in protected mode, those of this machine.
//!
//! A page of another site, open in a browser on this machine, can make the browser send requests
//! too; by a name that leads to this machine it would even read the responses. So in protected mode
//! the host that a request names must be an address, or `localhost`.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::head::Head;
use super::response::Response;
use crate::commands::Server;

/// How long the connection of a wrong password waits for the response.
const AFTER_WRONG_PASSWORD: Duration = Duration::from_millis(50);
/// The user whose password it is. Some clients leave the name out.
const USERS: [&[u8]; 2] = [b"default", b""];

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// It has no password.
    NoPassword,
    /// It has a wrong one.
    WrongPassword,
    /// It comes from another machine in protected mode.
    Protected,
    /// It names a host that is no address in protected mode.
    OtherHost,
}

/// Whether the request may be answered.
pub(super) fn check(server: &Server, peer: IpAddr, head: &Head) -> Result<(), Denied> {
    if server.needs_default_password() {
        let authorization = head.authorization.as_deref().ok_or(Denied::NoPassword)?;
        let password = password_of(authorization).ok_or(Denied::WrongPassword)?;
        return server.is_default_password(&password).then_some(()).ok_or(Denied::WrongPassword);
    }
    if !server.config.settings().protected_mode {
        return Ok(());
    }
    if !peer.to_canonical().is_loopback() {
        return Err(Denied::Protected);
    }
    head.host.as_deref().is_none_or(is_of_this_machine).then_some(()).ok_or(Denied::OtherHost)
}

fn is_of_this_machine(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok() || host == "localhost" || host.ends_with(".localhost")
}

/// The password of `Bearer <password>`, or of `Basic <user:password in base64>`.
fn password_of(authorization: &[u8]) -> Option<Vec<u8>> {
    let at = authorization.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = authorization.split_at(at);
    let value = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(value.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = STANDARD.decode(value).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    USERS.contains(&&pair[..colon]).then(|| pair[colon + 1..].to_vec())
}

impl Denied {
    /// The response. That to a wrong password is late, which holds up its own connection only.
    pub(super) async fn response(self) -> Response {
        match self {
            Self::NoPassword => asking("the password of the user default is needed"),
            Self::WrongPassword => {
                tokio::time::sleep(AFTER_WRONG_PASSWORD).await;
                asking("wrong user or password")
            }
            Self::Protected => {
                Response::text(403, "refused: protected-mode is on, and there is no password (requirepass)")
            }
            Self::OtherHost => Response::text(
                403,
                "refused: in protected-mode without a password, ask by an address or as localhost",
            ),
        }
    }
}

fn asking(why: &str) -> Response {
    Response::text(401, why).with("WWW-Authenticate", "Basic realm=\"nearhit\", charset=\"UTF-8\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemes_carry_a_password() {
        let password =
            |text: &str| password_of(text.as_bytes()).map(|it| String::from_utf8_lossy(&it).into_owned());
        assert_eq!(password("Bearer s:e cret").as_deref(), Some("s:e cret"));
        // default:pa:ss, :pa:ss, other:pa:ss
        assert_eq!(password("basic ZGVmYXVsdDpwYTpzcw==").as_deref(), Some("pa:ss"));
        assert_eq!(password("Basic OnBhOnNz").as_deref(), Some("pa:ss"));
        assert_eq!(password("Basic b3RoZXI6cGE6c3M="), None);
        for text in ["Basic ?", "Basic", "Digest x", "", "Basic bm9uZQ=="] {
            assert_eq!(password(text), None, "{text}");
        }
    }

    #[test]
    fn hosts_of_this_machine_are_addresses_and_localhost() {
        for host in ["127.0.0.1", "::1", "192.0.2.7", "localhost", "a.localhost"] {
            assert!(is_of_this_machine(host), "{host}");
        }
        for host in ["example.com", "127.0.0.1.example.com", "", "localhost.example.com"] {
            assert!(!is_of_this_machine(host), "{host}");
        }
    }
}
