//! Which colour a daemon has: hostclock blue and green, chrony orange and red, phc2sys purple and yellow; dashed
//! with linreg.

/// (daemon, light page, dark page): Okabe and Ito's colours, which colour-blind readers can tell
/// apart, made lighter or darker where a page needs it.
pub(super) const COLOURS: [(&str, &str, &str); 21] = [
    ("hostclock-1us", "#5f5fbf", "#b0b0ff"),
    ("hostclock-16s", "#24408e", "#8ea6f0"),
    ("hostclock", "#0072b2", "#56b4e9"),
    ("hostclock-4hz", "#0a8f8f", "#4fd6d6"),
    ("hostclock-8hz", "#2f9e44", "#69db7c"),
    ("hostclock-10hz", "#009e73", "#2fd3a4"),
    ("hostclock-16hz", "#5c7f00", "#b5d86a"),
    ("hostclock-quiet", "#56b4e9", "#a6d8f5"),
    ("hostclock-instant", "#003f66", "#8cc8ef"),
    ("chrony-poll4", "#7a1f00", "#ffb8a0"),
    ("chrony-poll3", "#a23b00", "#ffa878"),
    ("chrony", "#d55e00", "#ff8c3a"),
    ("chrony-poll0", "#e08214", "#ffb35c"),
    ("chrony-16hz", "#c92a2a", "#ff8787"),
    ("phc2sys", "#b3548d", "#e39bc6"),
    ("phc2sys-linreg", "#b3548d", "#e39bc6"),
    ("phc2sys-8hz", "#6a3d9a", "#c4a5e8"),
    ("phc2sys-8hz-linreg", "#6a3d9a", "#c4a5e8"),
    ("phc2sys-10hz", "#8a7400", "#e8d54a"),
    ("phc2sys-10hz-linreg", "#8a7400", "#e8d54a"),
    ("none", "#777777", "#999999"),
];

/// The style rule for the daemons that share another's colour.
pub(super) const DASHED: &str = "[class$=linreg]{stroke-dasharray:6 4}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon;

    #[test]
    fn each_daemon_has_a_colour() {
        let names = COLOURS.map(|(name, ..)| name);
        assert_eq!(names, daemon::ALL.map(|daemon| daemon.name));
    }
}
