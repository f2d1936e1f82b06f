-- Who looked at whom. Beside `audit`, whose rows never change: somebody who goes on looking at the same thing is one row
-- with a count, or a worklist that refreshes itself would bury everything else.

create table audit_read (
    id blob primary key,
    actor_kind text not null check (actor_kind in ('staff', 'token', 'system', 'command')),
    actor_id blob,
    -- As it was then.
    actor_name text not null,
    act text not null,
    -- What was asked for; without an id it is a list.
    subject_kind text not null,
    subject_id text,
    outcome text not null check (outcome in ('shown', 'repeated', 'forbidden', 'not_found')),
    last_at text not null,
    times integer not null check (times >= 1)
) strict;

-- Who was in what was shown. Written once, and once more for a patient who leaves a list that is still looked at.
create table audit_read_patient (
    read_id blob not null references audit_read (id),
    place integer not null,
    -- Null where it is not known, or nobody's.
    patient_id blob,
    -- Again, so that one person's looks are found by an index of their own.
    actor_id blob,
    first_at text not null,
    -- How often it had been looked at without them.
    times_before integer not null,
    -- Both null where they were in it until the last look.
    last_at text,
    times integer,
    primary key (read_id, place),
    check ((last_at is null) = (times is null))
) strict;
create index audit_read_newest on audit_read_patient (first_at, read_id, place);
create index audit_read_of_patient on audit_read_patient (patient_id, first_at, read_id, place);
create index audit_read_by_actor on audit_read_patient (actor_id, first_at, read_id, place);
create index audit_read_of_by on audit_read_patient (patient_id, actor_id, first_at, read_id, place);

-- What was sent long ago is found without walking through the rest.
create index outbox_sent on outbox (sent_at) where sent_at is not null;
