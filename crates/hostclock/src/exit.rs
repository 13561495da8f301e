//! The exit codes, which scripts rely on: they are described in `docs/commands.md` and never change
//! their meaning.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only the daemon ends with some of them"))]
pub(crate) enum Code {
    /// All is well; from `status`: the clock is on the host's time.
    Fine = 0,
    /// Something failed at run time; from `status`: the clock is not on the host's time.
    Failed = 1,
    /// The command line or the configuration can't be understood.
    Usage = 2,
    /// A permission is missing: `CAP_SYS_TIME`, or access to the device or the socket.
    NoPermission = 3,
    /// Another instance runs.
    AnotherInstance = 4,
    /// There is no device that can be used.
    NoDevice = 5,
    /// No daemon runs.
    NoDaemon = 6,
    /// Another clock daemon keeps this clock.
    Rival = 7,
    /// This is a confidential guest, which does not trust its host.
    Untrusted = 8,
    /// From `doctor`: nothing is wrong, but something may go wrong.
    Warning = 9,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn every_code_is_described() {
        let page = include_str!("../../../docs/commands.md");
        for code in [
            Code::Fine,
            Code::Failed,
            Code::Usage,
            Code::NoPermission,
            Code::AnotherInstance,
            Code::NoDevice,
            Code::NoDaemon,
            Code::Rival,
            Code::Untrusted,
            Code::Warning,
        ] {
            assert!(page.contains(&format!("\n| {} | ", code as u8)), "docs/commands.md lacks {code:?}");
        }
    }
}
