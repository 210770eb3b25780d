//! System calls of a program, seen and broken by `strace`: a recording lists every call that changes the disk, and a
//! second run is killed at, or lied to at, exactly one of them. What a crash may leave is for `crash`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::disk::{self, at};
use crate::machine::Machine;
use crate::outcome::Output;

/// What a call does, as far as breaking it is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Changes the disk and may need room for it.
    Grows,
    /// Changes the disk and needs no room: unlink, chmod, fsync.
    Changes,
    /// Opens something under the home for reading.
    Reads,
    /// The end of the program, after all of its work and its output.
    Ends,
}

/// How a call is told apart from harmless calls of the same name.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// Every call counts.
    Always(Kind),
    /// The flags of an open decide.
    Open,
    /// Only on a file: pipes, sockets and devices are not the disk.
    OnFile,
}

/// Every system call that can change what a later run finds. Names of other architectures are asked for with `?`.
const CALLS: &[(&str, Look)] = &[
    ("open", Look::Open),
    ("creat", Look::Always(Kind::Grows)),
    ("openat", Look::Open),
    ("openat2", Look::Open),
    ("write", Look::OnFile),
    ("writev", Look::OnFile),
    ("pwrite64", Look::OnFile),
    ("pwritev", Look::OnFile),
    ("pwritev2", Look::OnFile),
    ("copy_file_range", Look::Always(Kind::Grows)),
    ("sendfile", Look::OnFile),
    ("fallocate", Look::Always(Kind::Grows)),
    ("truncate", Look::Always(Kind::Changes)),
    ("ftruncate", Look::Always(Kind::Changes)),
    ("fsync", Look::Always(Kind::Grows)),
    ("fdatasync", Look::Always(Kind::Grows)),
    ("syncfs", Look::Always(Kind::Grows)),
    ("sync_file_range", Look::Always(Kind::Grows)),
    ("rename", Look::Always(Kind::Grows)),
    ("renameat", Look::Always(Kind::Grows)),
    ("renameat2", Look::Always(Kind::Grows)),
    ("link", Look::Always(Kind::Grows)),
    ("linkat", Look::Always(Kind::Grows)),
    ("symlink", Look::Always(Kind::Grows)),
    ("symlinkat", Look::Always(Kind::Grows)),
    ("unlink", Look::Always(Kind::Changes)),
    ("unlinkat", Look::Always(Kind::Changes)),
    ("rmdir", Look::Always(Kind::Changes)),
    ("mkdir", Look::Always(Kind::Grows)),
    ("mkdirat", Look::Always(Kind::Grows)),
    ("mknodat", Look::Always(Kind::Grows)),
    ("chmod", Look::Always(Kind::Changes)),
    ("fchmod", Look::Always(Kind::Changes)),
    ("fchmodat", Look::Always(Kind::Changes)),
    ("fchmodat2", Look::Always(Kind::Changes)),
    ("utimensat", Look::Always(Kind::Changes)),
    ("exit_group", Look::Always(Kind::Ends)),
];

/// One call of one run. `nth` counts the calls of this name in one process from 1, harmless ones included, which is
/// how strace counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The system call's name.
    pub syscall: String,
    /// Its number among the calls of that name.
    pub nth: u32,
    /// What breaking it means.
    pub kind: Kind,
    /// The call as strace printed it.
    pub call: String,
}

impl Point {
    /// Whether the recorded call gave an error, so that the disk is the same before and after it.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.call.rsplit_once(" = ").is_some_and(|(_, result)| result.trim_start().starts_with('-'))
    }
}

/// What happens to the program at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// SIGKILL before the call is done.
    Kill,
    /// The call is not done and gives this error.
    Error(&'static str),
}

impl Fault {
    /// A broken device.
    pub const EIO: Fault = Fault::Error("EIO");
    /// A full disk.
    pub const ENOSPC: Fault = Fault::Error("ENOSPC");
    /// A quota that is used up.
    pub const EDQUOT: Fault = Fault::Error("EDQUOT");
    /// A refused permission.
    pub const EACCES: Fault = Fault::Error("EACCES");

