//! The data's way, from a frame to the commit, on both databases; `mqtt` and `poison` go the whole way through a broker.

mod marked;
mod rejected;
mod sent_again;
mod status;
