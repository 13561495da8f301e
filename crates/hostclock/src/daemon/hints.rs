//! Where the hypervisor and the kernel tell of what may have moved a clock: the vmclock device, the
//! kernel's log, and how long the machine has slept. None of it is needed: what is missing is a line in the status.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use hostclock_core::hint::Hint;
use hostclock_linux::kmsg::{Kmsg, News};
use hostclock_linux::sleep::SleepWatch;
use hostclock_linux::vmclock::{self, Marks, Vmclock};

use crate::vmgenid;

/// What is listened to.
#[derive(Debug, Default)]
pub(super) struct Hints {
    vmclock: Option<Vmclock>,
    /// Whether the vmclock device is worth waiting for: else its page is looked at whenever we wake up.
    notifies: bool,
    marks: Option<Marks>,
    kmsg: Option<Kmsg>,
    sleep: SleepWatch,
}

impl Hints {
    /// Begins to listen; `missing` is told of what there isn't.
    pub(super) fn listen(mut missing: impl FnMut(String)) -> Self {
        let mut hints = Self::default();
        if let Err(why) = hints.open_vmclock() {
            missing(format!("no vmclock to tell that this machine was moved ({why}): found by reading"));
        }
        match Kmsg::open() {
            Ok(kmsg) => {
                hints.kmsg = Some(kmsg);
                if !vmgenid::is_served(Path::new("/")) {
                    missing("no vmgenid to tell that this machine was restored: found by reading".to_owned());
                }
            }
            Err(error) => missing(format!(
                "no news from the kernel's log of restores and clocksources ({error}): found by reading"
            )),
        }
        hints
    }

    fn open_vmclock(&mut self) -> Result<(), String> {
        let mut why = "no such device".to_owned();
        for path in vmclock::find(Path::new("/")) {
            match Vmclock::open(&path) {
                Ok(vmclock) => {
                    self.notifies = vmclock.notifies();
                    self.marks = vmclock.marks();
                    self.vmclock = Some(vmclock);
                    return Ok(());
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    /// A device came: perhaps it is one.
    pub(super) fn device_came(&mut self) {
        if self.vmclock.is_none() {
            // That there is none was said before.
            let _ = self.open_vmclock();
        }
    }

    /// The vmclock device, where it is worth waiting for.
    pub(super) fn vmclock_fd(&self) -> Option<BorrowedFd<'_>> {
        self.vmclock.as_ref().filter(|_| self.notifies).map(|vmclock| vmclock.as_fd())
    }

    /// The kernel's log.
    pub(super) fn kmsg_fd(&self) -> Option<BorrowedFd<'_>> {
        self.kmsg.as_ref().map(|kmsg| kmsg.as_fd())
    }

    /// The vmclock device has something to tell, which [`Hints::look`] finds; after it, the device may not be worth
    /// waiting for any more.
    pub(super) fn vmclock_tells(&mut self) {
        self.notifies = self.vmclock.as_mut().is_some_and(Vmclock::heard);
    }

    /// Whether the machine slept, and what the marks say now: no system call where the page is mapped.
    pub(super) fn look(&mut self) -> Option<Hint> {
        if self.sleep.woke() {
            return Some(Hint::Resumed);
        }
        let now = self.vmclock.as_ref()?.marks()?;
        let before = self.marks.replace(now)?;
        if before.generation != now.generation {
            Some(Hint::Generation)
        } else if before.disruption != now.disruption {
            Some(Hint::Disrupted)
        } else {
            None
        }
    }

    /// The kernel wrote something into its log: what of it matters.
    ///
    /// # Errors
    /// Why it can't be read any more, in one line.
    pub(super) fn kernel_tells(&mut self, mut tell: impl FnMut(Hint)) -> Result<(), String> {
        let Some(kmsg) = &mut self.kmsg else { return Ok(()) };
        let drained = kmsg.drain(|news| {
            match news {
                News::Forked => tell(Hint::Forked),
                News::Clocksource => tell(Hint::Clocksource),
                // Whatever they were: the next reading shows it.
                News::Lost => {}
            }
        });
        drained.map_err(|errno| {
            self.kmsg = None;
            format!("the kernel's log can't be read any more ({errno}): restores are found by reading")
        })
    }
}
