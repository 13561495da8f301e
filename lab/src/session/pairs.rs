//! The guest's offset by pairs of counter and clock from both machines: the truth on clocksource tsc, where the
//! precise method doesn't work.

use std::thread;
use std::time::Duration;

use hostclock_lab_guest::trace::{Decoder, Sample};

use super::Session;
use crate::analysis::pairs::compare;
use crate::error::{Context, Error, Result};
use crate::machine::Shell;

/// How many pairs each machine records a second.
pub(crate) const PAIRS_A_SECOND: u32 = 250;
const PAIRS: &str = "/tmp/pairs";
const STOP: &str = "/tmp/pairs.stop";

/// What the host's KVM adds to the counter for the guest, and by what it multiplies it (Linux 6.1,
/// arch/x86/kvm/debugfs.c); the latter is there only where the processor can.
const COUNTER: &str = "[ -d /sys/kernel/debug/kvm ] || mount -t debugfs debugfs /sys/kernel/debug; \
                       cd /sys/kernel/debug/kvm/*/vcpu0 && cat tsc-offset && \
                       if [ -e tsc-scaling-ratio ]; then cat tsc-scaling-ratio; fi; cd /";
/// A ratio of one on the processor that the lab emulates: MSR_AMD64_TSC_RATIO_DEFAULT.
const RATIO: i64 = 1 << 32;

impl Session {
    /// Records pairs in both machines for so long; the samples that they amount to.
    pub(crate) fn pairs(&mut self, length: Duration) -> Result<Vec<Sample>> {
        self.begin_pairs()?;
        thread::sleep(length);
        self.end_pairs()
    }

    /// Begins to record pairs in both machines.
    pub(crate) fn begin_pairs(&mut self) -> Result<()> {
        let command = format!(
            "rm -f {STOP} {PAIRS}; lab pairs --rate {PAIRS_A_SECOND} --stop {STOP} --out {PAIRS} 2>{PAIRS}.log & pairs=$!"
        );
        // The host's recording is to enclose the guest's.
        self.lab.host.run(&command)?;
        self.lab.guest.run(&command).map(drop)
    }

    /// Ends that; the samples that they amount to.
    pub(crate) fn end_pairs(&mut self) -> Result<Vec<Sample>> {
        let guest = recorded(&mut self.lab.guest)?;
        let host = recorded(&mut self.lab.host)?;
        let offset = counter_offset(&self.lab.host.run(COUNTER)?)?;
        compare(&guest, &host, offset).context(|| {
            format!(
                "the machines' counters don't meet: {} pairs of the guest, {} of the host, {offset} apart",
                guest.len(),
                host.len()
            )
        })
    }
}

/// Ends the recording in one machine and gives its pairs.
fn recorded(shell: &mut Shell) -> Result<Vec<Sample>> {
    shell.run(&format!("touch {STOP}; wait $pairs; cat {PAIRS}.log"))?;
    let mut samples = Vec::new();
    if Decoder::default().feed(&shell.fetch(PAIRS, 0)?, &mut samples) {
        return Ok(samples);
    }
    Err(Error::new("what was to be pairs of counter and clock is no trace"))
}

/// What is added to the host's counter for the guest, from what the host's KVM says.
fn counter_offset(said: &str) -> Result<i64> {
    let numbers: Vec<i64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers.as_slice() {
        [offset] | [offset, RATIO] => Ok(*offset),
        [_, ratio] => Err(Error::new(format!("the guest's counter has a rate of its own: {ratio}"))),
        _ => {
            Err(Error::new(format!("the host's KVM doesn't tell the offset of the guest's counter: {said}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_offset_is_what_kvm_says_unless_their_rates_differ() {
        assert_eq!(counter_offset("-8123456789\n").unwrap(), -8_123_456_789);
        assert_eq!(counter_offset("-5\n4294967296\n").unwrap(), -5);
        assert!(counter_offset("-5\n4294967297\n").is_err() && counter_offset("").is_err());
    }
}
