-- Patients who sent something and are to be judged by time a little later, many in one row: a patient and the first instant that is
-- otherwise than it was judged, a line each. Emptied by the worker that judges, and never updated. To make whoever is due so in
-- her own row would write three indexes for every session.
create table compliance_call (
    seq bigint generated always as identity primary key,
    due_at timestamptz not null,
    called text not null
);
create index compliance_call_due on compliance_call (due_at);

-- Told missing by a due time that is over, as `compliance` says: ingest reads it with the turn, and has such a patient judged at once.
-- A process of an earlier version that still runs leaves it as it is; the next look at the patient puts it right.
alter table patient_turn add column missing boolean not null default false;
update patient_turn set missing = true where patient_id in (select patient_id from compliance where missing);
