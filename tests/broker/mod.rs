//! The transport against both brokers it is made for: the embedded one's crate and, where installed, Mosquitto.
//! The trials of how messages can be lost run against each; what only the embedded one does stands apart.

mod access;
mod bare;
mod credential;
mod embedded;
mod outlet;
mod restarts;
pub(crate) mod rig;
pub(crate) mod scripted;
mod start;
mod tls;
mod topic;
mod trials;
pub(crate) mod unit;
