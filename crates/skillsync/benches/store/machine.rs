//! One description of the machine and the tools, so that figures can be compared with each other.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

/// What the figures were taken on.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Number of cores that this process may use.
    pub(crate) cores: usize,
    /// Model name of the processor.
    pub(crate) processor: String,
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// Type of the file system that holds the workload.
    pub(crate) file_system: String,
    /// First line of each tool's version.
    pub(crate) tools: Vec<String>,
    /// Load averages before the first row.
    pub(crate) load_before: String,
}

/// Describes this machine; what cannot be learned is `unknown`.
pub(crate) fn describe(folder: &Path) -> Machine {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let versions: [(&str, &str); 7] = [
        (crate::PROGRAM, "version"),
        ("git", "--version"),
        ("rsync", "--version"),
        ("openssl", "version"),
        ("cp", "--version"),
        ("strace", "-V"),
        ("/usr/bin/time", "--version"),
    ];
    Machine {
        cores: thread::available_parallelism().map_or(1, usize::from),
        processor: model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned()),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .map_or_else(|_| "unknown".to_owned(), |release| release.trim().to_owned()),
        file_system: file_system(folder).unwrap_or_else(|| "unknown".to_owned()),
        tools: versions
            .iter()
            .filter_map(|(program, argument)| first_line(program, &[argument.as_ref()]))
            .collect(),
        load_before: load(),
    }
}

/// The type of the mount that holds `folder`: the one with the longest mount point, the last of equal ones.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let lines = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let holding = lines.filter(|(point, _)| folder.starts_with(point));
    holding.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

/// The load averages of the last 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let line = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    line.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn first_line(program: &str, arguments: &[&std::ffi::OsStr]) -> Option<String> {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output().ok()?;
    let line = String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned();
    (!line.is_empty()).then_some(line)
}
