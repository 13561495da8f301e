//! Somebody else who sets the clock again and again: each time it is put right at once, but the log is told
//! in a few lines.

use super::Engine;
use crate::notice::Notice;
use crate::status::RivalStatus;
use crate::units::{Duration, RawTime};

/// So many changes, none of them longer than this after the one before, are a rivalry.
const CHANGES: u32 = 3;
const QUIET: Duration = Duration::from_secs(60);
/// It is told again after this time, and then after twice as long each time, up to that.
const FIRST_GAP: Duration = Duration::from_secs(600);
const LONGEST_GAP: Duration = Duration::from_secs(6 * 3_600);

/// What somebody else did to the clock lately.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rivalry {
    changes: u32,
    since: RawTime,
    last: RawTime,
    /// When it was told last, and how long to wait with the next time.
    told: Option<(RawTime, Duration)>,
}

impl Rivalry {
    /// Takes in that somebody else changed the clock. Whether that change is to be told by itself.
    fn changed(&mut self, now: RawTime, notice: &mut impl FnMut(Notice)) -> bool {
        if self.changes == 0 {
            self.since = now;
        }
        self.changes = self.changes.saturating_add(1);
        self.last = now;
        if self.changes < CHANGES {
            return true;
        }
        let gap = match self.told {
            None => Some(FIRST_GAP),
            Some((then, gap)) if now - then >= gap => Some(gap.times(2).min(LONGEST_GAP)),
            Some(_) => None,
        };
        if let Some(gap) = gap {
            self.told = Some((now, gap));
            notice(Notice::Rival { changes: self.changes, over_ns: now - self.since });
        }
        false
    }

    /// It has been quiet for long enough, at `now`.
    fn calm(&mut self, now: RawTime, notice: &mut impl FnMut(Notice)) {
        if self.changes > 0 && now - self.last > QUIET {
            if self.told.is_some() {
                notice(Notice::RivalGone { changes: self.changes, over_ns: self.last - self.since });
            }
            *self = Self::default();
        }
    }
}

impl Engine {
    /// Somebody else changed the clock: `notice` is for the log, unless there are too many of these.
    pub(super) fn changed_by_somebody(&mut self, now: RawTime, notice: Option<Notice>) {
        let notices = &mut self.journal.notices;
        if self.journal.rivalry.changed(now, &mut |rival| notices.push(rival)) {
            if let Some(notice) = notice {
                self.journal.notices.push(notice);
            }
        }
    }

    pub(super) fn watch_rivalry(&mut self, now: RawTime) {
        let notices = &mut self.journal.notices;
        self.journal.rivalry.calm(now, &mut |notice| notices.push(notice));
    }

    /// What somebody else does to the clock, while he does it again and again.
    pub(super) fn rival(&self, now: RawTime) -> Option<RivalStatus> {
        let Rivalry { changes, since, last, told } = self.journal.rivalry;
        told.map(|_| RivalStatus {
            changes,
            since_s: (now - since).as_secs_f64(),
            last_s: (now - last).as_secs_f64(),
            suspects: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rival_of_half_a_minute_is_told_in_a_few_lines() {
        let (mut rivalry, mut told, mut alone) = (Rivalry::default(), 0, 0);
        let at = |ms: i64| RawTime::from_nanos(ms * 1_000_000);
        for n in 0..100 {
            alone += u32::from(rivalry.changed(at(i64::from(n) * 300), &mut |_| told += 1));
        }
        rivalry.calm(at(60_000), &mut |_| told += 1);
        assert_eq!((alone, told), (2, 1));
        rivalry.calm(at(100_000), &mut |notice| {
            assert!(matches!(notice, Notice::RivalGone { changes: 100, .. }));
            told += 1;
        });
        assert_eq!(told, 2);
        assert!(rivalry.changed(at(200_000), &mut |_| ()), "a new one");
    }

    #[test]
    fn a_rival_of_a_day_is_told_a_handful_of_times() {
        let (mut rivalry, mut told) = (Rivalry::default(), 0);
        for n in 0..86_400 {
            rivalry.changed(RawTime::from_nanos(n * 1_000_000_000), &mut |_| told += 1);
        }
        assert!((5..=9).contains(&told), "{told}");
    }

    #[test]
    fn two_admins_in_an_hour_are_no_rivalry() {
        let mut rivalry = Rivalry::default();
        for hour in 0..10_i64 {
            let now = RawTime::from_nanos(hour * 1_800_000_000_000);
            rivalry.calm(now, &mut |_| panic!("nothing to tell"));
            assert!(rivalry.changed(now, &mut |_| panic!("nothing to tell")));
        }
    }
}
