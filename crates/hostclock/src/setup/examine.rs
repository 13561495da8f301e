//! Whether this machine, or this image, can be set up: looked at before anything is changed.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use hostclock_linux::container::{Isolation, is_wsl};
use hostclock_linux::hypervisor::Confidential;
use hostclock_linux::lasting::{self, Lasts};
use hostclock_linux::services::{self, Manager};

use super::chrony::Carried;
use super::plan::{self, Plan, Wishes};
use super::planner;
use super::record::Record;
use super::report::Report;
use super::system::Observation;
use super::{Request, Stop, World, chrony, failed, leads_out};
use crate::advice::right_program;
use crate::config::{self, ConfidentialGuest, Config};
use crate::exit::Code;

/// What was found.
pub(super) struct Examined {
    pub(super) manager: Manager,
    pub(super) plan: Plan,
    pub(super) record: Option<Record>,
    /// A reading of the host's clock, on a running machine.
    pub(super) observation: Option<Observation>,
}

/// Looks, and says what stands against it.
pub(super) fn examine(world: &World<'_>, request: &Request, report: &mut Report) -> Result<Examined, Stop> {
    let manager = suitable(world, report)?;
    if request.fallback && manager != Manager::Systemd {
        return Err((
            Code::Usage,
            "--fallback needs systemd, whose OnFailure= starts the other service".to_owned(),
        ));
    }
    let record = match Record::load(&world.tree) {
        // It is root's alone.
        Err(why) if request.only_looks() && world.system.user() != 0 => {
            report.remark(format!("{why}: what an earlier setup did is not known"));
            None
        }
        loaded => loaded.map_err(failed)?,
    };
    let (config, carried) = match &request.from {
        Some(file) => carried_over(world, file).map(|(config, carried)| (config, Some(carried)))?,
        None => (configuration(world)?, None),
    };
    let observation =
        if world.running && !request.upgrade { verified(world, request, &config, report)? } else { None };
    let wishes = Wishes {
        configuration: carried.as_ref().map(|carried| carried.text.as_str()),
        fallback: request.fallback,
        upgrade: request.upgrade,
    };
    let own = world.system.own_program();
    let own = own.map_err(|error| failed(format!("cannot find this program's own file: {error}")))?;
    let plan =
        planner::plan(&world.tree, world.running, &own, manager, record.as_ref(), wishes).map_err(failed)?;
    for without in carried.iter().flat_map(|carried| &carried.without) {
        report.remark(format!("not carried over: {without}"));
    }
    for remark in carried.iter().flat_map(|carried| &carried.remarks) {
        report.remark(remark.clone());
    }
    if let Some(loose) = plan.loose.first() {
        let stop = loose.hint().map(|hint| format!(": {hint}")).unwrap_or_default();
        return Err((
            Code::Rival,
            format!(
                "{loose} keeps this clock, and belongs to no service that could be stopped: end it first{stop}"
            ),
        ));
    }
    if let Some(path) = world.tree.leads_out(plan.steps().filter_map(|step| step.change.place())) {
        return Err(leads_out(world, &path));
    }
    if !world.running {
        untried(&plan, request, report);
    }
    Ok(Examined { manager, plan, record, observation })
}

/// chrony's settings as ours, which have to be a configuration that the service starts with.
fn carried_over(world: &World<'_>, file: &Path) -> Result<(Config, Carried), Stop> {
    let usage = |why: String| (Code::Usage, why);
    let carried = chrony::carry_over(world.tree.root(), file).map_err(usage)?;
    let (config, mistakes) = config::of_text(file, &carried.text);
    match mistakes.0.first() {
        Some(mistake) => Err(usage(format!(
            "{}: what comes of it is no configuration that hostclock starts with ({}); nothing is changed",
            file.display(),
            mistake.problem
        ))),
        None => Ok((config, carried)),
    }
}

