//! SQL exists only as a declared statement, and a declared statement is on the list that the tests prepare on both databases.

use std::collections::HashSet;
use std::sync::OnceLock;

use super::bind::Kind;
use super::dialect;
use super::error::StoreError;

/// One SQL text, told to each database in its own way.
#[derive(Debug)]
pub struct Statement {
    /// Whose rows it reads or writes; stands in errors.
    pub table: &'static str,
    pub name: &'static str,
    text: &'static str,
    columns: &'static [(&'static str, Kind)],
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
    words: OnceLock<HashSet<&'static str>>,
}

impl Statement {
    pub(super) const fn new(
        table: &'static str,
        name: &'static str,
        text: &'static str,
        columns: &'static [(&'static str, Kind)],
    ) -> Self {
        Self {
            table,
            name,
            text,
            columns,
            sqlite: OnceLock::new(),
            postgres: OnceLock::new(),
            words: OnceLock::new(),
        }
    }

    pub fn sqlite(&'static self) -> &'static str {
        self.sqlite
            .get_or_init(|| dialect::sqlite(&self.spelt(), self.first_rows_parameter(), self.columns))
    }

    pub fn postgres(&'static self) -> &'static str {
        self.postgres
            .get_or_init(|| dialect::postgres(&self.spelt(), self.first_rows_parameter(), self.columns))
    }

    /// That it touched another number of rows than it meant to.
    pub(super) fn meant(&self, meant: u64, touched: u64) -> StoreError {
        StoreError::Rows {
            statement: format!("{} {}", self.table, self.name),
            meant,
            touched,
        }
    }

    /// The table that it writes to; nothing where it only reads.
    pub(super) fn written(&self) -> &'static str {
        let starts = ["insert into ", "update ", "delete from "];
        let named = starts.iter().find_map(|start| self.text.strip_prefix(start));
        named
            .and_then(|rest| rest.split_whitespace().next())
            .unwrap_or_default()
    }

    /// Whether it names a table or a view, were it only a column called like that.
    pub(super) fn names(&self, relation: &str) -> bool {
        let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let words = self.words.get_or_init(|| self.text.split(is_end).collect());
        words.contains(relation)
    }

    pub(super) const fn columns(&self) -> &'static [(&'static str, Kind)] {
        self.columns
    }

    /// The text with its `{columns}` named.
    fn spelt(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        self.text.replace("{columns}", &names.join(", "))
    }

    /// Rows come after the numbered parameters.
    fn first_rows_parameter(&self) -> usize {
        let numbers = self.text.split('$').skip(1).map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<usize>().unwrap_or_default()
        });
        numbers.max().unwrap_or_default() + 1
    }
}

/// Declares a file's statements and their list, `STATEMENTS`. `NAME [column kind, …]` takes many rows as `{rows}`,
/// which is a table `r` with these columns; `{columns}` is their names.
macro_rules! statements {
    ($table:literal; $($(#[$doc:meta])* $name:ident $([$($column:ident $kind:ident),+ $(,)?])? = $text:expr;)+) => {
        $($(#[$doc])* static $name: $crate::store::statement::Statement = $crate::store::statement::Statement::new(
            $table,
            stringify!($name),
            $text,
            &[$($((stringify!($column), $crate::store::bind::Kind::$kind)),+)?],
        );)+

        pub(super) static STATEMENTS: &[&$crate::store::statement::Statement] = &[$(&$name),+];
    };
}
pub(super) use statements;
