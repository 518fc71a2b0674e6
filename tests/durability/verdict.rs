//! Is what the server has after a crash what it may have?
//!
//! Each client's writes are executed in order, so that its keys must be as after some number of them: at least those
//! that may not be lost, at most those sent. And all clients' writes stand in one order: a write that is there drags
//! along all that were acknowledged before it was sent.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::client::{History, database_of};
use crate::model::{Cell, LEDGER, Model, SHARED, Seen};
use crate::operations::{ACCOUNTS, DATABASES, Operation, account};

/// Cells shown of a state that nothing explains.
const SHOWN: usize = 6;

/// How many of a client's writes may be there.
struct Survivors {
    least: usize,
    most: usize,
    /// What its keys are then.
    model: Model,
}

/// Balances of all accounts, by database.
pub(crate) type Balances = Vec<HashMap<String, i64>>;

/// The models of all clients after a crash, and how many writes survived that were not acknowledged.
pub(crate) struct Verdict {
    pub(crate) models: Vec<Model>,
    pub(crate) balances: Balances,
    pub(crate) survivors: Vec<usize>,
}

/// Checks what was seen of each database. What was acknowledged before `since` must be there.
pub(crate) fn judge(histories: &[History], seen: &[Seen], balances: &Balances, since: Instant) -> Verdict {
    let survivors: Vec<_> = histories.iter().map(|history| survivors(history, seen, since)).collect();
    for (history, some) in histories.iter().zip(&survivors) {
        check_order(history, some, histories, &survivors);
    }
    let balances = add_transfers(histories, &survivors, balances);
    for (database, balances) in balances.iter().enumerate() {
        check_balances(database, balances, &seen[database]);
    }
    let counts = survivors.iter().map(|some| some.most).collect();
    Verdict { models: survivors.into_iter().map(|some| some.model).collect(), balances, survivors: counts }
}

fn survivors(history: &History, seen: &[Seen], since: Instant) -> Survivors {
    let seen = &seen[database_of(history.client)];
    let least = history.acknowledged_before(since);
    let fitting = fitting(history, seen, least);
    let (Some(&first), Some(&last)) = (fitting.first(), fitting.last()) else {
        panic!("{}", explain(history, seen, least))
    };
    let mut model = history.base.clone();
    history.entries[..last].iter().for_each(|entry| drop(entry.apply(&mut model)));
    Survivors { least: first, most: last, model }
}

/// The numbers of writes, from `least` on, after which the client's keys are as the server has them.
fn fitting(history: &History, seen: &Seen, least: usize) -> Vec<usize> {
    let mut model = history.base.clone();
    history.entries[..least].iter().for_each(|entry| drop(entry.apply(&mut model)));
    let mut wrong = wrong_cells(history, &model, seen);
    let mut fitting = Vec::new();
    for count in least.. {
        if wrong.is_empty() {
            fitting.push(count);
        }
        let Some(entry) = history.entries.get(count) else { break };
        for cell in entry.apply(&mut model) {
            if model.agrees(seen, &cell) {
                wrong.remove(&cell)
            } else {
                wrong.insert(cell)
            };
        }
    }
    fitting
}

fn wrong_cells(history: &History, model: &Model, seen: &Seen) -> BTreeSet<Cell> {
    let keys = seen.keys.keys().cloned().map(Cell::Key);
    let elements = seen.elements.keys().map(|(set, name)| Cell::Element(set.clone(), name.clone()));
    let found = keys.chain(elements).filter(|cell| owner(cell) == Some(history.client));
    model.cells().chain(found).filter(|cell| !model.agrees(seen, cell)).collect()
}

/// The client that a cell belongs to; accounts are nobody's.
fn owner(cell: &Cell) -> Option<usize> {
    let number = match cell {
        Cell::Element(set, name) if set == SHARED || set == LEDGER => name.split(':').next(),
        Cell::Element(name, _) | Cell::Key(name) if !name.starts_with("account") => name.split(':').nth(1),
        _ => return None,
    };
    Some(number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{cell:?} is nobody's")))
}

/// Why no number of writes fits.
fn explain(history: &History, seen: &Seen, least: usize) -> String {
    let client = history.client;
    let (sent, acknowledged) = (history.entries.len(), history.acknowledged());
    let earlier = fitting(history, seen, 0);
    if let Some(count) = earlier.last() {
        return format!(
            "client {client}: only the first {count} of its writes are there, but {least} must be \
             ({acknowledged} were acknowledged, {sent} sent)"
        );
    }
    let mut model = history.base.clone();
    let mut fewest = (usize::MAX, 0);
    for count in 0..=sent {
        if count >= least {
            fewest = fewest.min((wrong_cells(history, &model, seen).len(), count));
        }
        history.entries.get(count).into_iter().for_each(|entry| drop(entry.apply(&mut model)));
    }
    let mut model = history.base.clone();
    history.entries[..fewest.1].iter().for_each(|entry| drop(entry.apply(&mut model)));
    let wrong = wrong_cells(history, &model, seen);
    let shown: Vec<_> = wrong.iter().take(SHOWN).map(|cell| model.describe(seen, cell)).collect();
    format!(
        "client {client}: no number of its writes, from {least} to {sent} ({acknowledged} acknowledged), explains \
         what is there; after {} of them {} cells differ:\n{}",
        fewest.1,
        wrong.len(),
        shown.join("\n")
    )
}

/// The last write of a client that is there for certain was sent after others' writes were acknowledged: those are
/// there too.
fn check_order(history: &History, some: &Survivors, others: &[History], all: &[Survivors]) {
    let Some(last) = some.least.checked_sub(1) else { return };
    let sent = history.entries[last].sent;
    for (other, survivors) in others.iter().zip(all) {
        let before = other.acknowledged_before(sent);
        assert!(
            survivors.most >= before,
            "write {last} of client {} is there, but of client {}'s only {} of the {before} acknowledged before",
            history.client,
            other.client,
            survivors.most,
        );
    }
}

fn add_transfers(histories: &[History], survivors: &[Survivors], before: &Balances) -> Balances {
    let mut balances = before.clone();
    balances.resize(DATABASES, HashMap::new());
    for (history, some) in histories.iter().zip(survivors) {
        for entry in &history.entries[..some.most] {
            let Operation::Transfer { parts } = &entry.operation else { continue };
            for part in parts {
                if let Operation::IncrBy { account, sum } = part {
                    *balances[database_of(history.client)].entry(account.clone()).or_insert(0) += sum;
                }
            }
        }
    }
    balances
}

fn check_balances(database: usize, expected: &HashMap<String, i64>, seen: &Seen) {
    for name in (0..ACCOUNTS).map(account) {
        let found = seen.keys.get(&name).map(|key| key.value.clone());
        let expected =
            expected.get(&name).map(|sum| crate::model::Value::String(sum.to_string().into_bytes()));
        assert_eq!(found, expected, "{name} in database {database}: a transaction is there in part");
    }
}
