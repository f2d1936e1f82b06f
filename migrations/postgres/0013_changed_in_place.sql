-- Written again whenever its unit is heard of, and never longer: with room beside it the row is changed in place, where no
-- index has to be told. What stands already moves to such a place as it is written.
alter table unit_status set (fillfactor = 50);
