-- Null: not on record, which is not the same as no.
alter table patient add column pregnant boolean;
-- Whose the marks in the patient's parameters are to confirm. People are made inactive, never deleted, so it may name somebody
-- who has gone.
alter table patient add column named_clinician_id uuid references staff (id);
create index patient_pregnant on patient (id) where pregnant;

-- Whether the version scores NEWS2, which is not for pregnancy: found without reading bodies.
alter table plan_put add column news2 boolean not null default false;
update plan_put set news2 = true from plan_version v
    where v.patient_id = plan_put.patient_id and v.version = plan_put.version
        and v.body::jsonb @> '{"rules": [{"kind": "news2"}]}';
