//! When the kernel said something, on `CLOCK_MONOTONIC_RAW`.
//!
//! Lines of the kernel's log are stamped by its scheduler's clock (`local_clock()`, Linux 7.3,
//! kernel/printk/printk.c). A line of one's own, written at a known raw time, tells how the two are apart.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use hostclock_linux::clock::now_raw;

const LOG: &str = "/dev/kmsg";
const MARK: &str = "lab: the time now";
/// `O_NONBLOCK` of x86 and Arm.
const NONBLOCKING: i32 = 0o4_000;

/// Prints the raw time, in ns, of the last line that contains `pattern`; nothing where there is none.
///
/// # Errors
/// When the log can't be read or written.
pub(crate) fn when(pattern: &str) -> io::Result<()> {
    let now = now_raw().as_nanos();
    // A line without an end might go on, and isn't shown before the next one.
    OpenOptions::new().write(true).open(LOG)?.write_all(format!("{MARK}\n").as_bytes())?;
    let records = records(OpenOptions::new().read(true).custom_flags(NONBLOCKING).open(LOG)?)?;
    let stamp = |what: &str| records.iter().rev().find_map(|record| stamp(record, what));
    let mark =
        stamp(MARK).ok_or_else(|| io::Error::other("the kernel's log lacks what was written to it"))?;
    if let Some(said) = stamp(pattern) {
        println!("{}", now - (mark - said));
    }
    Ok(())
}

/// All records; each read gives one.
fn records(mut log: File) -> io::Result<Vec<String>> {
    let mut records = Vec::new();
    let mut record = [0; 8_192];
    loop {
        match log.read(&mut record) {
            Ok(count) => {
                records.push(String::from_utf8_lossy(record.get(..count).unwrap_or_default()).into());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(records),
            // Overwritten meanwhile: the next read goes on with the oldest that is left.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error),
        }
    }
}

/// `6,339,5140900,-;message`: the time of the record in ns, if its message contains `what`.
fn stamp(record: &str, what: &str) -> Option<i64> {
    let (head, message) = record.split_once(';')?;
    if !message.contains(what) {
        return None;
    }
    Some(head.split(',').nth(2)?.parse::<i64>().ok()? * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_tells_when_it_was_made() {
        let record = "6,339,5140900,-;crng reseeded due to virtual machine fork\n";
        assert_eq!(stamp(record, "virtual machine fork"), Some(5_140_900_000));
        assert_eq!(stamp(record, "something else"), None);
        assert_eq!(stamp("no record", "no"), None);
    }
}
