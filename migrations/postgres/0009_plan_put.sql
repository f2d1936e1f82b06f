-- What came of putting a version, and what somebody else has still to look at. plan_version itself never changes.
create table plan_put (
    patient_id uuid not null,
    version bigint not null,
    -- When the parameters are due to be looked at again.
    review_on date,
    -- Findings that judging the past again ended and made, and how many of those made were late; null where nobody counted.
    superseded bigint,
    made bigint,
    made_late bigint,
    -- JSON: where the version is wider than what was in force or than the template.
    marks text not null,
    -- What whoever set it gave as the reason for these.
    why text,
    confirmed_at timestamptz,
    confirmed_by uuid,
    confirmed_by_name text,
    note text,
    primary key (patient_id, version),
    foreign key (patient_id, version) references plan_version (patient_id, version),
    check ((confirmed_at is null) = (confirmed_by is null)),
    -- There is nothing to confirm where nothing is marked.
    check (confirmed_at is null or marks <> '[]')
);
create index plan_put_waiting on plan_put (patient_id, version) where marks <> '[]' and confirmed_at is null;
create index plan_put_review on plan_put (review_on) where review_on is not null;

insert into plan_put (patient_id, version, review_on, marks)
    select patient_id, version, cast(body::jsonb ->> 'review_on' as date), '[]' from plan_version;
