-- Identity: how leads were recognised as one person.
-- grain: one row per kind of evidence; (alone) are people with one lead, (nobody) test and withheld leads
-- key:   linked_by
-- reads: identities
select
    case when person_id is null then '(nobody)' when linked_by is null then '(alone)' else linked_by end as linked_by,
    cast(count(lead_id) as bigint) as leads,
    cast(count(distinct person_id) as bigint) as people,
    min(match_probability) as lowest_probability
from identities
group by case when person_id is null then '(nobody)' when linked_by is null then '(alone)' else linked_by end
order by linked_by
