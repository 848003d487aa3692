-- Every row of an export is a record, a stranger's record or set aside.
-- grain: one row per reading of an export whose rows are not counted once
-- key:   destination, file, as_of
-- reads: readings
select destination, file, as_of
from readings
where problem is null and destination <> 'cost' and destination <> 'spend'
  and rows <> records + strangers + set_aside
order by destination, file, as_of
