//! What the hypervisor or the kernel may tell of, beside clocks that are set and devices that come and go:
//! reasons to take a reading at once. None of them is needed; each only makes the time to notice shorter.

use serde::{Deserialize, Serialize};

/// Something that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// The vmclock device's disruption marker changed: the machine was migrated, or restored.
    Disrupted,
    /// Its generation counter changed: the machine was restored or cloned from a saved state.
    Generation,
    /// The kernel's log tells of a fork of the virtual machine (vmgenid).
    Forked,
    /// The machine woke from sleep, and the kernel has set the clock as well as it could.
    Resumed,
    /// The kernel counts on another clocksource, and what can be read may be better or worse now.
    Clocksource,
}

impl Hint {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Disrupted, Self::Generation, Self::Forked, Self::Resumed, Self::Clocksource];

    /// Who said what, as a clause for a log line.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Disrupted => "vmclock: the machine was disrupted",
            Self::Generation => "vmclock: the machine was restored or cloned",
            Self::Forked => "vmgenid: the machine was restored or cloned",
            Self::Resumed => "the machine woke from sleep",
            Self::Clocksource => "the clocksource changed",
        }
    }
}

/// A set of hints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints(u8);

impl Hints {
    /// Adds one.
    pub const fn add(&mut self, hint: Hint) {
        self.0 |= 1 << hint as u8;
    }

    /// Those in it.
    pub fn iter(self) -> impl Iterator<Item = Hint> {
        Hint::ALL.into_iter().filter(move |hint| self.0 & (1 << *hint as u8) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_added() {
        let mut hints = Hints::default();
        assert_eq!(hints.iter().next(), None);
        hints.add(Hint::Forked);
        hints.add(Hint::Disrupted);
        assert_eq!(hints.iter().collect::<Vec<_>>(), [Hint::Disrupted, Hint::Forked]);
    }
}
