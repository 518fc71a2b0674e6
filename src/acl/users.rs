//! All users by name, and what connections keep of them.
//!
//! Lock order: `changing`, then the table, then the rights of one account. Logins and checks take
//! one of the last two for reading, and never two at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::error::SetUserError;
use super::password::Digest;
use super::patterns::is_blank;
use super::user::User;
use super::vocabulary::Vocabulary;
use crate::rate::Allowance;

/// The user of connections that have not logged in.
pub const DEFAULT: &[u8] = b"default";
/// Users at most.
const MAX_USERS: usize = 1 << 16;

/// A name, and the rights that it has now.
#[derive(Debug)]
pub struct Account {
    name: Box<[u8]>,
    rights: RwLock<Arc<User>>,
    /// Grows after each change of the rights.
    generation: AtomicU64,
    is_unrestricted: AtomicBool,
    /// Logins are possible, with any password.
    admits_anyone: AtomicBool,
    is_deleted: AtomicBool,
    /// Commands that all connections of the user may send.
    allowance: Mutex<Allowance>,
}

impl Account {
    fn new(name: &[u8], user: User) -> Arc<Self> {
        let account = Self {
            name: name.into(),
            rights: RwLock::new(Arc::new(user.clone())),
            generation: AtomicU64::new(0),
            is_unrestricted: AtomicBool::new(false),
            admits_anyone: AtomicBool::new(false),
            is_deleted: AtomicBool::new(false),
            allowance: Mutex::default(),
        };
        account.store(user);
        Arc::new(account)
    }

    /// The user `default` without limits, for requests that no user sends: those of a log.
    pub fn unlimited() -> Arc<Self> {
        Self::new(DEFAULT, User::unlimited(0))
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The rights.
    pub fn user(&self) -> Arc<User> {
        Arc::clone(&self.rights.read())
    }

    /// The commands that all connections of the user may send.
    pub(crate) fn allowance(&self) -> &Mutex<Allowance> {
        &self.allowance
    }

    /// True if nothing is refused.
    pub fn is_unrestricted(&self) -> bool {
        self.is_unrestricted.load(Ordering::Acquire)
    }

    /// True once it was deleted. Connections that still have it may do nothing.
    pub fn is_deleted(&self) -> bool {
        self.is_deleted.load(Ordering::Acquire)
    }

    /// The flag goes first and comes last, so that it is never true for less than all rights.
    fn store(&self, user: User) {
        let is_unrestricted = user.is_unrestricted();
        if !is_unrestricted {
            self.is_unrestricted.store(false, Ordering::Release);
        }
        self.admits_anyone.store(user.is_on && user.has_no_password, Ordering::Release);
        *self.rights.write() = Arc::new(user);
        self.generation.fetch_add(1, Ordering::Release);
        if is_unrestricted {
            self.is_unrestricted.store(true, Ordering::Release);
        }
    }
}

/// A connection's user, with the rights as they were when it asked last.
pub struct Login {
    account: Arc<Account>,
    seen: RefCell<(u64, Arc<User>)>,
}

impl Login {
    /// A login to this account.
    pub fn new(account: Arc<Account>) -> Self {
        let generation = account.generation.load(Ordering::Acquire);
        let user = account.user();
        Self { account, seen: RefCell::new((generation, user)) }
    }

    /// The account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// True if nothing is refused.
    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.account.is_unrestricted()
    }

    /// The rights.
    pub fn user(&self) -> Arc<User> {
        let generation = self.account.generation.load(Ordering::Acquire);
        let mut seen = self.seen.borrow_mut();
        if seen.0 != generation {
            *seen = (generation, self.account.user());
        }
        Arc::clone(&seen.1)
    }
}

/// What `ACL SETUSER` has done.
#[derive(Debug)]
pub struct Changed {
    /// The account.
    pub account: Arc<Account>,
    /// It may no longer use some channels.
    pub may_have_lost_channels: bool,
}

/// All users.
#[derive(Debug)]
pub struct Users {
    vocabulary: Vocabulary,
    table: RwLock<BTreeMap<Box<[u8]>, Arc<Account>>>,
    default: Arc<Account>,
    /// Held during a change, so that none is lost.
    changing: Mutex<()>,
    /// New users may use all channels: `acl-pubsub-default`.
    allows_channels: AtomicBool,
}

impl Users {
    /// The user `default`, who may do everything.
    pub fn new(vocabulary: Vocabulary) -> Self {
        let default = Account::new(DEFAULT, User::unlimited(vocabulary.count()));
        let table = BTreeMap::from([(DEFAULT.into(), Arc::clone(&default))]);
        Self {
            vocabulary,
            table: RwLock::new(table),
            default,
            changing: Mutex::default(),
            allows_channels: AtomicBool::new(false),
        }
    }

    /// The names that rules may use.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Sets whether new users may use all channels.
    pub fn allow_channels(&self, allows: bool) {
        self.allows_channels.store(allows, Ordering::Relaxed);
    }

    /// The user of connections that have not logged in. It cannot be deleted.
    pub fn default_account(&self) -> &Arc<Account> {
        &self.default
    }

    /// True if connections must log in before they may do anything.
    pub fn require_login(&self) -> bool {
        !self.default.admits_anyone.load(Ordering::Acquire)
    }

    /// True if the user `default` needs no password.
    pub fn default_has_no_password(&self) -> bool {
        self.default.user().has_no_password
    }

    /// `requirepass`: the only password of the user `default`; none if it is empty.
    pub fn set_default_password(&self, password: &[u8]) {
        let _changing = self.changing.lock();
        let mut user = User::clone(&self.default.user());
        user.has_no_password = password.is_empty();
        user.passwords = if password.is_empty() { Vec::new() } else { vec![Digest::of(password)] };
        self.default.store(user);
    }

