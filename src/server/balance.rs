//! Which network thread should serve which connections: a plan, made anew ten times a second.
//!
//! Short commands are cheapest on few threads: a thread that serves many connections finds several
//! requests at each look at its epoll, and its clients find several replies at theirs; spread
//! thinly, each request pays for a wakeup on both sides (50 connections on two cores, GET: 18.6 µs
//! of processor time for client and server on one thread, 24.3 on two). Long commands must be
//! spread, since a request waits for those before it. So connections gather on as few threads as
//! have time for them while what they ask for is short, and spread evenly as soon as it is not.

/// What a thread did since the last plan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    /// Connections it serves.
    pub(super) connections: usize,
    /// Those of them that had requests: a silent connection is no load, and does not move.
    pub(super) active: usize,
    /// Part of the time that it ran, from 0 to 1.
    pub(super) busy: f64,
    /// Requests it answered.
    pub(super) requests: u64,
}

/// Connections that are to go from one thread to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) connections: usize,
}

/// Processor time of a request, the system's part included, up to which requests are short.
const SHORT_REQUEST_S: f64 = 30e-6;
/// A thread this busy gives connections away.
const OVERLOADED: f64 = 0.85;
/// A thread must have this much time left to take connections.
const ROOMY: f64 = 0.6;
/// So much of a core must be idle for another thread to be of use.
const FREE_CORE: f64 = 0.5;
/// Two threads that are together less busy than this could be one; far enough below [`OVERLOADED`]
/// that connections do not go to and fro.
const COULD_BE_ONE: f64 = 0.7;

/// What should change; nothing, mostly. `round_s` is the time since the last plan, in which some
/// requests came. `idle_cores` is how many cores had nothing to do.
pub(super) fn plan(loads: &[Load], round_s: f64, idle_cores: f64) -> Option<Shift> {
    if !is_short(loads, round_s) {
        return spread(loads);
    }
    // Without a free core, another thread would only take turns with this one, and with the
    // clients.
    let relief = if idle_cores > FREE_CORE { relieve(loads) } else { None };
    relief.or_else(|| gather(loads))
}

/// True if the requests of this round were short, on average.
pub(super) fn is_short(loads: &[Load], round_s: f64) -> bool {
    let requests: u64 = loads.iter().map(|load| load.requests).sum();
    let ran_s: f64 = loads.iter().map(|load| load.busy * round_s).sum();
    ran_s <= SHORT_REQUEST_S * requests as f64
}

/// The thread for a new connection.
pub(super) fn choose(loads: impl Iterator<Item = Load>, gathers: bool) -> Option<usize> {
    let numbered = loads.enumerate();
    if !gathers {
        return numbered.min_by_key(|(_, load)| load.connections).map(|(number, _)| number);
    }
    // The first of equals, so that a server at rest fills its first thread.
    let preference = |load: &Load| (load.busy < ROOMY, load.connections);
    let best =
        numbered.reduce(|best, next| if preference(&next.1) > preference(&best.1) { next } else { best });
    best.map(|(number, _)| number)
}

/// Evens out the numbers of active connections.
fn spread(loads: &[Load]) -> Option<Shift> {
    let from = extreme(loads, |a, b| a.active > b.active)?;
    let to = extreme(loads, |a, b| a.active < b.active)?;
    let connections = (loads[from].active - loads[to].active) / 2;
    (connections > 0).then_some(Shift { from, to, connections })
}

/// Moves half of the connections of the busiest thread to the idlest, if the one has too much to do
/// and the other time.
fn relieve(loads: &[Load]) -> Option<Shift> {
    let from = extreme(loads, |a, b| a.busy > b.busy)?;
    let to = extreme(loads, |a, b| a.busy < b.busy)?;
    let connections = loads[from].active / 2;
    let helps = loads[from].busy > OVERLOADED && loads[to].busy < ROOMY && connections > 0;
    helps.then_some(Shift { from, to, connections })
}

/// Empties the idlest thread into the next one, if that has time for both.
fn gather(loads: &[Load]) -> Option<Shift> {
    let mut serving: Vec<usize> = (0..loads.len()).filter(|&number| loads[number].connections > 0).collect();
    serving.sort_by(|&a, &b| loads[a].busy.total_cmp(&loads[b].busy));
    let &[from, to, ..] = &serving[..] else { return None };
    let fits = loads[from].busy + loads[to].busy < COULD_BE_ONE;
    fits.then_some(Shift { from, to, connections: loads[from].connections })
}

/// The first load that beats all others.
fn extreme(loads: &[Load], beats: impl Fn(&Load, &Load) -> bool) -> Option<usize> {
    (0..loads.len()).reduce(|best, next| if beats(&loads[next], &loads[best]) { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_S: f64 = 0.1;

    fn load(connections: usize, busy: f64, requests: u64) -> Load {
        Load { connections, active: connections, busy, requests }
    }

    #[test]
    fn threads_that_serve_nobody_need_no_plan() {
        assert_eq!(plan(&[load(0, 0.0, 0), load(0, 0.0, 0)], ROUND_S, 1.0), None);
        assert_eq!(plan(&[], ROUND_S, 1.0), None);
    }

    #[test]
    fn short_requests_gather() {
        let loads = [load(25, 0.3, 3000), load(25, 0.2, 3000), load(0, 0.0, 0)];
        assert_eq!(plan(&loads, ROUND_S, 1.0), Some(Shift { from: 1, to: 0, connections: 25 }));
        assert_eq!(plan(&[load(50, 0.5, 6000), load(0, 0.0, 0)], ROUND_S, 1.0), None);
    }

    #[test]
    fn too_many_short_requests_are_shared() {
        let shared = Shift { from: 0, to: 1, connections: 25 };
        assert_eq!(plan(&[load(50, 0.9, 9000), load(0, 0.0, 0)], ROUND_S, 1.0), Some(shared));
        let after = [load(25, 0.45, 5000), load(25, 0.45, 5000)];
        assert_eq!(plan(&after, ROUND_S, 1.0), None, "they stay where they are");
        let no_core = plan(&[load(50, 0.9, 9000), load(0, 0.0, 0)], ROUND_S, 0.1);
        assert_eq!(no_core, None, "there is no core for another thread");
        assert_eq!(plan(&[load(1, 0.99, 9000), load(0, 0.0, 0)], ROUND_S, 1.0), None, "one cannot be shared");
    }

    #[test]
    fn long_requests_are_spread_evenly() {
        let loads = [load(16, 0.9, 100), load(1, 0.1, 1), load(3, 0.2, 1)];
        assert_eq!(plan(&loads, ROUND_S, 1.0), Some(Shift { from: 0, to: 1, connections: 7 }));
        assert_eq!(plan(&[load(8, 0.9, 100), load(7, 0.9, 100)], ROUND_S, 1.0), None);
        let silent = Load { connections: 5, ..Load::default() };
        let one = Shift { from: 0, to: 1, connections: 1 };
        assert_eq!(plan(&[load(2, 0.9, 100), silent], ROUND_S, 1.0), Some(one), "the silent do not count");
    }

    #[test]
    fn new_connections_join_the_others_while_there_is_time_for_them() {
        let loads = [load(3, 0.9, 0), load(2, 0.1, 0), load(0, 0.0, 0)];
        assert_eq!(choose(loads.into_iter(), true), Some(1));
        assert_eq!(choose(loads.into_iter(), false), Some(2));
        assert_eq!(choose([Load::default(); 2].into_iter(), true), Some(0));
    }
}
