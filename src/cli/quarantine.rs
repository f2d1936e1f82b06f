//! What could not be taken in, for whoever has the machine.

use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, database, say, say_json};
use crate::config::Config;
use crate::domain::ids::QuarantineId;
use crate::store;
use crate::web::api::quarantine::{MessageView, QuarantinedView};
use crate::web::problem::Problem;

#[derive(Debug, Subcommand)]
pub(super) enum Quarantine {
    /// List messages, newest first
    #[command(after_help = "Example:\n  homeward quarantine list --state waiting --json")]
    List {
        /// Only those in this state
        #[arg(long)]
        state: Option<State>,
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
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum State {
    Waiting,
    Replayed,
    Dismissed,
}

#[derive(Serialize)]
struct List {
    items: Vec<QuarantinedView>,
}

pub(super) async fn run(config: &Config, command: Quarantine) -> Result<(), Failure> {
    let db = database::to_read(config).await?;
    let mut tx = db.read().await?;
    match command {
        Quarantine::List { state, limit, json } => {
            let word = state.map(|state| match state {
                State::Waiting => "waiting",
                State::Replayed => "replayed",
                State::Dismissed => "dismissed",
            });
            let page = store::quarantine::list(&mut tx, word, None, limit).await?;
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
        Quarantine::Show { id, json } => {
            let missing = || Failure::Other(format!("There is no message {id} in quarantine."));
            let row = store::quarantine::get(&mut tx, QuarantineId(id))
                .await?
                .ok_or_else(missing)?;
            let payload = store::quarantine::payload(&mut tx, QuarantineId(id))
                .await?
                .ok_or_else(missing)?;
            let view = MessageView::of(row, payload).map_err(|problem| unreadable(&problem))?;
            if json {
                return say_json(&view);
            }
            say(&line(&view.case))?;
            for problem in &view.case.problems {
                say(&format!("  {} {}: {}", problem.at, problem.code, problem.detail))?;
            }
            Ok(say(view
                .payload_text
                .as_deref()
                .or(view.payload_hex.as_deref())
                .unwrap_or_default())?)
        }
    }
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

/// The log has told what it was.
fn unreadable(problem: &Problem) -> Failure {
    Failure::Other(problem.detail().to_owned())
}
