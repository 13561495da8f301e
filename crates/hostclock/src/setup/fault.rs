//! Faults on purpose: the n-th step of a transaction fails, or it is the last that is reached, as by `SIGKILL` or a power
//! failure. For tests only.

use std::cell::Cell;
use std::io;

/// What a step does to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It reads.
    Looks,
    /// It changes what is there, and takes no room.
    Changes,
    /// It takes room.
    Grows,
}

/// What is to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The disk is full: nothing that takes room is done.
    Full,
    /// The file system is read-only: nothing is changed.
    ReadOnly,
    /// This step, counted from 0, fails; those after it don't.
    Fails(usize),
    /// This step is not reached any more, nor is any after it.
    Killed(usize),
}

/// Counts the steps, and lets one go wrong.
#[derive(Debug, Default)]
pub(super) struct Faults {
    fault: Cell<Option<Fault>>,
    steps: Cell<usize>,
}

impl Faults {
    pub(super) fn with(fault: Fault) -> Self {
        let faults = Self::default();
        faults.fault.set(Some(fault));
        faults
    }

    /// One step.
    pub(super) fn step(&self, kind: Kind) -> io::Result<()> {
        let number = self.steps.get();
        self.steps.set(number + 1);
        match self.fault.get() {
            Some(Fault::Fails(at)) if at == number => Err(io::Error::other("no space left (a test's)")),
            Some(Fault::Killed(at)) if number >= at => Err(io::Error::other("killed (by a test)")),
            Some(Fault::Full) if kind == Kind::Grows => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::ReadOnly) if kind != Kind::Looks => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            _ => Ok(()),
        }
    }

    /// Whether what was to go wrong did.
    pub(super) fn has_struck(&self) -> bool {
        matches!(self.fault.get(), Some(Fault::Fails(at) | Fault::Killed(at)) if self.steps.get() > at)
    }
}
