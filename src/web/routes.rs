//! Every route there is, and who may call it. What is not on this page does not exist; who is not named may not.

use std::collections::HashSet;
use std::sync::LazyLock;

use axum::http::Method;

use super::api::{
    PageQuery, admission, alerts, assignments, audit, decisions, due_times, explanation, hospital_admissions,
    me, patients, pauses, plan_reviews, plans, preview, proposal, quarantine, questions, readings,
    rehearsals, replay, service, sessions, shift, staff, stream, teams, templates, tokens, units,
};
use super::console;
use super::docs;
use super::openapi;
use super::route::Allow::{Anyone, Roles, Scrapers, SignedIn};
use super::route::{Rests, Route};
use super::scrape;
use crate::domain::staff::Role::{
    self, Administrator, Auditor, CallHandler, Manager, RespondingClinician, Senior, SpecialistNurse,
};

// `admin`, a role of tokens, may call everything: see `Allow::admits`.

/// Who sees patients' readings, findings and alerts.
pub const CLINICAL: &[Role] = &[CallHandler, Senior, SpecialistNurse, RespondingClinician, Manager];
/// Who needs to find a patient: those who see readings, and whoever assigns units.
const IDENTITY: &[Role] = &[
    CallHandler,
    Senior,
    SpecialistNurse,
    RespondingClinician,
    Manager,
    Administrator,
];
/// Who refers, admits and discharges, and records stays in hospital.
const CASELOAD: &[Role] = &[Senior, SpecialistNurse];
/// Who sets parameters.
const PRESCRIBERS: &[Role] = &[SpecialistNurse];
/// Who confirms, as a second person, that limits may be as wide as somebody set them.
const REVIEWERS: &[Role] = &Role::REVIEWERS;
/// Who judges that a reading counts or does not.
const DECIDERS: &[Role] = &[Senior, SpecialistNurse, RespondingClinician];
/// Who works alerts.
const DESK: &[Role] = &[CallHandler, Senior, SpecialistNurse, RespondingClinician];
/// Who sees units, and whose they are.
pub const EQUIPMENT: &[Role] = IDENTITY;
/// Who registers and assigns units, and administers people.
const ADMINISTRATION: &[Role] = &[Administrator];
/// Who sees who works here.
const PEOPLE: &[Role] = &[Senior, Manager, Administrator];
/// Who sorts out what could not be taken in, and what wrong clocks did; the bytes may tell of a patient.
const CASES: &[Role] = &[Senior, SpecialistNurse];
const AUDIT: &[Role] = &[Auditor];

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// The route's own text for what the router matched.
pub(super) fn template(matched: &str) -> Option<&'static str> {
    static TEMPLATES: LazyLock<HashSet<&'static str>> =
        LazyLock::new(|| routes().iter().map(|route| route.path).collect());
    TEMPLATES.get(matched).copied()
}

/// The table, in the order of the contract.
#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    [me_and_service(), patients_and_readings(), plans_and_units(), alerts_and_cases(), people(), pages()]
        .into_iter().flatten().collect()
}

#[rustfmt::skip]
fn me_and_service() -> Vec<Route> {
    vec![
        Route::new(POST, "/api/v1/login", Anyone, me::login).status(200)
            .takes::<me::Login>().answers::<me::LoggedIn>().summary("Sign in; sets the cookie"),
        Route::new(POST, "/api/v1/logout", SignedIn, me::logout).status(204)
            .summary("Sign out"),
        Route::new(GET, "/api/v1/me", SignedIn, me::get)
            .answers::<me::Whoami>().summary("Who one is"),
        Route::new(GET, "/api/v1/service", SignedIn, service::get)
            .answers::<service::Service>().summary("Whether monitoring works, and when that was last verified"),
        Route::new(GET, "/api/v1/stream", SignedIn, stream::get).on_record("stream.read", "stream").media("text/event-stream").header("Last-Event-ID")
            .query::<stream::StreamQuery>().answers::<stream::Told>().summary(stream::SUMMARY),
        Route::new(GET, "/healthz", Anyone, service::healthz).unlimited()
            .answers::<service::Alive>().summary("Whether the process answers"),
        Route::new(GET, "/readyz", Anyone, service::readyz).unlimited()
            .answers::<service::Ready>().summary("Whether database, broker and ingest work; 503 if not"),
        Route::new(GET, "/metrics", Scrapers, scrape::get).media(crate::metrics::MEDIA)
            .summary("What the service counts of itself, for Prometheus"),
        Route::new(GET, "/openapi.json", Anyone, openapi::serve)
            .summary("This document"),
    ]
}

