//! Faults that an independent simulator found, each as a short script that shows it. A test says what should hold. While
//! the engine doesn't do so yet the test is expected to fail, and only the assertion that shows the fault says `fault`
//! and its number.

mod asymmetry;
mod device;
mod external;
mod guest;
mod host_slew;
mod leap;
mod learning;
mod repeated;
mod retry;
mod runaway;
mod scene;
mod script;
mod slew_end;
mod unreliable;
