//! Why an act is refused, in the domain's words; only `web/problem.rs` knows what HTTP makes of it.

use crate::domain::alert::Unlawful;
use crate::judging::JudgingFault;
use crate::store::StoreError;
use crate::wire::problem::Problem;

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is none, or none that this caller may know of.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The caller has seen another version than the one that stands.
    #[error("it has changed since it was read: its version is now {current}")]
    Stale { current: i64 },
    /// As things stand this may not be done.
    #[error("{0}")]
    Unlawful(String),
    /// What was given cannot be; every fault with its place.
    #[error("what was given cannot be taken: {}", faults(.0))]
    Invalid(Vec<Problem>),
    /// Another one has this already.
    #[error("{detail}")]
    Taken { at: &'static str, detail: String },
    #[error("the caller may not do this")]
    Forbidden,
    /// The caller's role may, but it falls to somebody else.
    #[error("{0}")]
    NotTheirs(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Judging(#[from] JudgingFault),
    /// A fault of ours, told to the log only.
    #[error("{0}")]
    Broken(String),
}

impl From<Unlawful> for Refusal {
    fn from(why: Unlawful) -> Self {
        Self::Unlawful(why.to_string())
    }
}

impl Refusal {
    /// One fault of what was given.
    pub fn invalid(at: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem::new(at, code, detail)])
    }
}

fn faults(problems: &[Problem]) -> String {
    let faults: Vec<String> = problems
        .iter()
        .map(|problem| format!("{} {}", problem.at, problem.detail))
        .collect();
    faults.join("; ")
}
