//! The directives of chrony's that have no counterpart here, and why.

/// Why the directive has none; `None` for one that is not known.
pub(super) fn reason(directive: &str) -> Option<&'static str> {
    match directive {
        "leapsectz" | "leapseclist" => {
            Some("leap seconds come with the host's clock; where programs need TAI, set tai-offset = 37")
        }
        "leapsecmode" | "maxntpconnections" | "smoothtime" => {
            Some("the clock does what the host's does, leap seconds included")
        }
        "server" | "pool" | "peer" | "sourcedir" | "initstepslew" => Some(
            "hostclock has no NTP: the time comes from the host. A second opinion: chronyd -x, as a service of its own (docs/migrating.md)",
        ),
        "hwtimestamp" | "hwtstimeout" | "acquisitionport" | "ntpsigndsocket" | "dscp" | "ptpport"
        | "ptpdomain" => Some("it concerns NTP over a network"),
        "logchange" => {
            Some("every step is a line in the log; a command of yours can be run after one: hook, hook-step")
        }
        "mailonchange" => Some("hook runs a command after a step"),
        "log" | "logdir" | "logbanner" | "dumpdir" | "dumponexit" => {
            Some("there are no log files: `hostclock events` and `hostclock status --json` have the figures")
        }
        "allow" | "deny" | "local" | "port" | "bindaddress" | "binddevice" | "broadcast" | "ratelimit"
        | "ntsservercert" | "ntsserverkey" | "ntsport" | "ntsprocesses" | "ntsrotate" | "ntsntpserver"
        | "clientloglimit" | "noclientlog" => Some(
            "hostclock serves no time to others; chronyd -x can, as a service of its own (docs/migrating.md)",
        ),
        "cmdallow" | "cmddeny" | "cmdport" | "bindcmdaddress" | "bindcmddevice" | "cmdratelimit"
        | "opencommands" => Some("the status is read from a Unix socket: socket, socket-mode"),
        "keyfile" | "ntsdumpdir" | "ntscachedir" | "ntstrustedcerts" | "nosystemcert" | "nocerttimecheck"
        | "authselectmode" | "ntsaeads" => Some("there are no keys: nothing comes over a network"),
        "rtcfile" | "rtcdevice" | "rtcautotrim" | "rtconutc" | "hwclockfile" => {
            Some("the RTC is left to the kernel")
        }
        "user" | "pidfile" | "mailprogram" => Some("the service unit says so"),
        "combinelimit" | "corrtimeratio" | "fallbackdrift" | "maxclockerror" | "maxdistance" | "maxdrift"
        | "maxjitter" | "maxsamples" | "maxupdateskew" | "minsamples" | "minsources" | "reselectdist"
        | "stratumweight" | "tempcomp" | "refresh" | "maxdelayquant" => {
            Some("there is one source, and its noise is learnt from the readings")
        }
        _ => None,
    }
}
