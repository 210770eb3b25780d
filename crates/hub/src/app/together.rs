//! Work that several callers wait for together. It is nobody's: whoever goes away takes no work along, and nobody begins it a
//! second time.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{oneshot, watch};

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

type Answer = Result<u64, Arc<db::Error>>;

/// The generation of the catalogue, asked for once for all who want it in the same moment. Each query begins after those
/// asked whom it answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Generation(Arc<Mutex<Asking>>);

#[derive(Debug, Default)]
struct Asking {
    waiting: Vec<oneshot::Sender<Answer>>,
    is_asked: bool,
}

impl Generation {
    /// As it is now.
    pub(super) async fn now(&self, db: &Db) -> Result<u64, Error> {
        let (answer, answered) = oneshot::channel();
        let begins = {
            let mut asking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            asking.waiting.push(answer);
            !std::mem::replace(&mut asking.is_asked, true)
        };
        if begins {
            let (all, db) = (self.clone(), db.clone());
            tokio::spawn(async move {
                while let Some(waiting) = all.next() {
                    let answer = db.generation().await.map_err(Arc::new);
                    for one in waiting {
                        // Whoever went away needs no answer.
                        let _ = one.send(answer.clone());
                    }
                }
            });
        }
        answered.await.map_err(|_| Error::CutOff)?.map_err(Error::Lookup)
    }

    /// All who wait; none where nobody does, and the next who asks begins again.
    fn next(&self) -> Option<Vec<oneshot::Sender<Answer>>> {
        let mut asking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut asking.waiting);
        asking.is_asked = !waiting.is_empty();
        asking.is_asked.then_some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_goes_on_when_all_who_wait_for_it_go_away() {
        let (count, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
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
        assert!(broken.is_over());
    }
}
