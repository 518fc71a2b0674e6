//! The users of the configuration and of `aclfile`, at start; and the lines of users for `CONFIG
//! REWRITE`.

use super::files;
use super::state::Acl;
use crate::acl::{DEFAULT, SetUserError, User};
use crate::commands::Server;
use crate::config::Settings;

const BOTH: &str =
    "the configuration has 'user' lines and an 'aclfile': users may be defined in one of them only";

/// Reads the users that the configuration defines.
///
/// # Errors
/// They, or `aclfile`, are wrong; the server must not start then, since what it protects would be
/// open.
pub fn load_users(server: &Server) -> Result<(), String> {
    let settings = server.config.settings();
    let acl = &server.acl;
    if !settings.aclfile.is_empty() {
        if !settings.users.is_empty() {
            return Err(BOTH.into());
        }
        let users = files::read(acl, &settings).map_err(|why| String::from_utf8_lossy(&why).into_owned())?;
        acl.users.replace_all(users);
    }
    for user in &settings.users {
        let rules: Vec<&[u8]> = user.rules.iter().map(String::as_bytes).collect();
        acl.users.define_user(user.name.as_bytes(), &rules).map_err(|error| explain(&user.name, &error))?;
    }
    for account in acl.users.list().iter().filter(|account| !account.user().is_on) {
        let user = String::from_utf8_lossy(account.name());
        tracing::warn!(%user, "this user cannot log in: it has no rule 'on'");
    }
    Ok(())
}

fn explain(name: &str, error: &SetUserError) -> String {
    match error {
        SetUserError::Name => {
            format!("'{name}' cannot be the name of a user: it has spaces or null characters")
        }
        SetUserError::Unmatched(rule) => {
            let rule = String::from_utf8_lossy(rule);
            format!("Unmatched parenthesis in acl selector starting at '{rule}' for the user named '{name}'")
        }
        SetUserError::Rule(rule, why) => {
            let is_secret = rule.starts_with(b">") || rule.starts_with(b"<");
            let rule = if is_secret { "a password".into() } else { String::from_utf8_lossy(rule) };
            format!("Error loading ACL rule '{rule}' for the user named '{name}': {why}")
        }
        SetUserError::TooManyUsers => "there are too many users".into(),
    }
}

impl Acl {
    /// The `user` lines for the configuration file: none if the users are in `aclfile`, nor for the
    /// user `default` if it is what `requirepass` says.
    ///
    /// # Errors
    /// A rule is not UTF-8, which a configuration file is.
    pub(in crate::commands) fn config_lines(&self, settings: &Settings) -> Result<Vec<String>, String> {
        if !settings.aclfile.is_empty() {
            return Ok(Vec::new());
        }
        let implied = self.users.default_with(settings.requirepass.as_bytes());
        let is_implied = |name: &[u8], user: &User| name == DEFAULT && *user == implied;
        let accounts = self.users.list().into_iter();
        let explicit = accounts.filter(|account| !is_implied(account.name(), &account.user()));
        explicit
            .map(|account| {
                let line = account.user().line(account.name(), self.users.vocabulary());
                String::from_utf8(line).map_err(|_| {
                    let name = String::from_utf8_lossy(account.name());
                    format!("the user '{name}' has rules that are not UTF-8: use an aclfile")
                })
            })
            .collect()
    }
}
