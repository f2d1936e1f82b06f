//! What judging makes of a past that changes, on both databases: late data, other hands, plans, decisions, and the alerts of it all.

mod alerts;
mod clearing;
mod compliance_law;
mod decisions;
mod hands;
mod late;
pub(crate) mod law;
mod missing;
pub(crate) mod on_the_wire;
mod plans;
mod preview;
mod remembered;
mod repeats;
