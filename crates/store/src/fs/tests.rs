//! The door to the disk, each promise by itself.

use rustix::fs::CWD;

use super::place::copy_all;
use super::*;

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_replaced_file_has_all_of_the_new_bytes_and_leaves_no_litter() {
    let dir = dir();
    let path = dir.path().join("a");
    replace(&path, b"one", Mode::Plain).unwrap();
    replace(&path, b"two", Mode::Plain).unwrap();
    assert_eq!(read(&path, 10).unwrap(), b"two");
    assert_eq!(entries(dir.path()).unwrap().unwrap(), ["a"]);
}

#[test]
fn a_taken_name_is_not_published_over() {
    let dir = dir();
    let path = dir.path().join("a");
    publish(&path, b"one", Mode::Private).unwrap();
    assert_eq!(publish(&path, b"two", Mode::Private).unwrap_err().io_kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(read(&path, 10).unwrap(), b"one");
    assert_eq!(entries(dir.path()).unwrap().unwrap(), ["a"]);
}

#[test]
fn a_torn_last_line_is_closed_before_the_next() {
    let dir = dir();
    let path = dir.path().join("log");
    create(&path, b"{\"a\":1}\n{\"b\"", Mode::Private).unwrap();
    append_line(&path, b"{\"c\":3}").unwrap();
    assert_eq!(read(&path, 100).unwrap(), b"{\"a\":1}\n{\"b\"\n{\"c\":3}\n");
}

#[test]
fn what_is_no_regular_file_is_refused_without_blocking() {
    let dir = dir();
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    assert!(read(&fifo, 10).is_err());
    assert!(read(dir.path(), 10).is_err());
    let path = dir.path().join("big");
    create(&path, &[0; 11], Mode::Plain).unwrap();
    assert_eq!(read(&path, 10).unwrap_err().code(), "file-too-large");
}

#[test]
fn a_lone_file_is_removed_and_nothing_is_fine() {
    let dir = dir();
    let path = dir.path().join("a");
    create(&path, b"x", Mode::Plain).unwrap();
    remove_tree(&path).unwrap();
    assert!(lstat(&path).unwrap().is_none());
    remove_tree(&path).unwrap();
}

#[test]
fn folders_without_write_permission_are_removed_too() {
    let dir = dir();
    let inner = dir.path().join("a/b");
    make_dirs(&inner).unwrap();
    create(&inner.join("f"), b"", Mode::ReadOnly).unwrap();
    rustix::fs::chmod(&inner, rustix::fs::Mode::from_raw_mode(0o500)).unwrap();
    remove_tree(&dir.path().join("a")).unwrap();
    assert!(lstat(&dir.path().join("a")).unwrap().is_none());
}

#[test]
fn a_copy_keeps_modes_and_links() {
    let dir = dir();
    let from = dir.path().join("from");
    make_dirs(&from.join("sub")).unwrap();
    create(&from.join("sub/run"), b"x", Mode::Executable).unwrap();
    symlink_new(Path::new("sub/run"), &from.join("link")).unwrap();
    let to = dir.path().join("to");
    copy_all(&from, &to).unwrap();
    assert!(is_executable(&lstat(&to.join("sub/run")).unwrap().unwrap()));
    assert_eq!(read_link(&to.join("link")).unwrap().unwrap(), Path::new("sub/run"));
}

#[test]
fn a_checked_file_holds_what_was_written_and_a_taken_name_is_refused() {
    let dir = dir();
    for size in [0, 1, 16 * 1024, 16 * 1024 + 1, 50_000] {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let path = dir.path().join(size.to_string());
        create_checked(&path, &bytes, Mode::Executable).unwrap();
        assert_eq!(read(&path, 100_000).unwrap(), bytes);
        assert!(is_executable(&lstat(&path).unwrap().unwrap()));
        assert_eq!(
            create_checked(&path, b"", Mode::Plain).unwrap_err().io_kind(),
            io::ErrorKind::AlreadyExists
        );
    }
}
