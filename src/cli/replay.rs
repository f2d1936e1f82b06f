//! Compares what stands with what judging gives, a patient at a time; beside a running service, and never all in memory.

use std::io::{self, IsTerminal as _, Write as _};

use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, database, say, say_json};
use crate::config::Config;
use crate::desk::replay::{Compared, patients_after};
use crate::desk::{Caller, Desk};
use crate::domain::ids::{PatientId, UnitId};
use crate::domain::time::Instant;
use crate::judging::replay::Difference;
use crate::store;
use crate::wire;

/// So many patients are named at a time.
const AT_ONCE: u32 = 100;
/// The most differences that `--json` lists.
const MOST: usize = 1000;

pub(super) const LONG: &str = "Judge what is stored again, by the engine alone, and compare it with what stands: findings byte \
for byte in canonical form, and what each session keeps of its verdict. Exit code 0 where nothing differs, 1 where something \
does. Writes nothing without --mend, and works beside a running service. Findings about sessions that did not come, and \
technical ones but `suspect` and `unknown_answer`, are not looked at: they do not follow from what is stored alone.";

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Only this patient
    #[arg(long, value_name = "ID")]
    patient: Option<Uuid>,
    /// Only sessions completed from then on; what lies before is taken as it stands
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Instant>,
    /// Only sessions completed before then
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Instant>,
    /// Write what is judged where something else stands, from `--from` on; new findings open or join alerts
    #[arg(long)]
    mend: bool,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    patients: usize,
    sessions: usize,
    /// Clinical and technical findings that judging gives.
    findings: usize,
    differences: usize,
    mended: usize,
    items: Vec<Item>,
    /// Differences that are not listed.
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct Item {
    patient_id: Uuid,
    unit_id: UnitId,
    session_id: Uuid,
    what: &'static str,
    finding: Option<String>,
    parts: Vec<&'static str>,
}

impl Item {
    fn of(patient: PatientId, difference: Difference) -> Self {
        Self {
            patient_id: patient.0,
            unit_id: difference.session.unit_id,
            session_id: difference.session.session_id,
            what: difference.what.word(),
            finding: difference.finding,
            parts: difference.parts,
        }
    }
}

pub(super) async fn run(config: &Config, said: Replay) -> Result<(), Failure> {
    if let (Some(from), Some(to)) = (said.from, said.to)
        && to <= from
    {
        return Err(Failure::Usage("--to must be later than --from".to_owned()));
    }
    let desk = if said.mend {
        database::desk(config).await?
    } else {
        database::desk_to_read(config).await?
    };
    let mut summary = Summary::default();
    let done = compare(&desk, &said, &mut summary).await;
    desk.db.close().await;
    if said.json {
        say_json(&summary)?;
    } else {
        say(&format!(
            "{} patients, {} sessions, {} findings: {} differ from what stands{}.",
            summary.patients,
            summary.sessions,
            summary.findings,
            summary.differences,
            if said.mend {
                format!(", {} mended", summary.mended)
            } else {
                String::new()
            }
        ))?;
    }
    done?;
    match summary.differences - summary.mended {
        0 => Ok(()),
        1 => Err(Failure::Other("1 difference stands.".to_owned())),
        many => Err(Failure::Other(format!("{many} differences stand."))),
    }
}

async fn compare(desk: &Desk, said: &Replay, summary: &mut Summary) -> Result<(), Failure> {
    if let Some(patient) = said.patient.map(PatientId) {
        let mut tx = desk.db.read().await?;
        if store::patient::get(&mut tx, patient).await?.is_none() {
            return Err(Failure::Other(format!("There is no patient {patient}.")));
        }
        drop(tx);
        return one(desk, patient, said, summary).await;
    }
    let mut tx = desk.db.read().await?;
    let all = store::patient::count(&mut tx).await?;
    drop(tx);
    let mut after = None;
    loop {
        let patients = patients_after(desk, after, AT_ONCE).await?;
        let Some(last) = patients.last() else {
            return Ok(());
        };
        after = Some(*last);
        for patient in patients {
            one(desk, patient, said, summary).await?;
        }
        progress(summary, all);
    }
}

async fn one(desk: &Desk, patient: PatientId, said: &Replay, summary: &mut Summary) -> Result<(), Failure> {
    let period = (said.from.unwrap_or(Instant::UNIX_EPOCH), said.to);
    let caller = Caller::command("replay");
    let Compared { found, mended } = desk.compare(&caller, patient, period, said.mend).await?;
    summary.patients += 1;
    summary.sessions += found.sessions;
    summary.findings += found.findings;
    summary.differences += found.differences.len();
    summary.mended += mended;
    for difference in found.differences {
        let item = Item::of(patient, difference);
        if !said.json {
            say(&line(&item))?;
        } else if summary.items.len() < MOST {
            summary.items.push(item);
        } else {
            summary.left_out += 1;
        }
    }
    Ok(())
}

fn line(item: &Item) -> String {
    let finding = item.finding.as_deref().unwrap_or("-");
    let (patient, unit, session) = (item.patient_id, &item.unit_id, item.session_id);
    format!(
        "{patient}  {unit}/{session}  {}  {finding}  {}",
        item.what,
        item.parts.join(", ")
    )
}

/// For whoever waits: one line that changes on a screen, a line each thousand patients in a file.
fn progress(summary: &Summary, all: u64) {
    let mut error = io::stderr().lock();
    let text = format!(
        "{} of {all} patients, {} differences",
        summary.patients, summary.differences
    );
    // Who does not read it loses nothing.
    let _ = if error.is_terminal() {
        write!(error, "\r{text}").and_then(|()| error.flush())
    } else if summary.patients.is_multiple_of(1000) {
        writeln!(error, "{text}")
    } else {
        Ok(())
    };
}

fn time(text: &str) -> Result<Instant, String> {
    let said = "must be a time as RFC 3339 with an offset, such as 2026-11-21T09:00:00+00:00";
    wire::time::instant(text).ok_or_else(|| said.to_owned())
}
