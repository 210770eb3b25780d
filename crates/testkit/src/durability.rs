//! What a power cut could take: reads the order of a program's system calls and names every byte and every name that
//! the disk was never told to keep. A kill cannot show this, since the kernel outlives the program.
//!
//! The model is the strict one: bytes are safe after `fsync` or `fdatasync` of their file, a name is safe after
//! `fsync` of its folder, `syncfs` makes everything safe, and nothing is safe by habit of one file system.

use std::collections::{BTreeMap, BTreeSet};

/// What was written and not yet synced, while a log is read.
#[derive(Debug, Default)]
struct Unsynced {
    /// Files with such bytes.
    bytes: BTreeSet<String>,
    /// Names that were made, with the folder that must be synced for each.
    names: BTreeMap<String, String>,
    /// What already went wrong, however the run ends.
    broken: Vec<String>,
}

/// Everything a power cut right after the program's end, or at a rename on the way, could take, as `PATH: why`. `log` holds the
/// calls in the order they happened, as `strace -y` prints them; `home` bounds the paths that are looked at;
/// `there` says whether a path stands at the end; `existed` whether it stood at the beginning.
#[must_use]
pub fn unsynced(
    log: &[String],
    home: &str,
    existed: impl Fn(&str) -> bool,
    there: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut state = Unsynced::default();
    for line in log {
        if let Some(call) = Call::parse(line, home) {
            state.step(&call, home, &existed);
        }
    }
    let mut lost = state.broken;
    lost.extend(state.bytes.iter().filter(|p| there(p)).map(|p| format!("{p}: its bytes were never synced")));
    let names = state.names.iter().filter(|(p, _)| there(p));
    lost.extend(names.map(|(p, folder)| format!("{p}: its name was never synced ({folder})")));
    lost
}

impl Unsynced {
    fn step(&mut self, call: &Call<'_>, home: &str, existed: &impl Fn(&str) -> bool) {
        match call.name {
            "open" | "openat" | "openat2" | "creat" => {
                let Some(path) = call.result.split_once('<').map(|(_, p)| p.trim_end_matches('>').to_owned())
                else {
                    return;
                };
                let flag = |name: &str| call.args.iter().any(|a| a.contains(name));
                let made = flag("O_EXCL") || !existed(&path);
                if flag("O_CREAT") && made && !flag("O_TMPFILE") {
                    self.name(path, home);
                } else if flag("O_TRUNC") && path.starts_with(home) {
                    self.bytes.insert(path);
                }
            }
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" | "sendfile" | "ftruncate"
            | "fallocate" => {
                self.wrote(call.file(0), home);
            }
            "copy_file_range" => self.wrote(call.file(2), home),
            "truncate" => self.wrote(call.path(None, 0).as_deref(), home),
            "fsync" | "fdatasync" => {
                if let Some(path) = call.file(0) {
                    self.bytes.remove(path);
                    self.names.retain(|_, folder| folder != path);
                }
            }
            "syncfs" => {
                self.bytes.clear();
                self.names.clear();
            }
            "mkdir" => self.made(call.path(None, 0), home),
            "mkdirat" => self.made(call.path(Some(0), 1), home),
            "symlink" => self.made(call.path(None, 1), home),
            "symlinkat" => self.made(call.path(Some(1), 2), home),
            "link" => self.made(call.path(None, 1), home),
            "linkat" => self.made(call.path(Some(2), 3), home),
            "unlink" | "rmdir" => self.gone(call.path(None, 0)),
            "unlinkat" => self.gone(call.path(Some(0), 1)),
            "rename" => self.renamed(call.path(None, 0), call.path(None, 1), Swap::No, home),
            "renameat" | "renameat2" => {
                let swap =
                    if call.args.iter().any(|a| a.contains("EXCHANGE")) { Swap::Yes } else { Swap::No };
                self.renamed(call.path(Some(0), 1), call.path(Some(2), 3), swap, home);
            }
            _ => {}
        }
    }

    fn wrote(&mut self, path: Option<&str>, home: &str) {
        if let Some(path) = path.filter(|p| p.starts_with(home)) {
            self.bytes.insert(path.to_owned());
        }
    }

    fn name(&mut self, path: String, home: &str) {
        if path.starts_with(home)
            && let Some((folder, _)) = path.rsplit_once('/')
        {
            let folder = folder.to_owned();
            self.names.insert(path, folder);
        }
    }

    fn made(&mut self, path: Option<String>, home: &str) {
        if let Some(path) = path {
            self.name(path, home);
        }
    }

    fn gone(&mut self, path: Option<String>) {
        if let Some(path) = path {
            self.bytes.remove(&path);
            self.names.remove(&path);
        }
    }