    /// The word for it in a report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Fault::Kill => "kill",
            Fault::Error(name) => name,
        }
    }

    /// Whether this fault can happen at such a call.
    #[must_use]
    pub fn fits(self, point: &Point) -> bool {
        match (self, point.kind) {
            (Fault::Kill, kind) => kind != Kind::Reads && !point.failed(),
            (_, Kind::Ends) => false,
            (Fault::Error("ENOSPC" | "EDQUOT"), kind) => kind == Kind::Grows,
            (Fault::Error("EACCES"), _) => {
                let by_name = |s: &str| s.contains("at") || s.starts_with("open");
                let names = ["rename", "link", "symlink", "unlink", "mkdir", "rmdir", "chmod"];
                let s = point.syscall.as_str();
                (by_name(s) || names.contains(&s)) && !["fdatasync", "ftruncate", "fallocate"].contains(&s)
            }
            (Fault::Error(_), _) => true,
        }
    }

    fn clause(self, point: &Point) -> String {
        let Point { syscall, nth, .. } = point;
        match self {
            Fault::Kill => format!("inject={syscall}:signal=SIGKILL:when={nth}"),
            Fault::Error(name) => format!("inject={syscall}:error={name}:when={nth}"),
        }
    }

    /// The strace options that do this again by hand.
    #[must_use]
    pub fn reproduction(self, point: &Point) -> String {
        format!("strace -f -e {}", self.clause(point))
    }
}

/// A strace that was seen to work here.
#[derive(Debug, Clone)]
pub struct Strace {
    program: PathBuf,
}

impl Strace {
    /// Looks for strace and tries whether this machine lets it trace and inject. The error says why not.
    pub fn find() -> Result<Strace, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path).map(|dir| dir.join("strace")).find(|file| file.is_file());
        let Some(program) = program else {
            return Err("strace is not installed".to_owned());
        };
        let machine = Machine::new("/bin/mkdir");
        let strace = Strace { program };
        let logs = machine.path("logs");
        let (seen, points) = strace.record(&machine, &["probe"], &logs);
        let Some(point) = points.iter().find(|p| p.syscall.starts_with("mkdir")) else {
            return Err(format!("strace cannot trace here: {}", seen.stderr.trim()));
        };
        at(fs::remove_dir(machine.path("probe")), &machine.path("probe"));
        let (_, hit) = strace.inject(&machine, &["probe"], point, Fault::Kill, &logs);
        if !hit || machine.path("probe").exists() {
            return Err("strace cannot inject here".to_owned());
        }
        Ok(strace)
    }

    /// Runs the machine's program whole and lists its points, in the order of each process, without repeats.
    #[must_use]
    pub fn record(&self, machine: &Machine, args: &[&str], logs: &Path) -> (Output, Vec<Point>) {
        let names: Vec<String> = CALLS.iter().map(|(name, _)| format!("?{name}")).collect();
        let trace = format!("trace={}", names.join(","));
        let out = self.run(machine, args, logs, &["-y", "-s", "0", "-e", &trace]);
        let home = machine.home().to_string_lossy().into_owned();
        let mut seen = BTreeSet::new();
        let mut points = Vec::new();
        for log in texts(logs) {
            for point in points_of(&log, &home) {
                if seen.insert((point.syscall.clone(), point.nth)) {
                    points.push(point);
                }
            }
        }
        (out, points)
    }

    /// Runs the machine's program whole and gives its calls that matter to the disk in the order they happened, over
    /// all its processes, as `strace -y` prints them.
    #[must_use]
    pub fn order(&self, machine: &Machine, args: &[&str], logs: &Path) -> (Output, Vec<String>) {
        let names: Vec<String> = CALLS.iter().map(|(name, _)| format!("?{name}")).collect();
        let trace = format!("trace={}", names.join(","));
        let out = self.run(machine, args, logs, &["-y", "-ttt", "-s", "0", "-e", &trace]);
        let mut lines: Vec<(String, String)> = Vec::new();
        for log in texts(logs) {
            let stamped = log.lines().filter_map(|line| line.split_once(' '));
            lines.extend(stamped.map(|(time, call)| (time.to_owned(), call.to_owned())));
        }
        // Stable: calls of one process in the same microsecond keep their order.
        lines.sort_by(|a, b| a.0.cmp(&b.0));
        (out, lines.into_iter().map(|(_, call)| call).collect())
    }

    /// Runs the machine's program with one fault at one point. Says whether the fault happened.
    #[must_use]
    pub fn inject(
        &self,
        machine: &Machine,
        args: &[&str],
        point: &Point,
        fault: Fault,
        logs: &Path,
    ) -> (Output, bool) {
        let (trace, clause) = (format!("trace={}", point.syscall), fault.clause(point));
        let mut options = vec!["-e", &trace, "-e", &clause];
        if fault != Fault::Kill {
            // Much faster, but a signal given at a seccomp stop is lost.
            options.push("--seccomp-bpf");
        }
        let out = self.run(machine, args, logs, &options);
        let hit = match fault {
            Fault::Kill => texts(logs).iter().any(|log| log.contains("+++ killed by SIGKILL")),
            Fault::Error(_) => texts(logs).iter().any(|log| log.contains("(INJECTED)")),
        };
        (out, hit)
    }

    /// Runs the machine's program whole, with a pause before each call of this name: time for another hand to come in
    /// between.
    #[must_use]
    pub fn slowed(
        &self,
        machine: &Machine,
        args: &[&str],
        syscall: &str,
        pause: Duration,
        logs: &Path,
    ) -> Output {
        let trace = format!("trace={syscall}");
        let delay = format!("inject={syscall}:delay_enter={}", pause.as_micros());
        self.run(machine, args, logs, &["-e", &trace, "-e", &delay])
    }

    fn run(&self, machine: &Machine, args: &[&str], logs: &Path, options: &[&str]) -> Output {
        disk::remove(logs);
        at(fs::create_dir_all(logs), logs);
        // One file a process, so that its calls stand in their order and are never cut in two.
        let prefix = logs.join("log").to_string_lossy().into_owned();
        let binary = machine.binary().to_string_lossy().into_owned();
        let mut all = vec!["-f", "-ff", "-qq", "-o", &prefix];
        all.extend(options);
        all.extend(["--", &binary]);
        all.extend(args);
        machine.command_of(&self.program, &all).run().either()
    }
}

