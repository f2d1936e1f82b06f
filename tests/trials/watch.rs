//! Asks a process all the time whether it is ready, and holds what it says against when it was there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::serve::impatient;

/// One answer, or none.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) asked: Instant,
    pub(super) answered: Instant,
    pub(super) path: &'static str,
    /// `None` where nobody answered.
    pub(super) said: Option<Said>,
}

#[derive(Debug)]
pub(super) struct Said {
    pub(super) ready: bool,
    pub(super) body: Value,
}

/// From a process' start until it was gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) spawned: Instant,
    /// Just before it was killed.
    pub(super) killed: Instant,
    /// Just after it was gone.
    pub(super) gone: Instant,
}

pub(super) struct Watch {
    stop: watch::Sender<bool>,
    asking: JoinHandle<Vec<Answer>>,
}

impl Watch {
    pub(super) fn start(http: SocketAddr, token: &str) -> Self {
        let (stop, stopping) = watch::channel(false);
        let token = token.to_owned();
        let asking = tokio::spawn(async move {
            let client = impatient();
            let mut answers = Vec::new();
            let mut beat = tokio::time::interval(Duration::from_millis(10));
            for path in ["readyz", "api/v1/service"].into_iter().cycle() {
                if *stopping.borrow() {
                    break;
                }
                let asked = Instant::now();
                let request = client.get(format!("http://{http}/{path}")).bearer_auth(&token);
                let said = match request.send().await {
                    Ok(answer) => {
                        let status = answer.status();
                        // Killed between its head and its body: then it said nothing.
                        let body: Option<Value> = answer.json().await.ok();
                        body.map(|body| Said {
                            ready: if path == "readyz" {
                                status == 200
                            } else {
                                body["works"] == true
                            },
                            body,
                        })
                    }
                    Err(_) => None,
                };
                let answered = Instant::now();
                answers.push(Answer {
                    asked,
                    answered,
                    path,
                    said,
                });
                beat.tick().await;
            }
            answers
        });
        Self { stop, asking }
    }

    pub(super) async fn stop(self) -> Vec<Answer> {
        self.stop.send_replace(true);
        self.asking.await.unwrap()
    }
}

/// What the answers came to.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) asked: usize,
    pub(super) ready: usize,
    pub(super) not_ready: usize,
    pub(super) unanswered: usize,
    /// Contradictions to when there was a process, in words.
    pub(super) lies: Vec<String>,
}

/// An answer needs somebody who was there when it was asked for; and one that was ready stays so, since nothing but the
/// process itself breaks in these trials. `others`: whether there are more processes than the one that is asked.
pub(super) fn truth(answers: &[Answer], lives: &[Life], others: bool) -> Truth {
    let mut truth = Truth {
        asked: answers.len(),
        ..Truth::default()
    };
    // When the process was spawned that last said, to either question, that all is well.
    let mut was_ready: HashMap<&str, Instant> = HashMap::new();
    for answer in answers {
        let there = lives
            .iter()
            .rev()
            .find(|life| answer.answered >= life.spawned && answer.asked <= life.gone);
        let before = there.is_some_and(|life| was_ready.get(answer.path) == Some(&life.spawned));
        let lie = match (&answer.said, there) {
            (None, life) => {
                truth.unanswered += 1;
                let alive = life.is_some_and(|life| answer.answered < life.killed);
                (before && alive).then_some("no answer from a process that was ready")
            }
            (Some(_), None) => Some("an answer where nobody was"),
            (Some(said), Some(life)) => {
                truth.ready += usize::from(said.ready);
                truth.not_ready += usize::from(!said.ready);
                // One that was asked before this process was there may be the last word of the one before.
                if said.ready && answer.asked >= life.spawned {
                    was_ready.insert(answer.path, life.spawned);
                }
                let parts = said.body["parts"].as_array().map_or(&[][..], Vec::as_slice);
                let works = |own: bool| {
                    let mut asked = parts.iter().filter(|part| {
                        // These two are of all processes together, the others of the one that answers.
                        own || part["name"] == "database" || part["name"] == "monitoring"
                    });
                    !parts.is_empty() && asked.all(|part| part["works"] == true)
                };
                // The service works where another process does, and says which there are; a process is ready by itself.
                let another_may = others && said.body.get("processes").is_some() && works(false);
                let all_work = works(true) || (said.ready && another_may);
                match (said.ready, all_work) {
                    (true, false) | (false, true) => Some("its parts say otherwise"),
                    (false, false) if before => Some("not ready any more, and nothing had happened"),
                    _ => None,
                }
            }
        };
        truth.lies.extend(lie.map(|lie| format!("{lie}: {answer:?}")));
    }
    truth
}
