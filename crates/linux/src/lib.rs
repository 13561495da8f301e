//! What hostclock asks of the Linux kernel: one kernel facility a module.
//!
//! This crate decides nothing. It reads clocks and devices, sets what it is told to set, and says in
//! words what the kernel answered; what to do about it is the business of `hostclock-core`.
//!
//! * Offsets are **system minus reference**, as everywhere in hostclock.
//! * Every call goes through a symbol of libc, so that a library that is preloaded can stand in for the
//!   kernel. Where libc has no wrapper, `libc::syscall` is that symbol.
//! * This is the only crate with `unsafe` code. A file that needs it says so in its first lines, and each
//!   block says why it holds there.
//! * Nothing on the daemon's steady path allocates: reading a device, adjusting the clock, waiting,
//!   draining events, answering a reader of the status.
//!
//! On any other system than Linux the crate is empty.
#![cfg(target_os = "linux")]

pub mod capability;
pub mod clock;
pub mod clock_set;
pub mod clocksource;
pub mod container;
mod directory;
pub mod discover;
pub mod distribution;
pub mod errno;
#[cfg(test)]
mod filter;
mod fork;
pub mod helper;
pub mod hypervisor;
pub mod identity;
pub mod inside;
pub mod instance;
pub mod kmsg;
pub mod label;
pub mod lasting;
pub mod module;
pub mod process;
pub mod ptp;
pub mod rivals;
pub mod services;
pub mod sleep;
pub mod socket;
pub mod tsc;
pub mod turn;
pub mod udev_rules;
pub mod uevent;
pub mod vmclock;
pub mod wait;

pub use errno::Errno;

#[cfg(test)]
mod scratch;
