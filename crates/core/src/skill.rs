//! What is recorded of a skill beside its files: its type, where it came from, its versions, how its uses went.

use serde::{Deserialize, Serialize};

use crate::digest::{ContentHash, TreeId};
use crate::fault::{Fault, Kind};
use crate::footer;
use crate::name::SkillName;
use crate::tree::SKILL_MD;

/// A text is none of the words that a field allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a {what}", .text.escape_debug())]
pub struct Error {
    what: &'static str,
    text: String,
    words: &'static str,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "word-unknown"
    }
    fn hint(&self) -> Option<String> {
        Some(format!("one of: {}", self.words))
    }
}

impl Error {
    /// `text` is none of `words`, which are those of a `what`. For [`words!`].
    pub fn new(what: &'static str, text: &str, words: &'static str) -> Self {
        Self { what, text: text.chars().take(80).collect(), words }
    }
}

/// A choice whose values have one fixed word each, used in TOML, JSON and on the command line.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, $all:literal, { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Its one word.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { f.pad(self.as_str()) }
        }
        impl ::std::str::FromStr for $name {
            type Err = $crate::skill::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err($crate::skill::Error::new($what, text, $all)),
                }
            }
        }
        impl TryFrom<String> for $name {
            type Error = $crate::skill::Error;
            fn try_from(text: String) -> Result<Self, Self::Error> { text.parse() }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String { value.as_str().to_owned() }
        }
    };
}

pub use words;

words!(
    /// What an agent takes a thing of the store for (checklist Q5). The store keeps all types alike, under one set of
    /// names: in an agent a command and a skill of one name would be the same slash command.
    ArtifactType, "type of artifact", "skill, command, agent", {
        /// A folder with a `SKILL.md`.
        Skill = "skill",
        /// One Markdown file, a slash command.
        Command = "command",
        /// One Markdown file, a subagent.
        Agent = "agent",
    }
);

impl ArtifactType {
    /// Every type.
    pub const ALL: [ArtifactType; 3] = [ArtifactType::Skill, ArtifactType::Command, ArtifactType::Agent];

    /// The file that makes an artifact of this type what it is: `SKILL.md`, or the one file that it consists of.
    pub fn main_file(self, name: &SkillName) -> String {
        match self {
            ArtifactType::Skill => SKILL_MD.to_owned(),
            ArtifactType::Command | ArtifactType::Agent => format!("{name}.md"),
        }
    }

    /// Its word with its article, for messages.
    pub fn phrase(self) -> &'static str {
        match self {
            ArtifactType::Skill => "a skill",
            ArtifactType::Command => "a command",
            ArtifactType::Agent => "an agent",
        }
    }
}

words!(
    /// Whether a skill is in use (checklist D18).
    State, "state of a skill", "active, pending_remove, quarantined", {
        /// Rendered and linked at every sync.
        Active = "active",
        /// What it was made of was revoked: it is in no agent's folder, and here with all its versions.
        Quarantined = "quarantined",
        /// Marked by `rm`; the next sync prunes it (checklist D21).
        PendingRemove = "pending_remove",
    }
);

words!(
    /// Where a skill came from (checklist D18).
    Source, "source of a skill", "hand-authored, imported, git, hub, index, built-in", {
        /// Made here with `new`.
        HandAuthored = "hand-authored",
        /// Added from a folder on this machine.
        Imported = "imported",
        /// Added from a git repository.
        Git = "git",
        /// Installed from a hub, and updated from there.
        Hub = "hub",
        /// Installed from an open index, and updated from there.
        Index = "index",
        /// Shipped inside the program and upgraded with it.
        BuiltIn = "built-in",
    }
);

words!(
    /// Which act made a version.
    Origin, "origin of a version", "new, add, commit, adopt, pull, install, update, rollback, built-in", {
        /// `new`.
        New = "new",
        /// `add` or `setup`.
        Add = "add",
        /// `commit` of a working copy.
        Commit = "commit",
        /// `adopt` of a hand edit.
        Adopt = "adopt",
        /// `sync pull` of what was edited in a project.
        Pull = "pull",
        /// `install` from a hub.
        Install = "install",
        /// A newer release of what was installed from a hub, or what it was merged to with what was edited here.
        Update = "update",
        /// `rollback` to an earlier version.
        Rollback = "rollback",
        /// A newer program brought a newer built-in skill.
        BuiltIn = "built-in",
    }
);

words!(
    /// How one use of a skill went (checklist D5).
    Signal, "signal", "positive, negative", {
        /// The user was satisfied.
        Positive = "positive",
        /// The user was not.
        Negative = "negative",
    }
);

/// One committed tree of a skill: what decision 16 keeps and `rollback` goes back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Counts from 1 without gaps.
    pub number: u32,
    /// Content hash of its tree.
    pub content_hash: ContentHash,
    /// Its key in the object store.
    pub tree: TreeId,
    /// Why it was made, in its author's words.
    pub reason: Option<String>,
    /// Which act made it.
    pub origin: Origin,
    /// The contents it was made from, where that is not just the version before: of a merge that version and what was
    /// merged into it, of a fork what was forked, of a rollback the release that it is made of.
    pub parents: Vec<ContentHash>,
    /// When, as RFC 3339 with `Z`.
    pub at: String,
}

/// How the uses of a skill went, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Uses with a positive signal.
    pub positive: u64,
    /// Uses with a negative signal.
    pub negative: u64,
}

impl Stats {
    /// Counts one more use.
    pub fn count(&mut self, signal: Signal) {
        match signal {
            Signal::Positive => self.positive += 1,
            Signal::Negative => self.negative += 1,
        }
    }

    /// All observed uses.
    pub fn total(&self) -> u64 {
        self.positive + self.negative
    }

    /// Share of positive uses in 0..=1; `None` before the first use.
    pub fn positive_rate(&self) -> Option<f64> {
        (self.total() > 0).then(|| self.positive as f64 / self.total() as f64)
    }

    /// Share of negative uses in 0..=1; `None` before the first use.
    pub fn negative_rate(&self) -> Option<f64> {
        (self.total() > 0).then(|| self.negative as f64 / self.total() as f64)
    }

    /// Whether the user should hear about it: enough uses, and too many of them negative (checklist D13, D20).
    pub fn is_struggling(&self, settings: &footer::Settings) -> bool {
        self.total() >= settings.min_invocations
            && self.negative_rate().is_some_and(|rate| rate > settings.threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for word in ["new", "add", "commit", "adopt", "pull", "rollback", "built-in"] {
            assert_eq!(word.parse::<Origin>().unwrap().as_str(), word);
        }
        assert!("Active".parse::<State>().is_err());
        assert_eq!(serde_json::to_string(&State::PendingRemove).unwrap(), "\"pending_remove\"");
    }

    #[test]
    fn a_skill_struggles_above_the_threshold_only() {
        let settings = footer::Settings::default();
        let cases =
            [(0, 0, false), (0, 4, false), (0, 5, true), (7, 3, false), (6, 4, true), (70, 30, false)];
        for (positive, negative, expected) in cases {
            let stats = Stats { positive, negative };
            assert_eq!(stats.is_struggling(&settings), expected, "{stats:?}");
        }
    }

    #[test]
    fn rates_of_nothing_are_none() {
        assert_eq!(Stats::default().positive_rate(), None);
        assert_eq!(
            Stats { positive: 7, negative: 5 }.positive_rate().map(|r| (r * 100.0).round()),
            Some(58.0)
        );
    }
}
