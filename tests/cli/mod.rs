mod commands;
mod doctor;
mod facts;
mod judge;
mod quarantine;
mod random_cases;
mod replay;
