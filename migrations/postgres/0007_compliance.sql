-- Times when nothing is due from the patient; without an end until further notice.
create table pause (
    id uuid primary key,
    patient_id uuid not null references patient (id),
    from_at timestamptz not null,
    to_at timestamptz,
    reason text not null check (reason in ('holiday', 'hospital', 'equipment')),
    version bigint not null,
    created_at timestamptz not null,
    check (to_at is null or from_at < to_at),
    unique (patient_id, from_at)
);
-- The backstop of "never overlapping"; the rest is checked under the patient's lock.
create unique index pause_open on pause (patient_id) where to_at is null;

-- How far the compliance of each patient has been judged, and when it must be looked at again. Apart from patient_turn,
-- which every session writes: an index on what changes there would cost each of them.
create table compliance (
    patient_id uuid primary key references patient (id),
    -- Null: not before something changes.
    look_at timestamptz,
    -- What is older stands as it was judged: only another past can alter it, and whoever alters it says from when on.
    settled_at timestamptz not null,
    -- When the newest session was completed that holds anything.
    attended_at timestamptz,
    -- The same of the newest scheduled session, where nothing was found incomplete in it.
    complete_at timestamptz,
    -- When the newest due time that is over was told, and whether it was missed: for the count of all patients.
    told_at timestamptz,
    missing boolean not null
);
create index compliance_look on compliance (look_at);
create index compliance_told on compliance (told_at);
-- Everybody once, so that what was missed while nothing judged it is told.
insert into compliance (patient_id, look_at, settled_at, missing)
    select id, '1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z', false from patient;

-- Findings that no alert has been raised for yet.
create table compliance_news (
    patient_id uuid not null references patient (id),
    finding_id uuid not null references finding (id),
    at timestamptz not null,
    primary key (patient_id, finding_id)
);
create index compliance_news_oldest on compliance_news (at);

-- Times when so many sessions were missing at once that the service itself was looked into first: as long as the alert is open.
create table incident (
    alert_id uuid primary key references alert (id),
    opened_at timestamptz not null
);
create index incident_newest on incident (opened_at);
