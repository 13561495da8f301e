//! One daemon at a time: a name that only one process of a network namespace can hold.

use std::io;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use crate::errno::{Errno, check};

/// In the abstract namespace, so that it takes no writable path and vanishes with its holder.
const NAME: &[u8] = b"hostclock-clock-writer";

/// The right to be the one hostclock that writes the clock, held for as long as the value lives.
///
/// Any process may take any abstract name, so the [`Holder`] tells whose it is; and containers with a
/// network of their own have names of their own, although they share the clock.
#[derive(Debug)]
pub struct InstanceLock {
    _listener: UnixListener,
}

/// Who holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process number as this process sees it; 0 from another PID namespace.
    pub pid: i32,
    /// Its effective user.
    pub uid: u32,
}

/// Why the lock could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another hostclock is already steering this clock{}", described(.0))]
    Taken(Option<Holder>),
    /// The kernel has no sockets for us.
    #[error("making sure that no other hostclock is running: {0}")]
    Failed(Errno),
}

fn described(holder: &Option<Holder>) -> String {
    match holder {
        Some(Holder { pid: 0, uid }) => format!(" (a process of user {uid} in another container)"),
        Some(Holder { pid, uid }) => format!(" (process {pid} of user {uid})"),
        None => String::new(),
    }
}

impl InstanceLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// When another process has it, or sockets can't be made.
    pub fn take() -> Result<Self, LockError> {
        Self::take_named(NAME)
    }

    fn take_named(name: &[u8]) -> Result<Self, LockError> {
        let failed = |error: io::Error| LockError::Failed(Errno::of(&error));
        let address = SocketAddr::from_abstract_name(name).map_err(failed)?;
        match UnixListener::bind_addr(&address) {
            Ok(listener) => Ok(Self { _listener: listener }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(LockError::Taken(holder_of(&address)))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Who listens at `address`. The kernel completes the connection by itself.
fn holder_of(address: &SocketAddr) -> Option<Holder> {
    let stream = UnixStream::connect_addr(address).ok()?;
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t; // 12
    // SAFETY: the kernel writes at most `length` bytes, the size of a ucred, to `peer`, and the length
    // to `length`; both outlive the call.
    let done = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    check(done).ok().map(|_| Holder { pid: peer.pid, uid: peer.uid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_the_lock_and_the_other_is_told_who() {
        let name = format!("hostclock-test-{}", std::process::id());
        let first = InstanceLock::take_named(name.as_bytes()).expect("free");
        let error = InstanceLock::take_named(name.as_bytes()).expect_err("taken");
        let LockError::Taken(Some(holder)) = error else { panic!("{error}") };
        assert_eq!(u32::try_from(holder.pid), Ok(std::process::id()));
        let words = error.to_string();
        assert!(words.contains(&format!("(process {} of user", std::process::id())), "{words}");
        drop(first);
        InstanceLock::take_named(name.as_bytes()).expect("free again");
    }
}
