-- Times are UTC with microseconds and always bound by the program: there is no default of now().
-- Enumerations are text with a check. Documents are text, never parsed by the database on the way in.
-- The same tables stand in ../postgres; a test compares the two.

create table team (
    id blob primary key,
    name text not null unique,
    created_at text not null
) strict;

create table staff (
    id blob primary key,
    username text not null unique,
    name text not null,
    role text not null check (role in ('call_handler', 'senior', 'specialist_nurse', 'responding_clinician', 'manager', 'administrator', 'auditor')),
    team_id blob references team (id),
    password_hash text not null,
    active integer not null,
    version integer not null,
    created_at text not null
) strict;

-- The cookie's token is random; only its hash is kept.
create table sign_in (
    token_hash blob primary key,
    staff_id blob not null references staff (id),
    csrf_token text not null,
    created_at text not null,
    last_seen_at text not null,
    expires_at text not null
) strict;
create index sign_in_expires on sign_in (expires_at);

create table token (
    id blob primary key,
    name text not null unique,
    role text not null check (role in ('call_handler', 'senior', 'specialist_nurse', 'responding_clinician', 'manager', 'administrator', 'auditor', 'admin')),
    token_hash blob not null unique,
    created_at text not null,
    revoked_at text
) strict;

create table patient (
    id blob primary key,
    nhs_number text not null unique,
    given_name text not null,
    family_name text not null,
    birth_date text not null,
    sex text not null check (sex in ('female', 'male', 'other', 'unknown')),
    team_id blob references team (id),
    conditions text not null,
    phone text,
    language text not null,
    status text not null check (status in ('referred', 'admitted', 'discharged')),
    version integer not null,
    created_at text not null,
    updated_at text not null
) strict;
create index patient_newest on patient (created_at, id);

create table episode (
    id blob primary key,
    patient_id blob not null references patient (id),
    referred_at text not null,
    admitted_from text,
    discharged_at text,
    discharge_reason text,
    -- A discharge always says why.
    check ((discharged_at is null) = (discharge_reason is null))
) strict;
-- One running episode a patient.
create unique index episode_running on episode (patient_id) where discharged_at is null;
create index episode_patient on episode (patient_id, referred_at);

create table home_unit (
    unit_id text primary key,
    secret_hash blob not null,
    version integer not null,
    created_at text not null
) strict;

-- Apart from home_unit, which judging locks for share: a status must never wait for, or deadlock with, a session.
create table unit_status (
    unit_id text primary key references home_unit (unit_id),
    online integer,
    battery_pct integer,
    firmware text,
    queued integer,
    -- By the unit's clock; a status that is older than the one kept is not taken.
    reported_at text,
    -- By ours.
    last_seen_at text not null
) strict;

create table assignment (
    id blob primary key,
    unit_id text not null references home_unit (unit_id),
    patient_id blob not null references patient (id),
    from_at text not null,
    to_at text,
    version integer not null,
    created_at text not null,
    check (to_at is null or from_at < to_at),
    unique (unit_id, from_at)
) strict;
-- The backstop of "never overlapping"; the rest is checked under the unit's lock.
create unique index assignment_open on assignment (unit_id) where to_at is null;
create index assignment_patient on assignment (patient_id, from_at);

create table plan_version (
    patient_id blob not null references patient (id),
    version integer not null check (version >= 1),
    effective_from text not null,
    until text,
    reason text not null,
    -- As it was put; immutable.
    body text not null,
    -- A member of staff or a machine client: no foreign key. The name is as it was then.
    set_by blob not null,
    set_by_name text not null,
    set_at text not null,
    primary key (patient_id, version)
) strict;

-- One row a session: what arrives, is identified, receipted, judged and shown. No surrogate key.
create table session (
    unit_id text not null references home_unit (unit_id),
    session_id blob not null,
    -- Whom the unit was assigned to at completed_at; null for nobody.
    patient_id blob references patient (id),
    trigger text not null check (trigger in ('scheduled', 'patient', 'retest')),
    seq integer,
    started_at text,
    completed_at text not null,
    received_at text not null,
    -- SHA-256 of what the contract calls the same content.
    content_hash blob not null,
    -- The payload as received.
    document text not null,
    -- Per reading: measure, thousandths, taken_at, state. A pure function of document, neighbours and decisions.
    series blob not null,
    -- Which rules fired, for combinations of later sessions.
    fired text not null,
    -- The plan version it was judged by; null before there is one.
    plan_version integer,
    -- A reading counts although it was taken outside the session: by a person's decision.
    out_of_time integer not null,
    primary key (unit_id, session_id)
) strict;
create index session_history on session (patient_id, completed_at);
-- What came last: for finding a reading by its id, which is a hash.
create index session_received on session (received_at);
create index session_out_of_time on session (patient_id) where out_of_time;

create table decision (
    id blob primary key,
    unit_id text not null,
    session_id blob not null,
    reading_index integer not null,
    decision text not null check (decision in ('exclude', 'accept')),
    reason text not null,
    decided_at text not null,
    decided_by blob not null,
    decided_by_name text not null,
    foreign key (unit_id, session_id) references session (unit_id, session_id)
) strict;
create index decision_session on decision (unit_id, session_id);

