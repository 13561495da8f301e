//! The status socket's server side.
//!
//! The daemon never reads from a client and never waits for one: whoever connects gets one document
//! and the end of the stream. A client that doesn't read, or connects and does nothing, costs one send
//! into a buffer of the kernel.
#![allow(unsafe_code, reason = "socket(2), connect(2), send(2), setsockopt(2)")]

use std::fs::{self, Permissions};
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::directory::make_public;
use crate::errno::{Errno, check};

/// Clients served in one go; more wait for the next wake-up.
const MOST_AT_ONCE: usize = 16;
/// A document longer than this gets a send buffer of its own size. Linux gives 208 KiB by default,
/// of which its bookkeeping takes a part.
const ROOMY: usize = 64 * 1024;
/// What fits in `sun_path` of `struct sockaddr_un` (108 bytes) with the zero byte behind it.
const LONGEST_PATH: usize = 107;

/// Why the status socket could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// Something else than a socket is in its place. It is left alone.
    #[error("status socket {}: exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// A program answers there.
    #[error("status socket {}: another daemon is running and answers there", .0.display())]
    AlreadyRunning(PathBuf),
    /// The kernel refuses a step of the way.
    #[error("status socket {}: {action}: {errno}", .path.display())]
    Failed {
        /// The socket's path.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
}

/// What became of the clients that were waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Clients that got the whole document.
    pub sent: u32,
    /// Clients that had gone, or whose buffer took less than the whole document.
    pub failed: u32,
}

/// A socket that gives one document to everyone who connects.
#[derive(Debug)]
pub struct StatusListener {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of our socket, by which it is known when it is time to remove it.
    identity: (u64, u64),
}

impl StatusListener {
    /// Listens at `path`, with the permission bits `mode` (connecting takes write permission). A
    /// missing directory is made with mode 0755, whatever the umask; a socket that nobody answers any more is replaced.
    ///
    /// # Errors
    /// When the place is taken, or the kernel refuses.
    pub fn bind(path: &Path, mode: u32) -> Result<Self, BindError> {
        let failed = |action| {
            move |error: io::Error| BindError::Failed {
                path: path.to_owned(),
                action,
                errno: Errno::of(&error),
            }
        };
        if let Some(parent) = path.parent() {
            make_public(parent).map_err(failed("creating its directory"))?;
        }
        clear_the_place(path)?;
        let beside = free_name_beside(path)?;
        let place = beside.as_deref().unwrap_or(path);
        let listener = UnixListener::bind(place).map_err(failed("binding"))?;
        let finish = || {
            fs::set_permissions(place, Permissions::from_mode(mode)).map_err(failed("setting its mode"))?;
            let metadata = fs::symlink_metadata(place).map_err(failed("looking at it"))?;
            // Who finds it under its own name finds it with its final mode. A link replaces nothing, as a rename would.
            if beside.is_some() {
                fs::hard_link(place, path).map_err(failed("giving it its name"))?;
            }
            Ok((metadata.dev(), metadata.ino()))
        };
        let identity = finish();
        if beside.is_some() || identity.is_err() {
            drop(fs::remove_file(place));
        }
        let identity = identity?;
        let socket = Self { listener, path: path.to_owned(), identity };
        socket.listener.set_nonblocking(true).map_err(failed("making it non-blocking"))?;
        Ok(socket)
    }

    /// Where the socket is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the document to everyone who is waiting, up to 16 of them, and closes their connections.
    /// `document` is asked for once, and only if somebody is there. Never blocks.
    ///
    /// # Errors
    /// When nobody can be accepted for now, above all `EMFILE`: the descriptors are used up. The
    /// connection stays there and the socket stays readable, so leave it out of the wait for a while.
    pub fn accept_and_send<D: AsRef<[u8]>>(&mut self, document: impl FnOnce() -> D) -> Result<Served, Errno> {
        let mut served = Served::default();
        let mut ask = Some(document);
        let mut text = None;
        for _ in 0..MOST_AT_ONCE {
            let client = match self.listener.accept() {
                Ok((client, _)) => client,
                Err(error) => match Errno::of(&error).0 {
                    libc::EAGAIN => break,
                    // The client has gone; the next may be there.
                    libc::ECONNABORTED | libc::EINTR => continue,
                    errno => return Err(Errno(errno)),
                },
            };
            if let Some(ask) = ask.take() {
                text = Some(ask());
            }
            let bytes = text.as_ref().map_or(&[][..], AsRef::as_ref);
            if send_whole(&client, bytes) { served.sent += 1 } else { served.failed += 1 }
        }
        Ok(served)
    }
}

