use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::*;
use crate::fork::{Forked, fork};
use crate::scratch::Scratch;
use crate::wait::PollSet;

fn listener(path: &Path) -> StatusListener {
    StatusListener::bind(path, 0o666).expect("bound")
}

#[test]
fn everyone_who_connects_gets_the_whole_document_and_the_end() {
    let scratch = Scratch::new();
    let path = scratch.path().join("run/status.sock");
    let mut listener = listener(&path);
    let mut clients: Vec<_> = (0..3).map(|_| UnixStream::connect(&path).expect("connected")).collect();
    let asked = Cell::new(0);
    let served = listener.accept_and_send(|| {
        asked.set(asked.get() + 1);
        "{\"version\":1}\n"
    });
    assert_eq!(served, Ok(Served { sent: 3, failed: 0 }));
    assert_eq!(asked.get(), 1);
    for client in &mut clients {
        let mut text = String::new();
        client.read_to_string(&mut text).expect("read");
        assert_eq!(text, "{\"version\":1}\n");
    }
}

#[test]
fn nobody_waiting_costs_no_document() {
    let scratch = Scratch::new();
    let mut listener = listener(&scratch.path().join("s"));
    let served = listener.accept_and_send(|| -> &[u8] { panic!("nobody asked") });
    assert_eq!(served, Ok(Served::default()));
}

#[test]
fn clients_that_never_read_or_write_or_have_gone_hold_nobody_up() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s");
    let mut listener = listener(&path);
    let document = vec![b'x'; 300 * 1024];
    let start = Instant::now();
    let mut silent = Vec::new();
    for round in 0..10 {
        silent.push(UnixStream::connect(&path).expect("connected"));
        let mut talker = UnixStream::connect(&path).expect("connected");
        talker.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("written");
        drop(UnixStream::connect(&path).expect("connected"));
        let served = listener.accept_and_send(|| &document).expect("accepted");
        assert_eq!(served.sent + served.failed, 3, "round {round}");
        assert!(served.sent >= 2, "round {round}: {served:?}");
    }
    assert!(start.elapsed().as_secs() < 2);
    let mut received = Vec::new();
    silent.remove(0).read_to_end(&mut received).expect("read");
    assert_eq!(received.len(), document.len());
}

#[test]
fn a_crowd_is_served_in_portions() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s");
    let mut listener = listener(&path);
    let crowd: Vec<_> = (0..20).map(|_| UnixStream::connect(&path).expect("connected")).collect();
    let mut set = PollSet::<1>::new().expect("a set");
    set.watch(0, Some(listener.as_fd())).expect("watched");
    assert_eq!(set.wait(None), Ok(1));
    assert_eq!(listener.accept_and_send(|| "x").expect("accepted").sent, 16);
    assert_eq!(set.wait(None), Ok(1));
    assert_eq!(listener.accept_and_send(|| "x").expect("accepted").sent, 4);
    assert_eq!(set.wait(Some(hostclock_core::units::Duration::ZERO)), Ok(0));
    drop(crowd);
}

#[test]
fn the_mode_is_the_one_that_was_asked_for_and_the_socket_goes_with_its_listener() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s");
    let listener = StatusListener::bind(&path, 0o620).expect("bound");
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o620);
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn it_is_never_seen_without_its_mode_and_leaves_no_other_name_behind() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let mut modes = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                modes.extend(fs::metadata(&path).map(|metadata| metadata.permissions().mode() & 0o777));
            }
            modes
        });
        for _ in 0..500 {
            drop(StatusListener::bind(&path, 0o606).expect("bound"));
        }
        let listener = StatusListener::bind(&path, 0o606).expect("bound");
        let names: Vec<_> =
            fs::read_dir(scratch.path()).expect("read").flatten().map(|it| it.file_name()).collect();
        assert_eq!(names, ["s"]);
        std::thread::sleep(std::time::Duration::from_millis(20));
        over.store(true, Ordering::Relaxed);
        assert_eq!(seen.join().expect("it ended"), BTreeSet::from([0o606]));
        drop(listener);
    });
}

