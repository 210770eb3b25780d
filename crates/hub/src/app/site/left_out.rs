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
pub(super) struct LeftOut(BTreeMap<Why, BTreeSet<String>>);

impl LeftOut {
    /// Adds some that are left out for the same reason.
    pub(super) fn add(&mut self, why: Why, names: impl IntoIterator<Item = impl ToString>) {
        let mut names = names.into_iter().peekable();
        if names.peek().is_some() {
            self.0.entry(why).or_default().extend(names.map(|name| name.to_string()));
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
        let changed = self.0.iter().filter(|(why, names)| before.0.get(why) != Some(names));
        let said = changed.map(|(why, names)| {
            // A damaged row may have anything for a name.
            let named = names.iter().take(NAMED).map(|name| name.escape_debug().to_string());
            let named = named.collect::<Vec<_>>().join(", ");
            let more = if names.len() > NAMED { ", ..." } else { "" };
            (*why, names.len(), format!("{named}{more}"))
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

        let mut second = LeftOut::default();
        second.add(Why::Lost, ["csv", "pdf"]);
        second.add(Why::Damaged, ["a\nb"]);
        assert_eq!(second.news(&first), [(Why::Damaged, 1, "a\\nb".to_owned())]);
        assert_eq!(LeftOut::default().news(&second), []);
    }
}
