//! A transaction of PostgreSQL's: its connection, and what it has still to write. One that only writes is a single statement: it
//! begins when something is asked, and where nothing is, what it writes goes at once and commits by itself.

use super::bind::Bind;
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
    start: Start,
    /// Only where it has not begun.
    lock: Option<Lock>,
}

/// A write that takes locks, and so comes before anything that is asked.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) meant: usize,
    pub(super) statement: &'static Statement,
    pub(super) binds: [Bind<'static>; 1],
}

impl Lock {
    fn of(self, together: &mut Together) -> Result<(), StoreError> {
        together.add(Some(self.meant), self.statement, &self.binds)
    }
}

/// When a transaction begins.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Start {
    #[default]
    AtOnce,
    /// When something is asked, which has not been yet.
    PutOff,
    /// It was put off, and then something was asked. What is written rests on what was remembered.
    Late,
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

    /// A transaction that was put off rests on what was remembered: what turns out otherwise is looked up.
    fn fault(&self, fault: StoreError) -> StoreError {
        match fault.overtaken() {
            StoreError::Rows { statement, .. } if self.start != Start::AtOnce => {
                StoreError::Overtaken { what: statement }
            }
            fault => fault,
        }
    }
}

impl PostgresTx {
    pub(super) fn writing(loan: Loan) -> Self {
        Self::Writing(loan, Later::default())
    }

    /// See [`super::Db::begin_late`].
    pub(super) fn put_off(loan: Loan) -> Self {
        let later = Later {
            together: Some(Box::default()),
            start: Start::PutOff,
            ..Later::default()
        };
        Self::Writing(loan, later)
    }

    /// Whether it has not begun.
    pub(super) const fn is_put_off(&self) -> bool {
        matches!(
            self,
            Self::Writing(
                _,
                Later {
                    start: Start::PutOff,
                    ..
                }
            )
        )
    }

    /// See [`super::Tx::writing_together`].
    pub(super) fn write_together(&mut self) {
        if let Self::Writing(_, later) = self {
            later.together = Some(Box::default());
        }
    }

    /// What is to come before anything else, where it has not begun; otherwise gives it back.
    pub(super) fn lock(&mut self, lock: Lock) -> Option<Lock> {
        match self {
            Self::Writing(_, later) if later.start == Start::PutOff => {
                later.lock = Some(lock);
                None
            }
            _ => Some(lock),
        }
    }

    /// The connection, for something for which nothing that is still to be written matters.
    pub(super) async fn loan(&mut self) -> Result<&mut Loan, StoreError> {
        self.begin().await?;
        match self {
            Self::Writing(loan, _) | Self::Reading(loan) | Self::Alone(loan) => Ok(loan),
        }
    }

    /// The connection for this statement, where whatever it looks at is written.
    pub(super) async fn for_statement(
        &mut self,
        statement: &'static Statement,
    ) -> Result<&mut Loan, StoreError> {
        self.write_for(statement).await?;
        self.loan().await
    }

    /// Writes what is still to be written where this statement looks at it.
    pub(super) async fn write_for(&mut self, statement: &'static Statement) -> Result<(), StoreError> {
        if matches!(self, Self::Writing(_, Later { together: Some(together), .. }) if together.concerns(statement))
        {
            self.write_all().await?;
        }
        Ok(())
    }

    /// Writes what is still to be written.
    pub(super) async fn write_all(&mut self) -> Result<(), StoreError> {
        if matches!(self, Self::Writing(_, Later { together: Some(together), .. }) if !together.is_empty()) {
            self.begin().await?;
        }
        if let Self::Writing(loan, later) = self
            && let Some(together) = later.together()
            && !together.is_empty()
        {
            let made = together.make(loan.work()?).await;
            made.map_err(|fault| later.fault(fault))?;
            loan.rest();
        }
        Ok(())
    }

    /// Where that was put off.
    async fn begin(&mut self) -> Result<(), StoreError> {
        let Self::Writing(loan, later) = self else {
            return Ok(());
        };
        if later.start != Start::PutOff {
            return Ok(());
        }
        loan.begin().await?;
        later.start = Start::Late;
        if let Some(lock) = later.lock.take() {
            let mut first = Together::default();
            lock.of(&mut first)?;
            let made = first.make(loan.work()?).await;
            made.map_err(|fault| later.fault(fault))?;
            loan.rest();
        }
        Ok(())
    }

    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        if !self.is_put_off() {
            self.write_all().await?;
        }
        match self {
            Self::Writing(mut loan, mut later) if later.start == Start::PutOff => {
                let mut together = later.together.take().unwrap_or_default();
                if let Some(lock) = later.lock.take() {
                    lock.of(&mut together)?;
                }
                if !together.is_empty() {
                    let made = together.make_alone(loan.work()?).await;
                    made.map_err(|fault| later.fault(fault))?;
                    loan.rest();
                }
                Ok(())
            }
            Self::Writing(loan, _) => loan.commit().await,
            Self::Reading(_) | Self::Alone(_) => Ok(()),
        }
    }

    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Writing(loan, later) if later.start != Start::PutOff => loan.rollback().await,
            Self::Writing(..) | Self::Reading(_) | Self::Alone(_) => Ok(()),
        }
    }
}
