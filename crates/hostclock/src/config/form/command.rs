//! Commands: a list of words, with the program first.

use toml::Value;
use toml::de::{DeArray, DeValue};

use super::super::value::{Raw, quoted};
use super::{Form, text};

/// A program with its arguments, or none.
pub(crate) struct Command;

impl Form for Command {
    type Value = Vec<String>;
    const ACCEPTS: &'static str =
        "a list of texts, the program's absolute path first, such as [\"/usr/local/sbin/after-step\"], or []";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        let command = match raw {
            Raw::List(list) => words(list)?,
            // On the command line: no quotes, so no word with a space in it.
            Raw::Word(words) => words.split_whitespace().map(str::to_owned).collect(),
            other => return Err(format!("{} where a list belongs", other.described())),
        };
        if let Some(word) = command.iter().find(|word| word.contains('\0')) {
            return Err(format!("{} has a zero byte", quoted(word)));
        }
        match command.first() {
            // It is searched for nowhere: the daemon has privileges, and PATH may be anything.
            Some(program) if !program.starts_with('/') => {
                Err(format!("{} does not start with /", quoted(program)))
            }
            Some(program) if program.ends_with('/') || program.chars().any(char::is_control) => {
                Err(format!("{} cannot be the path of a program", quoted(program)))
            }
            _ => Ok(command),
        }
    }

    fn show(value: &Self::Value) -> Value {
        Value::Array(value.iter().map(text).collect())
    }
}

fn words(list: &DeArray<'_>) -> Result<Vec<String>, String> {
    list.iter()
        .map(|word| match word.get_ref() {
            DeValue::String(word) => Ok(word.clone().into_owned()),
            other => Err(format!("it has {}, which needs quotes here", Raw::of(other).described())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    fn parse(written: &str) -> Result<Vec<String>, String> {
        let text = format!("hook = {written}");
        let table = DeTable::parse(&text).expect("TOML");
        Command::parse(Raw::of(table.get_ref().get("hook").expect("the key").get_ref()))
    }

    #[test]
    fn a_command_is_a_list_with_the_program_first() {
        assert_eq!(parse("[]"), Ok(vec![]));
        assert_eq!(
            parse(r#"["/bin/x", "", "a \"b\""]"#),
            Ok(vec!["/bin/x".into(), "".into(), "a \"b\"".into()])
        );
        assert_eq!(parse(r#""/bin/x""#), Err(r#""/bin/x" where a list belongs"#.to_owned()));
        assert_eq!(parse("true"), Err("true where a list belongs".to_owned()));
        assert_eq!(
            parse(r#"["/bin/x", 5]"#),
            Err("it has the integer 5, which needs quotes here".to_owned())
        );
        assert_eq!(parse(r#"[["/bin/x"]]"#), Err("it has a list, which needs quotes here".to_owned()));
        assert_eq!(parse(r#"["x"]"#), Err(r#""x" does not start with /"#.to_owned()));
        assert_eq!(parse(r#"["/bin/"]"#), Err(r#""/bin/" cannot be the path of a program"#.to_owned()));
        assert_eq!(parse(r#"["/bin/x", "a\u0000"]"#), Err(r#""a\0" has a zero byte"#.to_owned()));
    }

    #[test]
    fn on_the_command_line_its_words_are_separated_by_spaces() {
        assert_eq!(Command::parse(Raw::Word("/bin/x  -y")), Ok(vec!["/bin/x".into(), "-y".into()]));
        assert_eq!(Command::parse(Raw::Word("")), Ok(vec![]));
        assert!(Command::parse(Raw::Word("none")).is_err());
    }
}
