//! Every route there is, and who may call it. What is not on this page does not exist; who is not named may not.

use axum::http::Method;

use super::api::{
    PageQuery, admission, alerts, assignments, audit, decisions, me, patients, plans, quarantine, readings,
    service, sessions, staff, teams, templates, tokens, units,
};
use super::console;
use super::openapi;
use super::route::Allow::{Anyone, Roles, SignedIn};
use super::route::{Rests, Route};
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
/// Who refers, admits and discharges.
const CASELOAD: &[Role] = &[Senior, SpecialistNurse];
/// Who sets parameters.
const PRESCRIBERS: &[Role] = &[SpecialistNurse];
/// Who judges that a reading counts or does not.
const DECIDERS: &[Role] = &[Senior, SpecialistNurse, RespondingClinician];
/// Who works alerts.
const DESK: &[Role] = &[CallHandler, Senior, SpecialistNurse, RespondingClinician];
/// Who sees units, and whose they are.
const EQUIPMENT: &[Role] = IDENTITY;
/// Who registers and assigns units, and administers people.
const ADMINISTRATION: &[Role] = &[Administrator];
/// Who sees who works here.
const PEOPLE: &[Role] = &[Senior, Manager, Administrator];
/// Who sorts out what could not be taken in; the bytes may tell of a patient.
const CASES: &[Role] = &[Senior, SpecialistNurse];
const AUDIT: &[Role] = &[Auditor];

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;

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
        Route::new(GET, "/healthz", Anyone, service::healthz)
            .answers::<service::Alive>().summary("Whether the process answers"),
        Route::new(GET, "/readyz", Anyone, service::readyz)
            .answers::<service::Ready>().summary("Whether database, broker and ingest work; 503 if not"),
        Route::new(GET, "/openapi.json", Anyone, openapi::serve)
            .summary("This document"),
    ]
}

#[rustfmt::skip]
fn patients_and_readings() -> Vec<Route> {
    vec![
        Route::new(GET, "/api/v1/patients", Roles(IDENTITY), patients::list)
            .query::<patients::PatientsQuery>().lists::<patients::PatientView>().summary("Patients"),
        Route::new(POST, "/api/v1/patients", Roles(CASELOAD), patients::create)
            .takes::<patients::Referral>().answers::<patients::PatientView>().summary("Take a referral"),
        Route::new(GET, "/api/v1/patients/{id}", Roles(IDENTITY), patients::get)
            .answers::<patients::PatientView>().summary("One patient"),
        Route::new(PATCH, "/api/v1/patients/{id}", Roles(CASELOAD), patients::change).rests(Rests::OnVersion)
            .takes::<patients::PatientChange>().answers::<patients::PatientView>().summary("Correct the record"),
        Route::new(POST, "/api/v1/patients/{id}/admit", Roles(CASELOAD), admission::admit).status(200).rests(Rests::OnVersionIfSent)
            .takes::<admission::Admission>().answers::<patients::PatientView>().summary("Start monitoring"),
        Route::new(POST, "/api/v1/patients/{id}/discharge", Roles(CASELOAD), admission::discharge).status(200).rests(Rests::OnVersionIfSent)
            .takes::<admission::Discharge>().answers::<patients::PatientView>().summary("End monitoring; refused while a red alert is open"),
        Route::new(GET, "/api/v1/patients/{id}/sessions", Roles(CLINICAL), sessions::list)
            .query::<sessions::SessionsQuery>().lists::<sessions::SessionView>().summary("Sessions with readings, answers and findings"),
        Route::new(GET, "/api/v1/patients/{id}/readings", Roles(CLINICAL), readings::list)
            .query::<readings::ReadingsQuery>().lists::<readings::ReadingOfSession>().summary("Readings by session, newest first"),
        Route::new(POST, "/api/v1/readings/{id}/exclude", Roles(DECIDERS), decisions::exclude).status(200)
            .takes::<decisions::Reason>().answers::<decisions::DecisionOnReading>().summary("Say that a reading does not count"),
        Route::new(POST, "/api/v1/readings/{id}/accept", Roles(DECIDERS), decisions::accept).status(200)
            .takes::<decisions::Reason>().answers::<decisions::DecisionOnReading>().summary("Say that a reading counts"),
    ]
}

