-- Nothing to change: SQLite looks a table over when it is told to, and nobody tells it.
select 1;
