//! The password comes by standard input: what stands on a command line, every process on the machine can read.

use std::io::BufRead as _;

use clap::Subcommand;
use secrecy::SecretString;

use super::{Failure, database, role, say, say_json};
use crate::config::Config;
use crate::desk::password::Passwords;
use crate::desk::staff::{NewStaff, add, prepare};
use crate::desk::{Act, Caller, team};
use crate::domain::ids::TeamId;
use crate::domain::staff::Role;
use crate::store;
use crate::web::api::staff::StaffView;

#[derive(Debug, Subcommand)]
pub(super) enum Staff {
    /// Add a member of staff, who can then sign in
    #[command(
        after_help = "Example:\n  homeward staff add --username s.nurse --name 'Sister Nurse' --role specialist_nurse --password-stdin < password.txt"
    )]
    Add {
        /// What the person signs in with
        #[arg(long)]
        username: String,
        /// As colleagues see it
        #[arg(long)]
        name: String,
        #[arg(long, value_parser = role, help = "call_handler, senior, specialist_nurse, responding_clinician, manager, administrator or auditor")]
        role: Role,
        /// Name of the team; made where there is none of that name
        #[arg(long)]
        team: Option<String>,
        /// Read the password, at least 12 characters, from the first line of standard input
        #[arg(long, required = true)]
        password_stdin: bool,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(config: &Config, command: Staff) -> Result<(), Failure> {
    let Staff::Add {
        username,
        name,
        role,
        team,
        password_stdin: _,
        json,
    } = command;
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let password = SecretString::from(password.trim_end_matches(['\r', '\n']).to_owned());
    let mut new = NewStaff {
        username,
        name,
        role,
        team_id: None,
    };
    let hash = prepare(&Passwords::default(), &new, password).await?;
    let desk = database::desk(config).await?;
    let mut act = desk.begin(Caller::command("staff add")).await?;
    if let Some(team) = team {
        new.team_id = Some(team_of(&mut act, &team).await?);
    }
    let staff = add(&mut act, new, &hash).await?;
    act.commit().await?;
    desk.db.close().await;
    let view = StaffView::from(staff);
    if json {
        return say_json(&view);
    }
    Ok(say(&format!(
        "{} may sign in as {}, {}.",
        view.name,
        view.username,
        role.word()
    ))?)
}

async fn team_of(act: &mut Act, name: &str) -> Result<TeamId, Failure> {
    let known = store::team::list(&mut act.tx).await?;
    match known.into_iter().find(|team| team.name == name.trim()) {
        Some(team) => Ok(team.id),
        None => Ok(team::add(act, name).await?.id),
    }
}
