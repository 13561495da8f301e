//! A process forked from this one, for what could block it: it takes one request at a time and gives one answer each.
//!
//! It is less than its parent: it can't set the clock, has no real-time priority, no descriptors but the three standard
//! ones and its socket, and the default signals. It ends when its parent's end of the socket closes, after what it is
//! doing then. Nothing here waits for it: requests and answers are datagrams that go at once or not at all.
#![allow(
    unsafe_code,
    reason = "socketpair(2), send(2), recv(2), close_range(2), sigaction(2), prctl(2), sched_setscheduler(2)"
)]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use crate::capability;
use crate::errno::{Errno, check};
use crate::fork::{Forked, fork};

/// No request is longer; the kernel takes fewer bytes than these by default (208 KiB with its bookkeeping).
const LONGEST: usize = 256 * 1024;
/// The last signal of the kernel (`_NSIG`).
const LAST_SIGNAL: libc::c_int = 64;
/// Descriptors are looked for up to here where the kernel can't close them all at once (before Linux 5.9).
const MOST_DESCRIPTORS: RawFd = 4_096;

/// The helper, as its parent sees it.
#[derive(Debug)]
pub struct Helper {
    socket: OwnedFd,
    child: Forked,
}

/// What came from a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Nothing yet.
    None,
    /// This.
    Is(&'a [u8]),
    /// Nothing more will come: it has ended.
    Gone,
}

impl Helper {
    /// Forks a helper called `name` (in `ps`, 15 bytes of it), which answers each request with what `serve` makes of
    /// it; that is never empty. To be called by a process that has one thread.
    ///
    /// # Errors
    /// Where the kernel makes no more processes or descriptors.
    pub fn start(name: &CStr, serve: impl FnMut(&[u8]) -> Vec<u8>) -> Result<Self, Errno> {
        let (ours, theirs) = pair()?;
        let child = fork(|| {
            become_less(name, theirs.as_raw_fd());
            work(&theirs, serve);
            0
        })?;
        Ok(Self { socket: ours, child })
    }

    /// Sends a request, without ever waiting.
    ///
    /// # Errors
    /// `EPIPE`, `ECONNRESET`: the helper has ended. `EAGAIN`: it has not read what it was sent before. `EMSGSIZE`:
    /// too long.
    pub fn ask(&self, request: &[u8]) -> Result<(), Errno> {
        send(&self.socket, request, libc::MSG_DONTWAIT)
    }

    /// What it answered, if it did; without ever waiting. What doesn't fit into `buffer` is cut off.
    pub fn answer<'a>(&self, buffer: &'a mut [u8]) -> Answer<'a> {
        match receive(&self.socket, buffer, libc::MSG_DONTWAIT) {
            Ok([]) => Answer::Gone,
            Ok(answer) => Answer::Is(answer),
            Err(Errno(libc::EAGAIN | libc::EINTR)) => Answer::None,
            // ECONNRESET: it ended, and a request is still there.
            Err(_) => Answer::Gone,
        }
    }

    /// Its process number.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// Takes one that has ended out of the list of processes; gives whether it was there.
    pub fn reap(&self) -> bool {
        self.child.has_ended()
    }
}

impl AsFd for Helper {
    /// Readable when there is an answer, or none will come any more.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Two connected sockets that keep the borders of messages.
fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut ends: [RawFd; 2] = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: the kernel writes two numbers into `ends`, which outlives the call.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) })?;
    let [ours, theirs] = ends;
    // SAFETY: the kernel has just given both descriptors to us, and nobody else knows their numbers.
    Ok(unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) })
}

fn send(socket: &OwnedFd, message: &[u8], flags: libc::c_int) -> Result<(), Errno> {
    let flags = flags | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads at most `message.len()` bytes, which `message` has, during the call.
    let sent = unsafe { libc::send(socket.as_raw_fd(), message.as_ptr().cast(), message.len(), flags) };
    // A message goes whole or not at all.
    if sent < 0 { Err(Errno::last()) } else { Ok(()) }
}

/// The next message; empty at the end.
fn receive<'a>(socket: &OwnedFd, buffer: &'a mut [u8], flags: libc::c_int) -> Result<&'a [u8], Errno> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes to the buffer, which is ours alone during the call.
    let received = unsafe { libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    // A negative count is the only one that doesn't convert.
    let received = usize::try_from(received).map_err(|_| Errno::last())?;
    Ok(buffer.get(..received).unwrap_or_default())
}

/// The helper's life.
fn work(socket: &OwnedFd, mut serve: impl FnMut(&[u8]) -> Vec<u8>) {
    let mut buffer = vec![0; LONGEST];
    loop {
        let request = match receive(socket, &mut buffer, 0) {
            Ok([]) => return,
            Ok(request) => request,
            Err(Errno(libc::EINTR)) => continue,
            Err(_) => return,
        };
        let answer = serve(request);
        while let Err(errno) = send(socket, &answer, 0) {
            if errno != Errno(libc::EINTR) {
                return;
            }
        }
    }
}

/// Gives up everything that the parent has and its helper doesn't need. What is refused stays: nobody is there to be
/// told, and the helper does what it is for all the same.
fn become_less(name: &CStr, socket: RawFd) {
    close_all_but(socket);
    default_signals();
    let _ = capability::give_up(capability::SYS_TIME);
    let ordinary: libc::c_int = 0;
    let this_thread: libc::pid_t = 0;
    // SAFETY: the kernel reads one int through the first pointer (its struct sched_param), and a name that ends with a
    // zero byte through the second; both outlive the calls.
    unsafe {
        libc::syscall(libc::SYS_sched_setscheduler, this_thread, libc::SCHED_OTHER, &raw const ordinary);
        libc::prctl(libc::PR_SET_NAME, name.as_ptr());
    }
}

