-- Every transaction that locks a patient, or whose unit it is, to change something takes a turn. A process that had the
-- turn before knows what stands, and need not read it again.
-- A patient's turn has a table of its own: it changes with every session, and a record of names and numbers would be
-- written anew each time.
create table patient_turn (
    patient_id uuid primary key references patient (id),
    turn bigint not null
    -- Room to change in place.
) with (fillfactor = 50);
insert into patient_turn (patient_id, turn) select id, 0 from patient;
alter table home_unit add column turn bigint not null default 0;

-- Here each check of a reference is a statement of its own for each row: a third of what storing a session costs. The
-- rows referred to are locked or written by the same transaction and never deleted; SQLite, where a check is one lookup,
-- keeps these references, and every test of the store runs there too.
alter table session drop constraint session_unit_id_fkey;
alter table session drop constraint session_patient_id_fkey;
alter table finding drop constraint finding_patient_id_fkey;
alter table alert_finding drop constraint alert_finding_alert_id_fkey;
alter table alert_finding drop constraint alert_finding_finding_id_fkey;
