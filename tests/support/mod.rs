//! What tests of several rooms lean on.

pub(crate) mod databases;
pub(crate) mod hub;
pub(crate) mod mosquitto;
pub(crate) mod require;
pub(crate) mod unit_says;
pub(crate) mod ward;
