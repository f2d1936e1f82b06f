//! The transport against both brokers it is made for: the embedded one's crate and, where installed, Mosquitto.
//! The trials of how messages can be lost run against each; what only the embedded one does stands apart.

mod access;
mod embedded;
mod outlet;
mod rig;
mod scripted;
mod start;
mod tls;
mod topic;
mod trials;
mod unit;
