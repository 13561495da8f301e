//! Machines and images made by hand, and what setup makes of them.

mod fake;
mod faults;
mod hostile;
mod images;
mod machine;
mod regressions;
mod running;

use hostclock_linux::services::Manager;

use super::plan::{Plan, Wishes};
use super::planner;
use super::tree::Tree;
use machine::Machine;

/// What is missing in an image.
fn plan_of(machine: &Machine) -> Plan {
    let own = std::env::current_exe().expect("a program");
    planner::plan(&Tree::new(machine.0.path()), false, &own, Manager::Systemd, None, Wishes::default())
        .expect("a plan")
}
