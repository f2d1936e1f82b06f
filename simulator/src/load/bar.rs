//! The line that changes while a run goes on. In a log it is a plain line, and rarer.

use std::io::{IsTerminal, Write};

use super::summary::Progress;

#[derive(Debug, Default)]
pub(super) struct Bar {
    shown: u64,
    /// At the last line: seconds and sessions, so that the speed is today's and not the average.
    last: (f64, u64),
}

const WIDTH: u64 = 24;
/// Lines in a log come so many seconds apart.
const RARELY: u64 = 10;

impl Bar {
    /// Once a second. Where standard error is closed nobody reads it, and the run matters more.
    pub(super) fn show(&mut self, progress: &Progress) {
        let terminal = std::io::stderr().is_terminal();
        self.shown += 1;
        if !terminal && !self.shown.is_multiple_of(RARELY) {
            return;
        }
        let line = self.line(progress);
        let mut err = std::io::stderr();
        drop(if terminal {
            write!(err, "\r\x1b[K{line}")
        } else {
            writeln!(err, "{line}")
        });
    }

    /// Takes the line away, for the summary.
    pub(super) fn clear(self) {
        if self.shown > 0 && std::io::stderr().is_terminal() {
            drop(write!(std::io::stderr(), "\r\x1b[K"));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts below 2^40")]
    fn line(&mut self, progress: &Progress) -> String {
        let Progress {
            sessions,
            closed,
            open,
            wrong,
            resent,
            latency_ms: latency,
            ..
        } = progress;
        let full = closed * WIDTH / sessions.max(&1);
        let bar: String = (0..WIDTH)
            .map(|place| if place < full { '#' } else { '.' })
            .collect();
        let (then, before) = std::mem::replace(&mut self.last, (progress.seconds, *closed));
        let speed = (closed - before) as f64 / (progress.seconds - then).max(0.001);
        let mut parts = vec![format!(
            "[{bar}] {closed}/{sessions} · {speed:.0}/s · {open} open · p50 {:.1} p99 {:.1} ms",
            latency.p50, latency.p99
        )];
        if *resent > 0 {
            parts.push(format!("{resent} resent"));
        }
        if *wrong > 0 {
            parts.push(format!("{wrong} WRONG"));
        }
        if let (up, all) = progress.connections
            && up < all
        {
            let fault = progress.fault.as_deref().unwrap_or("connecting");
            parts.push(format!("{up}/{all} connected: {fault}"));
        }
        parts.join(" · ")
    }
}
