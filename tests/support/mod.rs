//! What several test programs share: the real server in their own process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use nearhit::commands::Server;
use nearhit::config::{Config, Settings};
use nearhit::server;

/// A server that ends with its test.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

/// On a free port, without files.
pub(crate) fn settings(io_threads: u64, compute_threads: u64) -> Settings {
    let bind = vec!["127.0.0.1".to_owned()];
    Settings { bind, port: 0, io_threads, compute_threads, save: Vec::new(), ..Settings::defaults() }
}

impl Running {
    pub(crate) fn with(config: impl Into<Config>) -> Self {
        let running = server::start(config).expect("a free port");
        // Without a TCP port nothing can connect to it.
        let address = running.tcp_addresses().first().copied().unwrap_or(([127, 0, 0, 1], 0).into());
        let server = running.server();
        let serve = move || running.serve(|| ()).expect("there is nothing to load");
        Self { address, server, thread: Some(std::thread::spawn(serve)) }
    }

    /// Waits until it has ended.
    pub(crate) fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.stop.request();
        if !std::thread::panicking() {
            self.join();
        }
    }
}
