mod database;
mod statements;
