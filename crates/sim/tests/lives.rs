//! Random lives of guests: everything mixed, judged at every moment. A life that breaks a rule prints
//! its seed; `cargo run -p hostclock-sim -- replay SEED --hours H` tells it again.

use hostclock_sim::campaign::{campaign, live, live_forgiven};
use hostclock_sim::life::Life;

/// Seeds and hours of the lives here.
const LIVES: core::ops::Range<u64> = 1_000_000..1_000_400;
const HOURS: f64 = 0.2;

#[test]
fn any_sequence_of_disturbances_ends_synchronised_and_breaks_no_rule_on_the_way() {
    let (mut broken, mut lives, mut disturbances) = (Vec::new(), 0, 0);
    campaign(
        LIVES,
        |seed| live_forgiven(&Life::new(seed, HOURS)),
        |outcome| {
            lives += 1;
            disturbances += outcome.disturbances;
            if let Some(first) = outcome.violations.first() {
                broken.push(format!(
                "seed {}: after {:.6} s {}; again: cargo run -p hostclock-sim -- replay {} --hours {HOURS}",
                outcome.seed,
                first.at.as_secs_f64(),
                first.what,
                outcome.seed
            ));
            }
        },
    );
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(lives == 400 && disturbances > 1_000, "{lives} lives, {disturbances} disturbances");
}

#[test]
fn a_life_is_the_same_whenever_it_is_lived() {
    let life = Life::new(7, 0.2);
    let (first, second) = (live(&life), live(&life));
    assert_eq!(first.recoveries, second.recoveries);
    assert_eq!(first.violations, second.violations);
}

/// Fault 1 of the engine: a step that undoes another's does more than that. When it is mended, the lives above are
/// judged by [`live`], and this goes.
#[test]
fn undoing_what_others_did_still_does_more_than_the_policy_allows() {
    let mut broken = 0;
    campaign(
        1_000_000..1_000_040,
        |seed| live(&Life::new(seed, HOURS)),
        |outcome| broken += outcome.violations.len(),
    );
    assert!(broken > 0, "the judge can be strict now");
}
