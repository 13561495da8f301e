//! Patterns of udev's rules: those of fnmatch(3) without flags, and alternatives between them.

/// Whether one of the alternatives in `patterns`, divided by `|`, is all of `text`.
pub(super) fn fits(patterns: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    patterns.split('|').any(|pattern| is_all_of(&pattern.chars().collect::<Vec<_>>(), &text))
}

/// One pattern. At a mismatch the last `*` takes one character more; earlier ones need no second try.
fn is_all_of(pattern: &[char], text: &[char]) -> bool {
    let (mut rest, mut text) = (pattern, text);
    let mut star: Option<(&[char], &[char])> = None;
    loop {
        match rest.split_first() {
            Some(('*', after)) => {
                star = Some((after, text));
                rest = after;
                continue;
            }
            None if text.is_empty() => return true,
            _ => {}
        }
        if let Some((&c, behind)) = text.split_first() {
            if let Some(after) = one(rest, c) {
                (rest, text) = (after, behind);
                continue;
            }
        }
        let Some((after, taken)) = star else { return false };
        let Some((_, behind)) = taken.split_first() else { return false };
        star = Some((after, behind));
        (rest, text) = (after, behind);
    }
}

/// What remains of the pattern where its first element, which is no `*`, fits `c`.
fn one(pattern: &[char], c: char) -> Option<&[char]> {
    let (&first, rest) = pattern.split_first()?;
    match first {
        '?' => Some(rest),
        '[' => match set(rest, c) {
            Some((true, rest)) => Some(rest),
            Some((false, _)) => None,
            // A bracket that nothing closes means itself.
            None => (c == '[').then_some(rest),
        },
        '\\' => match rest.split_first() {
            Some((&quoted, rest)) => (quoted == c).then_some(rest),
            None => (c == '\\').then_some(rest),
        },
        plain => (plain == c).then_some(rest),
    }
}

/// Whether `c` is in the set that begins behind its bracket, and what remains of the pattern behind the set.
fn set(pattern: &[char], c: char) -> Option<(bool, &[char])> {
    let (negated, mut rest) = match pattern.split_first()? {
        ('!' | '^', rest) => (true, rest),
        _ => (false, pattern),
    };
    let (mut found, mut first) = (false, true);
    loop {
        let (&low, behind) = rest.split_first()?;
        if low == ']' && !first {
            return Some((found != negated, behind));
        }
        first = false;
        (found, rest) = match behind {
            ['-', high, after @ ..] if *high != ']' => (found || (low..=*high).contains(&c), after),
            _ => (found || low == c, behind),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_a_shell_with_alternatives() {
        for (pattern, text) in [
            ("KVM virtual PTP", "KVM virtual PTP"),
            ("ptp[0-9]*", "ptp12"),
            ("ena-ptp-*", "ena-ptp-05"),
            ("hyperv|KVM*", "KVM virtual PTP"),
            ("?tp[!1-9]", "ptp0"),
            ("*a*b", "xaxbxab"),
            ("*", ""),
            ("[]x]", "]"),
            ("\\*", "*"),
            ("[open", "[open"),
            ("", ""),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("ptp", "ptp0"),
            ("ptp?", "ptp"),
            ("ptp[0-9]", "ptpx"),
            ("*b", "abc"),
            ("a|b", "a|b"),
            ("\\*", "x"),
            ("", "x"),
            ("ptp[", "ptpx"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
        assert!(!fits(&"*a".repeat(40), &"a".repeat(39)), "and it ends soon");
    }
}
