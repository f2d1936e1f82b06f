//! Bytes to domain and back, pure. What units send is read tolerantly and never silently; what people put over HTTP strictly.

pub mod number;
pub mod plan;
pub mod problem;
pub mod receipt;
pub mod request;
pub mod schema;
pub mod session;
pub mod shown;
pub mod status;
pub mod time;
pub mod topic;
pub mod unit;
pub mod unit_plan;

mod content;
mod document;
mod faults;
mod json;
mod keys;
mod reading;
mod rejection;