/// Closes everything behind standard error but `kept`: the parent's files, the socket that its readers connect to, and
/// its end of this pair, which would never close.
fn close_all_but(kept: RawFd) {
    let range = |first: RawFd, last: RawFd| {
        if first > last {
            return;
        }
        // SAFETY: close_range(2) takes numbers. What is closed belongs to values of the parent's, none of which is
        // used or dropped in this process: it leaves by _exit(2).
        if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
            return;
        }
        for fd in first..=last.min(MOST_DESCRIPTORS) {
            // SAFETY: as above; a number that is none is an error and nothing else.
            unsafe { libc::close(fd) };
        }
    };
    range(3, kept - 1);
    range(kept.max(2) + 1, RawFd::MAX);
}

/// The default for every signal. But a `SIGHUP` that is meant for the parent (`pkill -HUP`) doesn't end it: it has a
/// handler that does nothing, and a program that is executed has the default again.
fn default_signals() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: sigaction consists of integers and a pointer that may be null, so all bits zero is a value: the default
    // handler (SIG_DFL is 0), no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    for signal in 1..=LAST_SIGNAL {
        let handler: extern "C" fn(libc::c_int) = nothing;
        action.sa_sigaction =
            if signal == libc::SIGHUP { handler as libc::sighandler_t } else { libc::SIG_DFL };
        // SAFETY: the kernel reads one sigaction, which outlives the call; the handler has the right signature and
        // touches nothing. SIGKILL, SIGSTOP and those of the C library are refused, and nothing changes.
        unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) };
    }
    // SAFETY: the kernel reads an empty set of signals, all bits zero as above, which outlives the call.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const action.sa_mask, core::ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;
    use crate::wait::PollSet;

    fn answer(helper: &Helper) -> Option<String> {
        let mut set = PollSet::<1>::new().expect("a set");
        set.watch(0, Some(helper.as_fd())).expect("watched");
        assert_eq!(set.wait(Some(hostclock_core::units::Duration::from_secs(20))), Ok(1));
        let mut buffer = [0; 4_096];
        match helper.answer(&mut buffer) {
            Answer::Is(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Answer::Gone => None,
            Answer::None => panic!("it was readable"),
        }
    }

    #[test]
    fn each_request_has_its_answer_and_nobody_waits_for_it() {
        let mut before = 0;
        let helper = Helper::start(c"counting", move |request| {
            before += request.len();
            before.to_string().into_bytes()
        })
        .expect("forked");
        let mut buffer = [0; 64];
        assert_eq!(helper.answer(&mut buffer), Answer::None);
        helper.ask(b"abc").expect("sent");
        assert_eq!(answer(&helper).as_deref(), Some("3"));
        helper.ask(&[b'x'; 100_000]).expect("sent");
        assert_eq!(answer(&helper).as_deref(), Some("100003"));
        assert!(!helper.reap());
    }

    #[test]
    fn one_that_does_not_read_holds_nobody_up_and_one_that_was_killed_is_gone() {
        let helper = Helper::start(c"stopped", <[u8]>::to_vec).expect("forked");
        // SAFETY: kill(2) takes two numbers, the first one that of our child.
        unsafe { libc::kill(helper.pid(), libc::SIGSTOP) };
        let start = Instant::now();
        while helper.ask(&[0; 4_096]).is_ok() {}
        assert!(start.elapsed().as_secs() < 5);
        // SAFETY: as above.
        unsafe { libc::kill(helper.pid(), libc::SIGKILL) };
        assert_eq!(answer(&helper), None);
        assert!(matches!(helper.ask(b"x"), Err(Errno(libc::EPIPE | libc::ECONNRESET))));
        while !helper.reap() {
            assert!(start.elapsed().as_secs() < 20);
        }
    }

    #[test]
    fn it_ends_with_its_parents_end() {
        let helper = Helper::start(c"ending", <[u8]>::to_vec).expect("forked");
        let Helper { socket, child } = helper;
        drop(socket);
        assert_eq!(child.wait(), Ok(0));
    }

    #[test]
    fn it_cannot_set_the_clock_and_has_neither_our_descriptors_nor_our_signals() {
        let _listener = std::net::TcpListener::bind("127.0.0.1:0");
        let helper = Helper::start(c"looking", |_| {
            let status = fs::read_to_string("/proc/self/status").expect("read");
            // The directory's own descriptor is among them.
            let open = fs::read_dir("/proc/self/fd").expect("read").count() - 1;
            let line = |start| status.lines().find(|line| str::starts_with(line, start)).unwrap_or_default();
            let lines =
                ["Name:", "CapPrm:", "CapEff:", "CapInh:", "CapAmb:", "SigIgn:", "SigCgt:", "SigBlk:"];
            let mut said = format!("{open}\n");
            for start in lines {
                said.push_str(line(start));
                said.push('\n');
            }
            said.into_bytes()
        })
        .expect("forked");
        helper.ask(b"?").expect("sent");
        let said = answer(&helper).expect("an answer");
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines[..2], ["4", "Name:\tlooking"], "0, 1, 2 and its socket: {said}");
        for set in &lines[2..6] {
            let bits = u64::from_str_radix(set.split_whitespace().nth(1).expect("a set"), 16).expect("hex");
            assert_eq!(bits >> capability::SYS_TIME & 1, 0, "{said}");
        }
        // Beyond 31 are those that the C library keeps for itself.
        let signals = |line: &str| {
            let set = line.split_whitespace().nth(1).expect("a set");
            u64::from_str_radix(set, 16).expect("hex") & 0x7fff_ffff
        };
        assert_eq!([6, 7, 8].map(|line| signals(lines[line])), [0, 1, 0], "SIGHUP alone is caught: {said}");
    }
}
