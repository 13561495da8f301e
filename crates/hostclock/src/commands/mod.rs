//! The commands, one file each; `run` is the daemon.

pub(crate) mod check;
pub(crate) mod config;
#[cfg(target_os = "linux")]
pub(crate) mod doctor;
pub(crate) mod events;
#[cfg(target_os = "linux")]
pub(crate) mod setup;
pub(crate) mod sources;
pub(crate) mod status;
pub(crate) mod tracking;
pub(crate) mod wait;
mod watch;

use std::path::PathBuf;

use crate::cli;
use crate::config::{Config, Origin};
use crate::exit::Code;
use crate::output::{complain, print};
use crate::status::client::{self, Answer, Trouble};
use crate::status::look;
use crate::status::own::Own;

/// How a command shows what it learns.
struct Views {
    /// The daemon's answer, for people.
    text: fn(&Answer) -> String,
    /// The daemon's answer, for programs.
    json: fn(&Answer) -> String,
    /// What was found without a daemon, for people, with the reason for there being none.
    own: fn(&Own, &str) -> String,
}

/// Asks the daemon, or looks for itself where none runs, and shows it. The code is that of a daemon
/// that answered, by `code`, or that of the trouble.
fn show(reader: &cli::Reader, views: &Views, code: fn(&Answer) -> Code) -> Code {
    let config = configuration();
    match client::ask(socket(reader, &config).as_deref()) {
        Ok(answer) => {
            let _ = print(&if reader.json { line((views.json)(&answer)) } else { (views.text)(&answer) });
            code(&answer)
        }
        Err(trouble) => {
            if let Trouble::NoDaemon(_) = trouble {
                let (own, problem) = (look(&config.source), trouble.to_string());
                let _ =
                    print(&if reader.json { line(own.json(&problem)) } else { (views.own)(&own, &problem) });
            } else {
                complain(&trouble.to_string());
            }
            trouble.code()
        }
    }
}

/// What the configuration says, as far as it can be read: for a command that only looks, a mistake in
/// it is no reason to show nothing.
fn configuration() -> Config {
    Origin::default().load_leniently().0
}

fn socket(reader: &cli::Reader, config: &Config) -> Option<PathBuf> {
    reader.socket.clone().or_else(|| config.socket.clone())
}

fn line(mut json: String) -> String {
    json.push('\n');
    json
}

/// The document's part under `name`, with the document's version beside it.
fn parts(answer: &Answer, names: &[&str]) -> String {
    // From the text and not from what was understood of it: a newer daemon's fields stay.
    let document: serde_json::Value = serde_json::from_str(&answer.text).unwrap_or_default();
    let kept: serde_json::Map<_, _> =
        names.iter().filter_map(|name| Some(((*name).to_owned(), document.get(*name)?.clone()))).collect();
    serde_json::Value::Object(kept).to_string()
}
