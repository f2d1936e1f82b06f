//! How sessions could be lost, doubled or invented on the whole way, tried out: kills, restarts, overflows, rivals.
//!
//! `HOMEWARD_TEST_PROGRAM` names another program to try than the one built with the tests; `HOMEWARD_TEST_SESSIONS` says
//! how many sessions `several` sends.

mod between;
mod books;
mod desk;
mod hold;
mod homes;
mod house;
mod kills;
mod outages;
mod post;
mod ready;
mod several;
mod watch;
