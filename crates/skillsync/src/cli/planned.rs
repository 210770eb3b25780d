//! What `--dry-run` shows for a command whose plan is a sentence or two.

use std::io::{self, Write};

use serde::Serialize;

use crate::ui::{Screen, Show};

/// What a command would do; nothing was changed.
#[derive(Debug, Serialize)]
pub(crate) struct Planned {
    dry_run: bool,
    would: Vec<String>,
}

impl Planned {
    /// Sentences that go on after "would": `make the skill ...`.
    pub(crate) fn new(would: impl IntoIterator<Item = String>) -> Self {
        Self { dry_run: true, would: would.into_iter().collect() }
    }
}

impl Show for Planned {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.would.is_empty() {
            return writeln!(out, "nothing to do");
        }
        for sentence in &self.would {
            writeln!(out, "would {sentence}")?;
        }
        Ok(())
    }
}
