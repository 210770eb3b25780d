//! Places for answers and uploads that hold much memory: so many in all, and fewer for one account, so that nobody takes
//! them all. An answer gives its place back when all of it has been taken, or its time for that is over. Few may wait for a
//! place: each of them is a request at work, of which the hub has so many in all.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use hyper::body::{Frame, SizeHint};
use skillsync_core::fault::{Fault as _, with_causes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::Http;
use super::problem::{Problem, Trouble};
use super::rates::Who;
use crate::app::Index;
use crate::app::keys::Caller;
use crate::blobs::BlobStream;
use crate::limits;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    waiting: Semaphore,
    each: usize,
    of: Mutex<HashMap<Who, Arc<Own>>>,
}

/// What one of them may take.
#[derive(Debug)]
struct Own {
    places: Arc<Semaphore>,
    waiting: Semaphore,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
    // While it is held, who has it is not forgotten.
    _who: Arc<Own>,
}

/// The account of a caller, as somebody who takes places.
pub(super) fn account(caller: &Caller) -> Who {
    Who::Account(caller.account().to_string())
}

impl Places {
    /// So many in all, and so many for each.
    pub(super) fn new(all: usize, each: usize) -> Self {
        let waiting = Semaphore::new(limits::WAITING);
        Self { all: Arc::new(Semaphore::new(all)), waiting, each, of: Mutex::default() }
    }

    /// Takes a place, and waits for one for a while, as long as few others do. Whoever waits for their own keeps nobody else
    /// waiting.
    pub(super) async fn take(&self, http: &Http, who: Who) -> Result<Place, Problem> {
        self.free_soon(who).await.ok_or_else(|| busy(http))
    }

    /// Takes a place if there is one.
    pub(super) fn take_now(&self, http: &Http, who: Who) -> Result<Place, Problem> {
        self.free(who).ok_or_else(|| busy(http))
    }

    async fn free_soon(&self, who: Who) -> Option<Place> {
        let own = self.of(who);
        if let Some(place) = self.free_of(&own) {
            return Some(place);
        }
        let (_of_own, _of_all) = (own.waiting.try_acquire().ok()?, self.waiting.try_acquire().ok()?);
        let place = async {
            let of_own = own.places.clone().acquire_owned().await.ok()?;
            let of_all = self.all.clone().acquire_owned().await.ok()?;
            Some(Place { _own: of_own, _all: of_all, _who: own.clone() })
        };
        tokio::time::timeout(limits::PLACE_WAIT, place).await.ok().flatten()
    }

    /// A place if there is one.
    pub(super) fn free(&self, who: Who) -> Option<Place> {
        self.free_of(&self.of(who))
    }

    fn free_of(&self, own: &Arc<Own>) -> Option<Place> {
        let of_own = own.places.clone().try_acquire_owned().ok()?;
        let of_all = self.all.clone().try_acquire_owned().ok()?;
        Some(Place { _own: of_own, _all: of_all, _who: own.clone() })
    }

    /// Forgets who has no place and waits for none.
    pub(super) fn tidy(&self) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        of.retain(|_, own| Arc::strong_count(own) > 1);
        of.shrink_to_fit();
    }

    fn of(&self, who: Who) -> Arc<Own> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let own = of.entry(who).or_insert_with(|| {
            let waiting = Semaphore::new(limits::WAITING_OF_ONE);
            Arc::new(Own { places: Arc::new(Semaphore::new(self.each)), waiting })
        });
        own.clone()
    }
}

pub(super) fn busy(http: &Http) -> Problem {
    http.app.metrics().turned_away("busy");
    Trouble::Busy.problem()
}

impl Place {
    /// The same answer, which holds the place until it was taken. Its bytes are in memory already.
    pub(super) async fn until_sent(self, answer: Response) -> Response {
        let (head, body) = answer.into_parts();
        match to_bytes(body, usize::MAX).await {
            Ok(bytes) => Response::from_parts(head, sent_in_time(bytes, Some(self))),
            Err(_) => Trouble::Failed.problem().into_response(),
        }
    }
}

/// A body that is given up when it is not taken in its time. Until then it holds its bytes, and a place where it has one. It
/// hands out small copies: what HTTP has of it while it waits for the other side is no more than one.
pub(super) fn sent_in_time(bytes: Bytes, place: Option<Place>) -> Body {
    in_pieces(bytes.len(), place, move |at| Some(Bytes::copy_from_slice(&bytes[at])))
}

/// The same of an open index, which is there once for everybody and needs no place: it is cut off as well where it gave way to
/// newer ones.
pub(super) fn index_in_time(index: Arc<Index>) -> Body {
    in_pieces(index.size_bytes(), None, move |at| index.piece(at))
}

fn in_pieces(
    size: usize,
    place: Option<Place>,
    piece: impl Fn(Range<usize>) -> Option<Bytes> + Send + 'static,
) -> Body {
    let pieces = (0..size).step_by(limits::SENT_AT_ONCE).map(move |at| {
        let piece = piece(at..size.min(at + limits::SENT_AT_ONCE));
        piece.ok_or_else(|| io::ErrorKind::TimedOut.into())
    });
    let within = paid(size as u64).min(limits::SENT_WITHIN);
    Body::new(Held::new(stream::iter(pieces).boxed(), size as u64, place, within))
}

