//! What could not be taken in, for whoever has the machine: to look at, to take in again, to put away. All of it works
//! beside a running `serve`.

mod replay;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, database, say, say_json};
use crate::clock::Clock;
use crate::config::Config;
use crate::desk::Caller;
use crate::desk::looks::{Looking, Looks, Sight};
use crate::desk::quarantine::dismiss;
use crate::domain::ids::{PatientId, QuarantineId, UnitId};
use crate::store::audit_read::Outcome;
use crate::store::quarantine::{Filter, Standing};
use crate::store::{self, Db};
use crate::web::api::quarantine::{MessageView, QuarantinedView};
use crate::web::problem::Problem;
use crate::wire::session::RejectCode;

#[derive(Debug, Subcommand)]
pub(super) enum Quarantine {
    /// List messages, newest first
    #[command(after_help = "Example:\n  homeward quarantine list --reason clock_fault --unit HU-7 --json")]
    List {
        /// Those that wait, or those in this state
        #[arg(long, default_value = "open")]
        state: State,
        /// Only those set aside for this reason
        #[arg(long, value_parser = reason, value_name = "CODE")]
        reason: Option<String>,
        /// Only those whose topic names this unit
        #[arg(long)]
        unit: Option<UnitId>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one message with its bytes
    #[command(after_help = "Example:\n  homeward quarantine show 0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11")]
    Show {
        id: Uuid,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    #[command(
        about = "Take messages in again as if they had arrived now; exit 1 where one is refused again",
        long_about = "Takes messages in again by the way of all messages, as if they had arrived now: stored once, judged, alerts \
                      raised. One that is refused again stays in quarantine with the try on record. The unit gets no receipt: \
                      it was told `rejected` and has forgotten the session.",
        after_help = "Example:\n  homeward quarantine replay 0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11 --shift -3600\n  \
                      homeward quarantine replay --all --reason clock_fault --unit HU-7 --shift -3600"
    )]
    Replay(replay::Replay),
    /// Say that a message is not worth taking in; it stays, marked so
    #[command(
        after_help = "Example:\n  homeward quarantine dismiss 0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11 --reason 'a test of the installer'"
    )]
    Dismiss {
        id: Uuid,
        /// Why, in words
        #[arg(long)]
        reason: String,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum State {
    #[value(alias = "waiting")]
    Open,
    Replayed,
    Dismissed,
    All,
}

#[derive(Serialize)]
struct List {
    items: Vec<QuarantinedView>,
}

pub(super) async fn run(config: &Config, command: Quarantine) -> Result<(), Failure> {
    match command {
        Quarantine::List {
            state,
            reason,
            unit,
            limit,
            json,
        } => {
            let standing = match state {
                State::Open => Standing::Open,
                State::Replayed => Standing::Replayed,
                State::Dismissed => Standing::Dismissed,
                State::All => Standing::All,
            };
            let filter = Filter {
                standing,
                reason,
                unit_id: unit,
            };
            list(config, &filter, limit, json).await
        }
        Quarantine::Show { id, json } => show(config, QuarantineId(id), json).await,
        Quarantine::Replay(replay) => replay::run(config, replay).await,
        Quarantine::Dismiss { id, reason, json } => {
            let desk = database::desk(config).await?;
            let mut act = desk.begin(Caller::command("quarantine dismiss")).await?;
            let case = dismiss(&mut act, QuarantineId(id), &reason).await?;
            act.commit().await?;
            desk.db.close().await;
            let view = QuarantinedView::of(case).map_err(|problem| unreadable(&problem))?;
            if json {
                return say_json(&view);
            }
            Ok(say(&format!("Message {id} is dismissed."))?)
        }
    }
}

async fn list(config: &Config, filter: &Filter, limit: u32, json: bool) -> Result<(), Failure> {
    let db = database::to_read(config).await?;
    let mut tx = db.read().await?;
    let page = store::quarantine::list(&mut tx, filter, None, limit).await?;
    drop(tx);
    let shown = page.items.iter().filter_map(|row| row.patient_id).collect();
    let sight = Sight {
        act: "quarantine.read",
        subject_kind: "quarantine",
        subject_id: None,
    };
    on_record(&db, "quarantine list", sight, shown).await?;
    let views = page.items.into_iter().map(QuarantinedView::of);
    let items = views
        .collect::<Result<Vec<_>, _>>()
        .map_err(|problem| unreadable(&problem))?;
    if json {
        return say_json(&List { items });
    }
    for case in &items {
        say(&line(case))?;
    }
    Ok(())
}

async fn show(config: &Config, id: QuarantineId, json: bool) -> Result<(), Failure> {
    let db = database::to_read(config).await?;
    let mut tx = db.read().await?;
    let missing = || Failure::Other(format!("There is no message {id} in quarantine."));
    let row = store::quarantine::get(&mut tx, id).await?.ok_or_else(missing)?;
    let payload = store::quarantine::payload(&mut tx, id)
        .await?
        .ok_or_else(missing)?;
    drop(tx);
    let sight = Sight {
        act: "quarantined_message.read",
        subject_kind: "quarantine",
        subject_id: Some(id.to_string()),
    };
    on_record(
        &db,
        "quarantine show",
        sight,
        row.patient_id.into_iter().collect(),
    )
    .await?;
    let view = MessageView::of(row, payload).map_err(|problem| unreadable(&problem))?;
    if json {
        return say_json(&view);
    }
    say(&line(&view.case))?;
    for problem in &view.case.problems {
        say(&format!("  {} {}: {}", problem.at, problem.code, problem.detail))?;
    }
    if let Some(last) = &view.case.last_try {
        say(&format!(
            "  refused again {} times, last: {}",
            view.case.tries, last.reason
        ))?;
    }
    Ok(say(view
        .payload_text
        .as_deref()
        .or(view.payload_hex.as_deref())
        .unwrap_or_default())?)
}

/// Whoever has the machine is on record too, before anything is printed.
async fn on_record(db: &Db, command: &str, sight: Sight, patients: Vec<PatientId>) -> Result<(), Failure> {
    let caller = Caller::command(command);
    let now = Clock::Wall.now();
    let looking = Looking::new(&caller, sight, command, Outcome::Shown, patients, now);
    let recorded = Looks::new(db.clone()).record(looking).await;
    recorded.map_err(|fault| Failure::Other(format!("Nothing is shown, for {fault}.")))
}

fn line(case: &QuarantinedView) -> String {
    let unit = case.unit_id.as_ref().map_or("-".to_owned(), ToString::to_string);
    format!(
        "{}  {}  {}  {}  {}  {} bytes, seen {}",
        case.id,
        case.received_at
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        case.state,
        unit,
        case.reason,
        case.size,
        case.seen
    )
}

/// A reason's word, for clap.
fn reason(word: &str) -> Result<String, String> {
    RejectCode::from_word(word)
        .map(|code| code.word().to_owned())
        .ok_or_else(|| {
            let words: Vec<&str> = RejectCode::ALL.iter().map(|code| code.word()).collect();
            format!("the reasons are {}", words.join(", "))
        })
}

/// The log has told what it was.
fn unreadable(problem: &Problem) -> Failure {
    Failure::Other(problem.detail().to_owned())
}
