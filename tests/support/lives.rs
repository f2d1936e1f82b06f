//! Laws that hold of lives drawn at random, one after the other in one database.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::databases::TestDatabase;
use super::serve::environment;
use super::ward::Ward;
use crate::engine::random::config;

/// Lives so many of them, each with its number; by hand `HOMEWARD_TEST_CASES` asks for more. Gives whether there was a database.
pub(crate) fn hold<Life: Strategy>(
    database: impl Future<Output = Option<TestDatabase>>,
    cases: u32,
    drawn: &Life,
    live: &impl AsyncFn(&Ward, Life::Value, u32) -> Result<(), TestCaseError>,
) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let Some(database) = runtime.block_on(database) else {
        return false;
    };
    let ward = Ward::over(database);
    let number = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: environment("HOMEWARD_TEST_CASES").map_or(cases, |cases| cases.parse().expect("a number")),
        max_shrink_iters: 500,
        ..config(1)
    });
    let outcome = runner.run(drawn, |life| {
        number.set(number.get() + 1);
        runtime.block_on(live(&ward, life, number.get()))
    });
    if let Err(fault) = outcome {
        panic!("{fault}");
    }
    true
}
