-- Verdicts: what became of the leads, by destination and reason.
-- grain: one row per destination, verdict and reason
-- key:   destination, verdict, reason
-- reads: reconciliation
select
    destination,
    verdict,
    reason,
    cast(count(lead_id) as bigint) as leads,
    cast(count(distinct person_id) as bigint) as people
from reconciliation
group by destination, verdict, reason
order by destination, verdict, reason
