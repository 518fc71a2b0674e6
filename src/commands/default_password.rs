//! The password of the user `default`, for connections that are not Redis': the HTTP port.
//!
//! All that this port knows of users is here.

use sha1::{Digest, Sha1};

use super::Server;

impl Server {
    /// True if whoever connects must give the password of the user `default`.
    pub fn needs_default_password(&self) -> bool {
        self.config.settings().has_password()
    }

    /// True if this is the password of the user `default`. A wrong one is counted. Digests are
    /// compared, so that the time does not depend on where the texts differ.
    pub fn is_default_password(&self, given: &[u8]) -> bool {
        let settings = self.config.settings();
        let password = settings.requirepass.as_bytes();
        let is_right = Sha1::digest(password) == Sha1::digest(given) && password == given;
        if !is_right {
            self.traffic.mine().wrong_passwords.add(1);
        }
        is_right
    }
}
