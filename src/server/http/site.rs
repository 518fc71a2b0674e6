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
use crate::commands::{Server, metrics};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource {
    /// The process answers.
    Healthz,
    /// Clients of Redis are accepted.
    Startupz,
    /// Commands are answered: nothing is being loaded, and the server is not stopping.
    Readyz,
    /// [`metrics`].
    Metrics,
}

/// All paths.
const PATHS: [(&str, Resource); 4] = [
    ("/healthz", Resource::Healthz),
    ("/startupz", Resource::Startupz),
    ("/readyz", Resource::Readyz),
    ("/metrics", Resource::Metrics),
];

impl Resource {
    fn at(path: &str) -> Option<Self> {
        PATHS.iter().find(|(known, _)| *known == path).map(|(_, resource)| *resource)
    }

    /// Probes say nothing about the data, and a kubelet has no password.
    fn is_probe(self) -> bool {
        matches!(self, Self::Healthz | Self::Startupz | Self::Readyz)
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

    /// The response to an admitted request.
    pub(super) async fn respond(self: &Arc<Self>, head: &Head, _body: BytesMut) -> Response {
        let Some(resource) = Resource::at(&head.path) else { return Response::status(404) };
        if !matches!(head.method, Method::Get | Method::Head) {
            return Response::status(405).with("Allow", "GET, HEAD");
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
