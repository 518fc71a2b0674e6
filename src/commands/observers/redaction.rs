//! Which arguments are secrets, so that neither monitors nor the slow log repeat them.

use crate::commands::registry::Command;
use crate::resp::Request;

/// What stands for a secret.
pub(super) const REDACTED: &[u8] = b"(redacted)";

/// Options of `CONFIG SET` whose values are secrets.
const SECRET_OPTIONS: &[&[u8]] =
    &[b"requirepass", b"masterauth", b"primaryauth", b"tls-key-file-pass", b"tls-client-key-file-pass"];

/// The arguments of a request, secrets replaced.
pub(super) fn arguments<'r>(command: &Command, request: &'r Request) -> Vec<&'r [u8]> {
    let mut words: Vec<&[u8]> = (0..request.len()).map(|number| request.arg(number)).collect();
    match command.spec.name {
        "auth" => words[1..].fill(REDACTED),
        "hello" => redact_hello(&mut words),
        "config|set" => redact_options(&mut words),
        _ => {}
    }
    words
}

/// `HELLO 3 AUTH user password …`: both words after each `AUTH`.
fn redact_hello(words: &mut [&[u8]]) {
    let mut at = 2;
    while at < words.len() {
        let is_auth = words[at].eq_ignore_ascii_case(b"AUTH") && at + 2 < words.len();
        if is_auth {
            words[at + 1..at + 3].fill(REDACTED);
        }
        at += if is_auth { 3 } else { 1 };
    }
}

fn redact_options(words: &mut [&[u8]]) {
    for pair in words[2..].chunks_exact_mut(2) {
        if SECRET_OPTIONS.iter().any(|option| pair[0].eq_ignore_ascii_case(option)) {
            pair[1] = REDACTED;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::registry;
    use crate::config::Compat;

    fn shown(line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let request = Request::from_args(&words);
        let command = registry::resolve(&request, None, Compat::default())
            .unwrap_or_else(|why| panic!("{line}: {why}"));
        let shown: Vec<_> = arguments(command, &request).into_iter().map(String::from_utf8_lossy).collect();
        shown.join(" ")
    }

    #[test]
    fn passwords_are_hidden_wherever_a_command_takes_them() {
        assert_eq!(shown("auth u p"), "auth (redacted) (redacted)");
        assert_eq!(shown("HELLO 3 auth u p SETNAME auth"), "HELLO 3 auth (redacted) (redacted) SETNAME auth");
        assert_eq!(
            shown("config set timeout 1 REQUIREPASS x"),
            "config set timeout 1 REQUIREPASS (redacted)"
        );
        assert_eq!(shown("hello 3 setname n"), "hello 3 setname n");
        assert_eq!(shown("set auth x"), "set auth x");
    }
}
