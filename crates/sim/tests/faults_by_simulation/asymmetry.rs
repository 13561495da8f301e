//! Fault 20: one odd bracket in an hour, and the clock is off by half a bracket from then on.

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;

use crate::device::Bracket;
use crate::guest::Guest;
use crate::scene::Scene;
use crate::script::{Change, s, us};

/// The clock's mean offset before, and ten minutes after `odd` happened to one reading by brackets of 10 us, in us. There
/// are no probes, so that it is a reading that it happens to.
fn means_around(odd: Change) -> (f64, f64) {
    let mut guest = Guest::new(Duration::ZERO, &[(300.5, odd)]);
    guest.device.bracket = Some(Bracket::of(us(10.0)));
    let scene = Scene::of(Policy { probe: s(64.0), ..Policy::default() }, guest, 900.0);
    (scene.mean_ns(200.0, 300.0) / 1e3, scene.mean_ns(800.0, 900.0) / 1e3)
}

fn is_forgotten(what: &str, odd: Change) {
    let (before, after) = means_around(odd);
    assert!(before.abs() < 0.1, "{what}: {before} us before");
    assert!(after.abs() < 1.0, "fault 20: {what}: the clock is {after:+.2} us off ten minutes later");
}

#[test]
#[should_panic(expected = "fault 20")]
fn one_reading_that_takes_longer_on_the_way_back_is_forgotten() {
    is_forgotten("2 us longer after the host's clock was read", Change::Longer(us(2.0)));
}

#[test]
#[should_panic(expected = "fault 20")]
fn one_reading_that_takes_longer_on_the_way_there_is_forgotten() {
    is_forgotten("5 us longer before the host's clock was read", Change::Longer(us(-5.0)));
}

#[test]
#[should_panic(expected = "fault 20")]
fn one_badly_tied_counter_is_forgotten() {
    is_forgotten("tied within 9 us only, and 5 us off", Change::BadTie(us(9.0), us(5.0)));
}
