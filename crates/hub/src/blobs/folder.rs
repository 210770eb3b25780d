//! A folder of blobs: made for the hub alone, and rid of what killed hubs left.

use std::path::{Path, PathBuf};
use std::{fs, io};

use jiff::Timestamp;

/// The folders in which blobs lie.
const FOLDERS: [&str; 4] = ["blobs/sha256", "releases/sha256", "trust/root", "trust/advisories"];

/// Makes what is not there of the folders below `root`, and warns of those that others can look into.
pub(super) fn open(root: &Path) -> io::Result<()> {
    for folder in FOLDERS {
        made(&root.join(folder))?;
    }
    for open in open_to_others(root)? {
        tracing::warn!(folder = %open.display(), "others on this machine can look into it: chmod 700");
    }
    Ok(())
}

/// Those of the folders that were there already and that others can look into. Whoever made them may mean it: they are
/// left as they are.
fn open_to_others(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut open = Vec::new();
    #[cfg(unix)]
    for folder in std::iter::once(root.to_path_buf()).chain(FOLDERS.map(|folder| root.join(folder))) {
        use std::os::unix::fs::PermissionsExt as _;
        if fs::metadata(&folder)?.permissions().mode() & 0o077 != 0 {
            open.push(folder);
        }
    }
    Ok(open)
}

/// Makes a folder and those above it where there is none, for this account alone, and syncs what names them.
fn made(folder: &Path) -> io::Result<()> {
    let missing: Vec<_> = folder.ancestors().take_while(|above| !above.exists()).collect();
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    for new in missing {
        if let Some(above) = new.parent().filter(|above| !above.as_os_str().is_empty()) {
            fs::File::open(above)?.sync_all()?;
        }
    }
    Ok(())
}

/// Deletes staging files of writes that were killed, which are older than `before`: the name of the blob, `#` and a number.
pub(super) fn clear_leftovers(root: &Path, before: Timestamp, most: u64) -> io::Result<u64> {
    let mut cleared = 0;
    for folder in FOLDERS {
        let entries = match fs::read_dir(root.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let staged = name.to_str().and_then(|name| name.rsplit_once('#'));
            if !staged.is_some_and(|(_, number)| number.bytes().all(|b| b.is_ascii_digit())) {
                continue;
            }
            if cleared == most {
                return Ok(cleared);
            }
            match clear_one(&entry, before) {
                Ok(is_cleared) => cleared += u64::from(is_cleared),
                // Another hub was faster, or has just given it its name.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(cleared)
}

fn clear_one(entry: &fs::DirEntry, before: Timestamp) -> io::Result<bool> {
    let modified = Timestamp::try_from(entry.metadata()?.modified()?).unwrap_or(Timestamp::MAX);
    if modified >= before {
        return Ok(false);
    }
    fs::remove_file(entry.path()).map(|()| true)
}