    /// The user `default` as `requirepass` makes it.
    pub fn default_with(&self, password: &[u8]) -> User {
        let mut user = User::unlimited(self.vocabulary.count());
        user.has_no_password = password.is_empty();
        user.passwords.extend((!password.is_empty()).then(|| Digest::of(password)));
        user
    }

    /// The account of this name.
    pub fn get(&self, name: &[u8]) -> Option<Arc<Account>> {
        self.table.read().get(name).cloned()
    }

    /// All accounts, by name.
    pub fn list(&self) -> Vec<Arc<Account>> {
        self.table.read().values().cloned().collect()
    }

    /// The account, if the password is right and the user may log in. Takes as long for a user that
    /// is not there.
    pub fn log_in(&self, name: &[u8], password: &[u8]) -> Option<Arc<Account>> {
        let given = Digest::of(password);
        let account = self.get(name);
        let user = account.as_ref().map(|account| account.user());
        account.filter(|_| user.is_some_and(|user| user.accepts(&given) && user.is_on))
    }

    /// A user without rights, as `ACL SETUSER` begins with.
    pub fn new_user(&self) -> User {
        User::new(&self.vocabulary, self.allows_channels.load(Ordering::Relaxed))
    }

    /// Applies rules to a user, which is made if there is none of this name: all of them or none.
    ///
    /// # Errors
    /// The name or a rule is wrong.
    pub fn set_user(&self, name: &[u8], rules: &[&[u8]]) -> Result<Changed, SetUserError> {
        self.change(name, rules, true)
    }

    /// The same, but the rights that the user had are gone.
    ///
    /// # Errors
    /// The name or a rule is wrong.
    pub fn define_user(&self, name: &[u8], rules: &[&[u8]]) -> Result<Changed, SetUserError> {
        self.change(name, rules, false)
    }

    fn change(&self, name: &[u8], rules: &[&[u8]], keeps_rights: bool) -> Result<Changed, SetUserError> {
        let rules = joined(rules)?;
        if name.iter().any(|byte| is_blank(*byte)) {
            return Err(SetUserError::Name);
        }
        let _changing = self.changing.lock();
        let before = self.get(name);
        let kept = before.as_ref().filter(|_| keeps_rights);
        let mut user = kept.map_or_else(|| self.new_user(), |account| User::clone(&account.user()));
        self.apply_all(&mut user, &rules).map_err(|(rule, error)| SetUserError::Rule(rule, error))?;
        if let Some(account) = before {
            account.store(user);
            return Ok(Changed { account, may_have_lost_channels: true });
        }
        let mut table = self.table.write();
        if table.len() >= MAX_USERS {
            return Err(SetUserError::TooManyUsers);
        }
        let account = Account::new(name, user);
        table.insert(name.into(), Arc::clone(&account));
        Ok(Changed { account, may_have_lost_channels: false })
    }

    /// Applies rules in order; an error names the rule.
    pub(super) fn apply_all(
        &self,
        user: &mut User,
        rules: &[Vec<u8>],
    ) -> Result<(), (Vec<u8>, super::RuleError)> {
        let allows_channels = self.allows_channels.load(Ordering::Relaxed);
        for rule in rules {
            user.apply(rule, &self.vocabulary, allows_channels).map_err(|error| (rule.clone(), error))?;
        }
        Ok(())
    }

    /// Deletes a user, but for `default`; None if there is none of this name.
    pub fn delete(&self, name: &[u8]) -> Option<Arc<Account>> {
        let _changing = self.changing.lock();
        if name == DEFAULT {
            return None;
        }
        let account = self.table.write().remove(name)?;
        self.revoke(&account);
        Some(account)
    }

    /// A login at the same time either finds the account deleted, or its connection is found when
    /// the connections of deleted accounts are closed: see `Client::log_in`.
    fn revoke(&self, account: &Account) {
        account.store(User::new(&self.vocabulary, false));
        account.is_deleted.store(true, Ordering::Release);
    }

    /// Makes these the users. `default` becomes what it is without rules if it is not among them.
    /// Returns the accounts that are no more.
    pub fn replace_all(&self, users: Vec<(Vec<u8>, User)>) -> Vec<Arc<Account>> {
        let _changing = self.changing.lock();
        let mut table = self.table.write();
        let mut before = std::mem::take(&mut *table);
        for (name, user) in users {
            let account = match before.remove(&name[..]) {
                Some(account) => {
                    account.store(user);
                    account
                }
                None => Account::new(&name, user),
            };
            table.insert(name.into(), account);
        }
        before.remove(DEFAULT);
        if let Entry::Vacant(missing) = table.entry(DEFAULT.into()) {
            self.default.store(User::unlimited(self.vocabulary.count()));
            missing.insert(Arc::clone(&self.default));
        }
        let deleted: Vec<_> = before.into_values().collect();
        deleted.iter().for_each(|account| self.revoke(account));
        deleted
    }

    /// A line for each user, by name.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        self.list().iter().map(|account| account.user().line(account.name(), &self.vocabulary)).collect()
    }
}

/// Joins the words of a selector: those from one that begins with `(` to the next that ends with
/// `)`.
pub(super) fn joined(rules: &[&[u8]]) -> Result<Vec<Vec<u8>>, SetUserError> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    for rule in rules {
        let text = match open.take() {
            Some((first, text)) => (first, [&text[..], b" ", rule].concat()),
            None if rule.starts_with(b"(") => (*rule, rule.to_vec()),
            None => {
                all.push(rule.to_vec());
                continue;
            }
        };
        if rule.ends_with(b")") { all.push(text.1) } else { open = Some(text) }
    }
    match open {
        Some((first, _)) => Err(SetUserError::Unmatched(first.to_vec())),
        None => Ok(all),
    }
}
