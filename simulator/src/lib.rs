//! A home unit as the contract describes it, written without a look at the service: it has payload types of
//! its own, so that a mistake in a name or a form shows as a refused session and cannot hide on both sides.
//!
//! In reading order: a plan says what to ask, a patient has values, a session is what the unit makes of both,
//! the queue keeps it until its receipt, the unit decides what happens when, and the link carries it.

pub mod plan;

pub mod body;
pub mod patient;

pub mod answers;
mod instrument;
pub mod session;

pub mod queue;
pub mod store;

pub mod habits;
pub mod tally;
pub mod unit;

pub mod clock;
pub mod link;
pub mod payload;
pub mod topics;
mod transport;

pub mod cohort;
mod drive;
pub mod test_unit;

pub mod load;

mod address;
pub mod cli;
mod members;
mod report;
