//! The password of the user `default`, for connections that are not Redis': the HTTP port.
//!
//! That port uses nothing else of users.

use super::Server;
use crate::acl;

impl Server {
    /// True if whoever connects must give the password of the user `default`.
    pub fn needs_default_password(&self) -> bool {
        self.acl.users.require_login()
    }

    /// True if this is the password of the user `default`. A wrong one is counted.
    pub fn is_default_password(&self, given: &[u8]) -> bool {
        let is_right = self.acl.users.log_in(acl::DEFAULT, given).is_some();
        if !is_right {
            self.traffic.mine().wrong_passwords.add(1);
        }
        is_right
    }
}
