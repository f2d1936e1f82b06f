//! Homeward: readings from home units, judged by a nurse's parameters, brought to people who act.
//!
//! The modules stand in reading order: follow one reading from `broker` to `web`.

pub mod app;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod config;
pub mod desk;
pub mod domain;
pub mod engine;
pub mod ingest;
pub mod judging;
pub mod metrics;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod wire;
pub mod workers;
