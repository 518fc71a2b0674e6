//! What several test programs share: the real server in their own process.

pub(crate) mod folder;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use nearhit::commands::Server;
use nearhit::config::{Config, Settings};
use nearhit::server;

use folder::Folder;

/// A server that ends with its test, with a folder of its own for its files.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
    /// Removed after the server has ended.
    _folder: Folder,
}

/// On a free port, without files.
pub(crate) fn settings(io_threads: u64, compute_threads: u64) -> Settings {
    let bind = vec!["127.0.0.1".to_owned()];
    Settings { bind, port: 0, io_threads, compute_threads, save: Vec::new(), ..Settings::defaults() }
}

/// The program enters the folder `dir`, which a test cannot: its servers share a process. So the
/// names of files have the path of the folder.
fn with_files_in(folder: &Folder, settings: Settings) -> Settings {
    let path = |name: &str| folder.path().join(name).to_str().expect("the path is text").to_owned();
    Settings {
        dbfilename: path(&settings.dbfilename),
        appenddirname: path(&settings.appenddirname),
        backupdirname: path(&settings.backupdirname),
        ..settings
    }
}

impl Running {
    /// A server with these settings, which were read from `file` if there is one.
    pub(crate) fn with(settings: Settings, file: Option<PathBuf>) -> Self {
        Self::try_with(settings, file).expect("a free port")
    }

    /// The same, or why there is none.
    pub(crate) fn try_with(settings: Settings, file: Option<PathBuf>) -> Result<Self, server::RunError> {
        let folder = Folder::new("server");
        let settings = with_files_in(&folder, settings);
        let running = server::start(Config::from_file(settings, file))?;
        // Without a TCP port nothing can connect to it.
        let address = running.tcp_addresses().first().copied().unwrap_or(([127, 0, 0, 1], 0).into());
        let server = running.server();
        let serve = move || running.serve(|| ()).expect("there is nothing to load");
        Ok(Self { address, server, thread: Some(std::thread::spawn(serve)), _folder: folder })
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
