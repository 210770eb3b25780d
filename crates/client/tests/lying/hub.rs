//! The lying hub on a socket of this machine.

use std::sync::{Arc, Mutex};

use skillsync_testkit::web::{Answer, Asked, Web};

use super::house::House;

/// What becomes of an honest answer.
pub(crate) type Lie = dyn Fn(&Asked, Answer) -> Answer + Send + Sync;

/// A hub that answers over HTTP until it is dropped.
pub(crate) struct LyingHub {
    house: Arc<Mutex<House>>,
    lie: Arc<Mutex<Option<Arc<Lie>>>>,
    pub(crate) web: Web,
}

impl LyingHub {
    pub(crate) fn open(house: House) -> Self {
        let house = Arc::new(Mutex::new(house));
        let lie: Arc<Mutex<Option<Arc<Lie>>>> = Arc::default();
        let (at_home, lying) = (Arc::clone(&house), Arc::clone(&lie));
        let web = Web::serve(move |asked| {
            let answer = at_home.lock().unwrap().answer(asked);
            // Not held while it answers: a lie may take its time.
            let lie = lying.lock().unwrap().clone();
            match lie {
                Some(lie) => lie(asked, answer),
                None => answer,
            }
        });
        Self { house, lie, web }
    }

    /// Changes what the hub has.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut House) -> T) -> T {
        change(&mut self.house.lock().unwrap())
    }

    /// From now on every answer goes through `lie`.
    pub(crate) fn lie(&self, lie: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static) {
        *self.lie.lock().unwrap() = Some(Arc::new(lie));
    }

    /// From now on it tells the truth.
    pub(crate) fn repent(&self) {
        *self.lie.lock().unwrap() = None;
    }

    /// The paths that were asked for since the last call of this, without their queries.
    pub(crate) fn take_paths(&self) -> Vec<String> {
        let asked = self.web.take_asked();
        asked.iter().map(|asked| asked.path.split('?').next().unwrap().to_owned()).collect()
    }
}
