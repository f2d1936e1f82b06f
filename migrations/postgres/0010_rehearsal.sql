-- Stays in a hospital, as the desk came to know of them: what parameters are measured by. The admission to monitoring is
-- another matter, and stands in episode.
create table hospital_admission (
    id uuid primary key,
    patient_id uuid not null references patient (id),
    admitted_at timestamptz not null,
    -- Null while the patient is in.
    discharged_at timestamptz,
    kind text not null check (kind in ('emergency', 'planned')),
    cause text not null check (cause in ('monitored_condition', 'other', 'unknown')),
    note text,
    -- It never was, or was somebody else's: it stays on record and counts nowhere.
    entered_in_error boolean not null,
    -- A member of staff or a machine client: no foreign key. The name is as it was then.
    recorded_by uuid not null,
    recorded_by_name text not null,
    recorded_at timestamptz not null,
    version bigint not null,
    check (discharged_at is null or admitted_at < discharged_at)
);
create index hospital_admission_patient on hospital_admission (patient_id, admitted_at);
-- The backstop of "never overlapping"; the rest is checked under the patient's lock.
create unique index hospital_admission_open on hospital_admission (patient_id)
    where discharged_at is null and not entered_in_error;

-- Parameters tried out on a whole team. Any process tells how far it is; whoever runs it finds here that it is no longer wanted.
create table rehearsal (
    id uuid primary key,
    team_id uuid not null references team (id),
    -- JSON: what was asked, the parameters apart.
    asked text not null,
    state text not null check (state in ('running', 'done', 'failed')),
    -- So many patients of so many.
    judged bigint not null,
    patients bigint not null,
    -- JSON: sums, and nobody's data.
    forecast text,
    asked_by uuid not null,
    asked_by_name text not null,
    asked_at timestamptz not null,
    -- When the process that runs it last said so.
    said_at timestamptz not null,
    -- Done is what has a forecast.
    check ((state = 'done') = (forecast is not null))
);
create index rehearsal_asked on rehearsal (asked_at);

-- Whose patients a rehearsal is about.
create index patient_team on patient (team_id, id);
