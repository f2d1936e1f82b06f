//! What the service tells the unit. A payload that cannot be read changes nothing but a count: above all it
//! never takes a session out of the queue.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Action, Unit};
use crate::clock::Now;
use crate::payload::{Outcome, Receipt, Request, RequestKind};
use crate::plan::PlanDoc;

impl Unit {
    pub(super) fn receipt(&mut self, payload: &[u8], actions: &mut Vec<Action>) {
        let Ok(receipt) = serde_json::from_slice::<Receipt>(payload) else {
            self.tally.unreadable += 1;
            return;
        };
        let Ok(session_id) = receipt.session_id.parse::<Uuid>() else {
            self.tally.unreadable += 1;
            return;
        };
        if !self.queue.receipted(session_id) {
            // The receipt of an earlier try, or the second of two.
            self.tally.repeated_receipts += 1;
            return;
        }
        actions.push(Action::Forget(session_id));
        self.tally.problems += receipt.problems.len() as u64;
        match receipt.outcome {
            Outcome::Stored => self.tally.stored += 1,
            Outcome::Duplicate => self.tally.duplicate += 1,
            Outcome::Rejected => {
                self.tally.rejected += 1;
                let codes = receipt
                    .problems
                    .iter()
                    .map(|p| p.code.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                tracing::warn!(%session_id, codes, "the service rejected a session");
                self.tally.fault = Some(format!("rejected: {codes}"));
            }
        }
    }

    /// The last plan received counts, not the highest version: a unit that is handed on gets the plan of another
    /// patient, whose versions begin anew.
    pub(super) fn plan(&mut self, now: Now, payload: &[u8]) {
        if payload.is_empty() {
            self.plan = None;
            self.ready = self.habits.unprompted.then_some(now.lived);
        } else if let Ok(plan) = serde_json::from_slice::<PlanDoc>(payload) {
            // Who lives through past days lives them all by the first plan that comes.
            let past = self.start.lived < self.start.real;
            self.ready
                .get_or_insert(if past { self.start.lived } else { now.lived });
            self.plan = Some(plan);
        } else {
            self.tally.unreadable += 1;
        }
        self.tally.plan_version = self.plan.as_ref().map(|plan| plan.version);
    }

    pub(super) fn request(&mut self, now: Now, payload: &[u8]) {
        let Ok(request) = serde_json::from_slice::<Request>(payload) else {
            self.tally.unreadable += 1;
            return;
        };
        // Delivered at least once: a second delivery is not a second request.
        if self.requests_seen.contains(&request.request_id) {
            return;
        }
        self.requests_seen.push_back(request.request_id.clone());
        if self.requests_seen.len() > 64 {
            self.requests_seen.pop_front();
        }
        match request.kind {
            RequestKind::Message => self.tally.messages += 1,
            RequestKind::Retest if self.finishing => {}
            RequestKind::Retest => {
                let after = TimeDelta::from_std(self.habits.retest_after).unwrap_or(TimeDelta::zero());
                self.retests.push((now.lived + after, request));
            }
        }
    }
}
