//! What tests of several rooms lean on.

pub(crate) mod at_the_desk;
pub(crate) mod browser;
pub(crate) mod compliance;
pub(crate) mod databases;
pub(crate) mod hub;
pub(crate) mod listening;
pub(crate) mod lives;
pub(crate) mod mosquitto;
pub(crate) mod require;
pub(crate) mod serve;
pub(crate) mod trail;
pub(crate) mod unit_says;
pub(crate) mod ward;