#[rustfmt::skip]
fn plans_and_units() -> Vec<Route> {
    vec![
        Route::new(GET, "/api/v1/patients/{id}/plan", Roles(CLINICAL), plans::get)
            .answers::<plans::PlanView>().summary("The newest version of the parameters"),
        Route::new(PUT, "/api/v1/patients/{id}/plan", Roles(PRESCRIBERS), plans::put).rests(Rests::OnVersionOrNone)
            .takes::<plans::PlanBody>().answers::<plans::PlanView>().summary("Put the next version (201 for the first)"),
        Route::new(GET, "/api/v1/patients/{id}/plan/versions", Roles(CLINICAL), plans::versions)
            .query::<PageQuery>().lists::<plans::PlanView>().summary("Every version"),
        Route::new(GET, "/api/v1/templates", Roles(CLINICAL), templates::list)
            .lists::<templates::TemplateView>().summary("Parameters to start from, with their sources"),
        Route::new(GET, "/api/v1/units", Roles(EQUIPMENT), units::list)
            .query::<PageQuery>().lists::<units::UnitView>().summary("Home units, by name"),
        Route::new(POST, "/api/v1/units", Roles(ADMINISTRATION), units::create)
            .takes::<units::NewUnit>().answers::<units::RegisteredUnit>().summary("Register a home unit; its secret is shown once"),
        Route::new(GET, "/api/v1/units/{id}", Roles(EQUIPMENT), units::get)
            .answers::<units::UnitView>().summary("One home unit, and when it was last heard of"),
        Route::new(GET, "/api/v1/units/{id}/assignments", Roles(EQUIPMENT), assignments::list)
            .lists::<assignments::AssignmentView>().summary("Whose the unit is and was"),
        Route::new(POST, "/api/v1/units/{id}/assignments", Roles(ADMINISTRATION), assignments::create)
            .takes::<assignments::NewAssignment>().answers::<assignments::AssignmentView>().summary("Assign the unit to a patient"),
        Route::new(PATCH, "/api/v1/units/{id}/assignments/{assignment_id}", Roles(ADMINISTRATION), assignments::change).rests(Rests::OnVersion)
            .takes::<assignments::AssignmentChange>().answers::<assignments::AssignmentView>().summary("Correct or end a period"),
    ]
}

#[rustfmt::skip]
fn alerts_and_cases() -> Vec<Route> {
    vec![
        Route::new(GET, "/api/v1/alerts", Roles(CLINICAL), alerts::list)
            .query::<alerts::AlertsQuery>().lists::<alerts::AlertView>().summary("Alerts with their findings"),
        Route::new(GET, "/api/v1/alerts/{id}", Roles(CLINICAL), alerts::get)
            .answers::<alerts::AlertView>().summary("One alert"),
        Route::new(POST, "/api/v1/alerts/{id}/claim", Roles(DESK), alerts::claim).status(200).rests(Rests::OnVersion)
            .answers::<alerts::AlertView>().summary("Take it; one wins"),
        Route::new(POST, "/api/v1/alerts/{id}/release", Roles(DESK), alerts::release).status(200).rests(Rests::OnVersion)
            .answers::<alerts::AlertView>().summary("Give it back to the list"),
        Route::new(POST, "/api/v1/alerts/{id}/close", Roles(DESK), alerts::close).status(200).rests(Rests::OnVersion)
            .takes::<alerts::Close>().answers::<alerts::AlertView>().summary("End it with a coded outcome"),
        Route::new(GET, "/api/v1/quarantine", Roles(CASES), quarantine::list)
            .query::<quarantine::QuarantineQuery>().lists::<quarantine::QuarantinedView>().summary("Messages that could not be taken in"),
        Route::new(GET, "/api/v1/quarantine/{id}", Roles(CASES), quarantine::get)
            .answers::<quarantine::MessageView>().summary("One of them, with its bytes"),
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
        Route::new(GET, "/api/v1/audit", Roles(AUDIT), audit::list)
            .query::<audit::AuditQuery>().lists::<audit::EntryView>().summary("Who did what"),
    ]
}

#[rustfmt::skip]
fn pages() -> Vec<Route> {
    vec![
        Route::new(GET, "/", SignedIn, console::worklist::get).media("text/html").summary("The worklist page"),
        Route::new(GET, "/sign-in", Anyone, console::sign_in::get).media("text/html").summary("The sign-in page"),
        Route::new(POST, "/sign-in", Anyone, console::sign_in::post).form().status(303)
            .takes::<console::sign_in::Credentials>().media("text/html").summary("Sign in by form"),
        Route::new(POST, "/sign-out", SignedIn, console::sign_in::out).form().status(303)
            .takes::<console::sign_in::SignOut>().media("text/html").summary("Sign out by form"),
        Route::new(GET, "/docs/problems/{slug}", Anyone, console::problem::get).media("text/html").summary("What a type of problem means"),
        Route::new(GET, "/static/homeward.css", Anyone, console::style::serve).media("text/css").summary("The style sheet"),
    ]
}