#[rustfmt::skip]
fn patients_and_readings() -> Vec<Route> {
    vec![
        Route::new(GET, "/api/v1/patients", Roles(IDENTITY), patients::list).on_record("patients.read", "patient")
            .query::<patients::PatientsQuery>().lists::<patients::PatientView>().summary("Patients"),
        Route::new(POST, "/api/v1/patients", Roles(CASELOAD), patients::create).on_record("patient.refer", "patient")
            .takes::<patients::Referral>().answers::<patients::PatientView>().summary("Take a referral"),
        Route::new(GET, "/api/v1/patients/{id}", Roles(IDENTITY), patients::get).on_record("patient.read", "patient")
            .answers::<patients::PatientView>().summary("One patient"),
        Route::new(PATCH, "/api/v1/patients/{id}", Roles(CASELOAD), patients::change).on_record("patient.correct", "patient").rests(Rests::OnVersion)
            .takes::<patients::PatientChange>().answers::<patients::PatientView>().summary("Correct the record"),
        Route::new(POST, "/api/v1/patients/{id}/admit", Roles(CASELOAD), admission::admit).on_record("patient.admit", "patient").status(200).rests(Rests::OnVersionIfSent)
            .takes::<admission::Admission>().answers::<patients::PatientView>().summary("Start monitoring"),
        Route::new(POST, "/api/v1/patients/{id}/discharge", Roles(CASELOAD), admission::discharge).on_record("patient.discharge", "patient").status(200).rests(Rests::OnVersionIfSent)
            .takes::<admission::Discharge>().answers::<patients::PatientView>().summary("End monitoring; refused while a red alert is open"),
        Route::new(GET, "/api/v1/patients/{id}/pauses", Roles(CLINICAL), pauses::list).on_record("pauses.read", "patient")
            .lists::<pauses::PauseView>().summary("Times when nothing is due from the patient"),
        Route::new(POST, "/api/v1/patients/{id}/pauses", Roles(DESK), pauses::create).on_record("patient.pause", "patient")
            .takes::<pauses::NewPause>().answers::<pauses::PauseView>().summary("Pause: nothing is due, and nothing missed; judged again at once"),
        Route::new(PATCH, "/api/v1/patients/{id}/pauses/{pause_id}", Roles(DESK), pauses::change).on_record("patient.pause_change", "patient").rests(Rests::OnVersion)
            .takes::<pauses::PauseChange>().answers::<pauses::PauseView>().summary("Correct or end a pause"),
        Route::new(POST, "/api/v1/patients/{id}/pauses/{pause_id}/withdraw", Roles(DESK), pauses::withdraw).on_record("patient.pause_withdraw", "patient").status(200).rests(Rests::OnVersion)
            .takes::<pauses::Withdrawal>().answers::<pauses::PauseView>().summary("Say that a pause was entered by mistake: judged again as if it had not been"),
        Route::new(GET, "/api/v1/patients/{id}/due-times", Roles(CLINICAL), due_times::list).on_record("due_times.read", "patient")
            .query::<due_times::DueTimesQuery>().lists::<due_times::DueTimeView>().summary("When sessions were due, and what became of each"),
        Route::new(GET, "/api/v1/patients/{id}/hospital-admissions", Roles(CLINICAL), hospital_admissions::list).on_record("hospital_admissions.read", "patient")
            .lists::<hospital_admissions::HospitalAdmissionView>().summary("Stays in hospital, the newest first"),
        Route::new(POST, "/api/v1/patients/{id}/hospital-admissions", Roles(CASELOAD), hospital_admissions::create).on_record("hospital_admission.record", "patient")
            .takes::<hospital_admissions::NewHospitalAdmission>().answers::<hospital_admissions::HospitalAdmissionView>().summary("Record a stay in hospital"),
        Route::new(PATCH, "/api/v1/patients/{id}/hospital-admissions/{admission_id}", Roles(CASELOAD), hospital_admissions::change).on_record("hospital_admission.correct", "patient").rests(Rests::OnVersion)
            .takes::<hospital_admissions::HospitalAdmissionChange>().answers::<hospital_admissions::HospitalAdmissionView>().summary("Correct or end a stay, or say that it was entered in error"),
        Route::new(GET, "/api/v1/patients/{id}/sessions", Roles(CLINICAL), sessions::list).on_record("sessions.read", "patient")
            .query::<sessions::SessionsQuery>().lists::<sessions::SessionView>().summary("Sessions with readings, answers and findings"),
        Route::new(POST, "/api/v1/sessions/{unit_id}/{session_id}/shift", Roles(CASES), shift::shift).on_record("session.shift", "session").status(200).rests(Rests::OnVersionIfSent)
            .takes::<shift::Shift>().answers::<shift::ShiftedSession>().summary("Move a session's times, for a unit whose clock was wrong; judged again"),
        Route::new(GET, "/api/v1/patients/{id}/readings", Roles(CLINICAL), readings::list).on_record("readings.read", "patient")
            .query::<readings::ReadingsQuery>().lists::<readings::ReadingOfSession>().summary("Readings by session, newest first"),
        Route::new(POST, "/api/v1/readings/{id}/exclude", Roles(DECIDERS), decisions::exclude).on_record("reading.exclude", "reading").status(200)
            .takes::<decisions::Reason>().answers::<decisions::DecisionOnReading>().summary("Say that a reading does not count"),
        Route::new(POST, "/api/v1/readings/{id}/accept", Roles(DECIDERS), decisions::accept).on_record("reading.accept", "reading").status(200)
            .takes::<decisions::Reason>().answers::<decisions::DecisionOnReading>().summary("Say that a reading counts"),
    ]
}

