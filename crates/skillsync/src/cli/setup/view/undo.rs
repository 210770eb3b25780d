//! How an undo's plan and its result read.

use std::io::{self, Write};

use serde::Serialize;

use super::{Words, sentence};
use crate::ops::setup::{Kept, NotRestored, UndoPlan, Undone};
use crate::ui::{Screen, Show, Tone};

impl Words<'_> {
    fn not_restored(&self, out: &mut Screen<'_>, title: &str, left: &[NotRestored]) -> io::Result<()> {
        if left.is_empty() {
            return Ok(());
        }
        self.head(out, title, left.len())?;
        for left in left {
            writeln!(out, "  {}: {}", self.path(&left.path), left.reason)?;
            match &left.kept {
                Some(kept) => writeln!(out, "      it is in {}", self.path(kept))?,
                None if left.lost => {}
                None => writeln!(out, "      the store has it")?,
            }
        }
        Ok(())
    }

    fn kept(&self, out: &mut Screen<'_>, kept: &[Kept]) -> io::Result<()> {
        if kept.is_empty() {
            return Ok(());
        }
        self.head(out, "Stays in the store", kept.len())?;
        self.pairs(out, &kept.iter().map(|k| (k.name.to_string(), k.reason.clone())).collect::<Vec<_>>())?;
        self.more(out, kept.len())
    }
}

/// An undo's plan on the screen.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct UndoPlanView<'a> {
    pub(crate) plan: &'a UndoPlan,
    #[serde(skip)]
    pub(crate) words: Words<'a>,
}

impl Show for UndoPlanView<'_> {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let Self { plan, words } = self;
        out.tone(Tone::Strong, format_args!("Back to their places ({})", plan.restore.len()))?;
        writeln!(out)?;
        let paths: Vec<_> = plan.restore.iter().map(|path| (words.path(path), String::new())).collect();
        words.pairs(out, &paths)?;
        words.more(out, paths.len())?;
        words.not_restored(out, "Cannot return", &plan.not_restored)?;
        if !plan.targets.is_empty() {
            words.head(out, "Targets to take out of the settings", plan.targets.len())?;
            words.names(out, plan.targets.iter().map(|id| id.as_str()))?;
        }
        if !plan.sources.is_empty() {
            words.head(out, "Sources to forget", plan.sources.len())?;
            words.names(out, plan.sources.iter().map(|name| name.as_str()))?;
        }
        if !plan.remove.is_empty() {
            words.head(out, "Skills to move from the store to trash", plan.remove.len())?;
            words.names(out, plan.remove.iter().map(|name| name.as_str()))?;
        }
        words.kept(out, &plan.keep)
    }
}

/// An undo's result on the screen.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct UndoneView<'a> {
    pub(crate) undone: &'a Undone,
    #[serde(skip)]
    pub(crate) words: Words<'a>,
}

impl Show for UndoneView<'_> {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let Self { undone, words } = self;
        writeln!(out)?;
        let folders = sentence(undone.restored.len(), "folder is", "folders are");
        writeln!(out, "{folders} back in place.")?;
        let again: Vec<_> = undone.restored.iter().filter(|r| r.from == "history").collect();
        if !again.is_empty() {
            words.head(out, "Written anew from the store's history", again.len())?;
            words.pairs(
                out,
                &again.iter().map(|r| (words.path(&r.path), String::new())).collect::<Vec<_>>(),
            )?;
            words.more(out, again.len())?;
        }
        words.not_restored(out, "Could not return", &undone.not_restored)?;
        words.kept(out, &undone.kept)?;
        if let Some(sync) = &undone.sync {
            sync.human(out)?;
        }
        Ok(())
    }
}
