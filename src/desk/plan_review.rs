//! Four eyes: whoever widened a red limit cannot be who confirms it. Where the patient has a named clinician it is theirs to.

use serde_json::json;
use uuid::Uuid;

use crate::domain::ids::PatientId;
use crate::domain::staff::Role;
use crate::store;
use crate::store::plan::PlanRow;
use crate::store::plan_put::Confirmed;
use crate::store::staff::Staff;

use super::audit::{self, Subject};
use super::{Act, Form, Refusal};

/// Says that a second person has looked at what is marked in a version.
pub async fn confirm(
    act: &mut Act,
    patient: PatientId,
    version: i64,
    note: Option<&str>,
) -> Result<PlanRow, Refusal> {
    let mut form = Form::default();
    let note = note.map(|note| form.note("/note", note));
    form.check()?;
    let rows = store::plan::bodies(&mut act.tx, &[(patient, version)]).await?;
    let row = rows
        .into_iter()
        .next()
        .ok_or(Refusal::NotFound("version of these parameters"))?;
    let put = store::plan_put::of(&mut act.tx, &[(patient, version)])
        .await?
        .remove(&(patient, version));
    let marks = match put {
        Some(put) if put.waits() => put.marks,
        Some(put) if put.confirmed.is_some() => return Err(already()),
        _ => {
            let why = "nothing in this version waits for anybody's confirmation";
            return Err(Refusal::Unlawful(why.to_owned()));
        }
    };
    if row.set_by.id == act.caller.actor.id {
        let why = "whoever set these parameters cannot be who confirms them";
        return Err(Refusal::Unlawful(why.to_owned()));
    }
    if act.caller.role != Role::Admin {
        let person = store::patient::get(&mut act.tx, patient).await?;
        let named = match person.and_then(|person| person.named_clinician_id) {
            None => None,
            Some(named) => store::staff::get(&mut act.tx, named).await?,
        };
        if let Some(named) = whose(named.as_ref(), row.set_by.id)
            && named.id.0 != act.caller.actor.id
        {
            let name = &named.name;
            let why = format!("it is for {name} to confirm, who is the patient's named clinician");
            return Err(Refusal::NotTheirs(why));
        }
    }
    let confirmed = Confirmed {
        by: act.caller.actor.clone(),
        at: act.now,
        note,
    };
    if !store::plan_put::confirm(&mut act.tx, (patient, version), &confirmed).await? {
        return Err(already());
    }
    let places: Vec<&str> = marks.iter().map(|mark| mark.at.as_str()).collect();
    let detail = json!({ "version": version, "places": places, "note": confirmed.note });
    audit::record(
        act,
        "plan.confirm",
        Subject::new("plan", version, Some(patient)),
        detail,
    )
    .await?;
    Ok(row)
}

/// Whose the marks of a version are to confirm: the named clinician's, where one is named who may still confirm and has not
/// set it. Otherwise anybody's who may and has not set it.
pub fn whose(named: Option<&Staff>, set_by: Uuid) -> Option<&Staff> {
    named.filter(|named| named.reviews() && named.id.0 != set_by)
}

fn already() -> Refusal {
    Refusal::Unlawful("somebody has confirmed it already".to_owned())
}
