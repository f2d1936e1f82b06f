-- How units are is looked at by a worker, when something has changed or when one may have been silent for too long.

-- Null: nothing was ever heard from the unit, and somebody waits for it.
alter table unit_status alter column last_seen_at drop not null;
-- By how much the unit's clock was ahead of ours when it last said what it was; 0 where that is nothing to tell of.
alter table unit_status add column skew_seconds bigint;
-- A finding says so: then the next word from it must be looked at.
alter table unit_status add column silent boolean not null default false;
-- When the unit must be looked at next; null for never, until something changes. It stays as it is with nearly every
-- message, so that the row is changed in place.
alter table unit_status add column look_at timestamptz;
create index unit_status_look on unit_status (look_at) where look_at is not null;
insert into unit_status (unit_id, look_at) select unit_id, timestamptz '1970-01-01 00:00:00+00' from home_unit where true
    on conflict (unit_id) do update set look_at = excluded.look_at;
