//! What the hub counts of itself, in the OpenMetrics text format. Nothing in it names a caller, a key or a skill.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// All counters of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answers: Family<Answer, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    connections: Gauge,
    turned_away: Family<Reason, Counter>,
    manifests: Family<Reason, Counter>,
    releases: Family<Reason, Counter>,
    root_expires: Gauge<u64, AtomicU64>,
    ready: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_25, 2.0, 17));
        let mut metrics = Self {
            registry: Registry::with_prefix("skillsync_hub"),
            answers: Family::default(),
            durations: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            turned_away: Family::default(),
            manifests: Family::default(),
            releases: Family::default(),
            root_expires: Gauge::default(),
            ready: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Answered requests", metrics.answers.clone());
        let durations = metrics.durations.clone();
        registry.register_with_unit("request_duration", "Until the answer began", Unit::Seconds, durations);
        registry.register("requests_in_flight", "Requests at work", metrics.in_flight.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        registry.register("turned_away", "Requests that were not served", metrics.turned_away.clone());
        registry.register("manifests", "Manifests by how they came about", metrics.manifests.clone());
        registry.register("publishes", "Uploads by how they ended", metrics.releases.clone());
        let expires = metrics.root_expires.clone();
        registry.register("root_expires_timestamp_seconds", "When the root in force expires", expires);
        registry.register("ready", "1 while database and blobs answer", metrics.ready.clone());
        metrics
    }
}

impl Metrics {
    /// Counts an answer and how long it took to begin.
    pub fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.durations.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        self.answers.get_or_create(&Answer { method, route, status }).inc();
    }

    /// How many requests are at work.
    pub fn in_flight(&self, count: usize) {
        self.in_flight.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A connection was opened (1) or closed (-1).
    pub fn connection(&self, by: i64) {
        self.connections.inc_by(by);
    }

    /// Counts a request that was not served: `busy`, `rate`, `slow`.
    pub fn turned_away(&self, reason: &'static str) {
        self.turned_away.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a manifest by how it came about: `unchanged`, `cached`, `stored`, `stamped`, `signed`.
    pub fn manifest(&self, reason: &'static str) {
        self.manifests.get_or_create(&Reason { reason }).inc();
    }

    /// Counts an upload by how it ended: `created`, `unchanged`, `refused`.
    pub fn publish(&self, reason: &'static str) {
        self.releases.get_or_create(&Reason { reason }).inc();
    }

    /// Notes when the root in force expires, in seconds since 1970.
    pub fn root_expires(&self, at_s: i64) {
        self.root_expires.set(u64::try_from(at_s).unwrap_or(0));
    }

    /// Notes whether the hub is ready.
    pub fn ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// Everything as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_said() {
        let metrics = Metrics::default();
        metrics.answered("GET", "/api/skills/{slug}", 404, Duration::from_millis(3));
        metrics.turned_away("busy");
        let text = metrics.text();
        let line =
            "skillsync_hub_requests_total{method=\"GET\",route=\"/api/skills/{slug}\",status=\"404\"} 1";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("skillsync_hub_turned_away_total{reason=\"busy\"} 1"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
