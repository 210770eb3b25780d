//! A hub that does not answer, and what happens while it is waited for: when it is asked next, and what is said of it.

use std::io::Write;
use std::time::Duration;

use skillsync_client::fetch::{Error, Fetch, Reply, Request};
use skillsync_client::plan::Ask;
use skillsync_client::pull::{self, Status};
use skillsync_client::schedule::Polls;
use skillsync_testkit::disk;
use skillsync_testkit::web::Answer;
use skillsync_wire::api::path;

use crate::house::later;
use crate::memory::{Client, code};
use crate::moments::{home, noon};

/// A hub that does not answer in time.
struct Silent;

impl Fetch for Silent {
    fn fetch(&self, request: &Request<'_>, _: &mut dyn Write) -> Result<Reply, Error> {
        Err(Error::Slow { host: request.address.host(), what: "the head of its answer" })
    }
}

/// A session has little time: a hub that is too slow for it did not fail.
#[test]
fn a_hub_that_is_too_slow_for_a_session_is_not_put_off() {
    let (_, client) = home();
    for _ in 0..4 {
        let pulled = client.pull(&Silent, Ask::Poll);
        assert_eq!((pulled.status, code(&pulled)), (Status::Offline, "hub-slow"));
    }
    let polls = Polls::load(client.store().layout(), &crate::memory::name());
    assert_eq!(polls.failures, 0);
    assert_eq!(polls.next_at, Some(client.now + Duration::from_secs(900)));
}

/// A login that comes while the hub is asked with the key before it: the next poll comes at once all the same.
#[test]
fn a_login_while_the_hub_is_asked_is_not_forgotten() {
    let (hub, client) = home();
    let client = std::sync::Arc::new(client);
    let polls = |client: &Client| Polls::load(client.store().layout(), &crate::memory::name());
    for status in [503, 200] {
        assert!(polls(&client).next_at.is_some());
        let other = std::sync::Arc::clone(&client);
        hub.lie(move |asked, answer| {
            if asked.path == path::MANIFEST {
                let mut polls = polls(&other);
                assert!(polls.retry());
                polls.save(other.store().layout(), &crate::memory::name()).unwrap();
            }
            if status == 200 { answer } else { Answer::status(status) }
        });
        client.pull(&hub, Ask::Poll);
        let noted = polls(&client);
        assert_eq!((noted.next_at, noted.failures), (None, 0), "{status}");
        hub.repent();
        assert_eq!(code(&client.pull(&hub, Ask::Poll)), "ok");
    }
}

/// That nothing holds any longer is said, also where it cannot be noted.
#[test]
fn what_is_stale_is_said_on_a_disk_that_cannot_be_written() {
    let (_, mut client) = home();
    client.set_clock(later(noon(), 86_400));
    let mutex = client.store().layout().mutex();
    disk::remove(&mutex);
    disk::write(&mutex.join("in-the-way"), b"");
    let standing = pull::standing(&client.store(), &crate::memory::name());
    assert_eq!(standing.map(|pulled| pulled.status), Some(Status::Stale));
    assert_eq!(client.pull(&Silent, Ask::Poll).status, Status::Stale);
}
