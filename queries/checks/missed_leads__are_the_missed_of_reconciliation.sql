-- The list of missed leads is the missed of the reconciliation, neither more nor fewer.
-- grain: one row per lead and destination that stands in one of the two only
-- key:   lead_id, destination
-- reads: missed_leads, reconciliation
with

both_sides as (
    select lead_id, destination, 1 as listed, 0 as missed from missed_leads
    union all
    select lead_id, destination, 0 as listed, 1 as missed from reconciliation where verdict = 'missed'
)

select lead_id, destination
from both_sides
group by lead_id, destination
having sum(listed) <> sum(missed)
order by lead_id, destination
