//! What the estimator makes of brackets of a real device: `lab record --count 170` in `hostclock-lab shell`, with both
//! clocks being observed at 250 Hz. The middles are off by 4.7 µs, by 7 µs and more while the processor is slow, and one
//! of them by 2.8 µs.

use hostclock_sim::brackets::{Figures, Pair, figures};

#[test]
fn brackets_of_a_real_device_are_corrected_and_one_that_is_odd_moves_nothing() {
    let pairs: Vec<Pair> =
        include_str!("recorded/brackets.txt").lines().map(|line| line.parse().expect("a pair")).collect();
    let Figures { readings, predictions, .. } = figures(&pairs, 60).expect("170 of them");
    assert!(readings.0 < -4_000.0 && readings.1 > 500.0, "{readings:?}");
    assert!(predictions.0.abs() < 450.0 && predictions.1 < 120.0, "{predictions:?}");
}

#[test]
fn what_is_no_pair_is_refused() {
    assert_eq!("1 2 3 4".parse::<Pair>(), Err("there are 4 numbers, not eight".to_owned()));
    assert_eq!("x".parse::<Pair>(), Err("\"x\" is no number".to_owned()));
}
