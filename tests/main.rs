//! One binary for all tests of the root crate; its folders mirror src.

// The lint's own exemption for tests does not reach the functions that tests share.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on has to stop, and one that did not run has to say so"
)]

mod architecture;
mod bench;
mod broker;
mod cli;
mod config;
mod desk;
mod domain;
mod engine;
mod ingest;
mod judging;
mod life;
mod store;
mod support;
mod trials;
mod web;
mod wire;
mod workers;
