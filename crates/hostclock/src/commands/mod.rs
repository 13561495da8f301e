//! The commands, one file each; `run` is the [daemon](crate::daemon).

pub(crate) mod config;
