mod commands;
mod judge;
