//! Callers looked up together: whoever asks while a query is on its way joins the next one. Each query begins after those
//! asked whom it answers, so that nothing is ever answered from before: a key that was revoked opens nothing from then on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use skillsync_core::fault::{Fault as _, Kind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::db::{self, Db, RequestContext};
use crate::limits;

type Known = Result<Arc<RequestContext>, Arc<db::Error>>;
type Answer = Result<Option<Arc<RequestContext>>, Arc<db::Error>>;

struct Waiting {
    id: String,
    answer: oneshot::Sender<Answer>,
}

/// Who waits for a query, and the places of those that may run at once.
#[derive(Clone)]
pub(super) struct Lookup {
    waiting: Arc<Mutex<VecDeque<Waiting>>>,
    places: Arc<Semaphore>,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup").finish_non_exhaustive()
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self { waiting: Arc::default(), places: Arc::new(Semaphore::new(limits::LOOKUPS)) }
    }
}

impl Lookup {
    /// What is known of the key with this id, now.
    pub(super) async fn context(&self, db: &Db, id: &str) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.waiting().push_back(Waiting { id: id.to_owned(), answer });
        self.run(db);
        // The query runs in a task of its own: no caller that goes away takes the answer of others along. The sender is
        // only dropped where the program ends.
        answered.await.unwrap_or_else(|_| Err(Arc::new(db::Error::Silent)))
    }

    /// Answers all who wait, unless as many do that already as may.
    fn run(&self, db: &Db) {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return };
        let (lookup, db) = (self.clone(), db.clone());
        tokio::spawn(async move { lookup.work(&db, place).await });
    }

    async fn work(&self, db: &Db, place: OwnedSemaphorePermit) {
        loop {
            // Whoever is about to ask asks now: where many do, few queries answer them all, and where one does, nobody waits.
            tokio::task::yield_now().await;
            let together = self.next(limits::LOOKED_UP);
            if together.is_empty() {
                break;
            }
            let ids: Vec<&str> = together.iter().map(|waiting| waiting.id.as_str()).collect();
            match db.request_contexts(&ids).await {
                Ok(found) => {
                    let known =
                        |(id, context): (String, Result<_, _>)| (id, context.map(Arc::new).map_err(Arc::new));
                    let found: HashMap<String, Known> = found.into_iter().map(known).collect();
                    for waiting in together {
                        // Whoever went away needs no answer.
                        let _ = waiting.answer.send(found.get(&waiting.id).cloned().transpose());
                    }
                }
                Err(error) => {
                    // What the database does not answer now it does not answer the next either: nobody waits for that in turn.
                    let others =
                        if error.kind() == Kind::Offline { self.next(usize::MAX) } else { Vec::new() };
                    let error = Arc::new(error);
                    for waiting in together.into_iter().chain(others) {
                        let _ = waiting.answer.send(Err(error.clone()));
                    }
                }
            }
        }
        drop(place);
        // Somebody may have come after the last look and found every place taken.
        if !self.waiting().is_empty() {
            self.run(db);
        }
    }

    /// Those who have waited longest and still do, `most` of them.
    fn next(&self, most: usize) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        let mut next = Vec::with_capacity(waiting.len().min(most));
        while next.len() < most
            && let Some(first) = waiting.pop_front()
        {
            if !first.answer.is_closed() {
                next.push(first);
            }
        }
        next
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use skillsync_wire::api::skill::Tier;
    use skillsync_wire::text::Owner;

    use super::*;
    use crate::db::{By, KeyRow, Role};

    #[tokio::test(flavor = "multi_thread")]
    async fn who_asks_together_gets_each_their_own_answer() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("hub.db").display());
        let db = Db::open(&url, Role::Server).await.unwrap();
        let account = Owner::parse("acme").unwrap();
        db.ensure_account(&account, Tier::Free, Timestamp::UNIX_EPOCH).await.unwrap();
        for number in 0..50 {
            let row = KeyRow {
                id: format!("k{number}"),
                account: account.clone(),
                secret_sha256: [number; 32],
                label: String::new(),
                scopes: "read".to_owned(),
                created_at: Timestamp::UNIX_EPOCH,
                expires_at: None,
                revoked_at: None,
                last_used_at: None,
            };
            assert!(db.insert_key(&row).await.unwrap());
        }
        let lookup = Lookup::default();
        for round in 0..20 {
            let asked: Vec<_> = (0..400_u32)
                .map(|number| {
                    let (lookup, db, id) = (lookup.clone(), db.clone(), format!("k{}", number % 60));
                    (number, tokio::spawn(async move { lookup.context(&db, &id).await }))
                })
                .collect();
            for (number, asked) in asked {
                // Some go away before they are answered, and take nobody along.
                if (number + round) % 7 == 0 {
                    asked.abort();
                    continue;
                }
                let found = asked.await.unwrap().unwrap().map(|context| context.caller.key.secret_sha256[0]);
                let expected = u8::try_from(number % 60).ok().filter(|number| *number < 50);
                assert_eq!(found, expected, "k{}", number % 60);
            }
        }
        for number in 0..50 {
            let id = format!("k{number}");
            db.revoke_key(By::Admin, &id, Timestamp::UNIX_EPOCH).await.unwrap();
            let context = lookup.context(&db, &id).await.unwrap().unwrap();
            assert!(context.caller.key.revoked_at.is_some(), "{id} still opens something");
        }
        db.close().await;
        assert!(lookup.context(&db, "k1").await.is_err(), "a database that is gone says so to all");
    }
}
