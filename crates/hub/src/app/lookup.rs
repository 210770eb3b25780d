//! Callers looked up together: whoever asks while a query is on its way joins the next one. Each query begins after those
//! asked whom it answers, so that nothing is ever answered from before: a key that was revoked opens nothing from then on.
//!
//! Who asked within the last seconds is remembered, and one row tells of all of them whether that still holds: while the
//! catalogue stands still and no key was revoked, a poll without news seldom costs a query of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use skillsync_core::fault::{Fault as _, Kind};
use tokio::sync::oneshot;

use super::together::Questions;
use crate::db::{self, Db, Pulse, RequestContext};
use crate::limits;

mod memory;

use memory::Memory;

/// What is known of a key.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) context: Arc<RequestContext>,
    /// Whether it is from memory: the key holds, and its manifest says what it has to say, but there may be a newer one that
    /// another process signed with the same words.
    pub(super) is_remembered: bool,
}

type Answer = Result<Option<Found>, Arc<db::Error>>;

struct Waiting {
    id: String,
    /// Whether what is remembered will do.
    may_remember: bool,
    answer: oneshot::Sender<Answer>,
}

/// Who waits for a query, and who asked lately.
#[derive(Clone)]
pub(super) struct Lookup {
    questions: Questions<Waiting>,
    memory: Arc<Mutex<Memory>>,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup").finish_non_exhaustive()
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self { questions: Questions::new(limits::LOOKUPS), memory: Arc::default() }
    }
}

impl Lookup {
    /// What is known of the key with this id, now.
    pub(super) async fn context(&self, db: &Db, id: &str) -> Answer {
        self.ask(db, id, true).await
    }

    /// The same, read from the database.
    pub(super) async fn fresh(&self, db: &Db, id: &str) -> Answer {
        self.ask(db, id, false).await
    }

    async fn ask(&self, db: &Db, id: &str, may_remember: bool) -> Answer {
        let (answer, answered) = oneshot::channel();
        let (lookup, db) = (self.clone(), db.clone());
        self.questions.ask(Waiting { id: id.to_owned(), may_remember, answer }, move |together| {
            let (lookup, db) = (lookup.clone(), db.clone());
            async move { lookup.answer(&db, together).await }
        });
        // The sender is only dropped where the program ends.
        answered.await.unwrap_or_else(|_| Err(Arc::new(db::Error::Silent)))
    }

    /// No longer remembers this key: something of it alone was changed.
    pub(super) fn forget(&self, id: &str) {
        self.memory().forget(id);
    }

    async fn answer(&self, db: &Db, mut together: Vec<Waiting>) {
        together.retain(|waiting| !waiting.answer.is_closed());
        if together.is_empty() {
            return;
        }
        match db.pulse().await {
            Ok(pulse) => {
                let mut unknown = self.answer_remembered(together, pulse).into_iter().peekable();
                while unknown.peek().is_some() {
                    let some = unknown.by_ref().take(limits::LOOKED_UP).collect();
                    if let Err(error) = self.read(db, some, pulse).await {
                        // What the database does not answer now it does not answer the next either.
                        refuse(unknown.by_ref(), &error);
                    }
                }
            }
            Err(error) => refuse(together, &Arc::new(error)),
        }
    }

    /// Answers those who are remembered, and gives the others.
    fn answer_remembered(&self, together: Vec<Waiting>, pulse: Pulse) -> Vec<Waiting> {
        let memory = self.memory();
        let mut unknown = Vec::new();
        for waiting in together {
            match memory.of(&waiting.id, pulse).filter(|_| waiting.may_remember) {
                Some(context) => {
                    let found = Found { context: context.clone(), is_remembered: true };
                    // Whoever went away needs no answer.
                    let _ = waiting.answer.send(Ok(Some(found)));
                }
                None => unknown.push(waiting),
            }
        }
        unknown
    }

