//! Another time for one program: libfaketime shifts what it is told of the time of day, and nothing else.

use std::path::PathBuf;

use crate::say;

/// The variables that shift the clock of a program, by an offset such as `+7d`. Says `SKIPPED` and gives none where the
/// package is absent. How long something takes is not changed, and neither are the times of files.
#[must_use]
pub fn shifted(by: &str) -> Option<Vec<(String, String)>> {
    let Some(library) = library() else {
        say("SKIPPED another time: the package `faketime` is not installed");
        return None;
    };
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Some(vec![
        set("LD_PRELOAD", &library.to_string_lossy()),
        set("FAKETIME", by),
        set("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        set("NO_FAKE_STAT", "1"),
    ])
}

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok).map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.exists())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_sees_the_shifted_time() {
        let Some(variables) = shifted("+400d") else { return };
        let year = |variables: Vec<(String, String)>| {
            let output = Command::new("date").arg("+%Y").envs(variables).output().unwrap();
            String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().unwrap()
        };
        assert!(year(variables) > year(Vec::new()));
    }
}
