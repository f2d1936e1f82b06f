//! The nouns, pure: no clock, no I/O, no SQL, no HTTP. Times are UTC, cut to microseconds once, at entry.

pub mod alert;
pub mod by_id;
pub mod coding;
pub mod finding;
pub mod hospital;
pub mod ids;
pub mod measure;
pub mod nhs_number;
pub mod number;
pub mod patient;
pub mod pause;
pub mod plan;
pub mod process;
pub mod question;
pub mod reading;
pub mod rehearsal;
pub mod review;
pub mod rule;
pub mod schedule;
pub mod session;
pub mod staff;
pub mod time;

mod words;
