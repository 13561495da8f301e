//! The text of a rules file as lines of keys: udev(7), `parse_line` in src/udev/udev-rules.c of systemd 252.

/// What a key does with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `==`.
    Is,
    /// `!=`.
    IsNot,
    /// `=`, `+=` or `-=`: udev takes the others as `=` where there is one value only.
    Assign,
    /// `:=`: no later assignment counts.
    AssignFinally,
}

/// One `KEY{attribute}OPERATOR"value"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) key: String,
    pub(super) attribute: Option<String>,
    pub(super) operator: Operator,
    pub(super) value: String,
    /// The value has the prefix `i`: it is compared without regard to case (systemd 256).
    pub(super) any_case: bool,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The number of the line of the file on which it begins.
    pub(super) number: usize,
    pub(super) items: Vec<Item>,
}

/// The rules of a file. One with a mistake is left out, as udev leaves it out.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let mut joined = String::new();
    let mut begin = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        // Also between a line and its continuation.
        if line.starts_with('#') {
            continue;
        }
        if joined.is_empty() {
            begin = number + 1;
        }
        if let Some(start) = line.strip_suffix('\\') {
            joined.push_str(start);
            continue;
        }
        joined.push_str(line);
        if let Some(items) = items(&joined).filter(|items| !items.is_empty()) {
            found.push(Line { number: begin, items });
        }
        joined.clear();
    }
    found
}

fn items(line: &str) -> Option<Vec<Item>> {
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return Some(found);
        }
        let (item, after) = item(rest)?;
        found.push(item);
        rest = after;
    }
}

/// The first of a line, and what follows it.
fn item(text: &str) -> Option<(Item, &str)> {
    let end = text.find(|c: char| c.is_whitespace() || "={+-!:".contains(c))?;
    let (key, mut rest) = text.split_at_checked(end)?;
    let mut attribute = None;
    if let Some(behind) = rest.strip_prefix('{') {
        let (name, behind) = behind.split_once('}')?;
        attribute = Some(name.to_owned());
        rest = behind;
    }
    let (operator, rest) = operator(rest.trim_start())?;
    let rest = rest.trim_start();
    let quoted = rest.trim_start_matches(['e', 'i']);
    let any_case = rest.strip_suffix(quoted).is_some_and(|prefix| prefix.contains('i'));
    let (value, rest) = value(quoted.strip_prefix('"')?)?;
    Some((Item { key: key.to_owned(), attribute, operator, value, any_case }, rest))
}

fn operator(text: &str) -> Option<(Operator, &str)> {
    const OPERATORS: [(&str, Operator); 6] = [
        ("==", Operator::Is),
        ("!=", Operator::IsNot),
        (":=", Operator::AssignFinally),
        ("+=", Operator::Assign),
        ("-=", Operator::Assign),
        ("=", Operator::Assign),
    ];
    OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)))
}

/// The value up to its closing quotation mark, and what follows that.
fn value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let at = rest.find('"')?;
        let (before, behind) = rest.split_at_checked(at)?;
        rest = behind.strip_prefix('"')?;
        match before.strip_suffix('\\') {
            Some(before) => {
                value.push_str(before);
                value.push('"');
            }
            None => {
                value.push_str(before);
                return Some((value, rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(text: &str) -> Vec<(usize, Vec<String>)> {
        let show = |item: Item| {
            let attribute = item.attribute.map(|name| format!("{{{name}}}")).unwrap_or_default();
            format!("{}{attribute} {:?} {}", item.key, item.operator, item.value)
        };
        lines(text)
            .into_iter()
            .map(|line| (line.number, line.items.into_iter().map(show).collect()))
            .collect()
    }

    #[test]
    fn keys_attributes_operators_and_values_are_told_apart() {
        assert_eq!(
            short(
                "# a comment\n\n  SUBSYSTEM==\"ptp\" , ATTR{clock_name}!=\"a, b\",GROUP:=\"x\" MODE = e\"0640\"\n"
            ),
            [(
                3,
                vec![
                    "SUBSYSTEM Is ptp".to_owned(),
                    "ATTR{clock_name} IsNot a, b".to_owned(),
                    "GROUP AssignFinally x".to_owned(),
                    "MODE Assign 0640".to_owned(),
                ]
            )]
        );
        assert_eq!(short("A==\"say \\\"yes\\\"\"")[0].1, ["A Is say \"yes\""]);
        assert!(lines("NAME==i\"PTP*\"")[0].items[0].any_case);
    }

    #[test]
    fn a_line_goes_on_behind_a_backslash_and_has_the_number_of_its_beginning() {
        let text = "A==\"1\", \\\n# in between\n  B=\"2\"\nC=\"3\"\nD=\"4\" \\\n";
        let want =
            [(1, vec!["A Is 1".to_owned(), "B Assign 2".to_owned()]), (4, vec!["C Assign 3".to_owned()])];
        assert_eq!(short(text), want, "and one without an end is none");
    }

    #[test]
    fn a_line_with_a_mistake_is_left_out() {
        for text in [
            "A==1",
            "A==\"1",
            "A",
            "A~\"1\"",
            "ATTR{x==\"1\"",
            "==",
            "A==\"1\", B",
            "\u{e4}==\u{e4}",
            "A=\"\\",
        ] {
            assert_eq!(lines(text), [], "{text}");
        }
    }
}
