//! Work that several callers wait for together. It is nobody's: whoever goes away takes no work along, and nobody begins it a
//! second time.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, oneshot, watch};

use super::Error;
use crate::db::{self, Db};

type Outcome<T> = Option<Result<T, Arc<Error>>>;

/// A task that was begun, and what came of it.
#[derive(Debug)]
pub(super) struct Task<T>(watch::Receiver<Outcome<T>>);

impl<T> Clone for Task<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone + Send + Sync + 'static> Task<T> {
    /// Begins it.
    pub(super) fn begin(work: impl Future<Output = Result<T, Error>> + Send + 'static) -> Self {
        let (tell, told) = watch::channel(None);
        tokio::spawn(async move {
            let outcome = work.await.map_err(Arc::new);
            tell.send_replace(Some(outcome));
        });
        Self(told)
    }

    /// Whether it ended, one way or another.
    pub(super) fn is_over(&self) -> bool {
        self.0.borrow().is_some() || self.0.has_changed().is_err()
    }

    /// Whether it ended, and gave nothing.
    pub(super) fn has_failed(&self) -> bool {
        self.is_over() && !matches!(&*self.0.borrow(), Some(Ok(_)))
    }

    /// What came of it.
    pub(super) async fn outcome(mut self) -> Result<T, Error> {
        let told = self.0.wait_for(Option::is_some).await.map_err(|_| Error::CutOff)?;
        match &*told {
            Some(Ok(outcome)) => Ok(outcome.clone()),
            Some(Err(error)) => Err(Error::Together(error.clone())),
            None => Err(Error::CutOff),
        }
    }
}

/// Questions that are answered together: whoever asks while others are being answered joins the next ones. So every answer
/// begins after its question.
#[derive(Debug)]
pub(super) struct Questions<T> {
    waiting: Arc<Mutex<Vec<T>>>,
    /// For those at work. Each gives its place back whatever becomes of it.
    places: Arc<Semaphore>,
}

impl<T> Clone for Questions<T> {
    fn clone(&self) -> Self {
        Self { waiting: self.waiting.clone(), places: self.places.clone() }
    }
}

impl<T: Send + 'static> Questions<T> {
    /// `at_once` of them are answered at one time, each time all that wait.
    pub(super) fn new(at_once: usize) -> Self {
        Self { waiting: Arc::default(), places: Arc::new(Semaphore::new(at_once)) }
    }

    /// Asks one. `answer` answers all that wait, in a task of its own: no caller that goes away takes the answer of others
    /// along.
    pub(super) fn ask<F: Future<Output = ()> + Send>(
        &self,
        question: T,
        answer: impl Fn(Vec<T>) -> F + Send + Sync + 'static,
    ) {
        self.waiting().push(question);
        self.run(answer);
    }

    /// Answers all that wait, unless as many do that already as may.
    fn run<F: Future<Output = ()> + Send>(&self, answer: impl Fn(Vec<T>) -> F + Send + Sync + 'static) {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return };
        let all = self.clone();
        tokio::spawn(async move {
            loop {
                // Whoever is about to ask asks now: where many do, few answers do for all, and where one does, nobody waits.
                tokio::task::yield_now().await;
                let together = std::mem::take(&mut *all.waiting());
                if together.is_empty() {
                    break;
                }
                // Those whose answer breaks are told by their questions being gone; who asked meanwhile has an answer to come.
                let _ = AssertUnwindSafe(answer(together)).catch_unwind().await;
            }
            drop(place);
            // Somebody may have come after the last look and found every place taken.
            if !all.waiting().is_empty() {
                all.run(answer);
            }
        });
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Answer = Result<u64, Arc<db::Error>>;

/// The generation of the catalogue, asked for once for all who want it in the same moment.
#[derive(Debug)]
pub(super) struct Generation(Questions<oneshot::Sender<Answer>>);

impl Default for Generation {
    fn default() -> Self {
        Self(Questions::new(1))
    }
}

impl Generation {
    /// As it is now.
    pub(super) async fn now(&self, db: &Db) -> Result<u64, Error> {
        let (answer, answered) = oneshot::channel();
        let db = db.clone();
        self.0.ask(answer, move |together| {
            let db = db.clone();
            async move {
                let answer = db.generation().await.map_err(Arc::new);
                for one in together {
                    // Whoever went away needs no answer.
                    let _ = one.send(answer.clone());
                }
            }
        });
        answered.await.map_err(|_| Error::CutOff)?.map_err(Error::Lookup)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn work_goes_on_when_all_who_wait_for_it_go_away() {
        let (count, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (counted, waited) = (count.clone(), done.clone());
        let task = Task::begin(async move {
            waited.notified().await;
            Ok(counted.fetch_add(1, Ordering::SeqCst) + 1)
        });
        let waiting = tokio::spawn(task.clone().outcome());
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(!task.is_over());
        done.notify_one();
        assert_eq!((task.clone().outcome().await.unwrap(), task.outcome().await.unwrap()), (1, 1));
        let broken = Task::<()>::begin(async { Err(Error::NotInIndex) });
        assert_eq!(broken.clone().outcome().await.unwrap_err().to_string(), Error::NotInIndex.to_string());
        assert!(broken.is_over() && broken.has_failed());
    }

    #[tokio::test]
    async fn who_asks_during_an_answer_that_breaks_or_after_it_is_answered() {
        let questions = Questions::new(1);
        let (begun, breaks) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let is_first = Arc::new(AtomicBool::new(true));
        let ask = || {
            let (begun, breaks, is_first) = (begun.clone(), breaks.clone(), is_first.clone());
            let (answer, answered) = oneshot::channel();
            questions.ask(answer, move |together: Vec<oneshot::Sender<usize>>| {
                let (begun, breaks) = (begun.clone(), breaks.clone());
                let is_first = is_first.swap(false, Ordering::SeqCst);
                async move {
                    if is_first {
                        begun.notify_one();
                        breaks.notified().await;
                        panic!("as it should");
                    }
                    let count = together.len();
                    for one in together {
                        let _ = one.send(count);
                    }
                }
            });
            answered
        };
        let broken = ask();
        begun.notified().await;
        let during = [ask(), ask()];
        breaks.notify_one();
        assert!(broken.await.is_err());
        for answered in during {
            assert_eq!(answered.await, Ok(2));
        }
        assert_eq!(ask().await, Ok(1));
    }
}
