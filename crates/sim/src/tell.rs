//! A life, told line by line.

use std::io::Write as _;

use hostclock_sim::judge::Judge;
use hostclock_sim::life::Life;
use hostclock_sim::simulation::{Sample, Witness};
use hostclock_sim::truth::TrueTime;
use hostclock_sim::world::Happening;

use crate::say;

/// Tells what happens, and what of it breaks a rule.
pub(crate) struct Teller {
    judge: Judge,
    told: usize,
    /// Seconds of which every sample is told.
    window: (f64, f64),
    last: Option<Sample>,
}

impl Teller {
    pub(crate) fn new(life: &Life, window: (f64, f64)) -> Self {
        Self { judge: Judge::new(life), told: 0, window, last: None }
    }

    /// The life is over; whether it broke no rule.
    pub(crate) fn conclude(mut self) -> bool {
        self.judge.conclude();
        self.tell_violations();
        self.told == 0
    }

    fn tell_violations(&mut self) {
        for violation in self.judge.violations.iter().skip(self.told) {
            say!("{:14.6}  !!! {}", violation.at.as_secs_f64(), violation.what);
        }
        self.told = self.judge.violations.len();
    }
}

impl Witness for Teller {
    fn sample(&mut self, sample: &Sample) {
        self.judge.sample(sample);
        self.tell_violations();
        // A line where the state changes, or the offset by much.
        let close = (self.window.0..self.window.1).contains(&sample.at.as_secs_f64());
        let telling = close
            || self.last.is_none_or(|last| {
                let far = |ns: f64| ns.abs().max(50.0).log2().floor();
                last.state != sample.state || far(last.offset_ns) != far(sample.offset_ns)
            });
        if telling {
            let state = sample.state.map_or("no daemon", |state| state.word());
            let bound = sample.bound.map_or("-".to_owned(), |bound| bound.to_string());
            let kernel = sample.kernel_bound.map_or("unsync".to_owned(), |bound| bound.to_string());
            say!(
                "{:14.6}  {:+.0} ns, bound {bound}, kernel {kernel}, {state}{}",
                sample.at.as_secs_f64(),
                sample.offset_ns,
                if sample.unnoticed { ", not noticed yet" } else { "" },
            );
            self.last = Some(*sample);
        }
    }

    fn happened(&mut self, at: TrueTime, what: &Happening) {
        let at_s = at.as_secs_f64();
        match what {
            Happening::Disturbed(what) => say!("{at_s:14.6}  *** {what}"),
            Happening::Over(what) => say!("{at_s:14.6}  *** over: {what}"),
            Happening::Stepped { by, before_ns, after_ns } => {
                say!("{at_s:14.6}  --> step by {by:+}: {before_ns:+.0} ns, then {after_ns:+.0} ns");
            }
            Happening::Told(notice) => say!("{at_s:14.6}      \"{notice}\""),
            Happening::Started => say!("{at_s:14.6}  *** the daemon starts"),
            Happening::Runaway => say!("{at_s:14.6}  !!! it runs away"),
        }
        self.judge.happened(at, what);
        self.tell_violations();
    }
}
