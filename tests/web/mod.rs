//! The API and the pages through the router itself, on both databases.

mod alerts;
mod console;
mod hub;
mod manners;
mod once;
mod paging;
mod patients;
mod people;
mod plans;
mod problems;
mod routes;
mod sessions;
mod sign_in;
mod templates;
mod units;