/// Whether this is a machine to be set up, and what starts its services.
fn suitable(world: &World<'_>, report: &mut Report) -> Result<Manager, Stop> {
    let root = world.tree.root();
    if world.running {
        if let Some(kind) = Isolation::find(root).container {
            return Err(failed(format!(
                "this is a container ({kind}): the clock is the whole machine's, so set hostclock up on the machine"
            )));
        }
    }
    if is_wsl(root) && !world.running {
        // Or /proc of the machine that makes the image is mounted in it.
        report.remark(
            "where this image runs in the Windows Subsystem for Linux, hostclock does not start: a chronyd of WSL's own \
             keeps the clock there"
                .to_owned(),
        );
    } else if is_wsl(root) {
        return Err(failed(
            "this is the Windows Subsystem for Linux: a chronyd of its own keeps the clock of all distributions by the \
             same device, and can't be stopped from here; nothing is changed"
                .to_owned(),
        ));
    }
    match lasting::find(root, world.running) {
        Lasts::Yes => {}
        Lasts::InEtc { system, advice } => report.remark(format!("this is {system}: {advice}")),
        Lasts::Not { system, why, advice } => {
            return Err(failed(format!(
                "this is {system}, where {why}: what setup writes would not last, and nothing is changed; {advice}"
            )));
        }
    }
    if let (Some(kind), ConfidentialGuest::Refuse) =
        (Confidential::find(root), config::of_tree(root).0.confidential_guest)
    {
        return Err((
            Code::Untrusted,
            format!(
                "this is a confidential guest ({}), which does not trust its host: nothing is set up; if the host's \
                 clock is trusted, write confidential-guest = \"follow\" into /{} first",
                kind.name(),
                plan::configuration().display()
            ),
        ));
    }
    services::manager(root).ok_or_else(|| {
        failed(
            "no service manager is known here (systemd or OpenRC): let whatever starts programs start `hostclock run`"
                .to_owned(),
        )
    })
}

/// The configuration that the service will start with: one that it couldn't start with is no ground to hand over on.
fn configuration(world: &World<'_>) -> Result<Config, Stop> {
    let (config, mistakes) = config::of_tree(world.tree.root());
    if let Some(mistake) = mistakes.0.first() {
        return Err((
            Code::Usage,
            format!(
                "{mistake}; nothing is changed: the service would not start with it (`hostclock config --check FILE`)"
            ),
        ));
    }
    Ok(config)
}

/// Reads the host's clock beside whoever keeps this machine's now.
fn verified(
    world: &World<'_>,
    request: &Request,
    config: &Config,
    report: &mut Report,
) -> Result<Option<Observation>, Stop> {
    let mut observed = world.system.observe(&config.source);
    if observed.is_err() && config.load_module && world.system.user() == 0 && !request.only_looks() {
        match world.system.load_module() {
            // udev makes the node a moment later.
            Ok(()) => {
                for _ in 0..20 {
                    observed = world.system.observe(&config.source);
                    if observed.is_ok() {
                        break;
                    }
                    world.system.pause(std::time::Duration::from_millis(100));
                }
            }
            Err(why) => observed = observed.map_err(|error| format!("{error}; {why}")),
        }
    }
    match observed {
        Ok(observation) => {
            let line = format!("{}: the clock is {}", observation.device, observation.clock);
            report.say(&format!("Read {line}"));
            report.reading = Some(line);
            Ok(Some(observation))
        }
        Err(why) if world.system.user() != 0 && request.only_looks() => {
            report.remark(format!("the host's clock could not be read ({why}): root may see more"));
            Ok(None)
        }
        Err(why) => Err((
            Code::NoDevice,
            format!(
                "no clock of the host's can be read ({why}): nothing is changed; {}",
                right_program(world.tree.root())
            ),
        )),
    }
}

/// What can't be known of an image.
fn untried(plan: &Plan, request: &Request, report: &mut Report) {
    let others = plan.others();
    report.remark(
        "NOTHING COULD BE TRIED: an image has no devices, so whether its hypervisor offers a clock shows when it boots"
            .to_owned(),
    );
    if others.is_empty() {
        return;
    }
    let others = others.join(", ");
    report.remark(if request.fallback {
        format!("where it boots without such a clock, {others} keeps the clock after 30 s (--fallback)")
    } else {
        format!(
            "where it boots without such a clock, nothing keeps it right: hostclock waits for a device, and {others} is \
             disabled; --fallback has {others} started there"
        )
    });
}

/// Nobody's clock daemon is disabled without a word.
pub(super) fn agreed(request: &Request, plan: &Plan) -> Result<(), Stop> {
    let others = plan.others();
    if others.is_empty() || request.yes {
        return Ok(());
    }
    let names = others.join(", ");
    if request.json || !std::io::stdin().is_terminal() {
        return Err((
            Code::Rival,
            format!(
                "{names} would be stopped and disabled: agree with --yes (`hostclock setup --undo` gives them back)"
            ),
        ));
    }
    let _ = write!(
        std::io::stdout(),
        "Stop and disable {names}, which `hostclock setup --undo` gives back? [y/N] "
    );
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err((Code::Rival, "nothing was changed".to_owned()))
    }
}
