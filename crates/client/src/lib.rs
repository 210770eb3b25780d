//! Talks to hubs.
