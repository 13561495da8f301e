//! A deterministic world for the hostclock engine: oscillators, hosts, kernels, devices and faults.
//!
//! The engine that decides in the daemon is driven here, byte for byte, by a world in which the truth
//! is known, thousands of times faster than real time. Everything follows from one seed: a world that
//! showed a fault shows it again. `docs/simulator.md` says what is modelled and what isn't.
//!
//! Offsets are system minus reference, as everywhere.
#![forbid(unsafe_code)]

pub mod brackets;
pub mod campaign;
pub mod device;
pub mod digest;
pub mod disturbance;
mod fate;
pub mod holdover;
pub mod host;
pub mod judge;
pub mod kernel;
pub mod life;
mod machine;
mod noisy;
pub mod oscillator;
pub mod picture;
pub mod polling;
pub mod random;
pub mod record;
mod scatter;
pub mod scenario;
pub mod simulation;
pub mod steady;
pub mod tally;
pub mod truth;
pub mod world;
