-- A message in quarantine may be taken in again, and a session's times may be moved where its unit's clock was wrong.

-- The document stays as sent; whoever reads its times moves them by this much. started_at, completed_at and series stand
-- moved already. The sum of the session's rows in session_shift, kept here so that reading a document costs no more.
alter table session add column shift_seconds bigint not null default 0;

-- Each time that a person moved a session's times; never changed or taken away.
create table session_shift (
    id uuid primary key,
    unit_id text collate "C" not null,
    session_id uuid not null,
    seconds bigint not null check (seconds <> 0),
    reason text not null,
    shifted_at timestamptz not null,
    shifted_by uuid not null,
    shifted_by_name text not null,
    foreign key (unit_id, session_id) references session (unit_id, session_id)
);
create index session_shift_session on session_shift (unit_id, session_id);

-- Tries to take it in again that were refused, and what the last of them met.
alter table quarantine add column tries bigint not null default 0;
alter table quarantine add column tried_at timestamptz;
alter table quarantine add column tried_by uuid;
alter table quarantine add column tried_by_name text;
alter table quarantine add column tried_reason text;
alter table quarantine add column tried_problems text;
-- What the replay that took it in made of it.
alter table quarantine add column outcome text check (outcome in ('stored', 'duplicate'));
alter table quarantine add column stored_unit_id text collate "C";
alter table quarantine add column stored_session_id uuid;
alter table quarantine add column shift_seconds bigint;
-- The list of what is open must not walk through years of what was settled.
create index quarantine_waiting on quarantine (received_at, id) where state = 'waiting';
create index quarantine_unit on quarantine (unit_id, received_at, id);

-- For analysts: a reading a row, as sent; `completed_at` is moved by `shift_seconds`, `taken_at` is not.
drop view sent_reading;
create view sent_reading as
    select s.unit_id, s.session_id, s.patient_id, s.completed_at, s.shift_seconds, (r.ordinality - 1) as reading_index,
           r.value ->> 'measure' as measure, r.value ->> 'value' as value, r.value ->> 'unit' as unit, r.value ->> 'taken_at' as taken_at
    from session s, json_array_elements(s.document::json -> 'readings') with ordinality r;
