//! Hearing that PTP devices come and go, from the kernel itself and with no udev.
#![allow(unsafe_code, reason = "netlink sockets: socket(2), bind(2), recvfrom(2)")]

use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::errno::{Errno, check};

/// The multicast group to which the kernel itself sends; group 2 belongs to udev.
const KERNEL_GROUP: u32 = 1;
/// The kernel keeps an event's variables within 2,048 bytes (`UEVENT_BUFFER_SIZE`,
/// include/linux/kobject.h, Linux 6.1); before them stands the action with the device's path.
const LONGEST: usize = 8_192;
/// More events in one go than this wait for the next wake-up, so that a storm of them can't keep the
/// clock waiting.
const MOST_AT_ONCE: usize = 128;

/// A PTP device came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PtpEvent<'a> {
    /// Whether the device came.
    pub added: bool,
    /// Its name in sysfs, such as `ptp0`.
    pub name: &'a str,
}

/// Whether everything that happened was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Drained {
    /// Nothing was lost.
    Complete,
    /// Events came faster than they were read and some are lost: look at all devices anew.
    Overrun,
}

/// A socket on which the kernel tells of devices.
#[derive(Debug)]
pub struct UeventSocket {
    fd: OwnedFd,
}

impl UeventSocket {
    /// Starts to listen.
    ///
    /// # Errors
    /// Where the kernel has no such sockets, or a container doesn't allow them: look at the devices
    /// from time to time instead.
    pub fn new() -> Result<Self, Errno> {
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: socket(2) takes three numbers and touches no memory of ours.
        let fd = check(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_KOBJECT_UEVENT) })?;
        // SAFETY: the kernel has just given this descriptor to us, and nobody else knows its number.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut address = no_address();
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t; // 16
        address.nl_groups = KERNEL_GROUP;
        // SAFETY: `address` is a sockaddr_nl of exactly the length that is passed, and is only read.
        check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), ADDRESS_LENGTH) })?;
        Ok(Self { fd })
    }

    /// Reads what has arrived, and calls `on` for each PTP device that came or went. Never blocks.
    ///
    /// # Errors
    /// Any other failure than having nothing to read or having lost something. It isn't expected;
    /// stop to wait for the socket, or the wait may not wait.
    pub fn drain(&mut self, mut on: impl FnMut(PtpEvent<'_>)) -> Result<Drained, Errno> {
        let mut drained = Drained::Complete;
        let mut buffer = [0_u8; LONGEST];
        for _ in 0..MOST_AT_ONCE {
            match self.receive(&mut buffer) {
                Ok(Some(message)) => {
                    if let Some(event) = parse(message) {
                        on(event);
                    }
                }
                Ok(None) | Err(Errno(libc::EINTR)) => {}
                Err(Errno(libc::EAGAIN)) => break,
                Err(Errno(libc::ENOBUFS)) => drained = Drained::Overrun,
                Err(error) => return Err(error),
            }
        }
        Ok(drained)
    }

    /// The next message, or `None` for one that the kernel didn't send.
    fn receive<'a>(&self, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>, Errno> {
        let mut sender = no_address();
        let mut length = ADDRESS_LENGTH;
        // SAFETY: the kernel writes at most `buffer.len()` bytes to the buffer and at most `length`
        // bytes, the size of a sockaddr_nl, to `sender`; all three outlive the call.
        let received = unsafe {
            libc::recvfrom(
                self.fd.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                0,
                (&raw mut sender).cast(),
                &raw mut length,
            )
        };
        // A negative count is the only one that doesn't convert.
        let received = usize::try_from(received).map_err(|_| Errno::last())?;
        // Processes may send to the group as well; only the kernel has number 0.
        let from_kernel = length == ADDRESS_LENGTH && sender.nl_pid == 0;
        Ok(if from_kernel { buffer.get(..received) } else { None })
    }
}

impl AsFd for UeventSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a sockaddr_nl has 12 bytes")]
const ADDRESS_LENGTH: libc::socklen_t = size_of::<libc::sockaddr_nl>() as libc::socklen_t;

fn no_address() -> libc::sockaddr_nl {
    // SAFETY: sockaddr_nl consists of integers, for which all bits zero is a value; libc keeps its
    // padding private, so it can't be written out.
    unsafe { mem::zeroed() }
}

/// What a message says of a PTP device. The text is `action@path`, then `KEY=value` strings, each
/// with a zero byte at its end: lib/kobject_uevent.c.
fn parse(message: &[u8]) -> Option<PtpEvent<'_>> {
    let mut added = None;
    let mut path = None;
    let mut is_ptp = false;
    for field in message.split(|&byte| byte == 0) {
        let Some(split) = field.iter().position(|&byte| byte == b'=') else { continue };
        let (key, value) = field.split_at_checked(split)?;
        let value = value.get(1..)?;
        match key {
            b"ACTION" => {
                added = match value {
                    b"add" => Some(true),
                    b"remove" => Some(false),
                    _ => None,
                }
            }
            b"DEVPATH" => path = Some(value),
            b"SUBSYSTEM" => is_ptp = value == b"ptp",
            _ => {}
        }
    }
    if !is_ptp {
        return None;
    }
    let name = path?.rsplit(|&byte| byte == b'/').next()?;
    Some(PtpEvent { added: added?, name: std::str::from_utf8(name).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDED: &[u8] = b"add@/devices/virtual/ptp/ptp0\0ACTION=add\0DEVPATH=/devices/virtual/ptp/ptp0\0\
        SUBSYSTEM=ptp\0MAJOR=249\0MINOR=0\0DEVNAME=ptp0\0SEQNUM=1213\0";

    #[test]
    fn a_device_that_comes_or_goes_is_reported_by_name() {
        assert_eq!(parse(ADDED), Some(PtpEvent { added: true, name: "ptp0" }));
        let removed = b"remove@/x/ptp12\0ACTION=remove\0DEVPATH=/x/ptp12\0SUBSYSTEM=ptp\0";
        assert_eq!(parse(removed), Some(PtpEvent { added: false, name: "ptp12" }));
    }

    #[test]
    fn other_subsystems_actions_and_torn_messages_are_nothing() {
        assert_eq!(parse(b"add@/x/y\0ACTION=add\0DEVPATH=/x/y\0SUBSYSTEM=net\0"), None);
        assert_eq!(parse(b"change@/x/ptp0\0ACTION=change\0DEVPATH=/x/ptp0\0SUBSYSTEM=ptp\0"), None);
        assert_eq!(parse(b"add@/x/ptp0\0ACTION=add\0SUBSYSTEM=ptp\0"), None);
        assert_eq!(parse(b"add@/x/\xff\0ACTION=add\0DEVPATH=/x/\xff\0SUBSYSTEM=ptp\0"), None);
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"\0\0=\0=x\0ACTION\0"), None);
        for length in 0..ADDED.len() {
            let (head, _) = ADDED.split_at(length);
            assert!(parse(head).is_none_or(|event| "ptp0".starts_with(event.name)));
        }
    }

    #[test]
    fn a_socket_with_nothing_to_tell_does_not_block() {
        match UeventSocket::new() {
            Ok(mut socket) => assert_eq!(socket.drain(|_| {}), Ok(Drained::Complete)),
            Err(error) => eprintln!("no uevent socket here: {error}"),
        }
    }
}
