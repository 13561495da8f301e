//! With real processes: a process never disturbs its own lock.

use std::ffi::CString;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::*;
use crate::fork::{Forked, fork};
use crate::scratch::Scratch;

/// A process that has the lock at `path`, until it is dropped.
struct Holding(Forked);

impl Holding {
    const fn pid(&self) -> i32 {
        self.0.pid()
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        // SAFETY: kill(2) takes two numbers, the first one that of our child.
        unsafe { libc::kill(self.pid(), libc::SIGKILL) };
        while !self.0.has_ended() {}
    }
}

fn holding(path: &Path) -> Holding {
    let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
    let child = fork(|| {
        let lock = InstanceLock::take_at(path);
        let _ = theirs.write_all(if lock.is_ok() { b"y" } else { b"n" });
        std::thread::sleep(std::time::Duration::from_secs(60));
        0
    });
    let mut answer = [0];
    ours.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"y");
    Holding(child.expect("forked"))
}

/// How trying to take it ends in a process of its own.
fn tried(path: &Path) -> i32 {
    let child = fork(|| match InstanceLock::take_at(path) {
        Ok(_) => 0,
        Err(LockError::Taken(_)) => 1,
        Err(_) => 2,
    });
    child.and_then(Forked::wait).expect("it ended")
}

#[test]
fn only_one_process_holds_the_lock_and_the_other_is_told_which_until_it_ends() {
    let scratch = Scratch::new();
    let path = scratch.path().join("run/lock");
    let first = holding(&path);
    let error = InstanceLock::take_at(&path).expect_err("taken");
    let LockError::Taken(Some(holder)) = error else { panic!("{error}") };
    assert_eq!((holder.pid, holder.uid), (first.pid(), Some(crate::process::user())));
    let words = error.to_string();
    assert!(words.contains(&format!("(process {} of user", first.pid())), "{words}");
    drop(first);
    let second = InstanceLock::take_at(&path).expect("free again, as its holder was killed");
    assert_eq!(tried(&path), 1);
    drop(second);
    assert_eq!(tried(&path), 0);
}

#[test]
fn its_file_is_for_its_owner_only_and_its_directory_for_everybody_whatever_the_umask() {
    let scratch = Scratch::new();
    let path = scratch.path().join("run/lock");
    let child = fork(|| {
        // SAFETY: umask(2) takes a number and touches no memory.
        unsafe { libc::umask(0o277) };
        i32::from(InstanceLock::take_at(&path).is_err())
    });
    assert_eq!(child.and_then(Forked::wait), Ok(0));
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    assert_eq!((mode(&path), mode(path.parent().expect("one"))), (0o600, 0o755));
}

#[test]
fn what_is_no_plain_file_is_neither_followed_nor_waited_for_nor_changed() {
    let scratch = Scratch::new();
    let path = scratch.path().join("lock");
    let precious = scratch.file("precious", "data");
    std::os::unix::fs::symlink(&precious, &path).expect("a link");
    let words = InstanceLock::take_at(&path).expect_err("a link").to_string();
    assert!(words.contains("lock: opening it: Too many levels of symbolic links"), "{words}");
    fs::remove_file(&path).expect("removed");
    fs::hard_link(&precious, &path).expect("a second name");
    let words = InstanceLock::take_at(&path).expect_err("not ours alone").to_string();
    assert!(words.ends_with("it has a second name"), "{words}");
    fs::remove_file(&path).expect("removed");
    let name = CString::new(path.to_str().expect("UTF-8")).expect("no zero byte");
    // SAFETY: `name` ends with a zero byte and outlives the call.
    check(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }).expect("a pipe");
    let words = InstanceLock::take_at(&path).expect_err("a pipe").to_string();
    assert!(words.ends_with("it is not a regular file"), "{words}");
    assert_eq!(fs::read_to_string(&precious).expect("there"), "data");
    assert_eq!(fs::metadata(&precious).expect("there").permissions().mode() & 0o077, 0o044);
}

#[test]
fn one_whose_file_was_removed_does_not_count() {
    let scratch = Scratch::new();
    let path = scratch.path().join("lock");
    let _first = holding(&path);
    fs::remove_file(&path).expect("removed");
    assert_eq!(tried(&path), 0);
}

#[test]
fn where_no_file_can_be_made_the_reason_is_told() {
    let scratch = Scratch::new();
    let path = scratch.file("file", "").join("lock");
    let words = InstanceLock::take_at(&path).expect_err("no directory").to_string();
    assert!(words.contains("making its directory: "), "{words}");
}

#[test]
fn what_root_makes_is_the_directorys_owners_and_that_owner_can_take_it() {
    if crate::process::user() != 0 {
        eprintln!("not tested: it takes root");
        return;
    }
    let scratch = Scratch::new();
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).expect("set");
    let (path, user) = (scratch.path().join("lock"), 65_534);
    std::os::unix::fs::chown(scratch.path(), Some(user), Some(user)).expect("given away");
    let first = holding(&path);
    let file = fs::metadata(&path).expect("there");
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o7777), (user, user, 0o600));
    let as_user = |user| {
        let child = fork(|| {
            // SAFETY: setgid(2) and setuid(2) take a number; the child has one thread.
            if unsafe { libc::setgid(user) != 0 || libc::setuid(user) != 0 } {
                return 9;
            }
            match InstanceLock::take_at(&path) {
                Ok(_) => 0,
                Err(LockError::Taken(Some(Holder { pid, .. }))) if pid == first.pid() => 1,
                Err(LockError::Failed { errno: Errno(libc::EACCES), .. }) => 2,
                Err(_) => 3,
            }
        });
        child.and_then(Forked::wait)
    };
    assert_eq!(as_user(user), Ok(1), "the owner is told who has it");
    assert_eq!(as_user(user - 1), Ok(2), "nobody else may take it");
}

#[test]
fn it_holds_between_network_namespaces() {
    let scratch = Scratch::new();
    let path = scratch.path().join("lock");
    let _first = holding(&path);
    let child = fork(|| {
        // SAFETY: unshare(2) takes flags; the child has one thread.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return 9;
        }
        i32::from(matches!(InstanceLock::take_at(&path), Err(LockError::Taken(Some(_)))))
    });
    match child.and_then(Forked::wait).expect("it ended") {
        9 => eprintln!("not tested: this machine doesn't permit a namespace"),
        told => assert_eq!(told, 1),
    }
}
