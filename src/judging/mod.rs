//! The part that ingest and the desk share, always inside the caller's transaction and under its locks: what changed a
//! patient's past, load what that reaches, judge, write states and findings, fold what is new into alerts.
//!
//! Lock order, everywhere: home units, then patients, each sorted by id; the past is read only after both. Ingest may go by a past that it
//! remembers, and lock when it writes: then the lock is had only where nobody had it since.

pub mod acquaintance;
pub mod again;
pub mod alerting;
pub mod alike;
pub mod attendance;
pub mod clearing;
pub mod compliance;
pub mod dealt_with;
pub mod due_times;
pub mod incident;
pub mod missing;
pub mod moved;
pub mod notice;
pub mod open_alerts;
pub mod past;
pub mod plans;
pub mod preview;
pub mod recall;
pub mod replay;
pub mod standing;
pub mod technical;
pub mod verdict;
pub mod watching;

mod rejudge;
mod rows;
mod subject;

pub use rejudge::{Incoming, Judgement, JudgingFault, TakenIn, Work, judge, keep_unassigned};
