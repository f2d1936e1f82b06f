//! What happens because time passed, a step at a time.

mod heartbeat;
mod retention;
mod unit_watch;
