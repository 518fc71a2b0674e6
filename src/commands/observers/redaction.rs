//! Replaces secrets among arguments, so that neither monitors nor the slow log show them.

use crate::commands::registry::Command;
use crate::resp::Request;

/// The arguments of a request, secrets replaced.
pub(super) fn arguments<'r>(command: &Command, request: &'r Request) -> Vec<&'r [u8]> {
    let mut words: Vec<&[u8]> = (0..request.len()).map(|number| request.arg(number)).collect();
    if let Some(redact) = command.spec.redact {
        redact(&mut words);
    }
    words
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
        assert_eq!(
            shown("config set PrimaryAuth x tls-key-file-pass y"),
            "config set PrimaryAuth (redacted) tls-key-file-pass (redacted)"
        );
        assert_eq!(shown("hello 3 setname n"), "hello 3 setname n");
        assert_eq!(shown("set auth x"), "set auth x");
    }
}
