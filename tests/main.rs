//! One binary for all tests of the root crate; its folders mirror src.

// The lint's own exemption for tests does not reach the functions that tests share.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has to stop"
)]

mod config;
mod engine;
mod wire;