create table finding (
    id blob primary key,
    patient_id blob references patient (id),
    unit_id text,
    session_id blob,
    rule text not null,
    side text check (side in ('red_low', 'amber_low', 'amber_high', 'red_high')),
    kind text not null,
    class text not null check (class in ('clinical', 'compliance', 'technical')),
    severity text not null check (severity in ('context', 'amber', 'red')),
    state text not null check (state in ('current', 'superseded')),
    late integer not null,
    plan_version integer,
    at text not null,
    made_at text not null,
    -- numbers, readings, sentence, reason
    detail text not null
) strict;
create index finding_session on finding (unit_id, session_id);
create index finding_patient on finding (patient_id, at);

create table alert (
    id blob primary key,
    patient_id blob references patient (id),
    unit_id text references home_unit (unit_id),
    class text not null check (class in ('clinical', 'compliance', 'technical')),
    severity text not null check (severity in ('amber', 'red')),
    state text not null check (state in ('new', 'claimed', 'contacting', 'retest_requested', 'assessed', 'escalated', 'closed')),
    opened_at text not null,
    updated_at text not null,
    claimed_by blob,
    claimed_by_name text,
    claimed_at text,
    closed_by blob,
    closed_by_name text,
    closed_at text,
    outcome text,
    note text,
    snoozed_until text,
    version integer not null,
    -- About a patient, a unit, or (bytes that name no unit of ours) neither; never both.
    check (patient_id is null or unit_id is null),
    -- Nothing is closed without an outcome.
    check ((state = 'closed') = (outcome is not null)),
    check ((state = 'closed') = (closed_at is not null))
) strict;
-- The backstop behind the patient's lock: one open alert per patient and class, per unit and class where there is no patient.
create unique index alert_open_patient on alert (patient_id, class) where state <> 'closed' and patient_id is not null;
create unique index alert_open_unit on alert (unit_id, class) where state <> 'closed' and unit_id is not null;
create unique index alert_open_service on alert (class) where state <> 'closed' and patient_id is null and unit_id is null;
create index alert_newest on alert (opened_at, id);
-- The worklist must not walk through years of closed ones.
create index alert_open on alert (opened_at, id) where state <> 'closed';
create index alert_patient on alert (patient_id, opened_at);

create table alert_finding (
    alert_id blob not null references alert (id),
    finding_id blob not null references finding (id),
    added_at text not null,
    primary key (alert_id, finding_id)
) strict;
create index alert_finding_finding on alert_finding (finding_id);

-- What the stream tells. One writer: sequence numbers become visible in commit order.
create table event (
    seq integer primary key autoincrement,
    kind text not null check (kind in ('alert', 'visit', 'session', 'unit', 'service')),
    patient_id blob,
    unit_id text,
    subject_id text not null,
    body text not null,
    at text not null
) strict;

-- What must leave the house, written in the transaction that decided it. Sent at least once.
create table outbox (
    id blob primary key,
    -- One notice of one thing: written once however often it is decided.
    unique_key text not null unique,
    kind text not null check (kind in ('unit_plan', 'unit_request', 'mail')),
    recipient text not null,
    payload text not null,
    created_at text not null,
    due_at text not null,
    leased_until text,
    attempts integer not null,
    last_error text,
    sent_at text,
    -- Not worth sending after this.
    expires_at text
) strict;
create index outbox_due on outbox (due_at) where sent_at is null;

-- Whole messages that could not be taken in, as bytes, until a person decides.
create table quarantine (
    id blob primary key,
    received_at text not null,
    topic text not null,
    unit_id text,
    session_id blob,
    patient_id blob references patient (id),
    reason text not null check (reason in ('not_json', 'bad_field', 'too_many', 'too_large', 'clock_fault', 'unregistered', 'session_conflict', 'poison')),
    problems text not null,
    payload blob not null,
    payload_hash blob not null,
    -- The same bytes sent again are the same case, seen again.
    seen integer not null,
    last_seen_at text not null,
    state text not null check (state in ('waiting', 'replayed', 'dismissed')),
    decided_by blob,
    decided_by_name text,
    decided_at text,
    decision_reason text,
    unique (topic, payload_hash)
) strict;
create index quarantine_newest on quarantine (received_at, id);

create table audit (
    seq integer primary key autoincrement,
    at text not null,
    -- staff, token, system or command
    actor_kind text not null check (actor_kind in ('staff', 'token', 'system', 'command')),
    actor_id blob,
    actor_name text not null,
    act text not null,
    subject_kind text not null,
    subject_id text not null,
    patient_id blob,
    detail text not null
) strict;
create index audit_patient on audit (patient_id, at);
create index audit_actor on audit (actor_id, at);
create index audit_at on audit (at);

-- One row a process that is subscribed and can commit.
create table heartbeat (
    process_id blob primary key,
    kind text not null,
    started_at text not null,
    at text not null
) strict;

-- Times when no process was: written by the first heartbeat after the gap.
create table ingest_outage (
    from_at text primary key,
    to_at text not null,
    check (from_at < to_at)
) strict;

create table idempotency (
    actor_id blob not null,
    key text not null,
    route text not null,
    request_hash blob not null,
    status integer not null,
    body text not null,
    at text not null,
    primary key (actor_id, key)
) strict;
create index idempotency_at on idempotency (at);

-- For analysts: a reading a row, as sent. Converted values and states are in `series`.
create view sent_reading as
    select s.unit_id, s.session_id, s.patient_id, s.completed_at, r.key as reading_index,
           r.value ->> 'measure' as measure, r.value ->> 'value' as value, r.value ->> 'unit' as unit, r.value ->> 'taken_at' as taken_at
    from session s, json_each(s.document, '$.readings') r;
