//! What machines say they have installed, for the account they belong to.

use skillsync_wire::api::state::{MachineState, StateList, StateReport};
use skillsync_wire::json::Time;
use skillsync_wire::limits::MANIFEST_SKILLS;

use super::keys::{Caller, Scope};
use super::{App, Error};
use crate::limits;

impl App {
    /// Stores what the caller's machine has, in the place of what it told before.
    pub async fn put_state(&self, caller: &Caller, report: &StateReport) -> Result<(), Error> {
        caller.require(&Scope::Read)?;
        if report.skills.len() > MANIFEST_SKILLS {
            let rule = format!("it has at most {MANIFEST_SKILLS} entries");
            return Err(Error::Field { field: "skills", rule });
        }
        if !report.skills.is_sorted_by(|one, next| one.slug < next.slug) {
            return Err(Error::Field {
                field: "skills",
                rule: "it is sorted by `slug`, each once".to_owned(),
            });
        }
        if report.skills.iter().any(|skill| skill.version.to_string().len() > limits::VERSION_BYTES) {
            let rule = format!("a `version` in it has at most {} bytes", limits::VERSION_BYTES);
            return Err(Error::Field { field: "skills", rule });
        }
        let text = serde_json::to_string(&report.skills).map_err(|_| Error::CutOff)?;
        Ok(self.db.put_state(caller.key_id(), self.clock.timestamp(), &text).await?)
    }

    /// What the machines of the caller's account have: those after the key `after`.
    pub async fn states(&self, caller: &Caller, after: Option<&str>) -> Result<StateList, Error> {
        caller.require(&Scope::Read)?;
        let rows = self.db.states_of(caller.account(), after).await?;
        let machine = |row: crate::db::StateRow| {
            Ok(MachineState {
                skills: serde_json::from_str(&row.skills_json).map_err(|_| Error::CutOff)?,
                key: row.key_id,
                label: row.label,
                reported_at: Time::of(row.reported_at),
            })
        };
        Ok(StateList { machines: rows.into_iter().map(machine).collect::<Result<_, Error>>()? })
    }
}
