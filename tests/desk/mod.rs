//! What staff do with what home units got wrong, on both databases.

mod bank;
mod clocks;
mod law;
mod replay;
mod rivals;
mod shift;
mod template;
