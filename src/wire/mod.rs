//! Bytes to domain and back, pure. What units send is read tolerantly and never silently; what people put over HTTP strictly.

pub mod number;
pub mod plan;
pub mod problem;
pub mod receipt;
pub mod session;
pub mod time;
pub mod topic;
pub mod unit;

mod content;
mod faults;
mod json;
mod reading;
mod rejection;