/// The same of a blob, of which only pieces are in memory: it may take as long as it pays for. What fails on the way is cut off
/// and told to the log.
pub(super) fn streamed_in_time(blob: BlobStream, place: Option<Place>) -> Body {
    let pieces = blob.pieces.map_err(|error| {
        tracing::error!(code = error.code(), "an answer is cut off: {}", with_causes(&error));
        io::Error::other(error)
    });
    Body::new(Held::new(pieces.boxed(), blob.size_bytes, place, paid(blob.size_bytes)))
}

fn paid(size_bytes: u64) -> Duration {
    limits::WRITE_PAUSE + Duration::from_secs(size_bytes / limits::SENT_RATE)
}

/// A body that is held until it was taken, and not for too long.
struct Held {
    rest: Arc<Mutex<Option<Rest>>>,
    left_bytes: u64,
    giving_up: AbortHandle,
}

/// What is yet to be sent, and its place. None once that took too long: both are given back even where nobody looks at the
/// body any more, because the other side takes nothing.
struct Rest {
    pieces: BoxStream<'static, io::Result<Bytes>>,
    /// Who waits for the next piece.
    waiting: Option<Waker>,
    _place: Option<Place>,
}

impl Held {
    fn new(
        pieces: BoxStream<'static, io::Result<Bytes>>,
        size_bytes: u64,
        place: Option<Place>,
        within: Duration,
    ) -> Self {
        let rest = (size_bytes > 0).then_some(Rest { pieces, waiting: None, _place: place });
        let rest = Arc::new(Mutex::new(rest));
        let late = rest.clone();
        let giving_up = tokio::spawn(async move {
            tokio::time::sleep(within).await;
            let late = late.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waiting) = late.and_then(|late| late.waiting) {
                waiting.wake();
            }
        });
        Self { rest, left_bytes: size_bytes, giving_up: giving_up.abort_handle() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.giving_up.abort();
        self.rest.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left_bytes == 0 {
            return Poll::Ready(None);
        }
        let mut held = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rest) = held.as_mut() else {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        };
        let Poll::Ready(piece) = rest.pieces.poll_next_unpin(cx) else {
            rest.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let piece = piece.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))?;
        let left_bytes = self.left_bytes.saturating_sub(piece.len() as u64);
        if left_bytes == 0 {
            *held = None;
        }
        drop(held);
        self.left_bytes = left_bytes;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left_bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_bytes)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn an_answer_that_nobody_takes_gives_its_place_back() {
        let places = Places::new(1, 1);
        let who = || Who::Account("acme".to_owned());
        let place = places.free(who()).unwrap();
        let (taken, comes) = (Bytes::from_static(b"taken"), stream::pending());
        let pieces = stream::iter([Ok(taken.clone())]).chain(comes).boxed();
        let mut held = Held::new(pieces, 100, Some(place), Duration::from_millis(1));
        assert_eq!(held.frame().await.unwrap().unwrap().into_data().unwrap(), taken);
        assert!(places.free(who()).is_none());
        // Who waits for a piece that does not come is told, too.
        assert!(held.frame().await.unwrap().is_err(), "it is cut off, not cut short");
        assert!(places.free(who()).is_some());

        // And so it is where nobody looks at it.
        let place = places.free(who()).unwrap();
        let mut held = Held::new(stream::pending().boxed(), 100, Some(place), Duration::from_millis(1));
        let freed = async {
            while places.free(who()).is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), freed).await.expect("it is held for ever");
        assert!(held.frame().await.unwrap().is_err(), "it is cut off, not cut short");
    }

    #[tokio::test]
    async fn what_gives_way_on_the_way_is_cut_off() {
        let size = limits::SENT_AT_ONCE + 1;
        let mut body = in_pieces(size, None, |at| (at.start == 0).then(|| Bytes::from(vec![0; at.len()])));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first.len(), limits::SENT_AT_ONCE);
        assert!(body.frame().await.unwrap().is_err(), "it is cut off, not cut short");
    }

    #[tokio::test]
    async fn few_wait_for_a_place_and_the_rest_is_turned_away() {
        let places = Arc::new(Places::new(100, 2));
        let who = |name: &str| Who::Account(name.to_owned());
        let held = [places.free(who("a")).unwrap(), places.free(who("a")).unwrap()];
        let waiting: Vec<_> = (0..limits::WAITING_OF_ONE)
            .map(|_| {
                let places = places.clone();
                tokio::spawn(async move { places.free_soon(who("a")).await.is_some() })
            })
            .collect();
        while places.of(who("a")).waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(places.free_soon(who("a")).await.is_none(), "one more does not wait");
        assert!(places.free_soon(who("b")).await.is_some());
        drop(held);
        for waited in waiting {
            assert!(waited.await.unwrap(), "who waits is served");
        }
        assert_eq!(places.waiting.available_permits(), limits::WAITING);
    }

    #[tokio::test]
    async fn places_are_counted_by_account_and_in_all_and_forgotten() {
        let places = Places::new(3, 2);
        let free = |who: &str| places.free(Who::Account(who.to_owned()));
        let held = [free("a").unwrap(), free("a").unwrap()];
        assert!(free("a").is_none());
        let other = free("b").unwrap();
        assert!(free("c").is_none(), "there are no more in all");
        places.tidy();
        assert_eq!(places.of.lock().unwrap().len(), 2);
        drop((held, other));
        places.tidy();
        assert!(places.of.lock().unwrap().is_empty());
        assert!(free("a").is_some());
    }
}
