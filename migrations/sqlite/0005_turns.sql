-- Every transaction that locks a patient, or whose unit it is, to change something takes a turn. A process that had the
-- turn before knows what stands, and need not read it again.
create table patient_turn (
    patient_id blob primary key references patient (id),
    turn integer not null
) strict, without rowid;
insert into patient_turn (patient_id, turn) select id, 0 from patient;
alter table home_unit add column turn integer not null default 0;
