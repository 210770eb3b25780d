//! Names that are fine on a disk and not in an archive: those that mean something to who unpacks it.

use skillsync_core::path::{SkillPath, fold};
use skillsync_core::tree::is_payload;

use super::error::Error;

/// Fails when a component means something to skillsync, git or an agent, in whatever case it is written; when it is no
/// payload, since then the tree that is unpacked would not be the one that was packed; or when a shell takes the path for
/// somebody's home.
pub fn check(path: &SkillPath) -> Result<(), Error> {
    if path.as_str().starts_with('~') {
        return Err(Error::Home { path: path.clone() });
    }
    let is_at_root = !path.as_str().contains('/');
    for component in path.as_str().split('/') {
        let folded = fold(component);
        // `git~1` is another name of `.git` on NTFS (CVE-2019-1352).
        let reserved = matches!(folded.as_str(), "_meta.json" | ".claude" | ".ds_store" | "git~1")
            || folded.starts_with(".skillsync")
            || !is_payload(&folded)
            || !is_payload(component)
            || (is_at_root && folded == ".mcp.json");
        if reserved {
            return Err(Error::Reserved { path: path.clone() });
        }
    }
    Ok(())
}
