//! Which agents' folders of a project new copies go into.

use skillsync_core::fault::Kind;
use skillsync_store::store::Store;

use super::super::project::Opened;
use super::super::target::tools;
use super::super::{Error, Refusal};

/// The folder that nearly every agent reads.
const DEFAULT_FOLDER: &str = ".claude";
/// Whose folder that is.
const DEFAULT_TOOL: &str = "claude-code";

/// The names of the agents' folders that new copies go into: of the named tools; else all that have deployments; else
/// `.claude`, or the one other that the project has.
pub(super) fn chosen_folders(
    store: &Store,
    opened: &mut Opened,
    named: &[String],
) -> Result<Vec<String>, Error> {
    let tools = tools(store.layout().root())?;
    let ensure = |opened: &mut Opened, skills: &str| -> Result<String, Error> {
        let agent = opened.project.agent_folder(skills);
        let name = agent.name.clone();
        opened.add_folder(agent)?;
        Ok(name)
    };
    if !named.is_empty() {
        let mut chosen = Vec::new();
        for tool in named {
            let name = ensure(opened, tools.get(tool)?.project.as_str())?;
            if !chosen.contains(&name) {
                chosen.push(name);
            }
        }
        return Ok(chosen);
    }
    let used: Vec<String> =
        opened.folders.iter().filter(|f| f.has_deployments()).map(|f| f.agent.name.clone()).collect();
    if !used.is_empty() {
        return Ok(used);
    }
    opened.add_agent_folders(store)?;
    // Only folders that are an agent's for certain: `skills`, `agent` and `data` may be anything.
    let names = opened.folders.iter().map(|folder| folder.agent.name.clone());
    let there: Vec<String> = names.filter(|name| name.starts_with('.')).collect();
    match there.as_slice() {
        [only] => Ok(vec![only.clone()]),
        several if several.is_empty() || several.iter().any(|name| name == DEFAULT_FOLDER) => {
            Ok(vec![ensure(opened, tools.get(DEFAULT_TOOL)?.project.as_str())?])
        }
        several => Err(Refusal {
            kind: Kind::Invalid,
            code: "folder-ambiguous",
            message: format!("the project has folders of several agents: {}", several.join(", ")),
            hint: Some("say whose: --tool NAME, once for each".to_owned()),
        }
        .into()),
    }
}
