//! A rehearsal answers with counts that are whole and a list of findings that may be cut: on a long stretch of many sessions
//! what stays as it is goes first.

use axum::extract::State as Extract;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::plans::PlanBody;
use crate::desk::preview::{Rehearsal, rehearse};
use crate::domain::finding::{Finding, Numbers, Severity, Side};
use crate::domain::hospital::{AdmissionCause, AdmissionKind, HospitalAdmission};
use crate::domain::ids::{PatientId, UnitId};
use crate::domain::review::Mark;
use crate::engine::lead::{self, Foresight, Warning};
use crate::engine::preview::{Counts, DayCounts, Fate, Previewed, Tally};
use crate::web::State;
use crate::web::answer::{Answer, plain};
use crate::web::extract::{Body, Path};
use crate::web::looking::Showing as _;

/// So many findings are listed at most: some 2 MB.
const MOST_LISTED: usize = 4000;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlanPreviewRequest)]
pub struct Request {
    /// As for `PUT`, and refused for the same faults, which then stand under `/plan`. It judges the whole stretch, whatever
    /// its `effective_from` and `until` say.
    #[schema(value_type = PlanBody)]
    plan: Box<RawValue>,
    /// How many local days, today among them.
    #[schema(minimum = 1, maximum = 400, default = 90)]
    days: Option<i64>,
}

/// What a plan would have found in a patient's last days, beside what is in force. Clinical findings only. The pages on
/// judging say what is not played through.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlanPreview)]
pub struct PreviewView {
    pub patient_id: Uuid,
    pub days: u16,
    /// Sessions completed from then, a local midnight, are judged.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Of the proposed plan; days are local days there.
    pub timezone: &'static str,
    /// How many sessions were judged.
    pub sessions: usize,
    pub whole: CountsView,
    /// Each rule that fired on either side, by id.
    pub rules: Vec<RuleView>,
    /// Each day with a finding on either side, the first first.
    pub by_day: Vec<DayView>,
    /// Each place where putting the plan lets more pass than what it follows, or than a template.
    pub marks: Vec<MarkView>,
    /// How many of the admissions below something amber or red would have preceded.
    pub admissions_preceded: TallyView,
    /// The stays in hospital on record that began in these days, the first first; not those entered in error.
    pub admissions: Vec<AdmissionView>,
    /// In the order of sessions, then of rules; at most 4000 of them.
    pub findings: Vec<PreviewedView>,
    /// How many are counted above and not listed: those that stay are left out first, and the oldest of them.
    pub findings_left_out: usize,
}

/// So many of both sides.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewTally)]
pub struct TallyView {
    pub in_force: usize,
    pub proposed: usize,
    /// Only by the proposed plan.
    pub new: usize,
    /// Only by what is in force.
    pub gone: usize,
    /// By both.
    pub stays: usize,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewCounts)]
pub struct CountsView {
    /// Those of context too.
    pub findings: TallyView,
    /// Local days with at least one amber or red finding: what would have opened an alert, or joined the open one.
    pub alert_days: TallyView,
    /// Those among them with a red one.
    pub red_days: TallyView,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewOfRule)]
pub struct RuleView {
    pub rule: String,
    #[serde(flatten)]
    pub counts: CountsView,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewOfDay)]
pub struct DayView {
    pub day: NaiveDate,
    /// The worst severity by what is in force; null where it found nothing. `context` raises nothing.
    pub in_force: Option<Severity>,
    /// The same by the proposed plan.
    pub proposed: Option<Severity>,
    pub findings: TallyView,
}

/// What a person who puts the plan is asked about, and a second person confirms.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewedMark)]
pub struct MarkView {
    #[serde(flatten)]
    pub mark: Mark,
    /// The key of the plan body that `PUT` will still ask for: `widening_reason` or `confirms_scale_2`; null where the body
    /// has said it.
    #[schema(value_type = Option<String>)]
    pub asks: Option<&'static str>,
}

/// A stay in hospital, and what was found within the 7 days before it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewedAdmission)]
pub struct AdmissionView {
    pub id: Uuid,
    pub admitted_at: DateTime<Utc>,
    pub kind: AdmissionKind,
    pub cause: AdmissionCause,
    /// 7 days before, or `from` where that is later: ask for more days to look back further.
    pub looked_back_from: DateTime<Utc>,
    /// Null where what is in force found nothing amber or red.
    pub in_force: Option<WarningView>,
    /// The same by the proposed plan.
    pub proposed: Option<WarningView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewedWarning)]
pub struct WarningView {
    /// The end of the first session with an amber or red finding.
    pub first_at: DateTime<Utc>,
    /// From there to the admission.
    pub lead_minutes: i64,
    /// The worst.
    pub severity: Severity,
    /// Each rule that fired amber or red, by id.
    pub rules: Vec<String>,
}

