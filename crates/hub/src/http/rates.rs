//! How often somebody may ask: a bucket for each key, for each address where there is no key, and for each account where
//! what is asked for stays: a further key costs nothing.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::problem::{Problem, Trouble};

/// What is asked for, as far as it is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The manifest.
    Manifest,
    /// Where to get a skill.
    Install,
    /// Search.
    Search,
    /// The first release of a skill.
    PublishNew,
    /// A further release.
    PublishUpdate,
    /// A new key.
    NewKey,
    /// A key that was refused.
    Refused,
    /// Everything else that costs a query.
    Other,
    /// An open index.
    Open,
    /// An archive that an open index names: a first sync asks for one of every skill, and a fleet has one address.
    OpenArchive,
    /// A file that an open index names: without archives a first sync asks for each file of every skill.
    OpenFile,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// A key, by its id.
    Key(String),
    /// An account, whatever number of keys it has.
    Account(String),
    /// An address; of IPv6 the network that one customer has.
    Address(IpAddr),
}

impl Who {
    /// Who asks from `address`, in its canonical form, without a key.
    pub(super) fn at(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Who::Address(address),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Who::Address(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
        }
    }
}

impl Class {
    /// Whether all keys of an account take from one bucket.
    pub(super) fn is_of_account(self) -> bool {
        matches!(self, Class::PublishNew | Class::PublishUpdate | Class::NewKey)
    }
}

type Buckets = DefaultKeyedRateLimiter<Who>;

/// All buckets of one process.
#[derive(Debug)]
pub(super) struct Rates {
    classes: Option<[Buckets; 11]>,
    clock: DefaultClock,
}

impl Rates {
    /// The limits of the product, or none at all: for measuring, and where something before the hub limits.
    pub(super) fn new(limited: bool) -> Self {
        let quotas = [
            per_minute(60),
            per_minute(120),
            per_minute(60),
            burst(5, Duration::from_secs(600)),
            burst(30, Duration::from_secs(60)),
            burst(30, Duration::from_secs(60)),
            per_minute(10),
            per_minute(300),
            per_minute(300),
            per_minute(3_000),
            per_minute(12_000),
        ];
        Self { classes: limited.then(|| quotas.map(RateLimiter::keyed)), clock: DefaultClock::default() }
    }

    /// Takes one from the bucket of `who`; fails when it is empty, with how long to wait.
    pub(super) fn take(&self, class: Class, who: &Who) -> Result<(), Problem> {
        let Some(classes) = &self.classes else { return Ok(()) };
        classes[class as usize].check_key(who).map_err(|until| {
            // Rounded up: whoever waits as long as it says is served.
            Trouble::TooOften { seconds: until.wait_time_from(self.clock.now()).as_secs() + 1 }.problem()
        })
    }

    /// Forgets the buckets that are full again.
    pub(super) fn tidy(&self) {
        for buckets in self.classes.iter().flatten() {
            buckets.retain_recent();
            buckets.shrink_to_fit();
        }
    }
}

fn per_minute(count: u32) -> Quota {
    Quota::per_minute(at_least_one(count))
}

/// `count` at once, and one more each time `each` has passed.
fn burst(count: u32, each: Duration) -> Quota {
    let quota = Quota::with_period(each).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
    quota.allow_burst(at_least_one(count))
}

fn at_least_one(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_is_limited_and_not_another() {
        let rates = Rates::new(true);
        let (one, other) = (Who::Key("a".to_owned()), Who::Key("b".to_owned()));
        for _ in 0..5 {
            assert_eq!(rates.take(Class::PublishNew, &one), Ok(()));
        }
        let problem = rates.take(Class::PublishNew, &one).unwrap_err();
        assert_eq!(problem.status().as_u16(), 429);
        assert_eq!(rates.take(Class::PublishNew, &other), Ok(()));
        assert_eq!(rates.take(Class::PublishUpdate, &one), Ok(()));
        let open = Rates::new(false);
        assert!((0..100).all(|_| open.take(Class::PublishNew, &one).is_ok()));
    }

    #[test]
    fn an_address_of_ipv6_counts_by_its_network() {
        let who = |text: &str| Who::at(text.parse().unwrap());
        assert_eq!(who("2001:db8:1:2:3::4"), who("2001:db8:1:2:ffff::1"));
        assert_ne!(who("2001:db8:1:2::1"), who("2001:db8:1:3::1"));
    }
}
