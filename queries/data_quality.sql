-- Data quality: what was read, what was refused, and why.
-- grain: one row per place, file and reason; raw leads by source and kind, refused ones by reason, export rows set aside
-- key:   area, name, file, reason
-- reads: leads, quarantine, set_aside
with

told as (
    select 'read' as area, source as name, '' as file, kind as reason, lead_id as id from leads
    union all
    select 'quarantine' as area, source as name, '' as file, reason, source_key as id from quarantine
    union all
    select 'set aside' as area, destination as name, file, reason, cast(row as string) as id from set_aside
)

select area, name, file, reason, cast(count(id) as bigint) as rows
from told
group by area, name, file, reason
order by area, name, file, reason
