-- As in 0005_turns.sql: who was seen is written with the look that it belongs to, which is never deleted, and whoever asks for a page of
-- fifty patients waited for fifty checks of that.
alter table audit_read_patient drop constraint audit_read_patient_read_id_fkey;
