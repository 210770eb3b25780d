//! A client that believes nothing: it asks the hub for everything in the order of a sync, and checks it by wire's rules.

use std::collections::BTreeMap;

use axum::http::Method;
use skillsync_wire::api::key::ApiKey;
use skillsync_wire::api::path;
use skillsync_wire::archive::{Promise, Reader};
use skillsync_wire::manifest::Manifest;
use skillsync_wire::trust::{Advised, Refusal, State, Walk};

use super::*;

/// A client of one hub.
pub(crate) struct Client {
    key: String,
    known: Option<(State, Vec<u8>)>,
}

/// What a sync saw.
#[derive(Debug)]
pub(crate) struct Synced {
    pub(crate) manifest: Manifest,
    /// The main file of each skill.
    pub(crate) texts: BTreeMap<String, String>,
    /// Skills that had to be taken out of use.
    pub(crate) revoked: Vec<String>,
}

impl Client {
    pub(crate) fn new(key: &str) -> Self {
        Self { key: key.to_owned(), known: None }
    }

    /// Asks for everything and installs it.
    pub(crate) async fn sync(&mut self, house: &House) -> Result<Synced, Refusal> {
        let mut walk = match &self.known {
            None => {
                let first = house.ask(Method::GET, &path::root(1), None).await;
                self.known = None;
                let walk = Walk::pinned(&first.body, house.first_root)?;
                self.remember(walk.state(), first.body);
                walk
            }
            Some((state, root)) => Walk::resumed(state.clone(), root)?,
        };
        loop {
            let next = house.ask(Method::GET, &path::root(walk.next_version()), None).await;
            if next.status == StatusCode::NOT_FOUND {
                break;
            }
            walk.step(&next.body)?;
            self.remember(walk.state(), next.body);
        }
        let clock = house.site.clock.now();
        let rooted = walk.end(clock)?;
        let manifest = house.get(path::MANIFEST, &self.key).await;
        assert_eq!(manifest.status, StatusCode::OK, "{manifest:?}");
        let audience = ApiKey::parse(&self.key).unwrap().audience();
        let listed = rooted.manifest(&manifest.body, &audience, clock)?;
        let at = path::advisories(listed.manifest().advisories.version);
        let advisories = house.ask(Method::GET, &at, None).await;
        let mut advised = listed.advisories(&advisories.body)?;
        let revoked = advised.revoked().map(|(slug, _)| slug.to_string()).collect();
        let texts = self.install_all(house, &mut advised).await?;
        let (_, root) = self.known.take().unwrap();
        let manifest = (**advised.manifest()).clone();
        self.known = Some((advised.state().clone(), root));
        Ok(Synced { manifest, texts, revoked })
    }

    fn remember(&mut self, state: &State, root: Vec<u8>) {
        self.known = Some((state.clone(), root));
    }

    async fn install_all(
        &self,
        house: &House,
        advised: &mut Advised,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        let mut texts = BTreeMap::new();
        for entry in advised.manifest().skills.clone() {
            let release = house.get(&path::release(&entry.release.sha256), &self.key).await;
            assert_eq!(release.status, StatusCode::OK, "{release:?}");
            let accepted = advised.release(&entry.slug, &release.body)?;
            let tarball = house.get(&path::tarball(&entry.tarball.sha256), &self.key).await;
            let mut reader = Reader::promised(tarball.body.as_slice(), Promise::from(&**accepted.release()));
            let main = reader.find_map(|file| file.ok().filter(|file| file.path.as_str() == "SKILL.md"));
            reader.finish().unwrap();
            texts.insert(entry.slug.to_string(), String::from_utf8(main.unwrap().bytes).unwrap());
            advised.installed(&accepted);
        }
        Ok(texts)
    }
}