impl AsFd for StatusListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for StatusListener {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if ours {
            // A socket that stays behind is replaced by the next daemon.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// A name for a socket in the directory of `path` until it has its mode; `None` where a socket's path has no room for
/// one. `ss` shows a socket by the name that it was bound to.
fn free_name_beside(path: &Path) -> Result<Option<PathBuf>, BindError> {
    let (name, number) = (path.file_name().unwrap_or_default().to_string_lossy(), std::process::id());
    let names = [format!(".{name}.{number}"), format!(".{number}")];
    let fits = |path: &Path| path.as_os_str().len() <= LONGEST_PATH;
    let mut paths = names.iter().filter(|_| fits(path)).map(|name| path.with_file_name(name));
    let Some(place) = paths.find(|place| fits(place)) else { return Ok(None) };
    // No other process has our number: what is there was left by one that had it and was killed.
    clear_the_place(&place)?;
    Ok(Some(place))
}

/// Makes sure that nothing is in the way at `path`.
fn clear_the_place(path: &Path) -> Result<(), BindError> {
    let failed = |action, errno| BindError::Failed { path: path.to_owned(), action, errno };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("looking at it", Errno::of(&error))),
    };
    if !metadata.file_type().is_socket() {
        return Err(BindError::NotASocket(path.to_owned()));
    }
    match connect(path) {
        // EAGAIN: somebody listens, with a full queue. EPROTOTYPE: somebody's socket of another kind.
        Ok(()) | Err(Errno(libc::EAGAIN | libc::EPROTOTYPE)) => {
            Err(BindError::AlreadyRunning(path.to_owned()))
        }
        Err(Errno(libc::ECONNREFUSED)) => match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("removing the one that a dead daemon left", Errno::of(&error)))
            }
            _ => Ok(()),
        },
        Err(Errno(libc::ENOENT)) => Ok(()),
        Err(errno) => Err(failed("finding out whether a daemon answers there", errno)),
    }
}

/// Connects without ever waiting: std's connect would wait for as long as a listener's queue is full.
fn connect(path: &Path) -> Result<(), Errno> {
    // SAFETY: the structure consists of integers, for which all bits zero is a value.
    let mut address: libc::sockaddr_un = unsafe { mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t; // 1
    let bytes = path.as_os_str().as_bytes();
    if bytes.len() >= address.sun_path.len() {
        return Err(Errno(libc::ENAMETOOLONG));
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = *from as libc::c_char; // the same eight bits
    }
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: socket(2) takes three numbers and touches no memory of ours.
    let fd = check(unsafe { libc::socket(libc::AF_UNIX, kind, 0) })?;
    // SAFETY: the kernel has just given this descriptor to us, and nobody else knows its number.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let length = size_of::<libc::sockaddr_un>() as libc::socklen_t; // 110
    // SAFETY: `address` is a sockaddr_un of exactly that length, with a zero byte after its path
    // because the path is shorter than its place, and is only read.
    check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const address).cast(), length) }).map(drop)
}

/// Whether the kernel took the whole of `bytes` at once.
fn send_whole(client: &UnixStream, bytes: &[u8]) -> bool {
    if bytes.len() > ROOMY {
        let size = libc::c_int::try_from(bytes.len().saturating_mul(2)).unwrap_or(libc::c_int::MAX);
        let length = size_of_val(&size) as libc::socklen_t; // 4
        // Without a larger buffer the send below fails, which is all that there is to say.
        // SAFETY: the kernel reads one int through the pointer, and `size` outlives the call.
        unsafe {
            libc::setsockopt(
                client.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_SNDBUF,
                (&raw const size).cast(),
                length,
            );
        }
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads at most `bytes.len()` bytes, which `bytes` has, during the call.
    let sent = unsafe { libc::send(client.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(sent) == Ok(bytes.len())
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
