mod commands;
mod doctor;
mod judge;
mod quarantine;
