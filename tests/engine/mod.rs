//! The engine against its page: every fact, every bound, the three laws, and a second engine written from the page alone.

#![expect(
    clippy::expect_used,
    reason = "a fixture that is wrong should stop the test where it stands"
)]

mod build;
mod facts;
mod laws;
mod oracle;
mod past;
mod random;
mod suspect;
mod technical;
mod windows;
