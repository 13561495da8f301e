//! The loop between the engine and a machine: does what the engine says until it says to wait.
//!
//! The daemon and the simulator both run through here, each with its own [`Machine`].

use crate::adjust::{Adjustment, KernelState};
use crate::engine::{Action, Applied, Engine, Event};
use crate::ladder::Ladder;
use crate::notice::Notice;
use crate::reading::{Failure, Method, Reading};
use crate::units::{RawTime, Timestamp};

/// What the engine needs of the world.
pub trait Machine {
    /// The raw counter now.
    fn now(&mut self) -> RawTime;

    /// Takes one reading by `method`, on the UTC scale.
    ///
    /// # Errors
    /// Why there is none.
    fn read(&mut self, method: Method) -> Result<Reading, Failure>;

    /// Takes one reading by `method` as cheaply as it can be had: one sample where [`Machine::read`] takes
    /// several.
    ///
    /// # Errors
    /// As there.
    fn probe(&mut self, method: Method) -> Result<Reading, Failure> {
        self.read(method)
    }

    /// What the kernel says of the system clock, or nothing where it won't.
    fn kernel(&mut self) -> Option<KernelState>;

    /// The raw counter and the system clock at one instant, as nearly as can be.
    fn compare(&mut self) -> (RawTime, Timestamp);

    /// Changes the system clock, in one call of the kernel, and swallows the kernel's report of a step
    /// that was our own.
    ///
    /// # Errors
    /// The errno.
    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32>;
}

/// Hands `event` to the engine and does what it says, until it says to wait. Returns until when. What
/// the user is to hear of it waits in the engine ([`Engine::take_notice`]): while a clock is wrong
/// nobody writes logs.
pub fn drive<M: Machine>(engine: &mut Engine, ladder: &mut Ladder, machine: &mut M, event: Event) -> RawTime {
    let mut method = engine.last_reading().map(|reading| reading.method);
    if matches!(event, Event::Hint(_)) {
        // What works may be another method now.
        ladder.wake();
    }
    let mut now = machine.now();
    let mut action = engine.handle(now, event);
    loop {
        let result = match action {
            Action::Wait(until) => return until,
            Action::Read => match ladder.read(now, |method| machine.read(method)) {
                Ok(reading) => {
                    if method != Some(reading.method) {
                        let failure = ladder.failure_above(reading.method);
                        engine.tell(Notice::MethodChanged { from: method, to: reading.method, failure });
                        method = Some(reading.method);
                    }
                    Event::Reading(reading)
                }
                Err((method, failure)) => Event::ReadFailed(method, failure),
            },
            Action::Probe(method) => match machine.probe(method) {
                Ok(reading) => Event::Probed(reading),
                Err(_) => Event::ProbeFailed,
            },
            Action::Inspect => Event::Inspected(machine.kernel()),
            Action::Compare => {
                let (raw, system) = machine.compare();
                Event::Compared(raw, system)
            }
            Action::Adjust(adjustment) => match machine.adjust(&adjustment) {
                Ok(applied) => Event::Adjusted(applied),
                Err(errno) => Event::AdjustRefused(errno),
            },
        };
        now = machine.now();
        action = engine.handle(now, result);
    }
}
