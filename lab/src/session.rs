//! Both machines with a recording under way: what scenarios are written with. Each call is one line
//! that a person could type into one of the two shells.

mod host;
mod load;
mod pairs;
mod pause;
mod snapshot;
mod suspend;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use hostclock_lab_guest::event::{self, Event};
use hostclock_lab_guest::trace::{Decoder, Sample};

use crate::analysis::recovery::{Recovery, recovery};
use crate::daemon::Daemon;
use crate::error::{Context, Error, Result};
use crate::machine::Lab;

pub(crate) use pairs::PAIRS_A_SECOND;
pub(crate) use pause::{GoingOn, Halt};

const EVENTS: &str = "/tmp/events";
const DAEMON_LOG: &str = "/tmp/daemon.log";
const CLOCKSOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
/// Events that only bound what is measured.
pub(crate) const END: &str = ".end";

/// Something that spoils the guest's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disturbance {
    /// `date TIME`, with the time as that command wants it.
    Date(&'static str),
    /// A step by so many ns.
    By(i64),
}

/// How long a disturbance is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// At least so long, and so long beyond the recovery.
    pub(crate) least: Duration,
    /// Without recovery, at most so long.
    pub(crate) most: Duration,
}

/// A running lab.
pub(crate) struct Session {
    lab: Lab,
    /// Observer samples a second.
    rate: u32,
    recording: Recording,
}

/// What the observer has seen up to now.
#[derive(Default)]
pub(crate) struct Recording {
    /// Every sample of the observer.
    pub(crate) samples: Vec<Sample>,
    /// What those who disturbed the clock saw right afterwards.
    closely: Vec<Sample>,
    /// Everything that was done.
    pub(crate) events: Vec<Event>,
    decoder: Decoder,
    fetched: usize,
}

impl Recording {
    /// Puts what the disturbers saw among the observer's samples, once each.
    fn merge(&mut self) {
        let new = self.events.iter_mut().flat_map(|event| std::mem::take(&mut event.seen));
        let known: BTreeSet<i64> = self.closely.iter().map(|sample| sample.raw).collect();
        self.closely.extend(
            new.filter(|(raw, ..)| !known.contains(raw)).map(|(raw, reference, offset)| Sample {
                raw,
                reference,
                offset,
                ..Sample::default()
            }),
        );
    }

    /// All samples, in order.
    pub(crate) fn all(&self) -> Vec<Sample> {
        let mut samples = [self.samples.as_slice(), self.closely.as_slice()].concat();
        samples.sort_by_key(|sample| sample.raw);
        samples
    }
}

impl Session {
    /// A session on booted machines, with `rate` observer samples a second.
    pub(crate) fn new(lab: Lab, rate: u32) -> Self {
        Self { lab, rate, recording: Recording::default() }
    }

    /// Observer samples a second.
    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    /// Whether the machines have ended by themselves, or the guest's shell doesn't answer any more.
    pub(crate) fn ended(&mut self) -> bool {
        self.lab.ended() || self.guest("true").is_err()
    }

    /// Runs a command in the guest and gives its output.
    pub(crate) fn guest(&mut self, command: &str) -> Result<String> {
        self.lab.guest.run(command)
    }

    /// Gives the guest's clock its nominal rate and makes it wrong by `offset` ns.
    pub(crate) fn reset(&mut self, offset: i64) -> Result<()> {
        self.guest(&format!("lab reset --offset {offset}")).map(drop)
    }

    /// Starts a daemon, noting when under `label`.
    pub(crate) fn start(&mut self, daemon: &Daemon, label: &str) -> Result<()> {
        let Some(command) = daemon.command() else { return Ok(()) };
        self.guest(&format!(
            "lab launch --log {EVENTS} '{label}' -- {command} >{DAEMON_LOG} 2>&1 & daemon=$!"
        ))
        .map(drop)
    }

    /// Kills the daemon without a warning and starts it again after a pause of so many seconds; the log
    /// goes on.
    pub(crate) fn kill(&mut self, daemon: &Daemon, pause: f64) -> Result<()> {
        let Some(command) = daemon.command() else { return Ok(()) };
        self.guest(&format!(
            "{{ kill -9 $daemon; wait $daemon; }} 2>/dev/null; [ {pause} = 0 ] || sleep {pause}; \
             {command} >>{DAEMON_LOG} 2>&1 & daemon=$!"
        ))
        .map(drop)
    }

    /// Whether the daemon is still there.
    pub(crate) fn alive(&mut self) -> Result<bool> {
        Ok(self.guest("kill -0 $daemon 2>/dev/null && echo yes; true")?.contains("yes"))
    }

    /// Ends the daemon and gives what it logged.
    pub(crate) fn stop(&mut self) -> Result<String> {
        self.guest(
            "if [ -n \"$daemon\" ]; then kill $daemon; i=0; \
             while kill -0 $daemon && [ $i -lt 30 ]; do sleep 0.1; i=$((i+1)); done; \
             kill -9 $daemon; wait $daemon; daemon=; fi 2>/dev/null; true",
        )?;
        self.log()
    }

