//! A transaction of PostgreSQL's: its connection, and what it has still to write.

use super::error::StoreError;
use super::lending::Loan;
use super::statement::Statement;
use super::together::Together;

/// Reading needs no `begin` under read committed: each statement sees its own snapshot anyway, and a page saves two round trips.
#[derive(Debug)]
pub enum PostgresTx {
    Writing(Loan, Later),
    Reading(Loan),
    /// One statement that commits by itself.
    Alone(Loan),
}

/// What a transaction has still to write.
#[derive(Debug, Default)]
pub struct Later {
    /// Nothing where it writes at once.
    together: Option<Box<Together>>,
    without_rows: bool,
}

impl Later {
    pub(super) fn together(&mut self) -> Option<&mut Together> {
        self.together.as_deref_mut()
    }

    /// See [`super::Tx::without_rows`].
    pub(super) const fn plan_only(&mut self) {
        self.without_rows = true;
    }

    pub(super) const fn is_planning(&self) -> bool {
        self.without_rows
    }

    pub(super) fn forget(&mut self) {
        self.together = self.together.take().map(|_| Box::default());
    }
}

impl PostgresTx {
    pub(super) fn writing(loan: Loan) -> Self {
        Self::Writing(loan, Later::default())
    }

    /// See [`super::Tx::writing_together`].
    pub(super) fn write_together(&mut self) {
        if let Self::Writing(_, later) = self {
            later.together = Some(Box::default());
        }
    }

    /// The connection, for something for which nothing that is still to be written matters.
    pub(super) const fn loan(&mut self) -> &mut Loan {
        match self {
            Self::Writing(loan, _) | Self::Reading(loan) | Self::Alone(loan) => loan,
        }
    }

    /// The connection for this statement, where whatever it looks at is written.
    pub(super) async fn for_statement(
        &mut self,
        statement: &'static Statement,
    ) -> Result<&mut Loan, StoreError> {
        if matches!(self, Self::Writing(_, Later { together: Some(together), .. }) if together.concerns(statement))
        {
            self.write_all().await?;
        }
        Ok(self.loan())
    }

    /// Writes what is still to be written.
    pub(super) async fn write_all(&mut self) -> Result<(), StoreError> {
        if let Self::Writing(loan, later) = self
            && let Some(together) = later.together()
            && !together.is_empty()
        {
            together.make(loan.work()?).await.map_err(StoreError::overtaken)?;
            loan.rest();
        }
        Ok(())
    }
}