    /// Reads what is known of these, answers them, and remembers it. Fails when the database cannot be reached; all are
    /// answered in any case.
    async fn read(&self, db: &Db, together: Vec<Waiting>, pulse: Pulse) -> Result<(), Arc<db::Error>> {
        let ids: Vec<&str> = together.iter().map(|waiting| waiting.id.as_str()).collect();
        let read_at = Instant::now();
        let read = match db.request_contexts(&ids).await {
            Ok(read) => read,
            Err(error) => {
                let error = Arc::new(error);
                refuse(together, &error);
                return if error.kind() == Kind::Offline { Err(error) } else { Ok(()) };
            }
        };
        let mut found: HashMap<String, Result<Found, Arc<db::Error>>> = HashMap::with_capacity(read.len());
        {
            let mut memory = self.memory();
            for (id, context) in read {
                let context = context.map(Arc::new).map_err(Arc::new);
                if let Ok(context) = &context {
                    memory.put(&id, context.clone(), pulse, read_at);
                }
                found.insert(id, context.map(|context| Found { context, is_remembered: false }));
            }
        }
        for waiting in together {
            let _ = waiting.answer.send(found.get(&waiting.id).cloned().transpose());
        }
        Ok(())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refuse(waiting: impl IntoIterator<Item = Waiting>, error: &Arc<db::Error>) {
    for waiting in waiting {
        let _ = waiting.answer.send(Err(error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use skillsync_core::digest::EnvelopeDigest;
    use skillsync_wire::api::skill::Tier;
    use skillsync_wire::text::{Audience, Owner};

    use super::*;
    use crate::db::{By, KeyRow, ManifestRow, Role, Stamp};
    use crate::signer::pieces::Pieces;

    fn key_row(id: &str, account: &Owner, number: u8) -> KeyRow {
        KeyRow {
            id: id.to_owned(),
            account: account.clone(),
            secret_sha256: [number; 32],
            label: String::new(),
            scopes: "read".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    async fn database(folder: &tempfile::TempDir) -> (Db, Owner) {
        let url = format!("sqlite://{}", folder.path().join("hub.db").display());
        let db = Db::open(&url, Role::Server).await.unwrap();
        let account = Owner::parse("acme").unwrap();
        db.ensure_account(&account, Tier::Free, Timestamp::UNIX_EPOCH).await.unwrap();
        (db, account)
    }

    /// Puts a manifest of the catalogue as it is.
    async fn manifest(db: &Db, id: &str) {
        let generation = db.generation().await.unwrap();
        let audience = Audience::parse(&format!("key:{id}")).unwrap();
        let before = db.manifest(&audience).await.unwrap().map(|row| row.stamp);
        let row = ManifestRow {
            audience,
            epoch: 1,
            stamp: Stamp { version: before.map_or(1, |stamp| stamp.version + 1), generation },
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::from_second(4_000_000_000).unwrap(),
            sha256: EnvelopeDigest::of(id.as_bytes()),
            pieces: Pieces::whole("{}"),
        };
        assert!(db.put_manifest(before, &row, None).await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_is_remembered_is_looked_at_again_when_anything_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (db, account) = database(&folder).await;
        // Changes come from another process.
        let (other, _) = database(&folder).await;
        for id in ["k1", "k2"] {
            db.insert_key(&key_row(id, &account, 1)).await.unwrap();
        }
        let lookup = Lookup::default();
        let ask = async |id| lookup.context(&db, id).await.unwrap().unwrap();
        let is_remembered = async |id| {
            ask(id).await;
            ask(id).await.is_remembered
        };
        assert!(
            !is_remembered("k1").await,
            "without a manifest there is more to say than that nothing changed"
        );
        manifest(&other, "k1").await;
        manifest(&other, "k2").await;
        assert!(is_remembered("k1").await && is_remembered("k2").await);
        assert!(!lookup.fresh(&db, "k1").await.unwrap().unwrap().is_remembered);
        lookup.forget("k1");
        assert!(!ask("k1").await.is_remembered && ask("k1").await.is_remembered);

        other.set_tier(&account, Tier::Pro).await.unwrap();
        assert_eq!(ask("k1").await.context.caller.tier, Tier::Pro, "in force at once");
        assert!(!is_remembered("k1").await, "its manifest is of the catalogue before");
        manifest(&other, "k1").await;
        assert!(is_remembered("k1").await);

        other.revoke_key(By::Admin, "k2", Timestamp::UNIX_EPOCH).await.unwrap();
        let (k1, k2) = (ask("k1").await, ask("k2").await);
        assert!(!k1.is_remembered && !k2.is_remembered, "of a key that was revoked all are told");
        assert!(k1.context.caller.key.revoked_at.is_none() && k2.context.caller.key.revoked_at.is_some());
        assert!(is_remembered("k1").await);
    }

    #[tokio::test]
    async fn who_changed_while_it_was_read_is_not_remembered_and_others_are() {
        let folder = tempfile::tempdir().unwrap();
        let (db, account) = database(&folder).await;
        db.insert_key(&key_row("k1", &account, 1)).await.unwrap();
        manifest(&db, "k1").await;
        let (context, pulse) =
            (Lookup::default().context(&db, "k1").await.unwrap().unwrap().context, db.pulse());
        let (pulse, mut memory) = (pulse.await.unwrap(), Memory::default());
        let read_at = Instant::now();
        memory.forget("k2");
        for id in ["k1", "k2"] {
            memory.put(id, context.clone(), pulse, read_at);
        }
        assert!(memory.of("k1", pulse).is_some() && memory.of("k2", pulse).is_none());
        memory.forget("k1");
        assert!(memory.of("k1", pulse).is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_asks_together_gets_each_their_own_answer() {
        let folder = tempfile::tempdir().unwrap();
        let (db, account) = database(&folder).await;
        for number in 0..50 {
            assert!(db.insert_key(&key_row(&format!("k{number}"), &account, number)).await.unwrap());
            // Half of them are remembered.
            if number % 2 == 0 {
                manifest(&db, &format!("k{number}")).await;
            }
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
                let found =
                    asked.await.unwrap().unwrap().map(|found| found.context.caller.key.secret_sha256[0]);
                let expected = u8::try_from(number % 60).ok().filter(|number| *number < 50);
                assert_eq!(found, expected, "k{}", number % 60);
            }
        }
        for number in 0..50 {
            let id = format!("k{number}");
            db.revoke_key(By::Admin, &id, Timestamp::UNIX_EPOCH).await.unwrap();
            let context = lookup.context(&db, &id).await.unwrap().unwrap();
            assert!(context.context.caller.key.revoked_at.is_some(), "{id} still opens something");
        }
        db.close().await;
        assert!(lookup.context(&db, "k1").await.is_err(), "a database that is gone says so to all");
    }
}