#[rustfmt::skip]
fn plans_and_units() -> Vec<Route> {
    vec![
        Route::new(GET, "/api/v1/patients/{id}/plan", Roles(CLINICAL), plans::get).on_record("plan.read", "patient")
            .answers::<plans::PlanView>().summary("The newest version of the parameters"),
        Route::new(PUT, "/api/v1/patients/{id}/plan", Roles(PRESCRIBERS), plans::put).on_record("plan.put", "patient").rests(Rests::OnVersionOrNone)
            .takes::<plans::PlanBody>().answers::<plans::PlanView>().summary("Put the next version (201 for the first)"),
        Route::new(GET, "/api/v1/patients/{id}/plan/versions", Roles(CLINICAL), plans::versions).on_record("plan_versions.read", "patient")
            .query::<PageQuery>().lists::<plans::PlanView>().summary("Every version"),
        Route::new(POST, "/api/v1/patients/{id}/plan/versions/{version}/confirm", Roles(REVIEWERS), plan_reviews::confirm).on_record("plan.confirm", "patient").status(200)
            .takes::<plan_reviews::Confirmation>().answers::<plans::PlanView>().summary("Say, as a second person, that what is marked in it may be so"),
        Route::new(GET, "/api/v1/plans/to-review", Roles(CLINICAL), plan_reviews::to_review).on_record("plans_to_review.read", "plan")
            .query::<plan_reviews::ToReviewQuery>().lists::<plan_reviews::ToReviewView>().summary("Versions that widened red limits and that nobody has confirmed, or that score NEWS2 in pregnancy"),
        Route::new(GET, "/api/v1/plans/review-due", Roles(CLINICAL), plan_reviews::review_due).on_record("plans_review_due.read", "plan")
            .query::<PageQuery>().lists::<plan_reviews::ToReviewView>().summary("Plans in force whose day of review has come"),
        Route::new(POST, "/api/v1/patients/{id}/plan/preview", Roles(CLINICAL), preview::preview).on_record("plan.preview", "patient").status(200)
            .takes::<preview::Request>().answers::<preview::PreviewView>().summary("Try parameters out on the patient's last days; nothing is written"),
        Route::new(POST, "/api/v1/teams/{id}/rehearsals", Roles(CLINICAL), rehearsals::create).on_record("rehearsal.begin", "team").status(202)
            .takes::<rehearsals::NewRehearsal>().answers::<rehearsals::RehearsalView>().summary("Try parameters or a template out on all patients of a team; runs on its own"),
        Route::new(GET, "/api/v1/teams/{id}/rehearsals", Roles(CLINICAL), rehearsals::list).on_record("rehearsals.read", "team")
            .query::<PageQuery>().lists::<rehearsals::RehearsalView>().summary("The team's rehearsals of the last week"),
        Route::new(GET, "/api/v1/teams/{id}/rehearsals/{rehearsal_id}", Roles(CLINICAL), rehearsals::get).on_record("rehearsal.read", "team")
            .answers::<rehearsals::RehearsalView>().summary("How far it is, and what it predicts"),
        Route::new(DELETE, "/api/v1/teams/{id}/rehearsals/{rehearsal_id}", Roles(CLINICAL), rehearsals::cancel).on_record("rehearsal.cancel", "team").status(204)
            .summary("Stop it, or throw away what came of it"),
        Route::new(GET, "/api/v1/patients/{id}/plan/proposal", Roles(CLINICAL), proposal::of_patient).on_record("plan.propose", "patient")
            .answers::<proposal::ProposalView>().summary("The plan that the templates of the patient's conditions make together, with each conflict"),
        Route::new(GET, "/api/v1/templates/merged", Roles(CLINICAL), proposal::of_conditions)
            .query::<proposal::MergedQuery>().answers::<proposal::ProposalView>().summary("The plan that templates make together, with each conflict"),
        Route::new(GET, "/api/v1/questions", Roles(CLINICAL), questions::list)
            .query::<questions::QuestionsQuery>().lists::<questions::QuestionView>().summary("The key-question bank"),
        Route::new(GET, "/api/v1/templates", Roles(CLINICAL), templates::list)
            .lists::<templates::TemplateView>().summary("Parameters to start from, with their sources"),
        Route::new(GET, "/api/v1/units", Roles(EQUIPMENT), units::list)
            .query::<PageQuery>().lists::<units::UnitView>().summary("Home units, by name"),
        Route::new(POST, "/api/v1/units", Roles(ADMINISTRATION), units::create)
            .takes::<units::NewUnit>().answers::<units::RegisteredUnit>().summary("Register a home unit; its secret is shown once"),
        Route::new(GET, "/api/v1/units/{id}", Roles(EQUIPMENT), units::get)
            .answers::<units::UnitView>().summary("One home unit, and when it was last heard of"),
        Route::new(GET, "/api/v1/units/{id}/assignments", Roles(EQUIPMENT), assignments::list).on_record("assignments.read", "unit")
            .lists::<assignments::AssignmentView>().summary("Whose the unit is and was"),
        Route::new(POST, "/api/v1/units/{id}/assignments", Roles(ADMINISTRATION), assignments::create).on_record("unit.assign", "unit")
            .takes::<assignments::NewAssignment>().answers::<assignments::AssignmentView>().summary("Assign the unit to a patient"),
        Route::new(PATCH, "/api/v1/units/{id}/assignments/{assignment_id}", Roles(ADMINISTRATION), assignments::change).on_record("unit.reassign", "unit").rests(Rests::OnVersion)
            .takes::<assignments::AssignmentChange>().answers::<assignments::AssignmentView>().summary("Correct or end a period"),
    ]
}

