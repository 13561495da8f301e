//! The options on a command line, as getopt(3) takes them apart.

/// The options of one call.
#[derive(Debug, Default)]
pub(super) struct Options<'a> {
    short: Vec<(char, &'a str)>,
    long: Vec<&'a str>,
}

impl<'a> Options<'a> {
    /// Takes `arguments` apart; the short options in `with_value` have a value. Arguments that are no
    /// options are passed over, and nothing counts after `--`.
    pub(super) fn of(arguments: &'a [String], with_value: &str) -> Self {
        let mut options = Self::default();
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                break;
            }
            if let Some(long) = argument.strip_prefix("--") {
                options.long.push(long);
            } else if let Some(mut letters) = argument.strip_prefix('-') {
                while let Some(letter) = letters.chars().next() {
                    letters = letters.get(letter.len_utf8()..).unwrap_or_default();
                    if with_value.contains(letter) {
                        let value = if letters.is_empty() { arguments.next().unwrap_or("") } else { letters };
                        options.short.push((letter, value));
                        break;
                    }
                    options.short.push((letter, ""));
                }
            }
        }
        options
    }

    /// Whether one of these letters was given.
    pub(super) fn has_any(&self, letters: &str) -> bool {
        self.short.iter().any(|(letter, _)| letters.contains(*letter))
    }

    /// The values of each `letter` that was given.
    pub(super) fn values(&self, letter: char) -> impl Iterator<Item = &'a str> {
        self.short.iter().filter(move |(given, _)| *given == letter).map(|(_, value)| *value)
    }

    /// Whether the long option was given, with whatever value.
    pub(super) fn has_long(&self, name: &str) -> bool {
        self.long.iter().any(|given| given.split('=').next() == Some(name))
    }

    /// The long options, each with its value.
    pub(super) fn long(&self) -> &[&'a str] {
        &self.long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_alone_together_and_with_their_values() {
        let line =
            ["-dx", "server x", "-f", "/etc/-x", "-u_chrony", "--only=1", "-", "--", "-q"].map(str::to_owned);
        let options = Options::of(&line, "fu");
        assert!(options.has_any("d") && options.has_any("qx") && !options.has_any("q"));
        assert_eq!(options.values('f').collect::<Vec<_>>(), ["/etc/-x"]);
        assert_eq!(options.values('u').collect::<Vec<_>>(), ["_chrony"]);
        assert!(options.has_long("only") && !options.has_long("on"));
        assert_eq!(options.long(), ["only=1"]);
    }

    #[test]
    fn a_value_that_is_missing_is_empty() {
        let line = ["-c".to_owned()];
        assert_eq!(Options::of(&line, "c").values('c').collect::<Vec<_>>(), [""]);
    }
}
