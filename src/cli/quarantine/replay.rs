//! Many at once go in batches, each a transaction of its own, oldest first: what was done stays done if a later one fails.

use clap::{ArgGroup, Args};
use serde::Serialize;
use uuid::Uuid;

use super::reason;
use crate::cli::{Failure, database, say, say_json};
use crate::config::Config;
use crate::desk::quarantine::{How, MOST_AT_ONCE, Tried, replay, replay_some};
use crate::desk::{Caller, Desk, Refusal};
use crate::domain::ids::{QuarantineId, UnitId};
use crate::store;
use crate::store::quarantine::{Filter, Standing};
use crate::web::api::replay::ReplayedView;
use crate::wire::receipt::Outcome;

/// How often a batch that met a rival transaction is tried.
const TRIES: u32 = 5;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["id", "all"]).required(true))]
pub(in crate::cli) struct Replay {
    /// The message
    id: Option<Uuid>,
    /// Every message that waits and fits `--reason` and `--unit`
    #[arg(long)]
    all: bool,
    /// With `--all`: only those set aside for this reason
    #[arg(long, value_parser = reason, value_name = "CODE")]
    reason: Option<String>,
    /// The unit that the message is of, where its topic names none or another; with `--all`: only those whose topic names this unit
    #[arg(long)]
    unit: Option<UnitId>,
    /// With `--all`: the unit that they are of, where their topics name another
    #[arg(long, value_name = "UNIT")]
    as_unit: Option<UnitId>,
    /// By how many seconds the unit's clock was behind; negative where it was ahead
    #[arg(
        long,
        default_value_t = 0,
        allow_negative_numbers = true,
        value_name = "SECONDS"
    )]
    shift: i64,
    /// Why, in words; stands in the record, and with every session whose times are moved
    #[arg(long)]
    note: Option<String>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    stored: usize,
    /// Stored already.
    duplicate: usize,
    /// Refused again.
    rejected: usize,
    items: Vec<ReplayedView>,
}

impl Summary {
    fn add(&mut self, tried: Vec<Tried>) {
        for one in tried.into_iter().map(ReplayedView::from) {
            match one.outcome {
                Outcome::Stored => self.stored += 1,
                Outcome::Duplicate => self.duplicate += 1,
                Outcome::Rejected => self.rejected += 1,
            }
            self.items.push(one);
        }
    }

    fn tell(&self, json: bool) -> Result<(), Failure> {
        if json {
            return say_json(self);
        }
        for item in &self.items {
            for problem in &item.problems {
                say(&format!(
                    "{}  {}  {} {}: {}",
                    item.id,
                    item.outcome.word(),
                    problem.at,
                    problem.code,
                    problem.detail
                ))?;
            }
        }
        Ok(say(&format!(
            "{} stored, {} stored already, {} refused again.",
            self.stored, self.duplicate, self.rejected
        ))?)
    }
}

pub(super) async fn run(config: &Config, said: Replay) -> Result<(), Failure> {
    if !said.all && (said.reason.is_some() || said.as_unit.is_some()) {
        let why = "--reason and --as-unit choose among many: they need --all instead of a message's id";
        return Err(Failure::Usage(why.to_owned()));
    }
    if said.all && said.shift != 0 && said.unit.is_none() {
        let why = "--shift is about one unit's clock: with --all it needs --unit";
        return Err(Failure::Usage(why.to_owned()));
    }
    let desk = database::desk(config).await?;
    let mut summary = Summary::default();
    let how = |unit_id| How {
        unit_id,
        shift_seconds: said.shift,
        reason: said.note.clone(),
    };
    let done = if let Some(id) = said.id {
        one(&desk, QuarantineId(id), how(said.unit), &mut summary).await
    } else {
        let filter = Filter {
            standing: Standing::Open,
            reason: said.reason,
            unit_id: said.unit,
        };
        all(&desk, &filter, &how(said.as_unit), &mut summary).await
    };
    desk.db.close().await;
    if done.is_ok() || !summary.items.is_empty() {
        summary.tell(said.json)?;
    }
    done?;
    match summary.rejected {
        0 => Ok(()),
        1 => Err(Failure::Other("One message was refused again.".to_owned())),
        many => Err(Failure::Other(format!("{many} messages were refused again."))),
    }
}

async fn one(desk: &Desk, id: QuarantineId, how: How, summary: &mut Summary) -> Result<(), Failure> {
    let mut act = desk.begin(Caller::command("quarantine replay")).await?;
    let tried = replay(&mut act, id, how).await?;
    act.commit().await?;
    summary.add(vec![tried]);
    Ok(())
}

async fn all(desk: &Desk, filter: &Filter, how: &How, summary: &mut Summary) -> Result<(), Failure> {
    let limit = u32::try_from(MOST_AT_ONCE).unwrap_or(1);
    let mut after = None;
    loop {
        let mut tx = desk.db.read().await?;
        let waiting = store::replay::open_from(&mut tx, filter, after, limit).await?;
        drop(tx);
        let Some(last) = waiting.last() else {
            return Ok(());
        };
        after = Some(*last);
        let ids: Vec<QuarantineId> = waiting.into_iter().map(|(_, id)| id).collect();
        let mut attempt = 1;
        let tried = loop {
            match batch(desk, &ids, how).await {
                Err(Refusal::Store(fault)) if fault.is_retryable() && attempt < TRIES => attempt += 1,
                done => break done?,
            }
        };
        summary.add(tried);
    }
}

async fn batch(desk: &Desk, ids: &[QuarantineId], how: &How) -> Result<Vec<Tried>, Refusal> {
    let mut act = desk.begin(Caller::command("quarantine replay")).await?;
    let tried = replay_some(&mut act, ids, how.clone()).await?;
    act.commit().await?;
    Ok(tried)
}
