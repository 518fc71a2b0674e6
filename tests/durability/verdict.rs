//! Checks whether the data of a server after a crash are possible.
//!
//! Each client's writes are executed in order, so its keys must be as they were after some number
//! of them: at least those that may not be lost, at most those sent. And the writes of all clients
//! have one order: if a write survived, all that were acknowledged before it was sent must have
//! survived too.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::client::{History, database_of};
use crate::model::{Cell, LEDGER, Model, SHARED, Seen};
use crate::operations::{ACCOUNTS, DATABASES, Operation, account};

/// Cells that a message lists if no number of writes fits.
const SHOWN: usize = 6;

/// How many of a client's writes may have survived.
struct Survivors {
    least: usize,
    most: usize,
    /// Its keys after `most` writes.
    model: Model,
}

/// Balances of all accounts, by database.
pub(crate) type Balances = Vec<HashMap<String, i64>>;

/// The models of all clients after a crash, and how many of its writes survived.
pub(crate) struct Verdict {
    pub(crate) models: Vec<Model>,
    pub(crate) balances: Balances,
    pub(crate) survivors: Vec<usize>,
}

/// Checks the data of each database. Writes that were acknowledged before `since` must have
/// survived.
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

/// The numbers of writes, from `least` on, after which the client's keys are those in the server.
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

/// The client that a cell belongs to; accounts belong to none.
fn owner(cell: &Cell) -> Option<usize> {
    let number = match cell {
        Cell::Element(set, name) if set == SHARED || set == LEDGER => name.split(':').next(),
        Cell::Element(name, _) | Cell::Key(name) if !name.starts_with("account") => name.split(':').nth(1),
        _ => return None,
    };
    Some(
        number
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("{cell:?} belongs to no client")),
    )
}

/// A message about why no number of writes fits.
fn explain(history: &History, seen: &Seen, least: usize) -> String {
    let client = history.client;
    let sent = history.entries.len();
    let acknowledged = history.acknowledged();
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

/// The last write of a client that certainly survived was sent after writes of other clients were
/// acknowledged: those must have survived too.
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
            book(&entry.operation, &mut balances[database_of(history.client)]);
        }
    }
    balances
}

fn book(operation: &Operation, balances: &mut HashMap<String, i64>) {
    match operation {
        Operation::Transfer { parts } => parts.iter().for_each(|part| book(part, balances)),
        Operation::IncrBy { account, sum } => *balances.entry(account.clone()).or_insert(0) += sum,
        // No other client writes to a database that is emptied.
        Operation::Flush => balances.clear(),
        _ => {}
    }
}

fn check_balances(database: usize, expected: &HashMap<String, i64>, seen: &Seen) {
    for name in (0..ACCOUNTS).map(account) {
        let found = seen.keys.get(&name).map(|key| key.value.clone());
        let expected =
            expected.get(&name).map(|sum| crate::model::Value::String(sum.to_string().into_bytes()));
        assert_eq!(found, expected, "{name} in database {database}: a transaction is there in part");
    }
}

mod tests {
    use super::*;
    use crate::client::Entry;
    use crate::model::{Key, SeenElement, shape, vector};
    use crate::operations::{ACCOUNTS, Writer};
    use crate::random::Random;

    const WRITES: usize = 400;

    /// Two clients of one database that wrote in turns; all their writes but the last ones were
    /// acknowledged.
    fn written() -> Vec<History> {
        let mut writers: Vec<_> = [1, 3]
            .map(|client| Writer {
                client,
                random: Random::new(client as u64, 1),
                updates: true,
                alone: false,
            })
            .into();
        let mut models = vec![Model::default(); 2];
        let mut histories: Vec<_> =
            writers.iter().map(|writer| History::new(writer.client, Model::default())).collect();
        for number in 0..WRITES {
            for ((writer, model), history) in writers.iter_mut().zip(&mut models).zip(&mut histories) {
                let mut entry = Entry::new(writer.draw(model));
                if number + 1 < WRITES {
                    entry.acknowledge();
                }
                entry.apply(model);
                history.entries.push(entry);
            }
        }
        histories
    }

    /// The data of a server after so many writes of each client.
    fn seen_after(histories: &[History], counts: [usize; 2]) -> Vec<Seen> {
        let mut seen: Vec<_> = (0..DATABASES).map(|_| Seen::default()).collect();
        let found = &mut seen[database_of(histories[0].client)];
        let mut balances = HashMap::new();
        for (history, count) in histories.iter().zip(counts) {
            let mut model = history.base.clone();
            for entry in &history.entries[..count] {
                entry.apply(&mut model);
                book(&entry.operation, &mut balances);
            }
            for cell in model.cells() {
                copy_cell(&model, &cell, found);
            }
        }
        for number in 0..ACCOUNTS {
            if let Some(sum) = balances.get(&account(number)) {
                let value = crate::model::Value::String(sum.to_string().into_bytes());
                found.keys.insert(account(number), Key { value, deadline: None });
            }
        }
        seen
    }

    fn copy_cell(model: &Model, cell: &Cell, seen: &mut Seen) {
        match cell {
            Cell::Key(name) => {
                drop(seen.keys.insert(name.clone(), model.key(name).cloned().expect("it is there")))
            }
            Cell::Element(set, name) => {
                let element = model.element(set, name).expect("it is there");
                let vector = vector(element.vector, shape(set).dim);
                let element = SeenElement { vector, attribute: element.attribute.clone() };
                seen.elements.insert((set.clone(), name.clone()), element);
            }
        }
    }

    fn judged(histories: &[History], seen: &[Seen], since: Instant) -> Vec<usize> {
        judge(histories, seen, &Balances::default(), since).survivors
    }

    #[test]
    fn accepts_the_writes_up_to_any_moment() {
        let histories = written();
        let began = histories[0].entries[0].sent;
        for count in [0, 1, WRITES / 2, WRITES - 1, WRITES] {
            let survivors = judged(&histories, &seen_after(&histories, [count; 2]), began);
            assert!(survivors.iter().all(|&survived| survived >= count), "{survivors:?} of {count}");
        }
        let now = Instant::now();
        judged(&histories, &seen_after(&histories, [WRITES - 1, WRITES]), now);
    }

    #[test]
    #[should_panic(expected = "of its writes are there, but 399 must be")]
    fn refuses_the_loss_of_acknowledged_writes() {
        let histories = written();
        judged(&histories, &seen_after(&histories, [WRITES / 2; 2]), Instant::now());
    }

    #[test]
    #[should_panic(expected = "acknowledged before")]
    fn refuses_a_later_write_without_an_earlier_one() {
        let histories = written();
        let began = histories[0].entries[0].sent;
        judged(&histories, &seen_after(&histories, [WRITES / 4, WRITES / 2]), began);
    }

    #[test]
    #[should_panic(expected = "explains what is there")]
    fn refuses_a_value_that_was_never_written() {
        let histories = written();
        let mut seen = seen_after(&histories, [WRITES; 2]);
        let found = &mut seen[database_of(histories[0].client)];
        found.elements.values_mut().next().expect("some are there").vector[0] += 1.0;
        judged(&histories, &seen, histories[0].entries[0].sent);
    }

    #[test]
    #[should_panic(expected = "a transaction is there in part")]
    fn refuses_half_a_transaction() {
        let histories = written();
        let mut seen = seen_after(&histories, [WRITES; 2]);
        let name = account(0);
        let value = crate::model::Value::String(b"1000000".to_vec());
        let found = &mut seen[database_of(histories[0].client)];
        found.keys.insert(name, Key { value, deadline: None });
        judged(&histories, &seen, histories[0].entries[0].sent);
    }
}
