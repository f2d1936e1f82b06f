-- What each process last said of itself. Apart from heartbeat, which holds proofs only: a process that cannot prove
-- that it takes sessions in has no heartbeat to write, and still has something to say.
create table process (
    process_id uuid primary key,
    -- Its name at the broker.
    name text not null,
    version text not null,
    started_at timestamptz not null,
    state text not null check (state in ('starting', 'working', 'no_broker', 'cannot_store', 'stopped')),
    said_at timestamptz not null,
    verified_at timestamptz,
    -- When the oldest message that it held uncommitted had arrived.
    waiting_since timestamptz
);

-- What waits is counted at every scrape, and must not be looked for among years of settled cases.
create index quarantine_open on quarantine (received_at, id) where state = 'waiting';
