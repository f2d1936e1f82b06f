-- Times are UTC with microseconds and always bound by the program: there is no default of now().
-- Unit ids are collated by byte, so that lists and locks have the order that the program and SQLite have.
-- Enumerations are text with a check. Documents are text, never parsed by the database on the way in.
-- The same tables stand in ../sqlite; a test compares the two.

create table team (
    id uuid primary key,
    name text not null unique,
    created_at timestamptz not null
);

create table staff (
    id uuid primary key,
    username text collate "C" not null unique,
    name text not null,
    role text not null check (role in ('call_handler', 'senior', 'specialist_nurse', 'responding_clinician', 'manager', 'administrator', 'auditor')),
    team_id uuid references team (id),
    password_hash text not null,
    active boolean not null,
    version bigint not null,
    created_at timestamptz not null
);

-- The cookie's token is random; only its hash is kept.
create table sign_in (
    token_hash bytea primary key,
    staff_id uuid not null references staff (id),
    csrf_token text not null,
    created_at timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at timestamptz not null
);
create index sign_in_expires on sign_in (expires_at);

create table token (
    id uuid primary key,
    name text not null unique,
    role text not null check (role in ('call_handler', 'senior', 'specialist_nurse', 'responding_clinician', 'manager', 'administrator', 'auditor', 'admin')),
    token_hash bytea not null unique,
    created_at timestamptz not null,
    revoked_at timestamptz
);

