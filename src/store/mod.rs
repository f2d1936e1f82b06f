//! The only SQL: one text for SQLite and PostgreSQL. Every function works on a transaction that its caller began and
//! commits, and on a batch, so that a thousand sessions cost as many statements as one.

mod bind;
mod db;
mod dialect;
mod error;
pub mod file;
mod lending;
mod page;
mod postgres_tx;
mod statement;
mod together;
mod tx;

pub mod alert;
pub mod assignment;
pub mod audit;
pub mod audit_read;
pub mod audit_trail;
pub mod compliance;
pub mod compliance_call;
pub mod decision;
pub mod episode;
pub mod event;
pub mod finding;
pub mod health;
pub mod heartbeat;
pub mod holding;
pub mod hospital_admission;
pub mod idempotency;
pub mod outbox;
pub mod patient;
pub mod pause;
pub mod plan;
pub mod plan_put;
pub mod process;
pub mod quarantine;
pub mod rehearsal;
pub mod replay;
pub mod series;
pub mod session;
pub mod shift;
pub mod shown;
pub mod sign_in;
pub mod staff;
pub mod stream;
pub mod tally;
pub mod team;
pub mod token;
pub mod unit;
pub mod unit_watch;
pub mod worklist;

pub use db::{Connections, Db, PoolUse};
pub use error::StoreError;
pub use lending::{Lender, Loan};
pub use page::{Cursor, Page};
pub use postgres_tx::PostgresTx;
pub use statement::Statement;
pub use together::VIEWS;
pub use tx::Tx;

/// Every statement there is, so that a test can prepare each on both databases.
pub fn statements() -> impl Iterator<Item = &'static Statement> {
    [
        alert::STATEMENTS,
        assignment::STATEMENTS,
        audit::STATEMENTS,
        audit_read::STATEMENTS,
        compliance::STATEMENTS,
        compliance_call::STATEMENTS,
        decision::STATEMENTS,
        episode::STATEMENTS,
        event::STATEMENTS,
        finding::STATEMENTS,
        holding::STATEMENTS,
        hospital_admission::STATEMENTS,
        health::STATEMENTS,
        heartbeat::STATEMENTS,
        idempotency::STATEMENTS,
        outbox::STATEMENTS,
        patient::STATEMENTS,
        pause::STATEMENTS,
        plan::STATEMENTS,
        plan_put::STATEMENTS,
        process::STATEMENTS,
        quarantine::STATEMENTS,
        rehearsal::STATEMENTS,
        replay::STATEMENTS,
        session::STATEMENTS,
        shift::STATEMENTS,
        shown::STATEMENTS,
        sign_in::STATEMENTS,
        staff::STATEMENTS,
        stream::STATEMENTS,
        tally::STATEMENTS,
        team::STATEMENTS,
        token::STATEMENTS,
        unit::STATEMENTS,
        unit_watch::STATEMENTS,
        worklist::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
