//! Which path is what.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::access::{self, Denied};
use super::head::{Head, Method};
use super::response::Response;
use super::seats::Seats;
use super::{MAX_LONG_RESPONSES, Stage, Times};
use crate::commands::{Server, metrics, page};

/// The format of [`metrics`].
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What all connections share.
pub(super) struct Site {
    server: Arc<Server>,
    stage: Arc<Stage>,
    pub(super) times: Times,
    pub(super) seats: Seats,
    /// The rights to be a long response.
    long: Arc<Semaphore>,
    scrapes: AtomicU64,
}

/// A resource.
#[derive(Clone, Copy)]
enum Resource {
    /// The process answers.
    Healthz,
    /// Clients of Redis are accepted.
    Startupz,
    /// Commands are answered: nothing is being loaded, and the server is not stopping.
    Readyz,
    /// [`metrics`].
    Metrics,
    /// A file of the page: its type and text.
    File(&'static str, &'static str),
    /// The figures of the page.
    Overview,
    /// Its search box.
    Search,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";

/// The page loads nothing from elsewhere, sends nothing there, and is in no frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// All paths.
const PATHS: [(&str, Resource); 11] = [
    ("/healthz", Resource::Healthz),
    ("/startupz", Resource::Startupz),
    ("/readyz", Resource::Readyz),
    ("/metrics", Resource::Metrics),
    ("/", Resource::File(HTML, include_str!("page/index.html"))),
    ("/page.css", Resource::File(CSS, include_str!("page/page.css"))),
    ("/page.js", Resource::File(SCRIPT, include_str!("page/page.js"))),
    ("/charts.js", Resource::File(SCRIPT, include_str!("page/charts.js"))),
    ("/format.js", Resource::File(SCRIPT, include_str!("page/format.js"))),
    ("/api/overview", Resource::Overview),
    ("/api/search", Resource::Search),
];

impl Resource {
    fn at(path: &str) -> Option<Self> {
        PATHS.iter().find(|(known, _)| *known == path).map(|(_, resource)| *resource)
    }

    /// Probes say nothing about the data, and a kubelet has no password.
    fn is_probe(self) -> bool {
        matches!(self, Self::Healthz | Self::Startupz | Self::Readyz)
    }

    fn methods(self) -> &'static str {
        if matches!(self, Self::Search) { "POST" } else { "GET, HEAD" }
    }

    fn takes(self, method: Method) -> bool {
        match method {
            Method::Get | Method::Head => !matches!(self, Self::Search),
            Method::Post => matches!(self, Self::Search),
            Method::Other => false,
        }
    }
}

impl Site {
    pub(super) fn new(server: Arc<Server>, stage: Arc<Stage>, times: Times) -> Self {
        let long = Arc::new(Semaphore::new(MAX_LONG_RESPONSES));
        Self { server, stage, times, seats: Seats::default(), long, scrapes: AtomicU64::new(0) }
    }

    /// Whether the request may be answered. Unknown paths need the password too, so that it is not
    /// visible without one which paths there are.
    pub(super) fn admit(&self, peer: IpAddr, head: &Head) -> Result<(), Denied> {
        if Resource::at(&head.path).is_some_and(Resource::is_probe) {
            return Ok(());
        }
        access::check(&self.server, peer, head)
    }

    /// The response to an admitted request from `peer`.
    pub(super) async fn respond(self: &Arc<Self>, head: &Head, body: BytesMut, peer: IpAddr) -> Response {
        let Some(resource) = Resource::at(&head.path) else { return Response::status(404) };
        if !resource.takes(head.method) {
            return Response::status(405).with("Allow", resource.methods());
        }
        match resource {
            Resource::Healthz => Response::text(200, "ok"),
            Resource::Startupz => self.startupz(),
            Resource::Readyz => self.readyz(),
            Resource::Metrics => {
                let scrapes = self.scrapes.fetch_add(1, Ordering::Relaxed) + 1;
                self.long(move |server| {
                    Response::new(200, PROMETHEUS, metrics::render(server, scrapes).into_bytes())
                })
                .await
            }
            Resource::File(kind, text) => Response::new(200, kind, text.as_bytes())
                .with("Content-Security-Policy", CONTENT_SECURITY_POLICY),
            Resource::Overview => {
                self.long(|server| Response::new(200, JSON, page::overview(server).into_bytes())).await
            }
            Resource::Search if !head.is_of_page => Response::text(403, "the header X-Nearhit is missing"),
            Resource::Search => self.long(move |server| search(server, &body, peer)).await,
        }
    }

    fn startupz(&self) -> Response {
        match self.stage.is_listening.load(Ordering::Relaxed) {
            true => Response::text(200, "listening"),
            false => Response::text(503, "not listening yet"),
        }
    }

    fn readyz(&self) -> Response {
        if let Some(ending) = self.server.stop.progress() {
            return Response::text(503, format_args!("stopping: waiting for {}", ending.step));
        }
        if let Some(progress) = self.server.loading.progress() {
            return Response::text(503, format_args!("loading: {:.0} %", progress.percent()));
        }
        match self.stage.is_loaded.load(Ordering::Relaxed) {
            true => Response::text(200, "ready"),
            false => Response::text(503, "starting"),
        }
    }

    /// A response that takes long to make, or to write.
    async fn long(self: &Arc<Self>, make: impl FnOnce(&Server) -> Response + Send + 'static) -> Response {
        let permit = timeout(self.times.response, Arc::clone(&self.long).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            return Response::text(503, "too many requests at once").with("Retry-After", "1");
        };
        let server = Arc::clone(&self.server);
        let made = tokio::task::spawn_blocking(move || make(&server)).await;
        // An error is a panic.
        made.unwrap_or_else(|_| Response::status(500)).holding(permit)
    }
}

fn search(server: &Server, form: &[u8], peer: IpAddr) -> Response {
    match page::search(server, form, peer) {
        Ok(json) => Response::new(200, JSON, json.into_bytes()),
        Err(problem) => Response::text(400, problem),
    }
}
