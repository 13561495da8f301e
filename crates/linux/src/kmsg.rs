//! The kernel's log, for the few lines in which it tells of something that concerns the clock and tells of it
//! nowhere else: a machine that was forked from a snapshot (vmgenid has no event of its own) and a
//! clocksource that was changed.
//!
//! Every line that the kernel logs makes the descriptor readable, whatever it is about.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};

use crate::errno::Errno;

const PATH: &str = "/dev/kmsg";
/// Its place among the memory devices: Documentation/admin-guide/devices.txt. In containers something else
/// often stands in its stead, `/dev/null` or the console.
const DEVICE: (u32, u32) = (1, 11);
/// `CONSOLE_EXT_LOG_MAX`, kernel/printk/printk.c, Linux 6.1 (2,048 later): read(2) fails with EINVAL for a
/// buffer that is shorter than the record.
const LONGEST: usize = 8_192;
/// More records in one go than this wait for the next wake-up, so that a kernel that talks a lot can't
/// keep the clock waiting.
const MOST_AT_ONCE: usize = 128;

/// What the kernel told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// This machine was restored from a snapshot, or is a copy: time has passed that its clocks don't know of.
    Forked,
    /// The kernel counts with another clocksource.
    Clocksource,
    /// Records were overwritten before they were read: any of the above may have been among them.
    Lost,
}

/// Why the log can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// `ENOENT`, as in many containers.
    #[error("opening {PATH}: no such device")]
    Missing,
    /// `EPERM` or `EACCES`.
    #[error("opening {PATH}: not permitted (it takes CAP_SYSLOG where kernel.dmesg_restrict is 1)")]
    NotPermitted,
    /// Another file of that name.
    #[error("opening {PATH}: not the kernel's log, but something in its place")]
    NotTheLog,
    /// Anything else.
    #[error("opening {PATH}: {0}")]
    Other(Errno),
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        match Errno::of(&error) {
            Errno(libc::ENOENT) => Self::Missing,
            Errno(libc::EPERM | libc::EACCES) => Self::NotPermitted,
            errno => Self::Other(errno),
        }
    }
}

/// The kernel's log from now on.
#[derive(Debug)]
pub struct Kmsg {
    file: File,
}

impl Kmsg {
    /// Starts to listen; what was logged before is not told.
    ///
    /// # Errors
    /// Where there is no log, or where this process may not read it.
    pub fn open() -> Result<Self, OpenError> {
        // std adds O_CLOEXEC.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(PATH)?;
        let metadata = file.metadata()?;
        let device = (libc::major(metadata.rdev()), libc::minor(metadata.rdev()));
        if !metadata.file_type().is_char_device() || device != DEVICE {
            return Err(OpenError::NotTheLog);
        }
        // Behind the last record: devkmsg_llseek().
        (&file).seek(SeekFrom::End(0))?;
        Ok(Self { file })
    }

    /// What gives one record a read, as the log does.
    #[cfg(test)]
    fn over(fd: std::os::fd::OwnedFd) -> Self {
        Self { file: fd.into() }
    }

