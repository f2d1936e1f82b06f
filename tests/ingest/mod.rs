//! The data's way, from a frame to the commit, on both databases; `through_mqtt` goes the whole way through a broker.

mod acquaintance;
mod broken;
mod marked;
pub(crate) mod rejected;
mod rivals;
mod sent_again;
mod status;
pub(crate) mod through_mqtt;
mod waiting;
mod warming;
