-- Untouched: delivered leads that nobody has worked on, by owner.
-- grain: one row per destination and owner
-- key:   destination, owner
-- reads: untouched
select
    destination,
    coalesce(owner, '(no owner)') as owner,
    cast(count(lead_id) as bigint) as leads,
    max(working_days) as longest_wait,
    min(created_at) as oldest_at
from untouched
group by destination, coalesce(owner, '(no owner)')
order by destination, owner