#[rustfmt::skip]
fn alerts_and_cases() -> Vec<Route> {
    vec![
        Route::new(GET, "/api/v1/alerts", Roles(CLINICAL), alerts::list).on_record("alerts.read", "alert")
            .query::<alerts::AlertsQuery>().lists::<alerts::AlertView>().summary("Alerts with their findings"),
        Route::new(GET, "/api/v1/alerts/{id}", Roles(CLINICAL), alerts::get).on_record("alert.read", "alert")
            .answers::<alerts::AlertView>().summary("One alert"),
        Route::new(POST, "/api/v1/alerts/{id}/claim", Roles(DESK), alerts::claim).on_record("alert.claim", "alert").status(200).rests(Rests::OnVersion)
            .answers::<alerts::AlertView>().summary("Take it; one wins"),
        Route::new(POST, "/api/v1/alerts/{id}/release", Roles(DESK), alerts::release).on_record("alert.release", "alert").status(200).rests(Rests::OnVersion)
            .answers::<alerts::AlertView>().summary("Give it back to the list"),
        Route::new(POST, "/api/v1/alerts/{id}/close", Roles(DESK), alerts::close).on_record("alert.close", "alert").status(200).rests(Rests::OnVersion)
            .takes::<alerts::Close>().answers::<alerts::AlertView>().summary("End it with a coded outcome"),
        Route::new(GET, "/api/v1/findings/{id}", Roles(CLINICAL), explanation::get).on_record("finding.read", "finding")
            .answers::<explanation::ExplanationView>().summary("A finding with all that it rests on: version, rule, readings, numbers, sentence, alerts"),
        Route::new(GET, "/api/v1/quarantine", Roles(CASES), quarantine::list).on_record("quarantine.read", "quarantine")
            .query::<quarantine::QuarantineQuery>().lists::<quarantine::QuarantinedView>().summary("Messages that could not be taken in"),
        Route::new(GET, "/api/v1/quarantine/{id}", Roles(CASES), quarantine::get).on_record("quarantined_message.read", "quarantine")
            .answers::<quarantine::MessageView>().summary("One of them, with its bytes"),
        Route::new(POST, "/api/v1/quarantine/{id}/replay", Roles(CASES), replay::one).on_record("quarantine.replay", "quarantine").status(200)
            .takes::<replay::Replay>().answers::<replay::ReplayedView>().summary("Take it in again as if it had arrived now; the unit gets no receipt"),
        Route::new(POST, "/api/v1/quarantine/replay", Roles(CASES), replay::several).on_record("quarantine.replay", "quarantine").status(200)
            .takes::<replay::ReplaySeveral>().answers::<replay::ReplayedSeveral>().summary("Take up to 100 in again, all in one way"),
        Route::new(POST, "/api/v1/quarantine/{id}/dismiss", Roles(CASES), replay::dismiss).on_record("quarantine.dismiss", "quarantine").status(200)
            .takes::<decisions::Reason>().answers::<quarantine::QuarantinedView>().summary("Say that it is not worth taking in; it stays, marked so"),
    ]
}

