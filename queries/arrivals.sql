-- Arrivals: of how many people everything, something or nothing arrived in the CRM.
-- grain: one row per offer; (all) counts each person once
-- key:   offer_id
-- reads: journey_stages
select
    offer_id,
    cast(count(person_id) as bigint) as people,
    cast(sum(case when arrived > 0 and lost = 0 then 1 else 0 end) as bigint) as all_arrived,
    cast(sum(case when arrived > 0 and lost > 0 then 1 else 0 end) as bigint) as some_arrived,
    cast(sum(case when arrived = 0 and lost > 0 then 1 else 0 end) as bigint) as none_arrived,
    cast(sum(case when arrived = 0 and lost = 0 then 1 else 0 end) as bigint) as unspoken
from journey_stages
group by offer_id
order by offer_id
