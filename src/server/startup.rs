//! From the start to the moment at which clients are served: the data are loaded by a thread of its
//! own.
//!
//! ```text
//! bind → look for files → let clients in → load, while they are answered -LOADING → serve
//! ```

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::commands::Server;
use crate::commands::recovery::{Failed, Plan};

/// How often the progress of loading is logged.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// Carries the plan out, if there is one, and logs its progress.
pub(super) async fn load(server: &Arc<Server>, plan: Option<Plan>) -> Result<(), Failed> {
    let Some(plan) = plan else {
        server.remove_unclaimed_files();
        return Ok(());
    };
    let (sender, mut loaded) = oneshot::channel();
    let loading = Arc::clone(server);
    // Not joined: when the server is to end before it is done, nothing waits for it.
    let thread = std::thread::Builder::new().name("loader".into());
    let started = thread.spawn(move || {
        let outcome = plan.carry_out(&loading).inspect(|()| loading.remove_unclaimed_files());
        let _ = sender.send(outcome);
    });
    started.map_err(|error| Failed::from(format!("the system gives no thread to load the data: {error}")))?;
    let mut lines = tokio::time::interval_at(tokio::time::Instant::now() + BETWEEN_LINES, BETWEEN_LINES);
    loop {
        tokio::select! {
            outcome = &mut loaded => {
                return outcome.unwrap_or_else(|_| Err(Failed::from("the loader had panicked".to_owned())));
            }
            _ = lines.tick() => tell(server),
        }
    }
}

/// The server is to end, so nothing more needs to be loaded.
pub(super) fn give_up(server: &Server) {
    if server.loading.is_on() {
        tracing::warn!("Received shutdown signal during loading, exiting now.");
        server.loading.cancel();
    }
}

fn tell(server: &Server) {
    if let Some(progress) = server.loading.progress() {
        let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        tracing::info!(
            "Loading: {:.0} % ({:.0} of {:.0} MB), about {} s to go",
            progress.percent(),
            megabytes(progress.loaded_bytes),
            megabytes(progress.total_bytes),
            progress.left_s(),
        );
    }
}
