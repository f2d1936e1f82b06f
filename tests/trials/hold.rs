//! Holds PostgreSQL up with a session's statement in its hands, so that what happens to a process meanwhile is certain.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use crate::support::databases::TestDatabase;

/// For one thing to happen.
const LONG: Duration = Duration::from_mins(1);

/// A stranger's connection, through which patients' turns are kept from whoever stores their sessions.
pub(super) struct Hold(PgConnection);

impl Hold {
    pub(super) async fn on(database: &TestDatabase) -> Self {
        Self(PgConnection::connect(&database.url).await.unwrap())
    }

    /// Rows, not their table: a locked table would hold a statement up before it is begun, while it is planned.
    pub(super) async fn take(&mut self) {
        sqlx::raw_sql("begin; select from patient_turn for update")
            .execute(&mut self.0)
            .await
            .unwrap();
    }

    pub(super) async fn until_waited_for(&mut self) {
        self.until(
            "select exists (select from pg_locks join pg_stat_activity using (pid)
                            where datname = current_database() and locktype = 'transactionid' and not granted)",
        )
        .await;
    }

    pub(super) async fn let_go(&mut self) {
        sqlx::raw_sql("rollback").execute(&mut self.0).await.unwrap();
    }

    pub(super) async fn until(&mut self, question: &'static str) {
        let asking = async {
            while !sqlx::query_scalar::<_, bool>(question)
                .fetch_one(&mut self.0)
                .await
                .unwrap()
            {}
        };
        tokio::time::timeout(LONG, asking).await.expect(question);
    }
}
