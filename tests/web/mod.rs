//! The API and the pages through the router itself, on both databases.

mod alerts;
mod bad_plans;
mod console;
mod docs;
mod guard;
mod hub;
mod limits;
mod live;
mod looks;
mod manners;
mod metrics;
mod once;
mod paging;
mod patients;
mod people;
mod plan_dates;
mod plans;
mod preview;
mod problems;
mod quarantine;
mod routes;
mod sessions;
mod sign_in;
mod stream;
mod templates;
mod units;
