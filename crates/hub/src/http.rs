//! The face of the hub for programs: routes to use cases, their results to answers. It decides nothing but what a request
//! says and what an answer looks like.

use std::net::IpAddr;
use std::sync::{Arc, Once};

use tokio::sync::Semaphore;

use crate::app::App;
use crate::limits;

mod answer;
mod body;
mod caller;
mod cdn;
mod framing;
mod guard;
mod health;
mod install;
mod keys;
mod manifest;
mod openapi;
mod places;
mod problem;
mod publish;
mod rates;
mod router;
mod search;
mod skills;
mod state;
mod trust;
mod wellknown;

pub use caller::Peer;
pub use openapi::document;
pub use problem::Problem;
pub use router::{Field, Needs, Reply, Route, Shape, Takes, guarded, router, routes};

/// What the routes share.
#[derive(Debug)]
pub struct Http {
    app: App,
    gate: guard::Gate,
    bodies: Semaphore,
    uploads: places::Places,
    unpacked: Semaphore,
    files: places::Places,
    open: places::Places,
    open_files: places::Places,
    open_blobs: places::Places,
    unpacking: places::Places,
    states: places::Places,
    rates: rates::Rates,
    trusted_proxies: Vec<IpAddr>,
    /// Told of once.
    untold_proxy: Once,
    openapi: bytes::Bytes,
}

/// How the routes behave.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Whether callers are limited in how often they ask.
    pub limited: bool,
    /// Proxies whose word on who asks is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Most requests at work at once.
    pub in_flight: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { limited: true, trusted_proxies: Vec::new(), in_flight: limits::IN_FLIGHT }
    }
}

impl Http {
    /// The face of `app`. `prefix` tells the ids of its requests from those of other processes.
    pub fn new(app: App, behaviour: Behaviour, prefix: u32) -> Arc<Self> {
        Arc::new(Self {
            app,
            gate: guard::Gate::new(behaviour.in_flight, prefix),
            bodies: Semaphore::new(limits::BODIES),
            uploads: places::Places::new(limits::UPLOADS, limits::UPLOADS_OF_ACCOUNT),
            unpacked: Semaphore::new(limits::UNPACKED),
            files: places::Places::new(limits::FILES_SENT, limits::FILES_SENT_OF_ONE),
            open: places::Places::new(limits::OPEN, limits::OPEN_OF_ONE),
            unpacking: places::Places::new(limits::UNPACK_QUEUE, limits::UNPACK_QUEUE_OF_ONE),
            open_files: places::Places::new(limits::FILES_SENT_OPEN, limits::FILES_SENT_OPEN_OF_ONE),
            open_blobs: places::Places::new(limits::BLOBS_SENT_OPEN, limits::BLOBS_SENT_OPEN_OF_ONE),
            states: places::Places::new(limits::STATES_AT_ONCE, limits::STATES_OF_ACCOUNT),
            rates: rates::Rates::new(behaviour.limited),
            trusted_proxies: behaviour.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            untold_proxy: Once::new(),
            openapi: openapi::document().into(),
        })
    }

    /// The hub behind it.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Forgets what it counted of callers that have not asked for long.
    pub fn tidy(&self) {
        self.rates.tidy();
        let Self { uploads, files, states, open, open_files, open_blobs, unpacking, .. } = self;
        for places in [uploads, files, states, open, open_files, open_blobs, unpacking] {
            places.tidy();
        }
    }
}