fn texts(logs: &Path) -> Vec<String> {
    let mut files: Vec<PathBuf> = at(fs::read_dir(logs), logs).map(|e| at(e, logs).path()).collect();
    files.sort();
    files.iter().map(|file| String::from_utf8_lossy(&at(fs::read(file), file)).into_owned()).collect()
}

/// The points in the log of one process.
fn points_of(log: &str, home: &str) -> Vec<Point> {
    let mut counts = std::collections::HashMap::<&str, u32>::new();
    let mut points = Vec::new();
    for line in log.lines() {
        let Some((name, rest)) = line.split_once('(') else { continue };
        let Some((_, look)) = CALLS.iter().find(|(known, _)| *known == name) else { continue };
        let nth = counts.entry(name).or_default();
        *nth += 1;
        if let Some(kind) = kind_of(*look, rest, home) {
            points.push(Point { syscall: name.to_owned(), nth: *nth, kind, call: line.to_owned() });
        }
    }
    points
}

fn kind_of(look: Look, rest: &str, home: &str) -> Option<Kind> {
    match look {
        Look::Always(kind) => Some(kind),
        Look::OnFile => {
            let file = rest.split_once('<')?.1;
            (file.starts_with('/') && !is_device(file, home)).then_some(Kind::Grows)
        }
        Look::Open => {
            let path = rest.split_once('"')?.1.split_once('"')?.0;
            if is_device(path, home) {
                return None;
            }
            let writes = ["O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC", "O_TMPFILE"];
            if writes.iter().any(|flag| rest.contains(flag)) {
                return Some(Kind::Grows);
            }
            // What it opened is at the end: `= 3</home/..>`. A failed open for reading is no point.
            let opened = rest.rsplit_once(" = ")?.1.split_once('<')?.1;
            opened.starts_with(home).then_some(Kind::Reads)
        }
    }
}

/// A path that is not on a disk. The home itself may lie in memory, under `/dev/shm`.
fn is_device(path: &str, home: &str) -> bool {
    !path.starts_with(home) && (path.starts_with("/dev/") || path.starts_with("/proc/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_change_the_disk_count_but_all_are_numbered() {
        let log = r#"openat(AT_FDCWD</h>, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3</etc/ld.so.cache>
openat(AT_FDCWD</h>, "/h/gone", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
openat(AT_FDCWD</h>, "config", O_RDONLY|O_CLOEXEC) = 3</h/config>
openat(AT_FDCWD</h>, "/dev/null", O_RDWR|O_CLOEXEC) = 3</dev/null>
openat(4</h/d>, "new", O_WRONLY|O_CREAT|O_EXCL, 0600) = 5</h/d/new>
write(1<pipe:[77]>, ""..., 2) = 2
write(5</h/d/new>, ""..., 7) = 7
mkdir("/h/d", 0777) = -1 EEXIST (File exists)
exit_group(0) = ?
+++ exited with 0 +++
"#;
        let points = points_of(log, "/h");
        let short: Vec<_> = points.iter().map(|p| (p.syscall.as_str(), p.nth, p.kind)).collect();
        assert_eq!(
            short,
            [
                ("openat", 3, Kind::Reads),
                ("openat", 5, Kind::Grows),
                ("write", 2, Kind::Grows),
                ("mkdir", 1, Kind::Grows),
                ("exit_group", 1, Kind::Ends),
            ]
        );
        let kills: Vec<_> = points.iter().filter(|p| Fault::Kill.fits(p)).map(|p| &*p.syscall).collect();
        assert_eq!(kills, ["openat", "write", "exit_group"]);
        let errors = points.iter().filter(|p| Fault::EIO.fits(p)).count();
        assert_eq!(errors, 4);
    }
}
