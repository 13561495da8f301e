//! Prints a configuration: as a file with every key, its value and its default, or as JSON.

use serde_json::{Map, json};

use super::Config;
use super::keys::KEYS;

/// The configuration as a valid file: each key with what it does, what it accepts and its default.
pub(crate) fn show_toml(config: &Config) -> String {
    let mut out = String::new();
    for key in KEYS {
        let (value, default) = ((key.show)(config), key.default());
        let remark = if value == default { "default".to_owned() } else { format!("default: {default}") };
        out.push_str(&format!(
            "# {}\n# Accepts {}.\n{} = {value}  # {remark}\n\n",
            key.help, key.accepts, key.name
        ));
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// The configuration as one JSON object: by key, its value, its default, what it does and accepts.
pub(crate) fn show_json(config: &Config) -> String {
    let keys: Map<_, _> = KEYS
        .iter()
        .map(|key| {
            let entry = json!({
                "value": (key.show)(config),
                "default": key.default(),
                "help": key.help,
                "accepts": key.accepts,
            });
            (key.name.to_owned(), entry)
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Object(keys))
}
