//! The skills that the open indexes leave out, and why. The log names them when they are others than before.

use std::collections::{BTreeMap, BTreeSet};

/// How many the log names of those that are left out for one reason.
const NAMED: usize = 20;

/// Why a skill is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// The indexes hold no more.
    Room,
    /// It is too large for an index by itself.
    Large,
    /// An older hub published it, and its archive is not there to look into.
    Lost,
    /// What is stored of it, or its archive, does not fit together.
    Damaged,
}

impl Why {
    fn said(self) -> &'static str {
        match self {
            Why::Room => "the indexes hold no more: these skills are left out",
            Why::Large => "skills are too large for an index: they are left out",
            Why::Lost => "the archives of releases are lost: they are left out of the indexes",
            Why::Damaged => "what is stored of releases is damaged: they are left out of the indexes",
        }
    }
}

/// See the head of this file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct LeftOut(BTreeMap<Why, Skills>);

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Skills {
    named: BTreeSet<String>,
    unnamed: usize,
}

impl LeftOut {
    /// Adds some that are left out for the same reason.
    pub(super) fn add(&mut self, why: Why, names: impl IntoIterator<Item = impl ToString>) {
        let mut names = names.into_iter().peekable();
        if names.peek().is_some() {
            self.0.entry(why).or_default().named.extend(names.map(|name| name.to_string()));
        }
    }

    /// Adds so many more beside those that are named.
    pub(super) fn add_unnamed(&mut self, why: Why, count: usize) {
        if count > 0 {
            self.0.entry(why).or_default().unnamed += count;
        }
    }

    /// Tells the log what of it is news to who knows what was left out `before`.
    pub(super) fn tell(&self, before: &Self) {
        for (why, count, names) in self.news(before) {
            match why {
                Why::Room | Why::Large => tracing::warn!(count, names, "{}", why.said()),
                Why::Lost | Why::Damaged => tracing::error!(count, names, "{}", why.said()),
            }
        }
    }

    fn news(&self, before: &Self) -> Vec<(Why, usize, String)> {
        let changed = self.0.iter().filter(|(why, skills)| before.0.get(why) != Some(skills));
        let said = changed.map(|(why, Skills { named, unnamed })| {
            // A damaged row may have anything for a name.
            let names = named.iter().take(NAMED).map(|name| name.escape_debug().to_string());
            let names = names.collect::<Vec<_>>().join(", ");
            let count = named.len() + unnamed;
            let more = if count > NAMED.min(named.len()) { ", ..." } else { "" };
            (*why, count, format!("{names}{more}"))
        });
        said.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_left_out_is_named_once() {
        let mut first = LeftOut::default();
        first.add(Why::Lost, ["pdf", "csv"]);
        first.add(Why::Room, (0..30).map(|n| format!("skill-{n:02}")));
        first.add(Why::Large, [""; 0]);
        let news = first.news(&LeftOut::default());
        assert_eq!(news.len(), 2);
        assert_eq!((news[0].0, news[0].1), (Why::Room, 30));
        assert!(news[0].2.starts_with("skill-00, ") && news[0].2.ends_with("skill-19, ..."), "{}", news[0].2);
        assert_eq!(news[1], (Why::Lost, 2, "csv, pdf".to_owned()));
        assert!(first.news(&first).is_empty());

        let mut more = first.clone();
        more.add_unnamed(Why::Room, 5);
        more.add_unnamed(Why::Lost, 1);
        let news = more.news(&first);
        assert_eq!((news[0].1, &news[1]), (35, &(Why::Lost, 3, "csv, pdf, ...".to_owned())));

        let mut second = LeftOut::default();
        second.add(Why::Lost, ["csv", "pdf"]);
        second.add(Why::Damaged, ["a\nb"]);
        assert_eq!(second.news(&first), [(Why::Damaged, 1, "a\\nb".to_owned())]);
        assert_eq!(LeftOut::default().news(&second), []);
    }
}
