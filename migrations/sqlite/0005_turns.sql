-- Every transaction that locks a patient, or whose unit it is, to change something takes a turn. A process that had the
-- turn before knows what stands, and need not read it again.
alter table patient add column turn integer not null default 0;
alter table home_unit add column turn integer not null default 0;