    /// What the daemon has logged up to now.
    pub(crate) fn log(&mut self) -> Result<String> {
        self.guest(&format!("cat {DAEMON_LOG} 2>/dev/null; true"))
    }

    /// How many lines that is.
    pub(crate) fn log_lines(&mut self) -> Result<usize> {
        Ok(self.log()?.lines().count())
    }

    /// Writes down what was done from outside of the guest, between two raw times.
    fn write_down(&mut self, label: &str, before: i64, after: i64) -> Result<()> {
        let event = Event { label: label.into(), before, after, amount: None, seen: Vec::new() };
        let line = serde_json::to_string(&event).context(|| "writing an event".into())?;
        self.guest(&format!("echo '{line}' >>{EVENTS}")).map(drop)
    }

    /// Starts a new recording.
    pub(crate) fn observe(&mut self) -> Result<()> {
        self.recording = Recording::default();
        let rate = self.rate;
        self.guest(&format!(
            "rm -f /tmp/stop /tmp/trace {EVENTS}; lab observe --rate {rate} --stop /tmp/stop --out /tmp/trace \
             2>/tmp/observer.log & observer=$!"
        ))
        .map(drop)
    }

    /// Ends the recording and gives it.
    pub(crate) fn recorded(&mut self) -> Result<Recording> {
        self.guest("touch /tmp/stop; wait $observer; cat /tmp/observer.log")?;
        self.update()?;
        Ok(std::mem::take(&mut self.recording))
    }

    /// Fetches what was recorded since the last time, and gives all of it.
    pub(crate) fn update(&mut self) -> Result<&Recording> {
        let recording = &mut self.recording;
        let piece = self.lab.guest.fetch("/tmp/trace", recording.fetched)?;
        recording.fetched += piece.len();
        if !recording.decoder.feed(&piece, &mut recording.samples) {
            return Err(Error::new("the observer's file is no trace"));
        }
        recording.events = event::parse(&self.lab.guest.run(&format!("cat {EVENTS} 2>/dev/null; true"))?);
        recording.merge();
        Ok(recording)
    }

    /// Spoils the guest's clock.
    pub(crate) fn disturb(&mut self, label: &str, disturbance: Disturbance) -> Result<()> {
        self.guest(&match disturbance {
            Disturbance::Date(time) => format!("lab date --log {EVENTS} '{label}' {time}"),
            Disturbance::By(amount) => format!("lab by --log {EVENTS} '{label}' {amount}"),
        })
        .map(drop)
    }

    /// Runs a command in the guest, noting when under `label`.
    pub(crate) fn note(&mut self, label: &str, command: &str) -> Result<()> {
        self.guest(&format!("lab launch --log {EVENTS} '{label}' -- /bin/sh -c '{command}'")).map(drop)
    }

    /// Notes that what happens next belongs to no event.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.note(END, "true")
    }

    /// Chooses the guest's clocksource.
    pub(crate) fn clocksource(&mut self, label: &str, name: &str) -> Result<()> {
        self.note(label, &format!("echo {name} >{CLOCKSOURCE}"))?;
        let now = self.guest(&format!("cat {CLOCKSOURCE}"))?;
        if now.trim() == name {
            return Ok(());
        }
        Err(Error::new(format!("the guest's clocksource stays {} instead of {name}", now.trim())))
    }

    /// Waits until the clock has come back from the last event and stayed back, or patience ends; then
    /// says how that went.
    pub(crate) fn watch(&mut self, patience: Patience) -> Result<Recovery> {
        let started = Instant::now();
        thread::sleep(patience.least);
        loop {
            let elapsed = started.elapsed();
            let recording = self.update()?;
            let event = recording.events.last().ok_or_else(|| Error::new("the guest noted no event"))?;
            let seen = recovery(&recording.all(), event, i64::MAX);
            let stayed = seen
                .under_1us
                .map(|time| Duration::from_nanos(u64::try_from(seen.watched - time).unwrap_or(0)));
            if stayed.is_some_and(|stayed| stayed + Duration::from_millis(300) >= patience.least)
                || elapsed >= patience.most
            {
                return Ok(seen);
            }
            thread::sleep(Duration::from_millis(700));
        }
    }

    /// Waits until the clock has been right for a second, or `most` has passed.
    pub(crate) fn calm(&mut self, most: Duration) -> Result<()> {
        const SECOND: i64 = 1_000_000_000;
        let started = Instant::now();
        while started.elapsed() < most {
            thread::sleep(Duration::from_millis(1_500));
            let samples = &self.update()?.samples;
            let from = samples.last().map_or(0, |last| last.raw - SECOND);
            if samples
                .iter()
                .rev()
                .take_while(|sample| sample.raw >= from)
                .all(|sample| sample.offset.abs() < 1_000)
            {
                break;
            }
        }
        Ok(())
    }
}
