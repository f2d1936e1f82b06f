//! The demo is set up through the desk, act by act, as staff would: what it shows is what they would get.

use chrono::{NaiveDate, TimeDelta};
use rand::RngExt;
use rand::rngs::StdRng;
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use crate::desk::staff::NewStaff;
use crate::desk::{self, Caller, CallerKind, Desk, Refusal};
use crate::domain::ids::{StaffId, UnitId};
use crate::domain::patient::Condition;
use crate::domain::staff::{Actor, Role};
use crate::domain::time::Instant;
use crate::store::staff::Staff;

use super::kept::{Kept, Member, SignIn};
use super::{Options, people};

const STAFF: [(&str, &str, Role); 6] = [
    ("handler", "Hana Call-Handler", Role::CallHandler),
    ("senior", "Sam Senior", Role::Senior),
    ("nurse", "Nora Nurse", Role::SpecialistNurse),
    ("clinician", "Clive Clinician", Role::RespondingClinician),
    ("manager", "Maya Manager", Role::Manager),
    ("administrator", "Adam Administrator", Role::Administrator),
];

/// Staff, patients, units and plans, as of the desk's clock.
pub(super) async fn everyone(
    desk: &Desk,
    options: &Options,
    dice: &mut StdRng,
    now: Instant,
) -> Result<Kept, Refusal> {
    let mut kept = Kept {
        sign_ins: Vec::new(),
        members: Vec::new(),
    };
    let command = Caller::command("demo");
    let passwords = desk::password::Passwords::default();
    let mut nurse = command.clone();
    let mut named = None;
    for (username, name, role) in STAFF {
        let password = people::password(dice);
        let new = NewStaff {
            username: username.to_owned(),
            name: name.to_owned(),
            role,
            team_id: None,
        };
        let hash = desk::staff::prepare(&passwords, &new, SecretString::from(password.clone())).await?;
        let mut act = desk.begin(command.clone()).await?;
        let member = desk::staff::add(&mut act, new, &hash).await?;
        act.commit().await?;
        if role == Role::SpecialistNurse {
            nurse = caller(&member);
        }
        if role == Role::RespondingClinician {
            named = Some(member.id);
        }
        kept.sign_ins.push(SignIn {
            username: username.to_owned(),
            password,
            role,
        });
    }
    let plan = plan_body(desk.clock.now())?;
    for place in 0..options.patients {
        kept.members
            .push(patient(desk, (&nurse, named), place, &plan, dice, now).await?);
    }
    // The one who deteriorates must not be the one whom nobody hears of.
    if let [_, _, .., last] = kept.members.as_mut_slice() {
        last.silent = true;
    }
    Ok(kept)
}

async fn patient(
    desk: &Desk,
    (nurse, named): (&Caller, Option<StaffId>),
    place: u16,
    plan: &str,
    dice: &mut StdRng,
    now: Instant,
) -> Result<Member, Refusal> {
    let begins = desk.clock.now();
    let (given, family, sex) = people::name(place);
    let mut act = desk.begin(nurse.clone()).await?;
    let born =
        now.date_naive() - TimeDelta::days(365 * dice.random_range(58..89) + dice.random_range(0..365));
    let patient = desk::patient::refer(
        &mut act,
        desk::patient::NewPatient {
            nhs_number: people::nhs_number(place),
            given_name: given.to_owned(),
            family_name: family.to_owned(),
            birth_date: born.max(NaiveDate::MIN),
            sex,
            team_id: None,
            conditions: vec![Condition::HeartFailure],
            pregnant: None,
            named_clinician_id: named,
            phone: Some(format!("0121 496 {:04}", place % 1000)),
            language: "en".to_owned(),
        },
    )
    .await?;
    desk::admission::admit(&mut act, patient.id, None, begins).await?;
    let unit_id: UnitId = format!("HU-{:04}", place + 1)
        .parse()
        .map_err(|_| Refusal::Broken("the demo names a unit that is none".to_owned()))?;
    let (_, secret) = desk::unit::register(&mut act, &unit_id).await?;
    desk::assignment::assign(&mut act, &unit_id, patient.id, begins, None).await?;
    desk::plan::put(&mut act, patient.id, None, plan.to_owned()).await?;
    act.commit().await?;
    Ok(Member {
        patient_id: patient.id,
        unit_id: unit_id.to_string(),
        secret: secret.expose_secret().to_owned(),
        seed: dice.random(),
        next_seq: 1,
        deteriorates: place == 0,
        silent: false,
    })
}

/// The heart-failure template, made a plan.
fn plan_body(effective_from: Instant) -> Result<String, Refusal> {
    let broken =
        |fault: serde_json::Error| Refusal::Broken(format!("the demo's plan cannot be made: {fault}"));
    let templates = desk::template::all()?;
    let template: &RawValue = &templates.first().ok_or(Refusal::NotFound("template"))?.plan;
    let mut plan: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(template.get()).map_err(broken)?;
    plan.insert("reason".to_owned(), "heart-failure template at admission".into());
    plan.insert("effective_from".to_owned(), effective_from.to_rfc3339().into());
    serde_json::to_string(&plan).map_err(broken)
}

/// The person as whoever acts.
pub(super) fn caller(member: &Staff) -> Caller {
    let actor = Actor {
        id: member.id.0,
        name: member.name.clone(),
    };
    let username = Some(member.username.clone());
    Caller {
        actor,
        kind: CallerKind::Staff,
        role: member.role,
        username,
        team_id: member.team_id,
    }
}
