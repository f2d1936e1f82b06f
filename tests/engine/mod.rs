//! The engine against its page: every fact, every bound, the three laws, and a second engine written from the page alone.

pub(crate) mod build;
mod compliance;
mod compliance_days;
pub(crate) mod compliance_laws;
pub(crate) mod compliance_oracle;
mod compliance_reach;
mod explain;
mod facts;
mod guard;
mod laws;
mod lead;
mod merge;
pub(crate) mod oracle;
mod past;
mod points;
mod preview;
pub(crate) mod random;
mod repeated;
mod suspect;
mod technical;
mod usual;
mod windows;
