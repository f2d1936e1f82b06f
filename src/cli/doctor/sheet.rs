//! What was found, line by line; a warning or a failure always says what to do.

use serde::Serialize;

use crate::cli::{Failure, say, say_json};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Serialize)]
struct Line {
    check: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(rename = "do")]
    advice: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Sheet(Vec<Line>);

#[derive(Serialize)]
struct Report<'a> {
    healthy: bool,
    checks: &'a [Line],
}

impl Sheet {
    pub(super) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(check, Verdict::Ok, found.into(), None);
    }

    pub(super) fn warning(
        &mut self,
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(check, Verdict::Warning, found.into(), Some(advice.into()));
    }

    pub(super) fn failed(
        &mut self,
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(check, Verdict::Failed, found.into(), Some(advice.into()));
    }

    fn add(&mut self, check: &'static str, verdict: Verdict, found: String, advice: Option<String>) {
        self.0.push(Line {
            check,
            verdict,
            found,
            advice,
        });
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|line| line.verdict == verdict).count()
    }

    pub(super) fn print(&self, json: bool) -> Result<(), Failure> {
        let failed = self.count(Verdict::Failed);
        if json {
            say_json(&Report {
                healthy: failed == 0,
                checks: &self.0,
            })?;
        } else {
            for line in &self.0 {
                say(&format!(
                    "{:<8} {:<14} {}",
                    line.verdict.word(),
                    line.check,
                    line.found
                ))?;
                if let Some(advice) = &line.advice {
                    say(&format!("{:<23} -> {advice}", ""))?;
                }
            }
        }
        match failed {
            0 => Ok(()),
            1 => Err(Failure::Other("One check failed.".to_owned())),
            failed => Err(Failure::Other(format!("{failed} checks failed."))),
        }
    }
}