#[rustfmt::skip]
fn people() -> Vec<Route> {
    vec![
        Route::new(GET, "/api/v1/staff", Roles(PEOPLE), staff::list)
            .query::<PageQuery>().lists::<staff::StaffView>().summary("Staff, by user name"),
        Route::new(POST, "/api/v1/staff", Roles(ADMINISTRATION), staff::create)
            .takes::<staff::NewMember>().answers::<staff::StaffView>().summary("Add a member of staff"),
        Route::new(GET, "/api/v1/staff/{id}", Roles(PEOPLE), staff::get)
            .answers::<staff::StaffView>().summary("One member of staff"),
        Route::new(PATCH, "/api/v1/staff/{id}", Roles(ADMINISTRATION), staff::change).rests(Rests::OnVersion)
            .takes::<staff::MemberChange>().answers::<staff::StaffView>().summary("Change role, team or name, or make inactive"),
        Route::new(GET, "/api/v1/teams", Roles(IDENTITY), teams::list)
            .lists::<teams::TeamView>().summary("Teams"),
        Route::new(POST, "/api/v1/teams", Roles(ADMINISTRATION), teams::create)
            .takes::<teams::NewTeam>().answers::<teams::TeamView>().summary("Add a team"),
        Route::new(GET, "/api/v1/tokens", Roles(ADMINISTRATION), tokens::list)
            .lists::<tokens::TokenView>().summary("Machine clients"),
        Route::new(POST, "/api/v1/tokens", Roles(ADMINISTRATION), tokens::create)
            .takes::<tokens::NewToken>().answers::<tokens::IssuedToken>().summary("Issue a token; shown once"),
        Route::new(POST, "/api/v1/tokens/{id}/revoke", Roles(ADMINISTRATION), tokens::revoke).status(200)
            .answers::<tokens::TokenView>().summary("End a token at once"),
        Route::new(GET, "/api/v1/audit", Roles(AUDIT), audit::list).on_record("audit.read", "audit")
            .query::<audit::AuditQuery>().lists::<audit::EntryView>().summary("Who did what"),
    ]
}

#[rustfmt::skip]
fn pages() -> Vec<Route> {
    vec![
        Route::new(GET, "/worklist", SignedIn, console::worklist::fragment).on_record("worklist.read", "alert").media("text/html").summary("The list of the worklist page, alone"),
        Route::new(GET, "/", SignedIn, console::worklist::get).on_record("worklist.read", "alert").media("text/html").summary("The worklist page"),
        Route::new(GET, "/sign-in", Anyone, console::sign_in::get).media("text/html").summary("The sign-in page"),
        Route::new(POST, "/sign-in", Anyone, console::sign_in::post).form().status(303)
            .takes::<console::sign_in::Credentials>().media("text/html").summary("Sign in by form"),
        Route::new(POST, "/sign-out", SignedIn, console::sign_in::out).form().status(303)
            .takes::<console::sign_in::SignOut>().media("text/html").summary("Sign out by form"),
        Route::new(GET, "/docs", Anyone, docs::index).media("text/html").summary("The documentation"),
        Route::new(GET, "/docs/", Anyone, docs::without_slash).status(308).media("text/html").summary("The same address without its slash"),
        Route::new(GET, "/docs/{page}", Anyone, docs::page).media("text/html").summary("One page of the documentation"),
        Route::new(GET, "/docs/schema/{name}", Anyone, docs::schema).media("application/schema+json").summary("The JSON Schema of one MQTT payload"),
        Route::new(GET, "/docs/problems/{slug}", Anyone, console::problem::get).media("text/html").summary("What a type of problem means"),
        Route::new(GET, "/static/homeward.css", Anyone, console::style::serve).media("text/css").summary("The style sheet"),
        Route::new(GET, "/static/docs.css", Anyone, console::style::of_docs).media("text/css").summary("What the documentation adds to it"),
        Route::new(GET, "/static/worklist.js", Anyone, console::script::serve).media("text/javascript").summary("The script of the worklist page"),
    ]
}
