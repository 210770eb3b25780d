//! What this machine can do at best on the same files, measured inside this process or by the plainest tool.
//! No program of ours takes part.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;

use crate::Outcome;
use crate::measure::{Side, Step, Times, paired};
use crate::place::Place;
use crate::rows::{Figure, Goal, Line, Row, line};

/// What is done with each file of a walk.
#[derive(Clone, Copy)]
enum Visit {
    Stat,
    Read,
}

/// Measures every floor, `runs` times each.
pub(crate) fn measure(place: &Place, runs: usize) -> Vec<Line> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let source = place.source();
    let files = place.skills * crate::workload::MOST_FILES;
    let tool = |step: Step| paired(None, &Side::settled(step), runs).map(|pairs| pairs.theirs);
    let stop = |line: &str| tool(Step::shell(line, &place.home(), &[&source]));
    [
        ("start of /bin/true".to_owned(), tool(Step::new("/bin/true", &place.home()))),
        (format!("list and stat {files} files, 1 thread"), walk(&source, Visit::Stat, 1, runs)),
        (format!("the same, {cores} threads"), walk(&source, Visit::Stat, cores, runs)),
        (format!("read every byte, {cores} threads"), walk(&source, Visit::Read, cores, runs)),
        ("find -type f -printf '%s %T@'".to_owned(), stop("find \"$1\" -type f -printf '%s %T@\\n'")),
        (
            "find | xargs openssl dgst -sha256, 1 process at a time".to_owned(),
            stop("find \"$1\" -type f -print0 | xargs -0 openssl dgst -sha256 >/dev/null"),
        ),
        (format!("{} symlinks", place.skills), links(&place.root, place.skills, runs)),
        ("append 200 bytes and fdatasync".to_owned(), append(&place.root, runs)),
        ("sync with nothing to write".to_owned(), tool(Step::new("sync", &place.home()))),
    ]
    .into_iter()
    .map(|(what, times)| {
        let figure = times.map(|times| Figure::FloorMs(times.least()));
        line(Row::Floors, what, "", Goal::None, figure)
    })
    .collect()
}

fn walk(source: &Path, visit: Visit, threads: usize, runs: usize) -> Outcome<Times> {
    let once = || -> Outcome<()> {
        let skills: Vec<PathBuf> =
            fs::read_dir(source)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        let share = skills.len().div_ceil(threads).max(1);
        thread::scope(|scope| {
            let workers: Vec<_> = skills
                .chunks(share)
                .map(|part| scope.spawn(move || part.iter().try_for_each(|skill| walk_folder(skill, visit))))
                .collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().unwrap_or_else(|_| Err(io::Error::other("a walking thread panicked")))
            })
        })?;
        Ok(())
    };
    once()?;
    Times::of(runs, |_| once())
}

fn walk_folder(folder: &Path, visit: Visit) -> io::Result<()> {
    let mut buffer = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk_folder(&entry.path(), visit)?;
            continue;
        }
        match visit {
            Visit::Stat => _ = entry.metadata()?,
            Visit::Read => {
                buffer.clear();
                File::open(entry.path())?.read_to_end(&mut buffer)?;
            }
        }
    }
    Ok(())
}

fn links(root: &Path, count: usize, runs: usize) -> Outcome<Times> {
    let folders = root.join("links");
    (0..runs).try_for_each(|run| fs::create_dir_all(folders.join(run.to_string())))?;
    Times::of(runs, |run| {
        let folder = folders.join(run.to_string());
        Ok((0..count).try_for_each(|number| symlink("../../source", folder.join(number.to_string())))?)
    })
}

fn append(root: &Path, runs: usize) -> Outcome<Times> {
    let mut file = File::options().create(true).append(true).open(root.join("appended"))?;
    Times::of(runs, |_| {
        file.write_all(&[b'x'; 200])?;
        Ok(file.sync_data()?)
    })
}