create table patient (
    id uuid primary key,
    nhs_number text not null unique,
    given_name text not null,
    family_name text not null,
    birth_date date not null,
    sex text not null check (sex in ('female', 'male', 'other', 'unknown')),
    team_id uuid references team (id),
    conditions text not null,
    phone text,
    language text not null,
    status text not null check (status in ('referred', 'admitted', 'discharged')),
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index patient_newest on patient (created_at, id);

create table episode (
    id uuid primary key,
    patient_id uuid not null references patient (id),
    referred_at timestamptz not null,
    admitted_from timestamptz,
    discharged_at timestamptz,
    discharge_reason text,
    -- A discharge always says why.
    check ((discharged_at is null) = (discharge_reason is null))
);
-- One running episode a patient.
create unique index episode_running on episode (patient_id) where discharged_at is null;
create index episode_patient on episode (patient_id, referred_at);

create table home_unit (
    unit_id text collate "C" primary key,
    secret_hash bytea not null,
    version bigint not null,
    created_at timestamptz not null
);

-- Apart from home_unit, which judging locks for share: a status must never wait for, or deadlock with, a session.
create table unit_status (
    unit_id text collate "C" primary key references home_unit (unit_id),
    online boolean,
    battery_pct bigint,
    firmware text,
    queued bigint,
    -- By the unit's clock; a status that is older than the one kept is not taken.
    reported_at timestamptz,
    -- By ours.
    last_seen_at timestamptz not null
);

create table assignment (
    id uuid primary key,
    unit_id text collate "C" not null references home_unit (unit_id),
    patient_id uuid not null references patient (id),
    from_at timestamptz not null,
    to_at timestamptz,
    version bigint not null,
    created_at timestamptz not null,
    check (to_at is null or from_at < to_at),
    unique (unit_id, from_at)
);
-- The backstop of "never overlapping"; the rest is checked under the unit's lock.
create unique index assignment_open on assignment (unit_id) where to_at is null;
create index assignment_patient on assignment (patient_id, from_at);

create table plan_version (
    patient_id uuid not null references patient (id),
    version bigint not null check (version >= 1),
    effective_from timestamptz not null,
    until timestamptz,
    reason text not null,
    -- As it was put; immutable.
    body text not null,
    -- A member of staff or a machine client: no foreign key. The name is as it was then.
    set_by uuid not null,
    set_by_name text not null,
    set_at timestamptz not null,
    primary key (patient_id, version)
);

-- One row a session: what arrives, is identified, receipted, judged and shown. No surrogate key.
create table session (
    unit_id text collate "C" not null references home_unit (unit_id),
    session_id uuid not null,
    -- Whom the unit was assigned to at completed_at; null for nobody.
    patient_id uuid references patient (id),
    trigger text not null check (trigger in ('scheduled', 'patient', 'retest')),
    seq bigint,
    started_at timestamptz,
    completed_at timestamptz not null,
    received_at timestamptz not null,
    -- SHA-256 of what the contract calls the same content.
    content_hash bytea not null,
    -- The payload as received.
    document text not null,
    -- Per reading: measure, thousandths, taken_at, state. A pure function of document, neighbours and decisions.
    series bytea not null,
    -- Which rules fired, for combinations of later sessions.
    fired text not null,
    -- The plan version it was judged by; null before there is one.
    plan_version bigint,
    -- A reading counts although it was taken outside the session: by a person's decision.
    out_of_time boolean not null,
    primary key (unit_id, session_id)
);
create index session_history on session (patient_id, completed_at);
-- What came last: for finding a reading by its id, which is a hash.
create index session_received on session (received_at);
create index session_out_of_time on session (patient_id) where out_of_time;

create table decision (
    id uuid primary key,
    unit_id text collate "C" not null,
    session_id uuid not null,
    reading_index bigint not null,
    decision text not null check (decision in ('exclude', 'accept')),
    reason text not null,
    decided_at timestamptz not null,
    decided_by uuid not null,
    decided_by_name text not null,
    foreign key (unit_id, session_id) references session (unit_id, session_id)
);
create index decision_session on decision (unit_id, session_id);

create table finding (
    id uuid primary key,
    patient_id uuid references patient (id),
    unit_id text collate "C",
    session_id uuid,
    rule text not null,
    side text check (side in ('red_low', 'amber_low', 'amber_high', 'red_high')),
    kind text not null,
    class text not null check (class in ('clinical', 'compliance', 'technical')),
    severity text not null check (severity in ('context', 'amber', 'red')),
    state text not null check (state in ('current', 'superseded')),
    late boolean not null,
    plan_version bigint,
    at timestamptz not null,
    made_at timestamptz not null,
    -- numbers, readings, sentence, reason
    detail text not null
);
create index finding_session on finding (unit_id, session_id);
create index finding_patient on finding (patient_id, at);

create table alert (
    id uuid primary key,
    patient_id uuid references patient (id),
    unit_id text collate "C" references home_unit (unit_id),
    class text not null check (class in ('clinical', 'compliance', 'technical')),
    severity text not null check (severity in ('amber', 'red')),
    state text not null check (state in ('new', 'claimed', 'contacting', 'retest_requested', 'assessed', 'escalated', 'closed')),
    opened_at timestamptz not null,
    updated_at timestamptz not null,
    claimed_by uuid,
    claimed_by_name text,
    claimed_at timestamptz,
    closed_by uuid,
    closed_by_name text,
    closed_at timestamptz,
    outcome text,
    note text,
    snoozed_until timestamptz,
    version bigint not null,
    -- About a patient, a unit, or (bytes that name no unit of ours) neither; never both.
    check (patient_id is null or unit_id is null),
    -- Nothing is closed without an outcome.
    check ((state = 'closed') = (outcome is not null)),
    check ((state = 'closed') = (closed_at is not null))
);
-- The backstop behind the patient's lock: one open alert per patient and class, per unit and class where there is no patient.
create unique index alert_open_patient on alert (patient_id, class) where state <> 'closed' and patient_id is not null;
create unique index alert_open_unit on alert (unit_id, class) where state <> 'closed' and unit_id is not null;
create unique index alert_open_service on alert (class) where state <> 'closed' and patient_id is null and unit_id is null;
create index alert_newest on alert (opened_at, id);
-- The worklist must not walk through years of closed ones.
create index alert_open on alert (opened_at, id) where state <> 'closed';
create index alert_patient on alert (patient_id, opened_at);

create table alert_finding (
    alert_id uuid not null references alert (id),
    finding_id uuid not null references finding (id),
    added_at timestamptz not null,
    primary key (alert_id, finding_id)
);
create index alert_finding_finding on alert_finding (finding_id);

-- What the stream tells. `tx` lets a reader on PostgreSQL wait for older transactions that are still open, since
-- sequence numbers become visible out of commit order.
create table event (
    seq bigint generated always as identity primary key,
    tx xid8 not null default pg_current_xact_id(),
    kind text not null check (kind in ('alert', 'visit', 'session', 'unit', 'service')),
    patient_id uuid,
    unit_id text collate "C",
    subject_id text not null,
    body text not null,
    at timestamptz not null
);

-- What must leave the house, written in the transaction that decided it. Sent at least once.
create table outbox (
    id uuid primary key,
    -- One notice of one thing: written once however often it is decided.
    unique_key text not null unique,
    kind text not null check (kind in ('unit_plan', 'unit_request', 'mail')),
    recipient text not null,
    payload text not null,
    created_at timestamptz not null,
    due_at timestamptz not null,
    leased_until timestamptz,
    attempts bigint not null,
    last_error text,
    sent_at timestamptz,
    -- Not worth sending after this.
    expires_at timestamptz
);
create index outbox_due on outbox (due_at) where sent_at is null;

-- Whole messages that could not be taken in, as bytes, until a person decides.
create table quarantine (
    id uuid primary key,
    received_at timestamptz not null,
    topic text not null,
    unit_id text collate "C",
    session_id uuid,
    patient_id uuid references patient (id),
    reason text not null check (reason in ('not_json', 'bad_field', 'too_many', 'too_large', 'clock_fault', 'unregistered', 'session_conflict', 'poison')),
    problems text not null,
    payload bytea not null,
    payload_hash bytea not null,
    -- The same bytes sent again are the same case, seen again.
    seen bigint not null,
    last_seen_at timestamptz not null,
    state text not null check (state in ('waiting', 'replayed', 'dismissed')),
    decided_by uuid,
    decided_by_name text,
    decided_at timestamptz,
    decision_reason text,
    unique (topic, payload_hash)
);
create index quarantine_newest on quarantine (received_at, id);

create table audit (
    seq bigint generated always as identity primary key,
    at timestamptz not null,
    -- staff, token, system or command
    actor_kind text not null check (actor_kind in ('staff', 'token', 'system', 'command')),
    actor_id uuid,
    actor_name text not null,
    act text not null,
    subject_kind text not null,
    subject_id text not null,
    patient_id uuid,
    detail text not null
);
create index audit_patient on audit (patient_id, at);
create index audit_actor on audit (actor_id, at);
create index audit_at on audit (at);

-- One row a process that is subscribed and can commit.
create table heartbeat (
    process_id uuid primary key,
    kind text not null,
    started_at timestamptz not null,
    at timestamptz not null
);

-- Times when no process was: written by the first heartbeat after the gap.
create table ingest_outage (
    from_at timestamptz primary key,
    to_at timestamptz not null,
    check (from_at < to_at)
);

create table idempotency (
    actor_id uuid not null,
    key text not null,
    route text not null,
    request_hash bytea not null,
    status bigint not null,
    body text not null,
    at timestamptz not null,
    primary key (actor_id, key)
);
create index idempotency_at on idempotency (at);

-- For analysts: a reading a row, as sent. Converted values and states are in `series`.
create view sent_reading as
    select s.unit_id, s.session_id, s.patient_id, s.completed_at, (r.ordinality - 1) as reading_index,
           r.value ->> 'measure' as measure, r.value ->> 'value' as value, r.value ->> 'unit' as unit, r.value ->> 'taken_at' as taken_at
    from session s, json_array_elements(s.document::json -> 'readings') with ordinality r;
