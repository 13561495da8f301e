//! What a scenario does to the nested host's clock, and how it learns when that was by the guest's.

use std::thread;
use std::time::{Duration, Instant};

use super::Session;
use crate::analysis::host;
use crate::error::{Context, Error, Result};

/// The longest that work on the host's clock takes.
const WORK_LIMIT: Duration = Duration::from_secs(90);

impl Session {
    /// Makes the host's frequency wander as under NTP, the same way for the same seed; `None` ends it.
    pub(crate) fn wander(&mut self, seed: Option<u32>) -> Result<()> {
        self.wander_as(seed.map(|seed| format!("--seed {seed}")).as_deref())
    }

    /// Makes the host's frequency wander as these options of `lab wander` say; `None` ends whatever there is.
    pub(crate) fn wander_as(&mut self, options: Option<&str>) -> Result<()> {
        self.lab
            .host
            .run("[ -z \"$wander\" ] || { kill $wander; wait $wander; wander=; } 2>/dev/null; true")?;
        if let Some(options) = options {
            self.lab.host.run(&format!("lab wander {options} & wander=$!"))?;
        }
        Ok(())
    }

    /// Steps the host's clock, by whatever steps it sooner or later: `command` runs in the host without
    /// being waited for. Notes the step under `label`, as having happened when the observer took its last
    /// sample before it.
    pub(crate) fn step_host(&mut self, label: &str, command: &str) -> Result<()> {
        // The last sample fetched comes before the step, and may be the last one before it.
        let known = self.update()?.samples.len().saturating_sub(1);
        self.lab.host.run(&format!("{command} &"))?;
        let started = Instant::now();
        while started.elapsed() < WORK_LIMIT {
            thread::sleep(Duration::from_millis(300));
            let samples = &self.update()?.samples;
            if let Some(before) = host::jump(samples.get(known..).unwrap_or_default()) {
                return self.write_down(label, before, before);
            }
        }
        Err(Error::new(format!("the host's clock did not jump within {WORK_LIMIT:?} after `{command}`")))
    }

    /// Runs `command` in the host, which works on its clock for a while and prints when, by that clock, it
    /// began and ended: two numbers of ns.
    pub(crate) fn work_on_host(&mut self, command: &str) -> Result<(i64, i64)> {
        let said = self.lab.host.run_within(WORK_LIMIT, command)?;
        let times: Vec<i64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        match times.as_slice() {
            [from, to] => Ok((*from, *to)),
            _ => Err(Error::new(format!("`{command}` in the host said no two times: {said}"))),
        }
    }

    /// What the host answers to `command`.
    pub(crate) fn host_says(&mut self, command: &str) -> Result<String> {
        self.lab.host.run(command)
    }

    /// Notes `label` now and gives the raw time.
    pub(crate) fn mark(&mut self, label: &str) -> Result<i64> {
        self.note(label, "true")?;
        let events = &self.update()?.events;
        Ok(events.last().context(|| "the guest noted no event".into())?.before)
    }
}
