//! The service ends in order on SIGTERM and Ctrl-C: it takes no more, stores what it took, and says goodbye to the broker.

use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::Ids;

use super::Failure;

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let started = app::begin(config, Clock::Wall, Ids::random()).await;
    let app = started.map_err(|fault| Failure::Other(format!("The service did not start: {fault}.")))?;
    app.run_until(told_to_stop())
        .await
        .map_err(|fault| Failure::Other(format!("The service ended: {fault}.")))
}

/// Resolves on the first signal to stop.
pub(super) async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = async {
        if let Err(fault) = tokio::signal::ctrl_c().await {
            tracing::error!(%fault, "Ctrl-C cannot be listened for");
            std::future::pending::<()>().await;
        }
    };
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => drop(terminated.recv().await),
            Err(fault) => {
                tracing::error!(%fault, "the signal to end cannot be listened for");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}