#[test]
fn under_any_umask_readers_get_as_far_as_the_socket() {
    let scratch = Scratch::new();
    let path = scratch.path().join("run/s");
    let child = fork(|| {
        // SAFETY: umask(2) takes a number and touches no memory.
        unsafe { libc::umask(0o077) };
        let bound = StatusListener::bind(&path, 0o666);
        let mode = |path: &Path| fs::metadata(path).map_or(0, |it| it.permissions().mode() & 0o777);
        i32::from(bound.is_err() || mode(&path) != 0o666 || mode(&scratch.path().join("run")) != 0o755)
    });
    assert_eq!(child.and_then(Forked::wait), Ok(0));
}

#[test]
fn what_a_killed_daemon_left_under_another_name_and_a_path_of_full_length_are_no_hindrance() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s");
    drop(UnixListener::bind(scratch.path().join(format!(".s.{}", std::process::id()))).expect("bound"));
    drop(listener(&path));
    let room = LONGEST_PATH - 1 - scratch.path().as_os_str().len();
    let listener = listener(&scratch.path().join("x".repeat(room)));
    assert_eq!(fs::metadata(listener.path()).expect("there").permissions().mode() & 0o777, 0o666);
}

#[test]
fn what_is_not_a_socket_is_never_removed() {
    let scratch = Scratch::new();
    let path = scratch.path().join("precious");
    fs::write(&path, "data").expect("a file");
    let error = StatusListener::bind(&path, 0o666).expect_err("taken");
    assert_eq!(error, BindError::NotASocket(path.clone()));
    assert!(error.to_string().ends_with("precious: exists and is not a socket"));
    assert_eq!(fs::read_to_string(&path).expect("still there"), "data");
    let link = scratch.path().join("link");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    assert_eq!(StatusListener::bind(&link, 0o666).expect_err("taken"), BindError::NotASocket(link.clone()));
    assert!(fs::symlink_metadata(&link).is_ok());
}

#[test]
fn a_daemon_that_answers_is_left_in_peace_and_a_dead_ones_socket_is_replaced() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s");
    let first = listener(&path);
    assert_eq!(
        StatusListener::bind(&path, 0o666).expect_err("taken"),
        BindError::AlreadyRunning(path.clone())
    );
    assert!(path.exists());
    drop(first);
    // std leaves the socket behind, as a daemon does that is killed.
    drop(UnixListener::bind(&path).expect("bound"));
    assert!(path.exists());
    let mut second = listener(&path);
    let mut client = UnixStream::connect(&path).expect("connected");
    assert_eq!(second.accept_and_send(|| "alive").expect("accepted").sent, 1);
    let mut text = String::new();
    client.read_to_string(&mut text).expect("read");
    assert_eq!(text, "alive");
}

#[test]
fn somebody_elses_socket_of_another_kind_is_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s");
    let _datagrams = UnixDatagram::bind(&path).expect("bound");
    assert_eq!(
        StatusListener::bind(&path, 0o666).expect_err("taken"),
        BindError::AlreadyRunning(path.clone())
    );
    assert!(path.exists());
}

#[test]
fn a_socket_that_took_our_place_meanwhile_is_not_removed() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s");
    let first = listener(&path);
    fs::rename(&path, scratch.path().join("aside")).expect("renamed");
    let _usurper = UnixListener::bind(&path).expect("bound");
    drop(first);
    assert!(path.exists());
}

#[test]
fn a_path_that_is_too_long_or_a_directory_that_cannot_be_made_is_an_error_in_words() {
    let scratch = Scratch::new();
    let long = scratch.path().join("x".repeat(120));
    let words = StatusListener::bind(&long, 0o666).expect_err("too long").to_string();
    assert!(words.contains("binding"), "{words}");
    let file = scratch.path().join("file");
    fs::write(&file, "").expect("a file");
    let words = StatusListener::bind(&file.join("s"), 0o666).expect_err("no directory").to_string();
    assert!(words.contains("creating its directory"), "{words}");
}