    fn renamed(&mut self, from: Option<String>, to: Option<String>, swap: Swap, home: &str) {
        let (Some(from), Some(to)) = (from, to) else { return };
        let moved: Vec<&str> = match swap {
            Swap::No => vec![&from],
            Swap::Yes => vec![&from, &to],
        };
        for (index, part) in moved.iter().enumerate() {
            let other = if index == 0 { &to } else { &from };
            let unsafe_bytes = self.bytes.iter().map(|p| (p, "bytes were"));
            let unsafe_names = self.names.keys().filter(|p| p != part).map(|p| (p, "name was"));
            for (path, what) in unsafe_bytes.chain(unsafe_names).filter(|(p, _)| is_at_or_below(p, part)) {
                let now = &path[part.len()..];
                self.broken.push(format!("{other}{now}: put there from {path} before its {what} synced"));
            }
        }
        let bytes = std::mem::take(&mut self.bytes);
        let names = std::mem::take(&mut self.names);
        let place = |path: &str| -> Option<String> {
            if is_at_or_below(path, &from) {
                return Some(format!("{to}{}", &path[from.len()..]));
            }
            match (is_at_or_below(path, &to), swap) {
                (true, Swap::Yes) => Some(format!("{from}{}", &path[to.len()..])),
                // What stood there is replaced.
                (true, Swap::No) => None,
                (false, _) => Some(path.to_owned()),
            }
        };
        self.bytes = bytes.iter().filter_map(|p| place(p)).collect();
        for path in names.keys().filter_map(|p| place(p)) {
            self.name(path, home);
        }
        self.name(to, home);
        if swap == Swap::Yes {
            self.name(from, home);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Swap {
    No,
    Yes,
}

fn is_at_or_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// One line of strace, taken apart. Calls that failed are none.
struct Call<'a> {
    name: &'a str,
    args: Vec<&'a str>,
    result: &'a str,
    cwd: &'a str,
}

impl<'a> Call<'a> {
    fn parse(line: &'a str, cwd: &'a str) -> Option<Call<'a>> {
        let (name, rest) = line.split_once('(')?;
        let (args, result) = rest.rsplit_once(" = ")?;
        if result.starts_with('-') || result.starts_with('?') {
            return None;
        }
        let args = args.trim_end().strip_suffix(')')?;
        Some(Call { name, args: args.split(", ").collect(), result, cwd })
    }

    /// The path of an argument like `5</a/b>`.
    fn file(&self, index: usize) -> Option<&'a str> {
        let (_, path) = self.args.get(index)?.split_once('<')?;
        path.strip_suffix('>')
    }

    /// The path of an argument like `"b"`, below the folder argument, if the call has one.
    fn path(&self, folder: Option<usize>, index: usize) -> Option<String> {
        let path = self.args.get(index)?.strip_prefix('"')?.strip_suffix('"')?;
        if path.starts_with('/') {
            return Some(path.to_owned());
        }
        let folder = folder.and_then(|f| self.file(f)).unwrap_or(self.cwd);
        Some(format!("{folder}/{path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(log: &str, expected: &[&str]) {
        let log: Vec<String> = log.lines().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect();
        let old = ["/h", "/h/live", "/h/skills"];
        let found = unsynced(&log, "/h", |p| old.contains(&p), |p| !p.contains("tmp"));
        assert_eq!(found, expected, "{log:#?}");
    }

    #[test]
    fn a_file_replaced_as_it_should_be_is_safe() {
        check(
            r#"openat(AT_FDCWD</h>, "live.tmp", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</h/live.tmp>
               write(3</h/live.tmp>, ""..., 3) = 3
               fsync(3</h/live.tmp>) = 0
               rename("live.tmp", "live") = 0
               fsync(4</h>) = 0"#,
            &[],
        );
    }

    #[test]
    fn each_forgotten_sync_is_named() {
        check(
            r#"openat(AT_FDCWD</h>, "live.tmp", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</h/live.tmp>
               write(3</h/live.tmp>, ""..., 3) = 3
               fsync(3</h/live.tmp>) = 0
               rename("/h/live.tmp", "/h/live") = 0"#,
            &["/h/live: its name was never synced (/h)"],
        );
        check(
            r#"openat(AT_FDCWD</h>, "/h/live.tmp", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</h/live.tmp>
               write(3</h/live.tmp>, ""..., 3) = 3
               renameat2(AT_FDCWD</h>, "live.tmp", 4</h>, "live", 0) = 0
               fsync(4</h>) = 0"#,
            &[
                "/h/live: put there from /h/live.tmp before its bytes were synced",
                "/h/live: its bytes were never synced",
            ],
        );
        check(
            r#"openat(AT_FDCWD</h>, "live", O_WRONLY|O_APPEND|O_CREAT, 0600) = 3</h/live>
               write(3</h/live>, ""..., 3) = 3"#,
            &["/h/live: its bytes were never synced"],
        );
    }

    #[test]
    fn a_folder_goes_live_with_all_that_is_in_it() {
        let staged = |sync: &str| {
            format!(
                r#"mkdir("/h/tmp", 0700) = 0
                   openat(5</h/tmp>, "a", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</h/tmp/a>
                   write(3</h/tmp/a>, ""..., 3) = 3
                   {sync}
                   renameat2(AT_FDCWD</h>, "/h/tmp", AT_FDCWD</h>, "/h/skills", RENAME_EXCHANGE) = 0
                   unlinkat(AT_FDCWD</h>, "/h/nothing", 0) = -1 ENOENT (No such file or directory)
                   fsync(4</h>) = 0"#
            )
        };
        check(&staged("syncfs(4</h>) = 0"), &[]);
        check(&staged("fsync(3</h/tmp/a>) = 0\nfsync(5</h/tmp>) = 0"), &[]);
        check(
            &staged("fsync(3</h/tmp/a>) = 0"),
            &[
                "/h/skills/a: put there from /h/tmp/a before its name was synced",
                "/h/skills/a: its name was never synced (/h/skills)",
            ],
        );
    }
}
