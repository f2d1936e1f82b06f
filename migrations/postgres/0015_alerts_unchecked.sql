-- As in 0005_turns.sql: whom or what an alert is about is locked or written by the transaction that opens it, and never deleted, and
-- whoever waits for an alert waited for two checks of it.
alter table alert drop constraint alert_patient_id_fkey;
alter table alert drop constraint alert_unit_id_fkey;