/// A finding that was never made. It is the same one by both where session, rule, side and severity are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewedFinding)]
pub struct PreviewedView {
    /// `new`, `gone` or `stays`.
    #[schema(value_type = String)]
    pub change: &'static str,
    /// The local day on which its session was completed.
    pub day: NaiveDate,
    pub rule: String,
    /// For limits only.
    pub side: Option<Side>,
    pub kind: String,
    pub severity: Severity,
    /// Of what would be gone, the version in force; null for what the proposed plan finds.
    pub plan_version: Option<i64>,
    pub session_id: Option<Uuid>,
    #[schema(value_type = Option<String>)]
    pub unit_id: Option<UnitId>,
    pub at: DateTime<Utc>,
    /// As the proposed plan makes them, or of what would be gone as it was made; what the rule does not use is absent.
    #[schema(value_type = Object)]
    pub numbers: Numbers,
    pub readings: Vec<Uuid>,
    pub sentence: String,
}

pub async fn preview(
    Extract(state): Extract<State>,
    Path(id): Path<Uuid>,
    Body(request): Body<Request>,
) -> Answer {
    let patient = PatientId(id);
    let mut tx = state.desk.db.read().await?;
    let asked = (request.plan.get(), request.days);
    let rehearsal = rehearse(&mut tx, patient, asked, state.desk.clock.now()).await?;
    Ok(plain(&PreviewView::of(patient, rehearsal)).showing([patient]))
}

impl PreviewView {
    fn of(patient: PatientId, rehearsal: Rehearsal) -> Self {
        let preview = rehearsal.preview;
        let foresights = rehearsal.admissions.iter().map(|(_, foresight)| foresight);
        let preceded = lead::preceded(foresights);
        let counted = preview.findings.len();
        let findings = listed(preview.findings);
        Self {
            patient_id: patient.0,
            days: rehearsal.days,
            from: rehearsal.from,
            to: rehearsal.to,
            timezone: rehearsal.proposed.timezone.name(),
            sessions: preview.sessions,
            whole: preview.whole.into(),
            rules: preview
                .rules
                .into_iter()
                .map(|(rule, counts)| RuleView {
                    rule,
                    counts: counts.into(),
                })
                .collect(),
            by_day: preview.days.into_iter().map(DayView::from).collect(),
            marks: rehearsal
                .marks
                .into_iter()
                .map(|(mark, asks)| MarkView { mark, asks })
                .collect(),
            admissions_preceded: preceded.into(),
            admissions: rehearsal
                .admissions
                .into_iter()
                .map(AdmissionView::from)
                .collect(),
            findings_left_out: counted - findings.len(),
            findings: findings.into_iter().map(PreviewedView::from).collect(),
        }
    }
}

/// As many as are listed, in their order.
fn listed(mut findings: Vec<Previewed>) -> Vec<Previewed> {
    let mut over = findings.len().saturating_sub(MOST_LISTED);
    findings.retain(|found| {
        let goes = over > 0 && found.fate == Fate::Stays;
        over -= usize::from(goes);
        !goes
    });
    findings.split_off(over)
}

impl From<(HospitalAdmission, Foresight)> for AdmissionView {
    fn from((stay, foresight): (HospitalAdmission, Foresight)) -> Self {
        Self {
            id: stay.id.0,
            admitted_at: stay.admitted_at,
            kind: stay.kind,
            cause: stay.cause,
            looked_back_from: foresight.looked_back_from,
            in_force: foresight.in_force.map(WarningView::from),
            proposed: foresight.proposed.map(WarningView::from),
        }
    }
}

impl From<Warning> for WarningView {
    fn from(warning: Warning) -> Self {
        Self {
            first_at: warning.first_at,
            lead_minutes: warning.lead.num_minutes(),
            severity: warning.severity,
            rules: warning.rules,
        }
    }
}

impl From<Tally> for TallyView {
    fn from(tally: Tally) -> Self {
        Self {
            in_force: tally.in_force(),
            proposed: tally.proposed(),
            new: tally.new,
            gone: tally.gone,
            stays: tally.stays,
        }
    }
}

impl From<Counts> for CountsView {
    fn from(counts: Counts) -> Self {
        Self {
            findings: counts.findings.into(),
            alert_days: counts.alert_days.into(),
            red_days: counts.red_days.into(),
        }
    }
}

impl From<DayCounts> for DayView {
    fn from(counts: DayCounts) -> Self {
        Self {
            day: counts.day,
            in_force: counts.worst.in_force,
            proposed: counts.worst.proposed,
            findings: counts.findings.into(),
        }
    }
}

impl From<Previewed> for PreviewedView {
    fn from(previewed: Previewed) -> Self {
        let Previewed {
            day, fate, finding, ..
        } = previewed;
        let Finding {
            session, readings, ..
        } = finding;
        Self {
            change: match fate {
                Fate::New => "new",
                Fate::Gone => "gone",
                Fate::Stays => "stays",
            },
            day,
            rule: finding.rule,
            side: finding.side,
            kind: finding.kind,
            severity: finding.severity,
            plan_version: finding.plan_version.filter(|_| fate == Fate::Gone),
            session_id: session.map(|key| key.session_id),
            unit_id: finding.unit_id,
            at: finding.at,
            numbers: finding.numbers,
            readings: readings.into_iter().map(|id| id.0).collect(),
            sentence: finding.sentence,
        }
    }
}