    /// Reads what was logged, and calls `on` for what concerns the clock. Never blocks.
    ///
    /// # Errors
    /// Any other failure than having nothing to read or having lost something. It isn't expected; stop
    /// to wait for the log, or the wait may not wait.
    pub fn drain(&mut self, mut on: impl FnMut(News)) -> Result<(), Errno> {
        let mut buffer = [0_u8; LONGEST];
        for _ in 0..MOST_AT_ONCE {
            match (&self.file).read(&mut buffer).map_err(Errno::from) {
                // A log has no end; whatever has one is always readable there.
                Ok(0) => return Err(Errno(libc::ENODATA)),
                Ok(length) => {
                    if let Some(news) = buffer.get(..length).and_then(parse) {
                        on(news);
                    }
                }
                Err(Errno(libc::EINTR)) => {}
                Err(Errno(libc::EAGAIN)) => break,
                // The next read gives the oldest record that is left.
                Err(Errno(libc::EPIPE)) => on(News::Lost),
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}

impl AsFd for Kmsg {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// What a record tells of the clock: `priority,sequence,microseconds,flags[,…];text`, and a line of its own for
/// each of the text's attributes (Documentation/ABI/testing/dev-kmsg).
fn parse(record: &[u8]) -> Option<News> {
    let (priority, rest) = split(record, b',')?;
    // Facility 0 is the kernel's own, and devkmsg_write() gives it to nobody else.
    let from_kernel = matches!(priority, [b'0'..=b'7']);
    let (_, text) = split(rest, b';')?;
    let line = split(text, b'\n').map_or(text, |(line, _)| line);
    // Each begins with its file's pr_fmt(); the first is as old as Linux 5.18, the others are older.
    match line {
        _ if !from_kernel => None,
        // add_vmfork_randomness(), drivers/char/random.c.
        b"random: crng reseeded due to virtual machine fork" => Some(News::Forked),
        // __clocksource_select(), kernel/time/clocksource.c, after the change.
        line if line.starts_with(b"clocksource: Switched to clocksource ") => Some(News::Clocksource),
        _ => None,
    }
}

/// What stands before and after the first `byte`.
fn split(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|other| *other == byte)?;
    let (before, after) = text.split_at_checked(position)?;
    Some((before, after.get(1..)?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::wait::PollSet;

    const FORKED: &[u8] = b"5,1127,93218446,-;random: crng reseeded due to virtual machine fork\n";
    const SWITCHED: &[u8] = b"6,301,1130227,-,caller=T1;clocksource: Switched to clocksource tsc\n";

    /// A log in which the test writes; each datagram is a record.
    fn log() -> (UnixDatagram, Kmsg) {
        let (writer, reader) = UnixDatagram::pair().expect("a pair");
        reader.set_nonblocking(true).expect("set");
        (writer, Kmsg::over(reader.into()))
    }

    fn heard(kmsg: &mut Kmsg) -> Vec<News> {
        let mut heard = Vec::new();
        kmsg.drain(|news| heard.push(news)).expect("drained");
        heard
    }

    #[test]
    fn what_concerns_the_clock_is_recognised_and_nothing_else_is() {
        assert_eq!(parse(FORKED), Some(News::Forked));
        assert_eq!(parse(SWITCHED), Some(News::Clocksource));
        for other in [
            &b"6,903,1,-;PM: suspend exit\n SUBSYSTEM=x\n DEVICE=+x:y\n"[..],
            b"4,903,1,-;clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc' as unstable\n",
            b"5,903,1,-;random: crng init done\n",
            b"6,903,1,-;x: random: crng reseeded due to virtual machine fork\n",
            b"6,903,1,-;random: crng reseeded due to virtual machine fork, or so\n",
            b"6,903,1,-;x\n random: crng reseeded due to virtual machine fork\n",
            b"6,903,1,-;random: crng reseeded due to virtual machine fork \n",
        ] {
            assert_eq!(parse(other), None, "{}", String::from_utf8_lossy(other));
        }
    }

    /// A process that may write to the log gets the facility of users (1, so a priority from 8) or another one
    /// of its choice, and never 0.
    #[test]
    fn a_process_that_writes_the_same_words_is_not_believed() {
        for priority in ["8", "12", "13", "30", "1015", "", "-1", "05", "x"] {
            let record =
                format!("{priority},1127,93218446,-;random: crng reseeded due to virtual machine fork\n");
            assert_eq!(parse(record.as_bytes()), None, "{record}");
        }
        let nested = b"12,1,2,-;5,1127,93218446,-;random: crng reseeded due to virtual machine fork\n";
        assert_eq!(parse(nested), None);
    }

    #[test]
    fn torn_records_are_nothing_or_what_they_still_say() {
        for record in [FORKED, SWITCHED] {
            for length in 0..record.len() {
                let (head, _) = record.split_at(length);
                assert!(parse(head).is_none_or(|news| Some(news) == parse(record)));
            }
        }
        assert_eq!(parse(b";"), None);
        assert_eq!(parse(b",;"), None);
        assert_eq!(parse(b"5,;\n"), None);
    }

    #[test]
    fn records_are_told_in_their_order_and_reading_does_not_block() {
        let (writer, mut kmsg) = log();
        assert_eq!(heard(&mut kmsg), []);
        for record in [FORKED, b"6,1,1,-;something else\n", SWITCHED] {
            writer.send(record).expect("sent");
        }
        let mut set = PollSet::<1>::new().expect("a set");
        set.watch(0, Some(kmsg.as_fd())).expect("watched");
        assert_eq!(set.wait(None), Ok(1));
        assert_eq!(heard(&mut kmsg), [News::Forked, News::Clocksource]);
        assert_eq!(heard(&mut kmsg), []);
    }

    #[test]
    fn a_flood_of_records_is_left_for_the_next_time() {
        let (writer, mut kmsg) = log();
        let (mut sent, mut told) = (0, 0);
        writer.set_nonblocking(true).expect("set");
        while sent < 300 {
            if writer.send(FORKED).is_ok() {
                sent += 1;
            } else {
                let now = heard(&mut kmsg).len();
                assert!((1..=MOST_AT_ONCE).contains(&now));
                told += now;
            }
        }
        while told < sent {
            told += heard(&mut kmsg).len();
        }
        assert_eq!(heard(&mut kmsg), []);
    }

    #[test]
    fn what_ends_is_no_log_and_is_not_waited_for() {
        let mut kmsg = Kmsg::over(File::open("/dev/null").expect("opened").into());
        assert_eq!(kmsg.drain(|_| {}), Err(Errno(libc::ENODATA)));
    }

    #[test]
    fn this_machines_log_is_opened_behind_its_last_record_or_refused_in_words() {
        match Kmsg::open() {
            // Whatever the kernel says meanwhile.
            Ok(mut kmsg) => kmsg.drain(|_| {}).expect("drained"),
            Err(error) => assert!(error.to_string().starts_with("opening /dev/kmsg: ")),
        }
        let words = |errno| OpenError::from(std::io::Error::from_raw_os_error(errno)).to_string();
        assert!(words(libc::EPERM).contains("CAP_SYSLOG"));
        assert!(words(libc::ENOENT).ends_with("no such device"));
        assert_eq!(words(libc::EMFILE), format!("opening /dev/kmsg: {}", Errno(libc::EMFILE)));
    }
}
